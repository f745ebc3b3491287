/* test_inspect.c - what stands where an account is to be, in a real OpenLDAP; and marks by which accounts are known again. */
#include <stdio.h>
#include "tests/unit/ldap/office.h"

static enum ec inspect(struct office *o, const struct account_wish *wish, struct prospect *out,
		       struct err *e)
{
	return o->p.a->ops->inspect(o->p.a, wish, NULL, out, e);
}

static enum ec create(struct office *o, const struct account_wish *wish, const char *password,
		      struct err *e)
{
	struct secret s = { 0 };

	secret_set(&s, password, strlen(password));
	enum ec rc = o->p.a->ops->create(o->p.a, wish, &s, NULL, e);
	secret_drop(&s);
	return rc;
}

static struct account_wish wish_for(const char *address)
{
	return (struct account_wish){ .name = tree_name(address) };
}

static enum ec look(struct office *o, const char *address, struct prospect *out, struct err *e)
{
	const struct account_wish wish = wish_for(address);

	return inspect(o, &wish, out, e);
}

static void assert_free(struct office *o, const char *address, const char *logon)
{
	struct prospect p;
	struct err e;

	assert_says(look(o, address, &p, &e), EC_OK, &e);
	assert_false(p.taken);
	assert_string_equal(p.logon, logon);
	assert_int_equal(p.weak.class, EC_OK);
}

/* ---- free ---- */

static void a_free_place_has_a_logon_name(void **state)
{
	struct office *o = *state;

	assert_free(o, "kim@example.com", "kim");
	office_add_person(o, "kim", "secret1", "mail: kim@elsewhere.example\n");
	assert_free(o, "kim@example.com", "kim1");
	office_add_person(o, "kim1", "secret1", "mail: kim1@elsewhere.example\n");
	assert_free(o, "kim@example.com", "kim2");
}

/* What inspect says is what create does. */
static void create_does_what_was_told(void **state)
{
	struct office *o = *state;
	struct account_wish wish = wish_for("kim@example.com");
	struct prospect before, after;
	struct err e;

	office_add_person(o, "kim", "secret1", "mail: kim@elsewhere.example\n");
	assert_says(inspect(o, &wish, &before, &e), EC_OK, &e);
	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
	assert_says(inspect(o, &wish, &after, &e), EC_OK, &e);
	assert_true(after.taken);
	assert_string_equal(after.there.logon, before.logon);
	assert_true(after.there.enabled && *after.there.key && *after.there.stamp);
	assert_true(name_equal(&after.there.name, &wish.name));
	assert_string_equal(after.mark, "");
}

/* The hash for SPA is in the entry before its password is: no account that can sign in lacks it. */
static void a_hash_goes_with_the_entry(void **state)
{
	struct office *o = *state;
	struct account_wish wish = wish_for("kim@example.com");
	struct account who = { .name = wish.name };
	struct secret hash = { 0 };
	struct err e;
	char dn[160];

	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
	office_put(office_dn(o, "kim", dn), "pwdReset", NULL);
	assert_says(o->p.a->ops->reveal(o->p.a, &who, SECRET_NT_HASH, &hash, &e), EC_OK, &e);
	assert_int_equal(hash.len, 16);
	office_reopen(o, "spa = off\n");
	wish = wish_for("lee@example.com");
	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
	office_put(office_dn(o, "lee", dn), "objectClass",
		   "inetOrgPerson"); /* that is all it was */
	office_reopen(o, "");
	who.name = wish.name;
	office_put(dn, "pwdReset", NULL);
	assert_says(o->p.a->ops->reveal(o->p.a, &who, SECRET_NT_HASH, &hash, &e), EC_REFUSED, &e);
	secret_drop(&hash);
}

struct promises {
	const char *const *names;
	unsigned n_asked;
};

static bool is_promised(void *ctx, const char *logon)
{
	struct promises *p = ctx;

	p->n_asked++;
	for (unsigned i = 0; p->names[i]; i++) {
		if (strcmp(p->names[i], logon) == 0)
			return true;
	}
	return false;
}

static void wishes_and_promises(void **state)
{
	static const char *const promised[] = { "kim", "kim2", NULL };
	struct office *o = *state;
	struct promises p = { .names = promised };
	struct account_wish wish = { .name = tree_name("kim@example.com"),
				     .avoid = is_promised,
				     .ctx = &p };
	struct prospect found;
	struct account who;
	struct err e;

	assert_says(inspect(o, &wish, &found, &e), EC_OK, &e);
	assert_string_equal(found.logon, "kim1");
	office_add_person(o, "kim1", "secret1", "mail: kim1@elsewhere.example\n");
	assert_says(inspect(o, &wish, &found, &e), EC_OK, &e);
	assert_string_equal(found.logon, "kim3");
	assert_true(p.n_asked > 0);
	wish.logon = "kim1"; /* somebody's */
	assert_says(inspect(o, &wish, &found, &e), EC_OK, &e);
	assert_string_equal(found.logon, "kim3");
	wish.logon = "kim2"; /* promised, to whoever wishes for it */
	assert_says(inspect(o, &wish, &found, &e), EC_OK, &e);
	assert_string_equal(found.logon, "kim2");
	wish.logon = "";
	assert_says(inspect(o, &wish, &found, &e), EC_OK, &e);
	assert_string_equal(found.logon, "kim3");
	wish.logon = "chief";
	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_OK, &e);
	assert_string_equal(who.logon, "chief");
	wish.name = tree_name("kim@example.org"); /* the same wish comes too late */
	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
	assert_says(people_find(&o->p, "kim@example.org", &who, &e), EC_OK, &e);
	assert_string_equal(who.logon, "kim3");
}

/* ---- marks ---- */

static void marks_are_read_back(void **state)
{
	struct office *o = *state;
	struct account_wish wish = { .name = tree_name("kim@example.com"), .mark = "winpop-4711" };
	struct prospect p;
	struct err e;
	char dn[160];

	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_false(p.taken);
	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
	assert_says(look(o, "kim@example.com", &p, &e), EC_OK, &e);
	assert_true(p.taken);
	assert_string_equal(p.mark, "winpop-4711");
	office_put(office_dn(o, "kim", dn), "description", "the boss");
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_string_equal(p.mark, "the boss");
	office_put(dn, "description", NULL);
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_string_equal(p.mark, "");
	assert_true(p.taken);
}

/* Of several values ours is found, whatever the order; what can be no mark is none. */
static void a_mark_among_others(void **state)
{
	static const char longest[] =
		"0123456789012345678901234567890123456789012345678901234567890123";
	struct office *o = *state;
	struct account_wish wish = { .name = tree_name("kim@example.com"), .mark = "B" };
	struct prospect p;
	struct err e;
	char more[300];

	office_add_person(
		o, "kim", "secret1",
		"mail: kim@example.com\ndescription: A\ndescription: B\ndescription: C\n");
	for (char mark[2] = "A"; *mark <= 'C'; (*mark)++) {
		wish.mark = mark;
		assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
		assert_string_equal(p.mark, mark);
	}
	wish.mark = "b"; /* letter by letter, not as the directory compares */
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_string_not_equal(p.mark, "b");
	wish.name = tree_name("lee@example.com");
	snprintf(more, sizeof(more),
		 "mail: lee@example.com\ndescription: J\xC3\xBCrgen's\n"
		 "description: %s0\n",
		 longest);
	office_add_person(o, "lee", "secret1", more);
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_string_equal(p.mark, "");
	people_put(office_admin, office_dn(o, "lee", (char[160]){ 0 }), "description", longest);
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_string_equal(p.mark, longest);
}

/* Made, and the settings lead nobody to it: it is found by its mark all the same, made only once, and can be removed. */
static void what_was_made_is_found_again(void **state)
{
	struct office *o = *state;
	struct account_wish wish = { .name = tree_name("kim@example.com"), .mark = "winpop-1" };
	struct account who;
	struct prospect p;
	struct err e;
	char dn[160];

	office_reopen(o, "directory_filter = (title=postman)\n");
	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_ABSENT, &e);
	assert_says(create(o, &wish, "secret1", &e), EC_EXISTS, &e);
	assert_non_null(strstr(e.text, office_dn(o, "kim", dn)));
	assert_non_null(strstr(e.text, "try again"));
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_true(p.taken);
	assert_string_equal(p.mark, wish.mark);
	assert_string_equal(p.there.key, dn);
	wish.mark = "winpop-2";
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_false(p.taken);
	wish.mark = "winpop-1";
	wish.name = tree_name("kim@example.org");
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_false(p.taken);
	wish.name = tree_name("kim@example.com");
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	office_add(o, "cn=twin,ou=people",
		   "objectClass: inetOrgPerson\ncn: twin\nsn: x\nmail: kim@example.com\n"
		   "description: winpop-1");
	struct prospect twins;
	assert_says(inspect(o, &wish, &twins, &e), EC_EXISTS, &e);
	assert_says(create(o, &wish, "secret1", &e), EC_EXISTS, &e);
	assert_says(o->p.a->ops->remove(o->p.a, &p.there, &e), EC_OK, &e);
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_non_null(strstr(p.there.key, "cn=twin,"));
}

/* Never a time that other changes move. */
static void when_the_password_was_set(void **state)
{
	struct office *o = *state;
	struct prospect p, later;
	struct err e;
	char dn[160];

	assert_says(people_create(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	assert_says(look(o, "kim@example.com", &p, &e), EC_OK, &e);
	assert_int_equal(strlen(p.changed), strlen("20260102030405Z"));
	office_put(office_dn(o, "kim", dn), "title", "postman");
	assert_says(look(o, "kim@example.com", &later, &e), EC_OK, &e);
	assert_string_equal(p.changed, later.changed);
	office_add(o, "cn=lee,ou=people",
		   "objectClass: person\nobjectClass: uidObject\nuid: lee\ncn: lee\nsn: x");
	assert_says(look(o, "lee@example.com", &p, &e), EC_OK, &e);
	assert_true(p.taken);
	assert_string_equal(p.changed, "");
}

/* Written and not to be read: the account would be a stranger's from then on. */
static void a_mark_that_cannot_be_read(void **state)
{
	struct office *o = *state;
	struct account_wish wish = wish_for("kim@example.com");
	struct account who;
	struct err e;
	char more[128];

	office_add(o, "ou=blind", "objectClass: organizationalUnit\nou: blind");
	snprintf(more, sizeof(more), "directory_new_users = ou=blind,%s\n", o->base);
	office_reopen(o, more);
	wish.mark = "winpop-1";
	assert_says(create(o, &wish, "secret1", &e), EC_DENIED, &e);
	assert_non_null(strstr(e.text, "acl.ldif"));
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_ABSENT, &e);
	wish.mark = NULL;
	assert_says(create(o, &wish, "secret1", &e), EC_OK, &e);
}

/* ---- taken ---- */

static void taken_is_as_find_tells(void **state)
{
	struct office *o = *state;
	struct account who;
	struct prospect p;
	struct err e;
	char dn[160];

	office_add_person(o, "box", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: kim@example.com\n");
	assert_says(look(o, "kim@example.com", &p, &e), EC_OK, &e);
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_OK, &e);
	assert_true(p.taken && p.there.enabled);
	assert_string_equal(p.there.key, office_dn(o, "box", dn));
	assert_string_equal(p.there.key, who.key);
	assert_string_equal(p.there.logon, who.logon);
	assert_string_equal(p.there.stamp, who.stamp);
	office_put(dn, "pwdAccountLockedTime", "000001010000Z");
	assert_says(look(o, "kim@example.com", &p, &e), EC_OK, &e);
	assert_true(p.taken && !p.there.enabled);
}

static void two_are_too_many(void **state)
{
	struct office *o = *state;
	struct prospect p;
	struct err e;

	office_add_person(o, "a", "secret1", "mail: same@example.com\n");
	office_add_person(o, "b", "secret2", "mail: same@example.com\n");
	assert_says(look(o, "same@example.com", &p, &e), EC_EXISTS, &e);
	assert_non_null(strstr(e.text, "uid=a,"));
	assert_non_null(strstr(e.text, "uid=b,"));
}

/* An entry without mail is taken by its name. If two mailboxes have that name it is neither's: which one would be for the order to
 * decide in which they are looked at. */
static void an_entry_without_mail(void **state)
{
	struct office *o = *state;
	struct name domain = tree_name("example.org");
	struct prospect p;
	struct err e;
	char dn[160];

	office_add_person(o, "kim", "secret1", "");
	assert_says(look(o, "kim@example.com", &p, &e), EC_OK, &e);
	assert_true(p.taken);
	assert_string_equal(p.there.logon, "kim");
	assert_says(o->p.catalog->ops->add(o->p.catalog, &domain, NULL, &e), EC_OK, &e);
	tree_add_mailbox(&o->p.tree, "kim@example.org");
	assert_says(look(o, "kim@example.com", &p, &e), EC_EXISTS, &e);
	assert_non_null(strstr(e.text, "kim@example.org"));
	assert_says(look(o, "kim@example.org", &p, &e), EC_EXISTS, &e);
	office_put(office_dn(o, "kim", dn), "mail", "kim@example.org");
	assert_free(o, "kim@example.com", "kim1");
	assert_says(look(o, "kim@example.org", &p, &e), EC_OK, &e);
	assert_true(p.taken);
}

/* ---- what cannot be ---- */

static void names_that_are_none_here(void **state)
{
	static const char *const cases[] = { "j\xC3\xBCrgen@example.com", "kim+lists@example.com" };
	struct office *o = *state;
	struct prospect p;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct account_wish wish = wish_for(cases[i]);
		assert_says(inspect(o, &wish, &p, &e), EC_USAGE, &e);
		assert_says(create(o, &wish, "secret1", &e), EC_USAGE, &e);
	}
}

static void a_container_that_is_missing(void **state)
{
	struct office *o = *state;
	struct prospect p;
	struct err e;

	office_reopen(o, "directory_new_users = ou=nowhere,dc=test\n");
	assert_says(look(o, "kim@example.com", &p, &e), EC_BROKEN, &e);
	assert_non_null(strstr(e.text, "directory_new_users"));
	office_add_person(o, "kim", "secret1", "mail: kim@example.com\n"); /* needs none */
	assert_says(look(o, "kim@example.com", &p, &e), EC_OK, &e);
	assert_true(p.taken);
}

/* Ended between the entry and its password: it is known by its mark, and completed, with the hash for SPA. */
static void half_an_entry_is_completed(void **state)
{
	struct office *o = *state;
	struct account_wish wish = { .name = tree_name("kim@example.com"), .mark = "winpop-1" };
	struct secret hash = { 0 };
	struct prospect p;
	struct err e;
	char dn[160];

	office_add(o, "uid=kim,ou=people",
		   "objectClass: inetOrgPerson\nuid: kim\ncn: kim\nsn: kim\nmail: kim@example.com\n"
		   "description: winpop-1");
	assert_says(inspect(o, &wish, &p, &e), EC_OK, &e);
	assert_true(p.taken);
	assert_string_equal(p.mark, wish.mark);
	assert_says(people_verify(&o->p, &p.there, "secret1", &e), EC_DENIED, &e);
	assert_says(people_change(&o->p, "kim@example.com", "secret1", &e), EC_OK, &e);
	office_put(office_dn(o, "kim", dn), "pwdReset", NULL);
	assert_says(people_verify(&o->p, &p.there, "secret1", &e), EC_OK, &e);
	assert_says(o->p.a->ops->reveal(o->p.a, &p.there, SECRET_NT_HASH, &hash, &e), EC_OK, &e);
	assert_int_equal(hash.len, 16);
	secret_drop(&hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_free_place_has_a_logon_name, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(create_does_what_was_told, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(a_hash_goes_with_the_entry, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(wishes_and_promises, office_open, office_close),
		cmocka_unit_test_setup_teardown(marks_are_read_back, office_open, office_close),
		cmocka_unit_test_setup_teardown(a_mark_among_others, office_open, office_close),
		cmocka_unit_test_setup_teardown(what_was_made_is_found_again, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(when_the_password_was_set, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(a_mark_that_cannot_be_read, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(taken_is_as_find_tells, office_open, office_close),
		cmocka_unit_test_setup_teardown(two_are_too_many, office_open, office_close),
		cmocka_unit_test_setup_teardown(an_entry_without_mail, office_open, office_close),
		cmocka_unit_test_setup_teardown(names_that_are_none_here, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(a_container_that_is_missing, office_open,
						office_close),
		cmocka_unit_test_setup_teardown(half_an_entry_is_completed, office_open,
						office_close),
	};
	return cmocka_run_group_tests(tests, office_start, office_stop);
}
