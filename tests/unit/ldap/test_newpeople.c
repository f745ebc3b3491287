/* test_newpeople.c - accounts made, changed and removed in a real OpenLDAP, and their NT hashes. */
#include <stdio.h>
#include "ldap/freename.h"
#include "ldap/nthash.h"
#include "tests/unit/ldap/office.h"

/* ---- new accounts ---- */

static void accounts_are_made_and_removed(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;
	char dn[160];

	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_OK, &e);
	assert_string_equal(who.key, office_dn(o, "kim", dn));
	assert_string_equal(who.logon, "kim");
	office_put(dn, "pwdReset", NULL);
	assert_says(people_sign_in(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(people_create(&o->p, "kim@example.com", "secret2", &e), EC_EXISTS, &e);
	assert_says(people_change(&o->p, "kim@example.com", "secret2", &e), EC_OK, &e);
	office_put(dn, "pwdReset", NULL);
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
	office_reopen(o, "directory_new_users = ou=nowhere,dc=test\n");
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

/* The mailbox goes first, and with it all that led to the account; the address is somebody else's logon name. */
static void removed_is_who_was_found(void **state)
{
	struct office *o = *state;
	struct account box, post;
	struct err e;
	char dn[160];

	office_add_person(o, "box", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: post@example.com\n");
	office_add_person(o, "post", "secret1", "");
	assert_says(people_find(&o->p, "post@example.com", &box, &e), EC_OK, &e);
	assert_string_equal(box.key, office_dn(o, "box", dn));
	struct dir_change *ch = change_new(dn);
	change_putz(ch, CHANGE_DELETE, "objectClass", "winpopMailbox");
	change_drop(ch, CHANGE_DELETE, "winpopAddress");
	assert_says(dir_conn_modify(office_admin, ch, &e), EC_OK, &e);
	change_free(&ch);
	assert_says(o->p.a->ops->remove(o->p.a, &box, &e), EC_OK, &e);
	assert_says(o->p.a->ops->remove(o->p.a, &box, &e), EC_ABSENT, &e);
	assert_says(people_find(&o->p, "post@example.com", &post, &e), EC_OK, &e);
	assert_string_equal(post.logon, "post");
}

/* Found by an alias: its mailbox is another one, and stays. */
static void somebody_with_another_mailbox_is_not_removed(void **state)
{
	struct office *o = *state;
	struct err e;

	office_add_person(o, "box", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: post@example.com\n"
			  "winpopAlias: info@example.com\n");
	assert_says(people_remove(&o->p, "info@example.com", &e), EC_REFUSED, &e);
	assert_non_null(strstr(e.text, "post@example.com"));
	assert_says(people_remove(&o->p, "post@example.com", &e), EC_OK, &e);
	tree_add_mailbox(&o->p.tree, "sales@example.com");
	office_add_person(o, "kim", "secret1", "mail: kim@example.com\nmail: sales@example.com\n");
	assert_says(people_remove(&o->p, "kim@example.com", &e), EC_REFUSED, &e);
	assert_non_null(strstr(e.text, "sales@example.com"));
}

static void the_service_is_not_removed(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;
	char dn[160], spelled[176];

	office_add_person(o, "svc", "secret1", "mail: svc@example.com\n");
	office_add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	assert_says(people_find(&o->p, "svc@example.com", &who, &e), EC_OK, &e);
	assert_false(who.admin);
	snprintf(spelled, sizeof(spelled), "UID=Svc, %s", strchr(office_dn(o, "svc", dn), ',') + 1);
	/* a name that is no DN: Active Directory's, or a Kerberos principal */
	const char *const names[] = { dn, spelled, "svc@example.com", "EXAMPLE\\svc" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		o->p.dir->link.user = names[i];
		assert_says(people_find(&o->p, "svc@example.com", &who, &e), EC_OK, &e);
		assert_true(who.admin);
		assert_says(people_remove(&o->p, "svc@example.com", &e), EC_REFUSED, &e);
		assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_OK, &e);
		assert_false(who.admin);
	}
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
	office_dn(o, "kim", dn);
	office_put(dn, "pwdReset", "TRUE");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e); /* to be changed first */
	office_put(dn, "pwdReset", NULL);
	assert_says(people_change(&o->p, "kim@example.com", "password", &e), EC_OK, &e);
	office_put(dn, "pwdReset", NULL);
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_OK, &e);
	assert_int_equal(s.len, NT_HASH);
	assert_memory_equal(s.bytes, hash_of_password, NT_HASH);
	assert_says(reveal(o, "nobody@example.com", &s, &e), EC_ABSENT, &e);
	office_put(dn, "pwdAccountLockedTime", "000001010000Z");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	office_put(dn, "pwdAccountLockedTime", NULL);
	office_put(dn, "winpopNTHash", "nonsense");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_BROKEN, &e);
	office_put(dn, "winpopNTHash", NULL);
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	assert_ec(o->p.a->ops->reveal(o->p.a,
				      &(struct account){ .name = tree_name("kim@example.com") },
				      SECRET_CLEAR, &s, &e),
		  EC_REFUSED);
	secret_drop(&s);
}

/* The one of Samba's needs a class that is not ours to give. */
static void attributes_of_hashes_that_settings_name(void **state)
{
	static const char *const cases[] = { "sambaNTPassword winpopNTHash", "winpopNTHash" };
	struct office *o = *state;
	struct secret s = { 0 };
	struct err e;
	char more[96];

	office_add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(more, sizeof(more), "directory_nt_hash = %s\n", cases[i]);
		office_reopen(o, more);
		assert_says(people_change(&o->p, "kim@example.com", "password", &e), EC_OK, &e);
		char dn[160];
		office_put(office_dn(o, "kim", dn), "pwdReset", NULL);
		assert_says(reveal(o, "kim@example.com", &s, &e), EC_OK, &e);
		assert_memory_equal(s.bytes, hash_of_password, NT_HASH);
		struct dir_change *ch = change_new(dn);
		change_drop(ch, CHANGE_DELETE, "winpopNTHash");
		change_putz(ch, CHANGE_DELETE, "objectClass", "winpopAccount");
		assert_says(dir_conn_modify(office_admin, ch, &e), EC_OK, &e);
		change_free(&ch);
	}
	secret_drop(&s);
}

static void a_hash_needs_the_group_too(void **state)
{
	struct office *o = *state;
	struct secret s = { 0 };
	struct err e;
	char dn[160];

	office_add_person(o, "kim", "secret1",
			  "mail: kim@example.com\nobjectClass: winpopAccount\n"
			  "winpopNTHash: 8846f7eaee8fb117ad06bdd830b7586c\n");
	office_add_person(o, "lee", "secret1", "");
	office_add_group(o, "g", "groupOfNames", "member", office_dn(o, "lee", dn));
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_OK, &e);
	office_require(o, "g");
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

	office_reopen(o, "spa = auto\n"); /* hashes are an administrator's decision */
	assert_true(o->p.a->reveals == 0);
	office_reopen(o, "spa = off\n");
	assert_true(o->p.a->reveals == 0);
	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(people_create(&o->p, "lee@example.com", "secret1", &e), EC_OK, &e);
	office_put(office_dn(o, "kim", dn), "pwdReset", NULL);
	office_put(office_dn(o, "lee", (char[160]){ 0 }), "objectClass", "inetOrgPerson");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	office_reopen(o, "");
	assert_says(reveal(o, "kim@example.com", &s, &e), EC_REFUSED, &e);
	assert_says(people_change(&o->p, "kim@example.com", "secret2", &e), EC_OK, &e);
	office_reopen(o, "spa = off\n");
	assert_says(people_change(&o->p, "kim@example.com", "password", &e), EC_OK, &e);
	office_put(dn, "pwdReset", NULL);
	office_reopen(o, "");
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

	office_add_person(o, "kim", "secret1",
			  "mail: kim@example.com\nobjectClass: sambaSamAccount\nsambaSID: "
			  "S-1-5-21-1-2-3-1001\n"
			  "sambaNTPassword: 00000000000000000000000000000000\n");
	office_add_person(o, "lee", "secret1",
			  "mail: lee@example.com\nobjectClass: sambaSamAccount\nsambaSID: "
			  "S-1-5-21-1-2-3-1002\n");
	office_add_person(
		o, "max", "secret1",
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

/* ---- servers without RFC 3062 ---- */

static bool is_hashed(void *ctx, struct dir_entry *en)
{
	size_t len;
	const char *value = dir_entry_value(en, "userPassword", 0, &len);

	*(bool *)ctx = value && len > 6 && strncmp(value, "{SSHA}", 6) == 0;
	return false;
}

static bool has_hash(const char *dn)
{
	static const char *const attrs[] = { "userPassword", NULL };
	const struct dir_query q = {
		.base = dn, .scope = LDAP_SCOPE_BASE, .filter = "(cn=*)", .attrs = attrs
	};
	bool found = false;
	struct err e;

	assert_says(dir_conn_search(office_admin, &q, is_hashed, &found, &e), EC_OK, &e);
	return found;
}

static void pretend(struct office *o, bool judges)
{
	struct account who;
	struct err e;

	people_find(&o->p, "nobody@example.com", &who, &e); /* now the root is known */
	struct dir_root *root = (struct dir_root *)atomic_load(&o->p.dir->root);
	assert_true(root->sets_passwords && root->judges_passwords);
	root->sets_passwords = false;
	root->judges_passwords = judges;
}

/* The policy of ours judges the password itself, and would refuse hashes: it lets all pass meanwhile. */
static void a_server_that_cannot_set_passwords(void **state)
{
	struct office *o = *state;
	struct err e;
	char dn[160];

	pretend(o, true);
	assert_says(people_create(&o->p, "kim@example.com", "abc", &e), EC_REFUSED, &e);
	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	office_put(office_dn(o, "kim", dn), "pwdReset", NULL);
	assert_says(people_sign_in(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	office_reopen(o, "");
	pretend(o, false);
	people_put(office_admin, "cn=policy," SLAPD_BASE, "pwdCheckQuality", "0");
	assert_says(people_change(&o->p, "kim@example.com", "secret2", &e), EC_OK, &e);
	office_put(dn, "pwdReset", NULL);
	assert_true(has_hash(dn));
	assert_says(people_sign_in(&o->p, "kim@example.com", "secret2", &e), EC_OK, &e);
	assert_says(people_sign_in(&o->p, "kim@example.com", "secret1", &e), EC_DENIED, &e);
	assert_says(people_create(&o->p, "lee@example.com", "secret3", &e), EC_OK, &e);
	office_put(office_dn(o, "lee", dn), "pwdReset", NULL);
	assert_true(has_hash(dn));
	assert_says(people_sign_in(&o->p, "lee@example.com", "secret3", &e), EC_OK, &e);
	people_put(office_admin, "cn=policy," SLAPD_BASE, "pwdCheckQuality", "2");
}

/* ---- two at a time ---- */

struct race {
	struct office *o;
	unsigned n_tries;
	bool other;       /* what exists is something else */
	const char *more; /* of who is faster */
	char won[LOGON_NAME_MAX + 1];
};

/* Somebody takes the first name between our look and our entry. */
static enum ec lose_once(void *ctx, const char *logon, struct err *e)
{
	struct race *r = ctx;

	if (r->n_tries++ == 0 && !r->other)
		office_add_person(r->o, logon, "x", r->more);
	if (r->n_tries == 1)
		return err_set(e, EC_EXISTS, "faster");
	strcpy(r->won, logon);
	return EC_OK;
}

static void a_lost_race_tries_the_next_name(void **state)
{
	struct office *o = *state;
	struct race r = { .o = o, .more = "" };
	struct account_wish wish = { .name = tree_name("kim@example.com") };
	struct err e;
	const struct free_name f = { .base = o->base,
				     .attr = "uid",
				     .mark_attr = "description",
				     .rule = &logon_rule_openldap,
				     .wish = &wish,
				     .make = lose_once,
				     .ctx = &r };

	assert_says(free_name_make(office_admin, &f, &e), EC_OK, &e);
	assert_string_equal(r.won, "kim1");
	r = (struct race){ .o = o, .other = true };
	assert_says(free_name_make(office_admin, &f, &e), EC_EXISTS,
		    &e); /* another name would not help */
	assert_int_equal(r.n_tries, 1);
	/* an earlier try of our own, whose answer got lost, is no reason to try the next name */
	wish.name = tree_name("lee@example.com");
	wish.mark = "winpop-1";
	r = (struct race){ .o = o, .more = "mail: lee@example.com\ndescription: winpop-1\n" };
	assert_says(free_name_make(office_admin, &f, &e), EC_EXISTS, &e);
	assert_int_equal(r.n_tries, 1);
	assert_says(free_name_make(office_admin, &f, &e), EC_EXISTS, &e);
	assert_int_equal(r.n_tries, 1);
	wish.name = tree_name("lee@example.org");
	assert_says(free_name_make(office_admin, &f, &e), EC_OK, &e);
	assert_string_equal(r.won, "lee1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(accounts_are_made_and_removed, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(a_taken_logon_name_is_altered, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(nothing_is_left_of_what_failed, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(odd_names_are_only_names, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(removed_is_who_was_found, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(somebody_with_another_mailbox_is_not_removed,
						office_open, office_close),
		cmocka_unit_test_setup_teardown(the_service_is_not_removed, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(hashes_are_kept_in_step, office_open, office_close),
		cmocka_unit_test_setup_teardown(attributes_of_hashes_that_settings_name,
						office_open, office_close),
		cmocka_unit_test_setup_teardown(a_hash_needs_the_group_too, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(no_hashes_without_spa, office_open, office_close),
		cmocka_unit_test_setup_teardown(a_hash_of_samba_is_mended, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(a_server_that_cannot_set_passwords, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(a_lost_race_tries_the_next_name, office_open,
						office_close),
	};
	return cmocka_run_group_tests(tests, office_start, office_stop);
}
