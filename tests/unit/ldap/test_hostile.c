/* test_hostile.c - answers that no good server gives, or only one with odd limits, rights or contents: nobody is taken for somebody
 * else by them, and nothing breaks. */
#include <stdio.h>
#include <string.h>
#include "ldap/limit.h"
#include "ldap/listed.h"
#include "ldap/schema.h"
#include "server/base/clock.h"
#include "tests/unit/ldap/canned.h"
#include "tests/unit/ldap/people.h"

#define TIMEOUT_MS 1000

static const struct log silent;
static const struct link_setup anonymous = { .timeout_ms = TIMEOUT_MS };
static const struct link_setup patient = { .timeout_ms = 20000 }; /* where much is said */

struct rig {
	struct canned server;
	struct conf *conf;
	struct dir *dir;
	struct dir_conn *conn;
	struct buf *to; /* what the server says */
	int id;         /* of the next answer */
};

static void rig_start(struct rig *r, const char *kind)
{
	char text[256];
	struct err e;

	*r = (struct rig){ .to = &r->server.words, .id = 1 };
	canned_start(&r->server);
	snprintf(text, sizeof(text),
		 "role = member\nauthentication = ad\ndirectory = %s\n"
		 "directory_servers = ldap://127.0.0.1:1\n"
		 "directory_user = cn=x\ndirectory_password_file = /nonexistent\n",
		 kind);
	assert_says(conf_parse("test.conf", text, strlen(text), &r->conf, &e), EC_OK, &e);
	assert_says(dir_open(r->conf, NULL, &silent, &r->dir, &e), EC_OK, &e);
}

static void rig_stop(struct rig *r)
{
	dir_conn_close(&r->conn);
	canned_stop(&r->server);
	dir_close(&r->dir);
	conf_unref(&r->conf);
}

/* One search that finds one entry, which is enough: giving the rest up takes an id too. */
static void answer(struct rig *r, const char *dn, const char *lines)
{
	canned_entry(r->to, r->id, dn, lines);
	canned_end(r->to, r->id, LDAP_SUCCESS);
	r->id += 2;
}

static void begin_openldap(struct rig *r)
{
	rig_start(r, "openldap");
	answer(r, "", "namingContexts: dc=test\n");
}

/* ---- people ---- */

static enum ec search(struct rig *r, const char *typed, struct person *p, struct err *e)
{
	struct typed who;

	*e = (struct err){ 0 };
	assert_int_equal(typed_parse(&who, typed, strlen(typed), e), EC_OK);
	r->conn = canned_open(&r->server, &anonymous);
	return person_search(r->dir, r->conn, &who, p, e);
}

/* "info" of a company without mail addresses comes first; the limit hides whose the address is. */
static void whoever_was_cut_off_counts(void **state)
{
	struct person p;
	struct rig r;
	struct err e;

	(void)state;
	begin_openldap(&r);
	canned_entry(r.to, r.id, "uid=info,ou=a,dc=test", "uid: info\n");
	canned_end(r.to, r.id, LDAP_SIZELIMIT_EXCEEDED);
	canned_entry(r.to, r.id + 1, "uid=info,ou=b,dc=test", "uid: info\nmail: info@b.example\n");
	canned_end(r.to, r.id + 1, LDAP_SUCCESS);
	assert_says(search(&r, "info@b.example", &p, &e), EC_OK, &e);
	assert_string_equal(p.account.key, "uid=info,ou=b,dc=test");
	assert_int_equal(p.match, MATCH_ADDRESS);
	rig_stop(&r);
}

static void half_an_answer_is_nobody(void **state)
{
	static const char *const cases[] = { "info@b.example", "info" };
	struct person p;
	struct rig r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_openldap(&r);
		canned_entry(r.to, r.id, "uid=info,ou=a,dc=test", "uid: info\n");
		canned_end(r.to, r.id, LDAP_SIZELIMIT_EXCEEDED);
		canned_end(r.to, r.id + 1, LDAP_SUCCESS);
		assert_says(search(&r, cases[i], &p, &e), EC_ABSENT, &e);
		rig_stop(&r);
	}
}

static void an_odd_address_is_mail(void **state)
{
	struct person p;
	struct rig r;
	struct err e;

	(void)state;
	begin_openldap(&r);
	answer(&r, "uid=kim,dc=test", "uid: kim\nmail: kim+lists@elsewhere.example\n");
	assert_says(search(&r, "kim@example.com", &p, &e), EC_ABSENT, &e);
	rig_stop(&r);
}

/* ---- mailboxes ---- */

static enum ec look_up(struct rig *r, const char *name, struct listed *l, struct err *e)
{
	struct name n = { 0 };

	*e = (struct err){ 0 };
	assert_int_equal(name_parse_any(&n, name, strlen(name), NAME_DIRECTORY, e), EC_OK);
	r->conn = canned_open(&r->server, &anonymous);
	return listed_find(r->dir, r->conn, &n, l, e);
}

/* The service may search by the domain's name, and not read it. */
static void an_entry_that_was_not_asked_for(void **state)
{
	struct listed l;
	struct rig r;
	struct err e;

	(void)state;
	begin_openldap(&r);
	canned_entry(r.to, r.id, "uid=kim,dc=test", "winpopAddress: kim@example.com\n");
	canned_entry(r.to, r.id, "cn=x,dc=test", "winpopDomainName: example.org\n");
	canned_end(r.to, r.id, LDAP_SUCCESS);
	assert_says(look_up(&r, "example.com", &l, &e), EC_OK, &e);
	assert_false(l.has_domain);
	rig_stop(&r);
}

static void mailboxes_that_were_cut_off(void **state)
{
	struct listed l;
	struct rig r;
	struct err e;

	(void)state;
	begin_openldap(&r);
	canned_entry(r.to, r.id, "uid=kim,dc=test", "winpopAddress: kim@example.com\n");
	canned_end(r.to, r.id, LDAP_SIZELIMIT_EXCEEDED);
	assert_says(look_up(&r, "kim@example.com", &l, &e), EC_BROKEN, &e);
	rig_stop(&r);
}

static void a_part_of_a_dn_is_no_dn(void **state)
{
	char dn[LISTED_DN_MAX + 100];
	struct listed l;
	struct entry found;
	struct rig r;
	struct name n;
	struct err e;

	(void)state;
	memset(dn, 'x', sizeof(dn));
	memcpy(dn, "uid=", 4);
	dn[sizeof(dn) - 1] = '\0';
	begin_openldap(&r);
	canned_entry(r.to, r.id, dn, "winpopAddress: kim@example.com\n");
	canned_entry(r.to, r.id, "cn=example.com,dc=test", "winpopDomainName: example.com\n");
	canned_end(r.to, r.id, LDAP_SUCCESS);
	assert_says(look_up(&r, "kim@example.com", &l, &e), EC_OK, &e);
	assert_string_equal(l.box.dn, "");
	assert_int_equal(name_parse(&n, "kim@example.com", 15, NAME_DIRECTORY, &e), EC_OK);
	assert_says(listed_judge(&l, &n, &found, &e), EC_BROKEN, &e);
	rig_stop(&r);
}

/* ---- schemas ---- */

/* RFC 4512 section 4.1 leaves room. */
static void definitions_in_all_spellings(void **state)
{
	static const struct {
		const char *class;
		bool held, quota;
	} cases[] = {
		{ "( 1 NAME 'winpopMailbox' MAY ( winpopAlias $ winpopHeld ) )", true, false },
		{ "(1 NAME ( 'x' 'winpopMailbox' ) MAY(winpopAlias$winpopHeld))", true, false },
		{ "( 1 NAME 'winpopMailbox' MAY winpopHeld )", true, false },
		{ "( 1 NAME 'winpopMailbox' MAY ( winpopHeldBy $ xwinpopHeld ) )", false, false },
		{ "( 1 NAME 'winpopMailbox' MAY ( winpopHeld-2 $ my-winpopHeld ) )", false, false },
		{ "( 1 NAME 'winpopDomain' MAY winpopHeld )", false, false },
		{ "( 1 NAME 'winpopQuota' MAY winpopQuotaBytes )", false, true },
		{ "( 1 NAME 'winpopQuotas' MAY winpopQuota )", false, false },
		{ "( 1 NAME 'winpopMailbox' MAY winpopHel", false, false },
		{ "winpopHeld", false, false },
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct schema_term terms[] = { { .name = HELD_ATTR, .in = MAILBOX_CLASS },
					       { .name = QUOTA_CLASS, .known = true } };
		char lines[200];
		struct rig r;

		rig_start(&r, "openldap");
		answer(&r, "", "subschemaSubentry: cn=schema\n");
		snprintf(lines, sizeof(lines), "objectClasses: %s\n", cases[i].class);
		answer(&r, "cn=schema", lines);
		r.conn = canned_open(&r.server, &anonymous);
		assert_says(schema_look(r.conn, terms, 2, &e), EC_OK, &e);
		assert_int_equal(terms[0].known, cases[i].held);
		assert_int_equal(terms[1].known, cases[i].quota);
		rig_stop(&r);
	}
}

/* ---- half an account ---- */

#define SETS_PASSWORDS "supportedExtension: 1.3.6.1.4.1.4203.1.11.1\n" /* RFC 3062 */

/* The entry is made, its password refused: the entry is taken back. */
static enum ec create(struct rig *r, int taken_back, struct err *e)
{
	struct secret password = { .bytes = (unsigned char *)"secret", .len = 6 };
	const struct account_wish wish = { .name = tree_name("kim@example.com") };
	const struct new_person np = { .wish = &wish, .password = &password };

	rig_start(r, "openldap");
	answer(r, "", "namingContexts: dc=test\n" SETS_PASSWORDS);
	canned_end(r->to, r->id++, LDAP_SUCCESS); /* nobody is called kim */
	canned_result(r->to, r->id++, LDAP_RES_ADD, LDAP_SUCCESS);
	canned_result(r->to, r->id++, LDAP_RES_EXTENDED, LDAP_CONSTRAINT_VIOLATION);
	if (taken_back >= 0)
		canned_result(r->to, r->id, LDAP_RES_DELETE, taken_back);
	r->conn = canned_open(&r->server, &anonymous);
	return flavour_openldap.create(r->dir, r->conn, &np, e);
}

/* Whoever hears EC_REFUSED may try again at once with another password; EC_TEMP says that the account may be there. */
static void half_an_account_is_taken_back(void **state)
{
	static const struct {
		int taken_back; /* below 0: no answer */
		enum ec want;
		bool left;
	} cases[] = {
		{ LDAP_SUCCESS, EC_REFUSED, false },
		{ LDAP_INSUFFICIENT_ACCESS, EC_REFUSED, true },
		{ LDAP_BUSY, EC_TEMP, true },
		{ -1, EC_TEMP, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig r;
		struct err e = { 0 };

		assert_says(create(&r, cases[i].taken_back, &e), cases[i].want, &e);
		assert_int_equal(e.class, cases[i].want);
		assert_true((strstr(e.text, "uid=kim,ou=people,dc=test was left behind") != NULL) ==
			    cases[i].left);
		rig_stop(&r);
	}
}

/* ---- Active Directory ---- */

/* A schema may hold one name several times, all but one given up; a server that lies holds it any number of times. */
static void a_schema_full_of_one_name(void **state)
{
	const struct dir_root *root;
	struct rig r;
	struct err e;

	(void)state;
	rig_start(&r, "ad");
	answer(&r, "", "defaultNamingContext: dc=test\n");
	answer(&r, "", "configurationNamingContext: cn=c\nschemaNamingContext: cn=s\n");
	answer(&r, "cn=test,cn=c", "nETBIOSName: TEST\ndnsRoot: example.test\n");
	answer(&r, "dc=test", "objectSid: ?\n");
	canned_end(r.to, r.id++, LDAP_SUCCESS);
	for (int i = 0; i < 3000; i++)
		canned_entry(r.to, r.id, "cn=m,cn=s", "lDAPDisplayName: MAIL\n");
	canned_end(r.to, r.id, LDAP_SUCCESS);
	r.conn = canned_open(&r.server, &patient);
	assert_says(dir_root_get(r.dir, r.conn, &root, &e), EC_OK, &e);
	assert_string_equal(root->address[0], "mail");
	assert_null(root->address[1]);
	rig_stop(&r);
}

/* What is not to be seen, or makes no sense, is not known: nobody is refused for it. */
static void password_policies_of_a_domain(void **state)
{
	static const struct {
		const char *vendor, *head;
		struct password_policy want;
	} cases[] = {
		{ "", "minPwdLength: 7\npwdProperties: 1\n", { 7, true, true } },
		{ "vendorName: Samba Team (https://www.samba.org)\n",
		  "minPwdLength: 7\npwdProperties: 1\n",
		  { 7, true, false } },
		{ "", "minPwdLength: 0\npwdProperties: 16\n", { 0, false, true } },
		{ "", "minPwdLength: 4294967295\npwdProperties: 17\n", { 0, true, true } },
		{ "", "minPwdLength: -1\npwdProperties: many\n", { 0, false, true } },
		{ "", "objectSid: ?\n", { 0, false, true } },
	};
	const struct dir_root *root;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char dse[200];
		struct rig r;

		rig_start(&r, "ad");
		answer(&r, "", "defaultNamingContext: dc=test\n");
		snprintf(dse, sizeof(dse),
			 "configurationNamingContext: cn=c\nschemaNamingContext: cn=s\n%s",
			 cases[i].vendor);
		answer(&r, "", dse);
		answer(&r, "cn=test,cn=c", "nETBIOSName: TEST\ndnsRoot: example.test\n");
		answer(&r, "dc=test", cases[i].head);
		canned_end(r.to, r.id++, LDAP_SUCCESS);
		canned_end(r.to, r.id, LDAP_SUCCESS);
		r.conn = canned_open(&r.server, &patient);
		assert_says(dir_root_get(r.dir, r.conn, &root, &e), EC_OK, &e);
		assert_int_equal(root->policy.units_min, cases[i].want.units_min);
		assert_int_equal(root->policy.complex, cases[i].want.complex);
		assert_int_equal(root->policy.no_names, cases[i].want.no_names);
		rig_stop(&r);
	}
}

/* ---- messages ---- */

static void an_entry_is_no_result(void **state)
{
	const struct secret password = { .bytes = (unsigned char *)"secret", .len = 6 };
	enum proof verdict;
	struct rig r;
	struct err e;

	(void)state;
	rig_start(&r, "openldap");
	canned_entry(r.to, 1, "dc=test", "dc: test\n");
	canned_result(r.to, 1, LDAP_RES_BIND, LDAP_SUCCESS);
	r.conn = canned_open(&r.server, &anonymous);
	assert_says(dir_conn_prove(r.conn, "cn=kim", &password, &verdict, &e), EC_TEMP, &e);
	assert_int_equal(verdict, PROOF_WRONG);
	assert_true(r.conn->lost);
	rig_stop(&r);
}

static bool count(void *ctx, struct dir_entry *en)
{
	(void)en;
	++*(unsigned *)ctx;
	return true;
}

static void a_search_without_end_ends(void **state)
{
	const struct dir_query q = { .base = "", .scope = LDAP_SCOPE_BASE, .filter = "(a=*)" };
	uint64_t began = clock_mono_ms();
	unsigned n = 0;
	struct rig r;
	struct err e;

	(void)state;
	rig_start(&r, "openldap");
	for (int i = 0; i < 1000; i++)
		canned_entry(&r.server.again, 1, "dc=test", "dc: test\n");
	r.conn = canned_open(&r.server, &anonymous);
	assert_says(dir_conn_search(r.conn, &q, count, &n, &e), EC_TEMP, &e);
	assert_true(n > 0);
	assert_in_range(clock_mono_ms() - began, TIMEOUT_MS, TIMEOUT_MS + 30000);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_was_cut_off_counts),
		cmocka_unit_test(half_an_answer_is_nobody),
		cmocka_unit_test(an_odd_address_is_mail),
		cmocka_unit_test(an_entry_that_was_not_asked_for),
		cmocka_unit_test(mailboxes_that_were_cut_off),
		cmocka_unit_test(a_part_of_a_dn_is_no_dn),
		cmocka_unit_test(definitions_in_all_spellings),
		cmocka_unit_test(half_an_account_is_taken_back),
		cmocka_unit_test(a_schema_full_of_one_name),
		cmocka_unit_test(password_policies_of_a_domain),
		cmocka_unit_test(an_entry_is_no_result),
		cmocka_unit_test(a_search_without_end_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
