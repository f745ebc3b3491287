/* test_openldap.c - the accounts contract against a real OpenLDAP with our schema, its password policy, and the overlay that keeps
 * logon names unique. Each test has a subtree of its own, so that one server serves all. */
#include <stdio.h>
#include <stdlib.h>
#include "ldap/freename.h"
#include "ldap/nthash.h"
#include "tests/unit/ldap/people.h"
#include "tests/unit/ldap/slapd.h"

#define SERVICE "cn=winpop," SLAPD_BASE

/* What of Samba's schema is looked at here. */
#define SAMBA_SCHEMA                                                                               \
	"attributetype ( 1.3.6.1.4.1.7165.2.1.25 NAME 'sambaNTPassword'"                           \
	" SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{32} SINGLE-VALUE )\n"                               \
	"attributetype ( 1.3.6.1.4.1.7165.2.1.26 NAME 'sambaAcctFlags'"                            \
	" SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{16} SINGLE-VALUE )\n"                               \
	"attributetype ( 1.3.6.1.4.1.7165.2.1.20 NAME 'sambaSID'"                                  \
	" SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{64} SINGLE-VALUE )\n"                               \
	"objectclass ( 1.3.6.1.4.1.7165.2.2.6 NAME 'sambaSamAccount' SUP top AUXILIARY"            \
	" MUST ( uid $ sambaSID ) MAY ( sambaNTPassword $ sambaAcctFlags ) )\n"

static struct slapd slapd;
static struct dir_conn *admin;

struct office {
	struct people p;
	char base[64];   /* ou=oN,dc=test */
	char people[80]; /* ou=people,ou=oN,dc=test */
	char settings[1024];
};

/* As it is called in the settings; `more` are further lines. */
static const char *settings(struct office *o, const char *more)
{
	snprintf(
		o->settings, sizeof(o->settings),
		"role = member\nauthentication = ad\ndirectory = openldap\ndirectory_servers = %s\n"
		"directory_base = %s\ndirectory_user = %s\ndirectory_password_file = %s\n"
		"directory_ca = %s\ndirectory_starttls = no\ndirectory_timeout_ms = 20000\n%s",
		slapd.plain, o->base, SERVICE, slapd.password_file, slapd.ca, more);
	return o->settings;
}

static void add(struct office *o, const char *rdn, const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text), "dn: %s,%s\n%s", rdn, o->base, lines);
	people_add_entry(admin, text);
}

/* A person as somebody else made it; more: further lines. */
static void add_person(struct office *o, const char *uid, const char *password, const char *more)
{
	char rdn[96], lines[700];

	snprintf(rdn, sizeof(rdn), "uid=%s,ou=people", uid);
	snprintf(lines, sizeof(lines),
		 "objectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: x\nuserPassword: %s\n%s", uid,
		 uid, password, more);
	add(o, rdn, lines);
}

static const char *dn_of(const struct office *o, const char *uid, char out[160])
{
	snprintf(out, 160, "uid=%s,%s", uid, o->people);
	return out;
}

static int setup(void **state)
{
	static struct office o;
	static unsigned n;
	char unit[16];

	o = (struct office){ 0 };
	snprintf(unit, sizeof(unit), "o%u", ++n);
	snprintf(o.base, sizeof(o.base), "ou=%s," SLAPD_BASE, unit);
	snprintf(o.people, sizeof(o.people), "ou=people,%s", o.base);
	people_open(&o.p, settings(&o, ""));
	char lines[64];
	snprintf(lines, sizeof(lines), "objectClass: organizationalUnit\nou: %s", unit);
	char dn[160];
	snprintf(dn, sizeof(dn), "dn: %s\n%s", o.base, lines);
	people_add_entry(admin, dn);
	add(&o, "ou=people", "objectClass: organizationalUnit\nou: people");
	add(&o, "ou=groups", "objectClass: organizationalUnit\nou: groups");
	*state = &o;
	return 0;
}

static int teardown(void **state)
{
	struct office *o = *state;

	people_close(&o->p);
	return 0;
}

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
	add_person(o, "kim", "secret1", "mail: Kim@Example.COM\nmail: kim.smith@example.com\n");
	add_person(o, "lee", "secret2", "mail: lee.first@example.org\nmail: lee@example.org\n");
	add_person(o, "box", "secret3",
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

	add_person(o, "a", "secret1", "mail: same@example.com\n");
	add_person(o, "b", "secret2", "mail: same@example.com\n");
	assert_says(people_resolve(&o->p, "same@example.com", &who, &e), EC_ABSENT, &e);
	assert_non_null(strstr(e.text, "uid=a,"));
	assert_non_null(strstr(e.text, "uid=b,"));
	assert_says(people_create(&o->p, "same@example.com", "secret", &e), EC_EXISTS, &e);
	/* the schema's own attribute decides */
	add_person(o, "c", "secret3",
		   "objectClass: winpopMailbox\nwinpopAddress: same@example.com\n");
	assert_resolves(o, "same@example.com", "same@example.com", "c");
}

static void an_account_without_mail_is_linked_by_its_name(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	add_person(o, "kim", "secret1", "");
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
	add_person(o, "kim", "secret1", "");
	tree_add_mailbox(&o->p.tree, "kim@example.org");
	assert_says(people_resolve(&o->p, "kim", &who, &e), EC_ABSENT, &e);
	assert_non_null(strstr(e.text, "more than one domain"));
	assert_resolves(o, "kim@example.org", "kim@example.org", "kim");
	/* somebody else gets that address: kim's name leads to kim's mailbox only */
	add_person(o, "kim1", "secret2", "mail: kim@example.org\n");
	assert_resolves(o, "kim", "kim@example.com", "kim");
	assert_resolves(o, "kim@example.org", "kim@example.org", "kim1");
	assert_says(people_remove(&o->p, "kim@example.com", &e), EC_REFUSED, &e);
}

/* ---- passwords ---- */

static void passwords_are_proved(void **state)
{
	struct office *o = *state;
	struct account who = { .name = tree_name("kim@example.com") };
	struct err e;

	add_person(o, "kim", "gr\xC3\xBC\xC3\x9F e", "mail: kim@example.com\n");
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

	add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	people_put(admin, dn_of(o, "kim", dn), "pwdReset", "TRUE");
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_REFUSED, &e);
	assert_int_equal(e.detail, REFUSAL_MUST_CHANGE);
	assert_says(people_sign_in(&o->p, "kim", "wrong", &e), EC_DENIED, &e);
	people_put(admin, dn, "pwdReset", NULL);
	people_put(admin, dn, "pwdAccountLockedTime", "000001010000Z");
	assert_says(people_resolve(&o->p, "kim", &who, &e), EC_OK, &e);
	assert_false(who.enabled);
	assert_says(people_verify(&o->p, &who, "secret1", &e), EC_DENIED, &e);
	assert_int_equal(e.detail, REFUSAL_LOCKED_OUT);
	people_put(admin, dn, "pwdAccountLockedTime", NULL);
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_OK, &e);
	add_person(o, "off", "secret1",
		   "mail: off@example.com\nobjectClass: shadowAccount\nshadowExpire: 1\n");
	assert_says(people_sign_in(&o->p, "off", "secret1", &e), EC_REFUSED, &e);
	assert_int_equal(e.detail, REFUSAL_DISABLED);
	assert_says(people_sign_in(&o->p, "off", "wrong", &e), EC_DENIED, &e);
	people_put(admin, dn_of(o, "off", dn), "shadowExpire", "-1");
	assert_says(people_sign_in(&o->p, "off", "secret1", &e), EC_OK, &e);
	people_put(admin, dn, "shadowExpire", "999999");
	assert_says(people_sign_in(&o->p, "off", "secret1", &e), EC_OK, &e);
}

static void the_stamp_tells_changes_of_the_password(void **state)
{
	struct office *o = *state;
	struct account one, two;
	struct err e;
	char dn[160];

	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	people_put(admin, dn_of(o, "kim", dn), "pwdReset", NULL);
	assert_says(people_resolve(&o->p, "kim", &one, &e), EC_OK, &e);
	assert_says(people_verify(&o->p, &one, "wrong", &e), EC_DENIED, &e);
	assert_says(people_resolve(&o->p, "kim", &two, &e), EC_OK, &e);
	assert_string_equal(one.stamp, two.stamp); /* or nobody could remember the wrong one */
	add(o, "cn=lee,ou=people",
	    "objectClass: person\nobjectClass: uidObject\nuid: lee\ncn: lee\nsn: x");
	assert_says(people_find(&o->p, "lee@example.com", &one, &e), EC_OK, &e);
	assert_non_null(strchr(one.stamp, '#')); /* never had a password: entryCSN */
}

/* ---- the group ---- */

static void group(struct office *o, const char *name, const char *class, const char *attr,
		  const char *member)
{
	char rdn[64], lines[400];

	snprintf(rdn, sizeof(rdn), "cn=%s,ou=groups", name);
	snprintf(lines, sizeof(lines), "objectClass: %s\ncn: %s\n%s: %s%s", class, name, attr,
		 member, strcmp(class, "posixGroup") == 0 ? "\ngidNumber: 1" : "");
	add(o, rdn, lines);
}

static const char *group_dn(const struct office *o, const char *name, char out[160])
{
	snprintf(out, 160, "cn=%s,ou=groups,%s", name, o->base);
	return out;
}

static void require(struct office *o, const char *name)
{
	char more[256], dn[160];

	snprintf(more, sizeof(more), "directory_group = %s\n", group_dn(o, name, dn));
	people_reopen(&o->p, settings(o, more));
}

static void only_members_sign_in(void **state)
{
	static const char *const in[] = { "kim", "lee", "max" }, *const out[] = { "eve" };
	struct office *o = *state;
	struct account who;
	struct err e;
	char dn[160], name[64];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "mail: %s@example.com\n", in[i]);
		add_person(o, in[i], "secret1", name);
	}
	add_person(o, out[0], "secret1", "mail: eve@example.com\n");
	group(o, "direct", "groupOfNames", "member", dn_of(o, "kim", dn));
	group(o, "unique", "groupOfUniqueNames", "uniqueMember", dn_of(o, "lee", dn));
	group(o, "posix", "posixGroup", "memberUid", "max");
	group(o, "mid", "groupOfNames", "member", group_dn(o, "direct", dn));
	group(o, "all", "groupOfNames", "member", group_dn(o, "mid", dn));
	group(o, "posixall", "groupOfNames", "member", group_dn(o, "posix", dn));
	group(o, "uniqueall", "groupOfNames", "member", group_dn(o, "unique", dn));
	people_put(admin, group_dn(o, "direct", (char[160]){ 0 }), "member", dn_of(o, "kim", dn));
	static const struct {
		const char *group, *who;
	} rows[] = { { "direct", "kim" },    { "all", "kim" },   { "unique", "lee" },
		     { "uniqueall", "lee" }, { "posix", "max" }, { "posixall", "max" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		require(o, rows[i].group);
		assert_says(people_sign_in(&o->p, rows[i].who, "secret1", &e), EC_OK, &e);
		assert_says(people_sign_in(&o->p, "eve", "secret1", &e), EC_REFUSED, &e);
		assert_int_equal(e.detail, REFUSAL_GROUP);
		assert_says(people_sign_in(&o->p, "eve", "wrong", &e), EC_DENIED, &e);
		assert_says(people_find(&o->p, "eve@example.com", &who, &e), EC_OK, &e);
		assert_false(who.enabled);
	}
	require(o, "none");
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_BROKEN, &e);
}

static void groups_in_a_circle_end(void **state)
{
	struct office *o = *state;
	struct err e;
	char dn[160];

	add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	group(o, "a", "groupOfNames", "member", dn_of(o, "kim", dn));
	group(o, "b", "groupOfNames", "member", group_dn(o, "a", dn));
	people_put(admin, group_dn(o, "a", dn), "member", group_dn(o, "b", (char[160]){ 0 }));
	group(o, "c", "groupOfNames", "member", dn_of(o, "kim", (char[160]){ 0 }));
	group(o, "other", "groupOfNames", "member", dn);
	require(o, "other");
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_REFUSED, &e);
}

/* ---- new accounts ---- */

static void accounts_are_made_and_removed(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;
	char dn[160];

	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_OK, &e);
	assert_string_equal(who.key, dn_of(o, "kim", dn));
	assert_string_equal(who.logon, "kim");
	people_put(admin, dn, "pwdReset", NULL);
	assert_says(people_sign_in(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(people_create(&o->p, "kim@example.com", "secret2", &e), EC_EXISTS, &e);
	assert_says(people_change(&o->p, "kim@example.com", "secret2", &e), EC_OK, &e);
	people_put(admin, dn, "pwdReset", NULL);
	assert_says(people_sign_in(&o->p, "kim", "secret1", &e), EC_DENIED, &e);
	assert_says(people_sign_in(&o->p, "kim", "secret2", &e), EC_OK, &e);
	assert_says(people_remove(&o->p, "kim@example.com", &e), EC_OK, &e);
	assert_says(people_remove(&o->p, "kim@example.com", &e), EC_ABSENT, &e);
	assert_says(people_change(&o->p, "kim@example.com", "x", &e), EC_ABSENT, &e);
}

static void a_taken_logon_name_is_altered(void **state)
{
	static const char *const domains[] = { "example.com", "example.org", "example.net" };
	static const char *const logons[] = { "kim", "kim1", "kim2" };
	struct office *o = *state;
	struct account who;
	struct err e;
	char address[64];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(address, sizeof(address), "kim@%s", domains[i]);
		assert_says(people_create(&o->p, address, "secret1", &e), EC_OK, &e);
		assert_says(people_find(&o->p, address, &who, &e), EC_OK, &e);
		assert_string_equal(who.logon, logons[i]);
	}
	assert_says(people_remove(&o->p, "kim@example.org", &e), EC_OK, &e);
	assert_says(people_create(&o->p, "kim@example.info", "secret1", &e), EC_OK, &e);
	assert_says(people_find(&o->p, "kim@example.info", &who, &e), EC_OK, &e);
	assert_string_equal(who.logon, "kim1");
}

static void nothing_is_left_of_what_failed(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	/* the policy wants five characters, and is asked after the entry was made */
	assert_says(people_create(&o->p, "kim@example.com", "abc", &e), EC_REFUSED, &e);
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_ABSENT, &e);
	assert_says(people_create(&o->p, "kim@example.com", "", &e), EC_USAGE, &e);
	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(people_change(&o->p, "kim@example.com", "abc", &e), EC_REFUSED, &e);
	people_reopen(&o->p, settings(o, "directory_new_users = ou=nowhere,dc=test\n"));
	assert_says(people_create(&o->p, "lee@example.com", "secret1", &e), EC_BROKEN, &e);
	assert_non_null(strstr(e.text, "directory_new_users"));
}

static void odd_names_are_only_names(void **state)
{
	static const char *const names[] = { "o'brien@example.com", "a.b-c_d@example.com",
					     "#x@example.com", "a&b!@example.com" };
	struct office *o = *state;
	struct account who;
	struct err e;

	assert_says(people_create(&o->p, "j\xC3\xBCrgen@example.com", "secret1", &e), EC_USAGE, &e);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_says(people_create(&o->p, names[i], "secret1", &e), EC_OK, &e);
		assert_says(people_find(&o->p, names[i], &who, &e), EC_OK, &e);
		assert_says(people_remove(&o->p, names[i], &e), EC_OK, &e);
	}
}

static void the_service_is_not_removed(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;
	char more[256], dn[160];

	add_person(o, "svc", "secret1", "mail: svc@example.com\n");
	people_put(admin, SLAPD_BASE, "description", NULL);
	snprintf(more, sizeof(more), "directory_user = %s\n", dn_of(o, "svc", dn));
	assert_says(people_find(&o->p, "svc@example.com", &who, &e), EC_OK, &e);
	assert_false(who.admin);
	o->p.dir->link.user = dn;
	assert_says(people_find(&o->p, "svc@example.com", &who, &e), EC_OK, &e);
	assert_true(who.admin);
	assert_says(people_remove(&o->p, "svc@example.com", &e), EC_REFUSED, &e);
}

/* ---- NT hashes ---- */

/* Of "password": the best known one there is. */
static const unsigned char hash_of_password[NT_HASH] = { 0x88, 0x46, 0xF7, 0xEA, 0xEE, 0x8F,
							 0xB1, 0x17, 0xAD, 0x06, 0xBD, 0xD8,
							 0x30, 0xB7, 0x58, 0x6C };

static enum ec reveal(struct office *o, const char *address, struct secret *out, struct err *e)
{
	struct account who = { .name = tree_name(address) };

	return o->p.a->ops->reveal(o->p.a, &who, SECRET_NT_HASH, out, e);
}

static void hashes_are_kept_in_step(void **state)
{
	struct office *o = *state;
	struct secret s = { 0 };
	struct err e;
	char dn[160];

	assert_true(o->p.a->reveals == 1u << SECRET_NT_HASH);
	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	dn_of(o, "kim", dn);
	people_put(admin, dn, "pwdReset", "TRUE");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e); /* to be changed first */
	people_put(admin, dn, "pwdReset", NULL);
	assert_says(people_change(&o->p, "kim@example.com", "password", &e), EC_OK, &e);
	people_put(admin, dn, "pwdReset", NULL);
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_OK, &e);
	assert_int_equal(s.len, NT_HASH);
	assert_memory_equal(s.bytes, hash_of_password, NT_HASH);
	assert_says(reveal(o, "nobody@example.com", &s, &e), EC_ABSENT, &e);
	people_put(admin, dn, "pwdAccountLockedTime", "000001010000Z");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	people_put(admin, dn, "pwdAccountLockedTime", NULL);
	people_put(admin, dn, "winpopNTHash", "nonsense");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_BROKEN, &e);
	people_put(admin, dn, "winpopNTHash", NULL);
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	assert_ec(o->p.a->ops->reveal(o->p.a,
				      &(struct account){ .name = tree_name("kim@example.com") },
				      SECRET_CLEAR, &s, &e),
		  EC_REFUSED);
	secret_drop(&s);
}

static void a_hash_needs_the_group_too(void **state)
{
	struct office *o = *state;
	struct secret s = { 0 };
	struct err e;
	char dn[160];

	add_person(o, "kim", "secret1",
		   "mail: kim@example.com\nobjectClass: winpopAccount\n"
		   "winpopNTHash: 8846f7eaee8fb117ad06bdd830b7586c\n");
	add_person(o, "lee", "secret1", "");
	group(o, "g", "groupOfNames", "member", dn_of(o, "lee", dn));
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_OK, &e);
	require(o, "g");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	assert_int_equal(e.detail, REFUSAL_GROUP);
	secret_drop(&s);
}

/* Without SPA no hashes are made, but one that is there is not left to go stale. */
static void no_hashes_without_spa(void **state)
{
	struct office *o = *state;
	struct secret s = { 0 };
	struct err e;
	char dn[160];

	people_reopen(&o->p, settings(o, "spa = off\n"));
	assert_true(o->p.a->reveals == 0);
	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(people_create(&o->p, "lee@example.com", "secret1", &e), EC_OK, &e);
	people_put(admin, dn_of(o, "kim", dn), "pwdReset", NULL);
	people_put(admin, dn_of(o, "lee", (char[160]){ 0 }), "objectClass", "inetOrgPerson");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	people_reopen(&o->p, settings(o, ""));
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	assert_says(people_change(&o->p, "kim@example.com", "secret2", &e), EC_OK, &e);
	people_reopen(&o->p, settings(o, "spa = off\n"));
	assert_says(people_change(&o->p, "kim@example.com", "password", &e), EC_OK, &e);
	people_put(admin, dn, "pwdReset", NULL);
	people_reopen(&o->p, settings(o, ""));
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_OK, &e);
	assert_memory_equal(s.bytes, hash_of_password, NT_HASH);
	secret_drop(&s);
}

/* sambaNTPassword is Samba's: mended where it is old, not made where there is none. */
static void a_hash_of_samba_is_mended(void **state)
{
	struct office *o = *state;
	struct secret s = { 0 };
	struct err e;

	add_person(o, "kim", "secret1",
		   "mail: kim@example.com\nobjectClass: sambaSamAccount\nsambaSID: "
		   "S-1-5-21-1-2-3-1001\n"
		   "sambaNTPassword: 00000000000000000000000000000000\n");
	add_person(o, "lee", "secret1",
		   "mail: lee@example.com\nobjectClass: sambaSamAccount\nsambaSID: "
		   "S-1-5-21-1-2-3-1002\n");
	add_person(o, "max", "secret1",
		   "mail: max@example.com\nobjectClass: sambaSamAccount\nsambaSID: "
		   "S-1-5-21-1-2-3-1003\n"
		   "sambaNTPassword: 8846F7EAEE8FB117AD06BDD830B7586C\nsambaAcctFlags: [UD         "
		   "]\n");
	assert_says(people_change(&o->p, "kim@example.com", "password", &e), EC_OK, &e);
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_OK, &e);
	assert_memory_equal(s.bytes, hash_of_password, NT_HASH);
	assert_says(people_change(&o->p, "lee@example.com", "password", &e), EC_OK, &e);
	assert_says(reveal(o, "lee@example.com", &s, &e), EC_REFUSED, &e);
	assert_says(reveal(o, "max@example.com", &s, &e), EC_REFUSED, &e); /* disabled */
	assert_int_equal(e.detail, REFUSAL_DISABLED);
	secret_drop(&s);
}

/* ---- two at a time ---- */

struct race {
	struct office *o;
	unsigned n_tries;
	bool other; /* what exists is something else */
	char won[LOGON_NAME_MAX + 1];
};

/* Somebody takes the first name between our look and our entry. */
static enum ec lose_once(void *ctx, const char *logon, struct err *e)
{
	struct race *r = ctx;

	if (r->n_tries++ == 0 && !r->other)
		add_person(r->o, logon, "x", "");
	if (r->n_tries == 1)
		return err_set(e, EC_EXISTS, "faster");
	strcpy(r->won, logon);
	return EC_OK;
}

static void a_lost_race_tries_the_next_name(void **state)
{
	struct office *o = *state;
	struct race r = { .o = o };
	struct err e;
	const struct free_name f = { .base = o->base,
				     .attr = "uid",
				     .rule = &logon_rule_openldap,
				     .local = "kim",
				     .make = lose_once,
				     .ctx = &r };

	assert_says(free_name_make(admin, &f, &e), EC_OK, &e);
	assert_string_equal(r.won, "kim1");
	r = (struct race){ .o = o, .other = true };
	assert_says(free_name_make(admin, &f, &e), EC_EXISTS, &e); /* another name would not help */
	assert_int_equal(r.n_tries, 1);
}

static void open_admin(void)
{
	static struct link_setup setup;
	struct err e = { 0 };

	setup = slapd_setup(&slapd);
	assert_says(dir_conn_open(slapd.plain, &setup, true, &admin, &e), EC_OK, &e);
	people_add_entry(admin, "dn: " SERVICE "\nobjectClass: organizationalRole\n"
				"objectClass: simpleSecurityObject\ncn: winpop\n"
				"userPassword: " SLAPD_PASSWORD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_lead_to_mailboxes, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_names_are_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_one_is_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(an_account_without_mail_is_linked_by_its_name,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_in_two_domains, setup, teardown),
		cmocka_unit_test_setup_teardown(passwords_are_proved, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_say_why, setup, teardown),
		cmocka_unit_test_setup_teardown(the_stamp_tells_changes_of_the_password, setup,
						teardown),
		cmocka_unit_test_setup_teardown(only_members_sign_in, setup, teardown),
		cmocka_unit_test_setup_teardown(groups_in_a_circle_end, setup, teardown),
		cmocka_unit_test_setup_teardown(accounts_are_made_and_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_taken_logon_name_is_altered, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_left_of_what_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_names_are_only_names, setup, teardown),
		cmocka_unit_test_setup_teardown(the_service_is_not_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(hashes_are_kept_in_step, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hash_needs_the_group_too, setup, teardown),
		cmocka_unit_test_setup_teardown(no_hashes_without_spa, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hash_of_samba_is_mended, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_race_tries_the_next_name, setup, teardown),
	};
	slapd_start_with(&slapd,
			 "include /etc/ldap/schema/nis.schema\n" SAMBA_SCHEMA "include " SCHEMA_DIR
			 "/openldap/winpop.schema\n",
			 "access to * by dn.exact=" SERVICE " write by * break\n");
	open_admin();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dir_conn_close(&admin);
	slapd_stop(&slapd);
	return failed;
}
