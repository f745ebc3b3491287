/* test_openldap.c - who is meant, and is it them: sign-in against a real OpenLDAP with our schema and a password policy. */
#include <pthread.h>
#include <stdio.h>
#include "tests/unit/ldap/office.h"

static void domain(struct office *o, const char *name)
{
	struct name n = tree_name(name);
	struct err e;

	assert_says(o->p.catalog->ops->add(o->p.catalog, &n, NULL, &e), EC_OK, &e);
}

/* ---- who is meant ---- */

static void assert_resolves(struct office *o, const char *typed, const char *mailbox,
			    const char *logon)
{
	char text[NAME_TEXT_MAX + 1];
	struct account who;
	struct err e;

	if (!mailbox) {
		assert_says(people_resolve(&o->p, typed, &who, &e), EC_ABSENT, &e);
		return;
	}
	assert_says(people_resolve(&o->p, typed, &who, &e), EC_OK, &e);
	assert_string_equal(name_text(&who.name, text), mailbox);
	assert_string_equal(who.logon, logon);
	assert_true(who.enabled && !who.admin && *who.key && *who.stamp);
}

static void names_lead_to_mailboxes(void **state)
{
	struct office *o = *state;

	domain(o, "example.org");
	tree_add_mailbox(&o->p.tree, "lee@example.org");
	office_add_person(o, "kim", "secret1",
			  "mail: Kim@Example.COM\nmail: kim.smith@example.com\n");
	office_add_person(o, "lee", "secret2",
			  "mail: lee.first@example.org\nmail: lee@example.org\n");
	office_add_person(o, "box", "secret3",
			  "objectClass: winpopMailbox\nwinpopAddress: post@example.com\n"
			  "winpopAlias: info@example.com\nmail: box@elsewhere.example\n");
	assert_resolves(o, "kim@example.com", "kim@example.com", "kim");
	assert_resolves(o, "KIM@EXAMPLE.COM", "kim@example.com", "kim");
	assert_resolves(o, "kim", "kim@example.com", "kim");
	assert_resolves(o, "WHATEVER\\kim", "kim@example.com", "kim");
	assert_resolves(o, "WHATEVER\\kim@example.com", "kim@example.com", "kim");
	assert_resolves(o, "kim.smith@example.com", "kim@example.com", "kim");
	assert_resolves(o, "lee.first@example.org", "lee@example.org", "lee");
	assert_resolves(o, "lee", "lee@example.org", "lee");
	assert_resolves(o, "post@example.com", "post@example.com", "box");
	assert_resolves(o, "info@example.com", "post@example.com", "box");
	assert_resolves(o, "box@elsewhere.example", "post@example.com", "box");
	assert_resolves(o, "box", "post@example.com", "box");
	assert_resolves(o, "box@example.com", NULL, NULL); /* it has mail: not by its logon name */
	assert_resolves(o, "nobody@example.com", NULL, NULL);
	assert_resolves(o, "*", NULL, NULL);
	assert_resolves(o, "kim)(uid=*", NULL, NULL);
	assert_resolves(o, "*)(objectClass=*", NULL, NULL);
}

static void malformed_names_are_nobody(void **state)
{
	static const char *const cases[] = {
		"",          "@",     "kim@", "@example.com", "a@b@c", "kim+x@example.com",
		"A\\B\\kim", "\\kim", "A\\",  "k\xC3",        "k\nm",  "k\x7Fm"
	};
	struct office *o = *state;
	struct account who;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_says(people_resolve(&o->p, cases[i], &who, &e), EC_USAGE, &e);
	assert_ec(o->p.a->ops->resolve(o->p.a, "kim\0x", 5, &who, &e), EC_USAGE);
}

static void more_than_one_is_nobody(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	office_add_person(o, "a", "secret1", "mail: same@example.com\n");
	office_add_person(o, "b", "secret2", "mail: same@example.com\n");
	assert_says(people_resolve(&o->p, "same@example.com", &who, &e), EC_ABSENT, &e);
	assert_non_null(strstr(e.text, "uid=a,"));
	assert_non_null(strstr(e.text, "uid=b,"));
	assert_says(people_create(&o->p, "same@example.com", "secret", &e), EC_EXISTS, &e);
	/* the schema's own attribute decides */
	office_add_person(o, "c", "secret3",
			  "objectClass: winpopMailbox\nwinpopAddress: same@example.com\n");
	assert_resolves(o, "same@example.com", "same@example.com", "c");
}

/* What somebody could not open by the address is not open to him by his logon name either. */
static void a_logon_name_opens_no_mailbox_of_another(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	tree_add_mailbox(&o->p.tree, "boss@example.com");
	office_add_person(o, "boss", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: boss@example.com\n");
	office_add_person(o, "mallory", "secret2", "mail: boss@example.com\n");
	assert_resolves(o, "boss@example.com", "boss@example.com", "boss");
	assert_says(people_resolve(&o->p, "mallory", &who, &e), EC_ABSENT, &e);
	/* nor by a second address of his own */
	office_add_person(o, "eve", "secret3", "mail: eve@example.com\nmail: boss@example.com\n");
	assert_resolves(o, "eve@example.com", "eve@example.com", "eve");
	assert_resolves(o, "eve", "eve@example.com", "eve");
	/* of two with equal right nobody */
	tree_add_mailbox(&o->p.tree, "same@example.com");
	office_add_person(o, "a", "secret4", "mail: same@example.com\n");
	assert_resolves(o, "a", "same@example.com", "a");
	office_add_person(o, "b", "secret5", "mail: same@example.com\n");
	assert_says(people_resolve(&o->p, "a", &who, &e), EC_ABSENT, &e);
	assert_says(people_resolve(&o->p, "b", &who, &e), EC_ABSENT, &e);
}

static void an_account_without_mail_is_linked_by_its_name(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	office_add_person(o, "kim", "secret1", "");
	assert_resolves(o, "kim@example.com", "kim@example.com", "kim");
	assert_resolves(o, "kim", "kim@example.com", "kim");
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_OK, &e);
	assert_string_equal(who.logon, "kim");
	assert_says(people_create(&o->p, "kim@example.com", "secret", &e), EC_EXISTS, &e);
}

static void a_name_in_two_domains(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	domain(o, "example.org");
	office_add_person(o, "kim", "secret1", "");
	tree_add_mailbox(&o->p.tree, "kim@example.org");
	assert_says(people_resolve(&o->p, "kim", &who, &e), EC_ABSENT, &e);
	assert_non_null(strstr(e.text, "more than one domain"));
	assert_resolves(o, "kim@example.org", "kim@example.org", "kim");
	assert_says(people_remove(&o->p, "kim@example.com", &e), EC_REFUSED, &e);
	assert_non_null(strstr(e.text, "kim@example.org"));
	/* somebody else gets that address: kim's name leads to kim's mailbox only */
	office_add_person(o, "kim1", "secret2", "mail: kim@example.org\n");
	assert_resolves(o, "kim", "kim@example.com", "kim");
	assert_resolves(o, "kim@example.org", "kim@example.org", "kim1");
	assert_says(people_remove(&o->p, "kim@example.com", &e), EC_OK, &e);
}

/* ---- passwords ---- */

static void passwords_are_proved(void **state)
{
	struct office *o = *state;
	struct account who = { .name = tree_name("kim@example.com") };
	struct err e;

	office_add_person(o, "kim", "gr\xC3\xBC\xC3\x9F e", "mail: kim@example.com\n");
	assert_says(people_sign_in(&o->p, "kim", "gr\xC3\xBC\xC3\x9F e", &e), EC_OK, &e);
	assert_says(people_sign_in(&o->p, "kim", "wrong", &e), EC_DENIED, &e);
	assert_int_equal(e.detail, REFUSAL_NONE);
	assert_says(people_sign_in(&o->p, "kim@example.com", "", &e), EC_DENIED, &e);
	assert_says(people_verify(&o->p, &who, "gr\xC3\xBC\xC3\x9F e", &e), EC_OK,
		    &e); /* by name alone */
	who.name = tree_name("nobody@example.com");
	assert_says(people_verify(&o->p, &who, "x", &e), EC_DENIED, &e);
	who.name = tree_name("nobody@invalid");
	assert_says(people_verify(&o->p, &who, "x", &e), EC_DENIED, &e);
}

static void refusals_say_why(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;
	char dn[160];

	office_add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	office_put(office_dn(o, "kim", dn), "pwdReset", "TRUE");
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_REFUSED, &e);
	assert_int_equal(e.detail, REFUSAL_MUST_CHANGE);
	assert_says(people_sign_in(&o->p, "kim", "wrong", &e), EC_DENIED, &e);
	office_put(dn, "pwdReset", NULL);
	office_put(dn, "pwdAccountLockedTime", "000001010000Z");
	assert_says(people_resolve(&o->p, "kim", &who, &e), EC_OK, &e);
	assert_false(who.enabled);
	assert_says(people_verify(&o->p, &who, "secret1", &e), EC_DENIED, &e);
	assert_int_equal(e.detail, REFUSAL_LOCKED_OUT);
	office_put(dn, "pwdAccountLockedTime", NULL);
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_OK, &e);
	office_add_person(o, "off", "secret1",
			  "mail: off@example.com\nobjectClass: shadowAccount\nshadowExpire: 1\n");
	assert_says(people_sign_in(&o->p, "off", "secret1", &e), EC_REFUSED, &e);
	assert_int_equal(e.detail, REFUSAL_DISABLED);
	assert_says(people_sign_in(&o->p, "off", "wrong", &e), EC_DENIED, &e);
	office_put(office_dn(o, "off", dn), "shadowExpire", "-1");
	assert_says(people_sign_in(&o->p, "off", "secret1", &e), EC_OK, &e);
	office_put(dn, "shadowExpire", "999999");
	assert_says(people_sign_in(&o->p, "off", "secret1", &e), EC_OK, &e);
}

static void the_stamp_tells_changes_of_the_password(void **state)
{
	struct office *o = *state;
	struct account one, two;
	struct err e;
	char dn[160];

	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	office_put(office_dn(o, "kim", dn), "pwdReset", NULL);
	assert_says(people_resolve(&o->p, "kim", &one, &e), EC_OK, &e);
	assert_says(people_verify(&o->p, &one, "wrong", &e), EC_DENIED, &e);
	assert_says(people_resolve(&o->p, "kim", &two, &e), EC_OK, &e);
	assert_string_equal(one.stamp, two.stamp); /* or nobody could remember the wrong one */
	office_add(o, "cn=lee,ou=people",
		   "objectClass: person\nobjectClass: uidObject\nuid: lee\ncn: lee\nsn: x");
	assert_says(people_find(&o->p, "lee@example.com", &one, &e), EC_OK, &e);
	assert_non_null(strchr(one.stamp, '#')); /* never had a password: entryCSN */
}

/* ---- the group ---- */

static void only_members_sign_in(void **state)
{
	static const char *const in[] = { "kim", "lee", "max" }, *const out[] = { "eve" };
	struct office *o = *state;
	struct account who;
	struct err e;
	char dn[160], name[64];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "mail: %s@example.com\n", in[i]);
		office_add_person(o, in[i], "secret1", name);
	}
	office_add_person(o, out[0], "secret1", "mail: eve@example.com\n");
	office_add_group(o, "direct", "groupOfNames", "member", office_dn(o, "kim", dn));
	office_add_group(o, "unique", "groupOfUniqueNames", "uniqueMember",
			 office_dn(o, "lee", dn));
	office_add_group(o, "posix", "posixGroup", "memberUid", "max");
	office_add_group(o, "mid", "groupOfNames", "member", office_group_dn(o, "direct", dn));
	office_add_group(o, "all", "groupOfNames", "member", office_group_dn(o, "mid", dn));
	office_add_group(o, "posixall", "groupOfNames", "member", office_group_dn(o, "posix", dn));
	office_add_group(o, "uniqueall", "groupOfNames", "member",
			 office_group_dn(o, "unique", dn));
	office_put(office_group_dn(o, "direct", (char[160]){ 0 }), "member",
		   office_dn(o, "kim", dn));
	static const struct {
		const char *group, *who;
	} rows[] = { { "direct", "kim" },    { "all", "kim" },   { "unique", "lee" },
		     { "uniqueall", "lee" }, { "posix", "max" }, { "posixall", "max" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		office_require(o, rows[i].group);
		assert_says(people_sign_in(&o->p, rows[i].who, "secret1", &e), EC_OK, &e);
		assert_says(people_sign_in(&o->p, "eve", "secret1", &e), EC_REFUSED, &e);
		assert_int_equal(e.detail, REFUSAL_GROUP);
		assert_says(people_sign_in(&o->p, "eve", "wrong", &e), EC_DENIED, &e);
		assert_says(people_find(&o->p, "eve@example.com", &who, &e), EC_OK, &e);
		assert_false(who.enabled);
	}
	office_require(o, "none");
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_BROKEN, &e);
}

static void groups_in_a_circle_end(void **state)
{
	struct office *o = *state;
	struct err e;
	char dn[160];

	office_add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	office_add_group(o, "a", "groupOfNames", "member", office_dn(o, "kim", dn));
	office_add_group(o, "b", "groupOfNames", "member", office_group_dn(o, "a", dn));
	office_put(office_group_dn(o, "a", dn), "member",
		   office_group_dn(o, "b", (char[160]){ 0 }));
	office_add_group(o, "c", "groupOfNames", "member", office_dn(o, "kim", (char[160]){ 0 }));
	office_add_group(o, "other", "groupOfNames", "member", dn);
	office_require(o, "other");
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_REFUSED, &e);
}

/* ---- many at a time ---- */

#define THREADS 8
#define EACH 25

static void *sign_in_often(void *ctx)
{
	struct office *o = ctx;
	struct err e;
	size_t n_wrong = 0;

	for (int i = 0; i < EACH; i++) {
		bool right = i % 2 == 0;
		enum ec rc =
			people_sign_in(&o->p, "kim@example.com", right ? "secret1" : "wrong", &e);
		n_wrong += rc != (right ? EC_OK : EC_DENIED);
	}
	return (void *)n_wrong;
}

/* All of them come to a directory of which nothing is known yet. */
static void many_at_a_time(void **state)
{
	struct office *o = *state;
	pthread_t threads[THREADS];

	/* the policy locks after three */
	office_put("cn=policy," SLAPD_BASE, "pwdLockout", "FALSE");
	office_add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_in_often, o), 0);
	for (int i = 0; i < THREADS; i++) {
		void *n_wrong;
		assert_int_equal(pthread_join(threads[i], &n_wrong), 0);
		assert_null(n_wrong);
	}
	office_put("cn=policy," SLAPD_BASE, "pwdLockout", "TRUE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_lead_to_mailboxes, office_open, office_close),
		cmocka_unit_test_setup_teardown(malformed_names_are_nobody, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(more_than_one_is_nobody, office_open, office_close),
		cmocka_unit_test_setup_teardown(a_logon_name_opens_no_mailbox_of_another,
						office_open, office_close),
		cmocka_unit_test_setup_teardown(an_account_without_mail_is_linked_by_its_name,
						office_open, office_close),
		cmocka_unit_test_setup_teardown(a_name_in_two_domains, office_open, office_close),
		cmocka_unit_test_setup_teardown(passwords_are_proved, office_open, office_close),
		cmocka_unit_test_setup_teardown(refusals_say_why, office_open, office_close),
		cmocka_unit_test_setup_teardown(the_stamp_tells_changes_of_the_password,
						office_open, office_close),
		cmocka_unit_test_setup_teardown(only_members_sign_in, office_open, office_close),
		cmocka_unit_test_setup_teardown(groups_in_a_circle_end, office_open, office_close),
		cmocka_unit_test_setup_teardown(many_at_a_time, office_open, office_close),
	};
	return cmocka_run_group_tests(tests, office_start, office_stop);
}
