/* test_conn.c - a connection to a real slapd: every operation, every verdict, certificates good and bad. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "ldap/escape.h"
#include "tests/unit/ldap/slapd.h"

static struct slapd slapd; /* one for all tests: it takes longer to start than they to run */
static struct link_setup setup;

static struct dir_conn *open_as(const char *uri, const struct link_setup *how, bool as_service)
{
	struct err e = { 0 };
	struct dir_conn *c;

	if (dir_conn_open(uri, how, as_service, &c, &e) != EC_OK)
		fail_msg("%s: %s", uri, e.text);
	return c;
}

static struct dir_conn *open_service(void)
{
	return open_as(slapd.plain, &setup, true);
}

static void open_fails(const char *uri, const struct link_setup *how, bool as_service, enum ec want,
		       const char *text)
{
	struct err e = { 0 };
	struct dir_conn *c;

	assert_int_equal(dir_conn_open(uri, how, as_service, &c, &e), want);
	assert_null(c);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, e.text);
}

/* ---- opening ---- */

static void all_ways_in(void **state)
{
	struct link_setup starttls = setup, external = setup;
	struct {
		const char *uri;
		const struct link_setup *how;
	} rows[] = {
		{ slapd.plain, &setup }, { slapd.tls, &setup }, { slapd.local, &external },
		{ slapd.local, &setup }, { NULL, &starttls },
	};
	char by_name[80];

	(void)state;
	starttls.starttls = true;
	external.bind = DIR_BIND_EXTERNAL;
	snprintf(by_name, sizeof(by_name), "ldap://localhost:%s", strrchr(slapd.plain, ':') + 1);
	rows[4].uri = by_name;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int as_service = 0; as_service < 2; as_service++) {
			struct dir_conn *c = open_as(rows[i].uri, rows[i].how, as_service);
			bool yes = false;

			assert_true(dir_conn_alive(c));
			assert_int_equal(dir_conn_supports(c, LDAP_EXOP_MODIFY_PASSWD, &yes, NULL),
					 EC_OK);
			assert_true(yes);
			assert_int_equal(dir_conn_supports(c, "1.2.3", &yes, NULL), EC_OK);
			assert_false(yes);
			assert_true(dir_conn_alive(c));
			dir_conn_close(&c);
			assert_null(c);
		}
}

static void a_bad_certificate_is_named(void **state)
{
	struct link_setup how = setup;
	char by_address[80];

	(void)state;
	snprintf(by_address, sizeof(by_address), "ldaps://127.0.0.1:%s",
		 strrchr(slapd.tls, ':') + 1);
	open_fails(by_address, &how, true, EC_BROKEN, "IP address mismatch");
	how.ca = slapd.other_ca;
	open_fails(slapd.tls, &how, true, EC_BROKEN, "in directory_ca vouches");
	how.starttls = true;
	open_fails(slapd.plain, &how, true, EC_BROKEN, "in directory_ca vouches");
	how.ca = slapd.password_file;
	open_fails(slapd.tls, &how, true, EC_BROKEN, "directory_ca");
	how.ca = "/nonexistent";
	open_fails(slapd.tls, &how, true, EC_BROKEN, "/nonexistent");
}

static void tls_where_there_is_none(void **state)
{
	struct link_setup how = setup;
	char wrong[80];

	(void)state;
	snprintf(wrong, sizeof(wrong), "ldaps://localhost:%s", strrchr(slapd.plain, ':') + 1);
	how.timeout_ms = 3000;
	open_fails(wrong, &how, true, EC_TEMP, "TLS");
	snprintf(wrong, sizeof(wrong), "ldap://localhost:%s", strrchr(slapd.tls, ':') + 1);
	open_fails(wrong, &how, true, EC_TEMP, wrong);
}

static void wrong_credentials_are_settings(void **state)
{
	static const char wrong_text[] = "wrong";
	struct link_setup how = setup;
	struct secret wrong = { 0 }, none = { 0 };

	(void)state;
	secret_set(&wrong, wrong_text, 5);
	how.password = &wrong;
	open_fails(slapd.plain, &how, true, EC_BROKEN, "Invalid credentials");
	how.password = &none;
	open_fails(slapd.plain, &how, true, EC_DENIED, "empty");
	secret_drop(&wrong);
}

static void the_password_file_is_for_its_owner(void **state)
{
	static const unsigned bad[] = { 0604, 0640, 0660, 0666, 0601 }, good[] = { 0600, 0400 };
	struct link_setup how = setup;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		chmod(slapd.password_file, bad[i]);
		open_fails(slapd.plain, &setup, true, EC_BROKEN, "chmod 600");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct dir_conn *c;
		chmod(slapd.password_file, good[i]);
		c = open_service();
		dir_conn_close(&c);
	}
	chmod(slapd.password_file, 0600);
	how.password_file = "/nonexistent";
	open_fails(slapd.plain, &how, true, EC_BROKEN, "/nonexistent");
	how.password_file = "/dev/null";
	open_fails(slapd.plain, &how, true, EC_BROKEN, "/dev/null");
}

/* ---- operations ---- */

struct seen {
	unsigned n, stop_at;
	char dn[128], sn[16], cut[2];
	bool ok;
};

static bool see(void *ctx, struct dir_entry *en)
{
	struct seen *s = ctx;
	size_t len = 0;

	s->n++;
	snprintf(s->dn, sizeof(s->dn), "%s", dir_entry_dn(en));
	s->ok = dir_entry_text(en, "SN", s->sn, sizeof(s->sn)) &&
		!dir_entry_text(en, "sn", s->cut, 2) && s->cut[0] == '\0' &&
		dir_entry_has(en, "objectclass", "PERSON") &&
		!dir_entry_has(en, "objectClass", "perso") && !dir_entry_value(en, "sn", 1, &len) &&
		!dir_entry_value(en, "absent", 0, &len) && dir_entry_value(en, "cn", 0, &len) &&
		len > 0;
	return s->stop_at == 0 || s->n < s->stop_at;
}

static enum ec search(struct dir_conn *c, const char *base, int scope, const char *filter,
		      unsigned most, struct seen *s, struct err *e)
{
	const struct dir_query q = { .base = base, .scope = scope, .filter = filter, .most = most };

	return dir_conn_search(c, &q, see, s, e);
}

static void entries_come_change_and_go(void **state)
{
	struct dir_conn *c = open_service();
	const char *dn = "cn=kim,ou=people," SLAPD_BASE;
	struct seen s = { 0 };
	struct err e;

	(void)state;
	slapd_add_person(c, "kim", NULL);
	struct dir_change *ch = change_new(dn);
	change_putz(ch, CHANGE_REPLACE, "sn", "Changed");
	change_putz(ch, CHANGE_ADD, "description", "one");
	change_putz(ch, CHANGE_ADD, "description", "two");
	change_putz(ch, CHANGE_DELETE, "description", "one");
	change_put(ch, CHANGE_ADD, "telephoneNumber", "123", 3);
	change_drop(ch, CHANGE_DELETE, "telephoneNumber");
	change_drop(ch, CHANGE_REPLACE, "seeAlso");
	assert_int_equal(dir_conn_modify(c, ch, &e), EC_OK);
	change_free(&ch);
	assert_null(ch);
	change_free(&ch);
	assert_int_equal(search(c, dn, LDAP_SCOPE_BASE, "(&(description=two)(!(description=one)))",
				1, &s, &e),
			 EC_OK);
	assert_int_equal(s.n, 1);
	assert_true(s.ok);
	assert_string_equal(s.dn, dn);
	assert_string_equal(s.sn, "Changed");
	assert_int_equal(dir_conn_delete(c, dn, &e), EC_OK);
	assert_int_equal(dir_conn_delete(c, dn, &e), EC_ABSENT);
	assert_int_equal(search(c, dn, LDAP_SCOPE_BASE, "(objectClass=*)", 1, &s, &e), EC_ABSENT);
	assert_false(c->lost);
	dir_conn_close(&c);
}

static bool see_policy(void *ctx, struct dir_entry *en)
{
	int64_t n = -1;
	char text[8];

	assert_true(dir_entry_bool(en, "pwdMustChange"));
	assert_false(dir_entry_bool(en, "pwdSafeModify")); /* absent */
	assert_false(dir_entry_bool(en, "cn"));
	assert_true(dir_entry_i64(en, "pwdminlength", &n));
	assert_int_equal(n, 5);
	assert_false(dir_entry_i64(en, "cn", &n));
	assert_false(dir_entry_i64(en, "absent", &n));
	assert_true(dir_entry_text(en, "cn", text, sizeof("policy")));
	assert_false(dir_entry_text(en, "cn", text, sizeof("policy") - 1));
	*(bool *)ctx = true;
	return true;
}

static void values_of_other_kinds(void **state)
{
	struct dir_conn *c = open_service();
	static const char *const attrs[] = { "pwdMustChange", "pwdMinLength", "cn", NULL };
	const struct dir_query q = { .base = "cn=policy," SLAPD_BASE,
				     .scope = LDAP_SCOPE_BASE,
				     .filter = "(objectClass=*)",
				     .attrs = attrs };
	bool seen = false;
	struct err e;

	(void)state;
	assert_int_equal(dir_conn_search(c, &q, see_policy, &seen, &e), EC_OK);
	assert_true(seen);
	dir_conn_close(&c);
}

static void refusals_have_their_class(void **state)
{
	struct dir_conn *c = open_service(), *anonymous = open_as(slapd.plain, &setup, false);
	struct dir_change *again = change_new("ou=people," SLAPD_BASE);
	struct dir_change *odd = change_new("cn=odd,ou=people," SLAPD_BASE);
	struct dir_change *orphan = change_new("cn=x,ou=nowhere," SLAPD_BASE);
	struct seen s = { 0 };
	struct err e;

	(void)state;
	change_putz(again, CHANGE_ADD, "objectClass", "organizationalUnit");
	change_putz(again, CHANGE_ADD, "ou", "people");
	assert_int_equal(dir_conn_add(c, again, &e), EC_EXISTS);
	change_putz(odd, CHANGE_ADD, "objectClass", "person");
	change_putz(odd, CHANGE_ADD, "cn", "odd");
	assert_int_equal(dir_conn_add(c, odd, &e), EC_BROKEN); /* no sn */
	assert_non_null(strstr(e.text, "adding cn=odd"));
	change_putz(orphan, CHANGE_ADD, "objectClass", "device");
	change_putz(orphan, CHANGE_ADD, "cn", "x");
	assert_int_equal(dir_conn_add(c, orphan, &e), EC_ABSENT);
	assert_int_equal(dir_conn_delete(anonymous, "ou=people," SLAPD_BASE, &e), EC_BROKEN);
	assert_int_equal(search(c, SLAPD_BASE, LDAP_SCOPE_SUBTREE, "(broken", 1, &s, &e),
			 EC_BROKEN);
	assert_int_equal(search(c, "no dn", LDAP_SCOPE_SUBTREE, "(a=b)", 1, &s, &e), EC_BROKEN);
	assert_false(c->lost);
	change_free(&again);
	change_free(&odd);
	change_free(&orphan);
	dir_conn_close(&anonymous);
	dir_conn_close(&c);
}

/* slapd gives an anonymous client 500 at most. */
static void more_entries_than_a_page(void **state)
{
	struct dir_conn *c = open_service(), *anonymous = open_as(slapd.plain, &setup, false);
	struct seen all = { 0 }, some = { 0 }, few = { .stop_at = 700 };
	const char *filter = "(cn=crowd*)";
	char name[32];
	struct err e;

	(void)state;
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "crowd%d", i);
		slapd_add_person(c, name, NULL);
	}
	assert_int_equal(search(c, SLAPD_BASE, LDAP_SCOPE_SUBTREE, filter, 0, &all, &e), EC_OK);
	assert_int_equal(all.n, 1500);
	assert_int_equal(search(c, SLAPD_BASE, LDAP_SCOPE_SUBTREE, filter, 10, &some, &e), EC_OK);
	assert_int_equal(some.n, 10);
	assert_int_equal(search(c, SLAPD_BASE, LDAP_SCOPE_SUBTREE, filter, 0, &few, &e), EC_OK);
	assert_int_equal(few.n, 700);
	all.n = 0;
	assert_int_equal(search(c, SLAPD_BASE, LDAP_SCOPE_SUBTREE, filter, 0, &all, &e), EC_OK);
	assert_int_equal(all.n, 1500); /* nothing is left of the search that was cut short */
	assert_int_equal(search(anonymous, SLAPD_BASE, LDAP_SCOPE_SUBTREE, filter, 0, &all, &e),
			 EC_BROKEN);
	assert_non_null(strstr(e.text, "limit"));
	dir_conn_close(&anonymous);
	dir_conn_close(&c);
}

static void referrals_lead_nowhere(void **state)
{
	struct dir_conn *c = open_service();
	struct dir_change *ch = change_new("ou=elsewhere," SLAPD_BASE);
	struct seen s = { 0 };
	struct err e;

	(void)state;
	change_putz(ch, CHANGE_ADD, "objectClass", "referral");
	change_putz(ch, CHANGE_ADD, "objectClass", "extensibleObject");
	change_putz(ch, CHANGE_ADD, "ou", "elsewhere");
	change_putz(ch, CHANGE_ADD, "ref", "ldap://192.0.2.1/ou=elsewhere," SLAPD_BASE);
	assert_int_equal(dir_conn_add(c, ch, &e), EC_OK);
	change_free(&ch);
	assert_int_equal(search(c, SLAPD_BASE, LDAP_SCOPE_SUBTREE, "(ou=people)", 0, &s, &e),
			 EC_OK);
	assert_int_equal(s.n, 1);
	assert_int_equal(dir_conn_delete(c, "cn=x,ou=elsewhere," SLAPD_BASE, &e), EC_TEMP);
	assert_non_null(strstr(e.text, "directory_servers"));
	dir_conn_close(&c);
}

/* ---- passwords ---- */

static enum proof prove(struct dir_conn *c, const char *who, const void *pass, size_t len)
{
	struct secret s = { 0 };
	struct err e = { 0 };
	enum proof p = PROOF_COUNT;

	secret_set(&s, pass, len);
	if (dir_conn_prove(c, who, &s, &p, &e) != EC_OK)
		fail_msg("%s", e.text);
	secret_drop(&s);
	return p;
}

static void proofs(void **state)
{
	struct dir_conn *c = open_service(), *p = open_as(slapd.plain, &setup, false);
	const char *kim = "cn=prove,ou=people," SLAPD_BASE;

	(void)state;
	slapd_add_person(c, "prove", "right one");
	assert_int_equal(prove(p, kim, "right one", 9), PROOF_OK);
	assert_int_equal(prove(p, kim, "", 0), PROOF_WRONG);
	assert_int_equal(prove(p, kim, "right one\0", 10), PROOF_WRONG);
	assert_int_equal(prove(p, "", "right one", 9), PROOF_WRONG);
	assert_int_equal(prove(p, "cn=nobody,ou=people," SLAPD_BASE, "x", 1), PROOF_WRONG);
	assert_int_equal(prove(p, "no dn", "right one", 9), PROOF_WRONG);
	assert_int_equal(prove(p, kim, "right one", 9), PROOF_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(prove(p, kim, "wrong", 5), PROOF_WRONG);
	assert_int_equal(prove(p, kim, "right one", 9), PROOF_LOCKED);
	assert_false(p->lost);
	dir_conn_close(&p);
	dir_conn_close(&c);
}

static void set_password(struct dir_conn *c, const char *dn, const char *text, enum ec want)
{
	struct secret s = { 0 };
	struct err e = { 0 };

	secret_set(&s, text, strlen(text));
	if (dir_conn_set_password(c, dn, &s, &e) != want)
		fail_msg("%d: %s", e.class, e.text);
	if (want != EC_OK)
		assert_null(strstr(e.text, text[0] ? text : "\1"));
	secret_drop(&s);
}

static void passwords_change(void **state)
{
	struct dir_conn *c = open_service(), *p = open_as(slapd.plain, &setup, false);
	const char *sam = "cn=sam,ou=people," SLAPD_BASE;

	(void)state;
	slapd_add_person(c, "sam", "first one");
	assert_int_equal(prove(p, sam, "first one", 9), PROOF_OK);
	set_password(p, sam, "second one", EC_OK); /* p is sam now */
	assert_int_equal(prove(p, sam, "first one", 9), PROOF_WRONG);
	assert_int_equal(prove(p, sam, "second one", 10), PROOF_OK);
	set_password(p, sam, "4321", EC_REFUSED);
	set_password(p, sam, "", EC_USAGE);
	assert_int_equal(prove(p, sam, "second one", 10), PROOF_OK);
	set_password(c, sam, "reset one", EC_OK);
	assert_int_equal(prove(p, sam, "reset one", 9), PROOF_MUST_CHANGE);
	set_password(c, "cn=nobody,ou=people," SLAPD_BASE, "whatever", EC_ABSENT);
	dir_conn_close(&p);
	dir_conn_close(&c);
}

static void the_machines_settings_do_not_matter(void **state)
{
	(void)state;
	/* set in main, before the first handle was made */
	assert_string_equal(getenv("LDAPURI"), "ldap://192.0.2.1");
	all_ways_in(NULL);
	a_bad_certificate_is_named(NULL);
}

/* ---- ends ---- */

static void a_server_that_went_is_noticed(void **state)
{
	const char *uris[] = { slapd.plain, slapd.tls, slapd.local };
	struct dir_conn *c[3];
	struct seen s = { 0 };
	struct err e;

	(void)state;
	for (int i = 0; i < 3; i++)
		c[i] = open_as(uris[i], &setup, true);
	slapd_kill(&slapd);
	for (int i = 0; i < 3; i++) {
		assert_false(dir_conn_alive(c[i]));
		assert_int_equal(search(c[i], SLAPD_BASE, LDAP_SCOPE_BASE, "(a=b)", 1, &s, &e),
				 EC_TEMP);
		assert_true(c[i]->lost);
		assert_false(dir_conn_alive(c[i]));
	}
	slapd_again(&slapd);
	for (int i = 0; i < 3; i++) { /* not even now: libldap would connect anew, unbound */
		assert_int_equal(search(c[i], SLAPD_BASE, LDAP_SCOPE_BASE, "(a=b)", 1, &s, &e),
				 EC_TEMP);
		dir_conn_close(&c[i]);
	}
	open_fails("ldap://127.0.0.1:1", &setup, true, EC_TEMP, "refused");
	open_fails("ldapi://%2Fnonexistent", &setup, true, EC_TEMP, "/nonexistent");
}

static int start(void **state)
{
	(void)state;
	slapd_start(&slapd);
	setup = slapd_setup(&slapd);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	slapd_stop(&slapd);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ways_in),
		cmocka_unit_test(a_bad_certificate_is_named),
		cmocka_unit_test(tls_where_there_is_none),
		cmocka_unit_test(wrong_credentials_are_settings),
		cmocka_unit_test(the_password_file_is_for_its_owner),
		cmocka_unit_test(entries_come_change_and_go),
		cmocka_unit_test(values_of_other_kinds),
		cmocka_unit_test(refusals_have_their_class),
		cmocka_unit_test(more_entries_than_a_page),
		cmocka_unit_test(referrals_lead_nowhere),
		cmocka_unit_test(proofs),
		cmocka_unit_test(passwords_change),
		cmocka_unit_test(the_machines_settings_do_not_matter),
		cmocka_unit_test(a_server_that_went_is_noticed),
	};

	signal(SIGPIPE, SIG_IGN); /* as the programs do */
	setenv("LDAPURI", "ldap://192.0.2.1", 1);
	setenv("LDAPTLS_REQCERT", "never", 1);
	setenv("LDAPTLS_CACERT", "/nonexistent", 1);
	setenv("LDAPSIZELIMIT", "3", 1);
	setenv("LDAPTIMELIMIT", "1", 1);
	setenv("LDAPREFERRALS", "on", 1);
	setenv("LDAPDEREF", "always", 1);
	return cmocka_run_group_tests(tests, start, stop);
}
