/* test_limit.c - limits of accounts in a real OpenLDAP: with a mailbox and without. */
#include <stdio.h>
#include "tests/unit/ldap/office.h"

#define REGISTRY "catalog = directory\n"

static int open_registry(void **state)
{
	int rc = office_open(state);

	office_reopen(*state, REGISTRY);
	return rc;
}

static enum ec set_limit(struct office *o, const char *address, const struct quota_limit *limit,
			 struct err *e)
{
	struct name n = tree_name(address);

	return o->p.a->ops->set_limit(o->p.a, &n, limit, e);
}

static struct account found(struct office *o, const char *address)
{
	struct account who;
	struct err e = { 0 };

	assert_says(people_find(&o->p, address, &who, &e), EC_OK, &e);
	return who;
}

static void assert_limit(struct office *o, const char *address, bool has, uint64_t octets,
			 uint64_t messages)
{
	struct account who = found(o, address);

	assert_int_equal(who.has_limit, has);
	assert_int_equal(who.limit.octets, octets);
	assert_int_equal(who.limit.messages, messages);
}

/* ---- what an administrator of the directory wrote ---- */

static void what_attributes_say(void **state)
{
	static const struct {
		const char *bytes, *messages;
		bool has;
		uint64_t n_bytes, n_messages;
	} rows[] = {
		{ NULL, NULL, false, 0, 0 },
		{ "1000", NULL, true, 1000, 0 },
		{ NULL, "10", true, 0, 10 },
		{ "524288000", "10000", true, 524288000, 10000 },
		{ "0", NULL, true, 0, 0 },
		{ "0", "5", true, 0, 5 },
		{ "-1", NULL, true, 0, 0 },
		{ "9223372036854775807", NULL, true, INT64_MAX, 0 },
		{ "9223372036854775808", NULL, true, 0, 0 }, /* nobody gets there */
		{ "99999999999999999999999999", "7", true, 0, 7 },
	};
	struct office *o = *state;
	char dn[160];

	office_add_person(o, "kim", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: kim@example.com\n");
	office_dn(o, "kim", dn);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		office_put(dn, "winpopQuotaBytes", rows[i].bytes);
		office_put(dn, "winpopQuotaMessages", rows[i].messages);
		assert_limit(o, "kim@example.com", rows[i].has, rows[i].n_bytes,
			     rows[i].n_messages);
	}
}

/* An account for a whole domain is a person that nobody is. */
static void accounts_without_a_mailbox(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	office_add_person(o, "all", "x",
			  "objectClass: winpopQuota\nmail: all@example.com\n"
			  "winpopQuotaBytes: 1000\n");
	office_add_person(o, "nomail", "x", "objectClass: winpopQuota\nwinpopQuotaBytes: 2000\n");
	assert_limit(o, "all@example.com", true, 1000, 0);
	assert_limit(o, "ALL@Example.com", true, 1000, 0);
	assert_limit(o, "nomail@example.com", true, 2000, 0); /* by its logon name */
	assert_says(people_resolve(&o->p, "all@example.com", &who, &e), EC_OK, &e);
	assert_says(people_resolve(&o->p, "all", &who, &e), EC_OK, &e);
	assert_string_equal(who.name.local, "all");
	assert_string_equal(who.name.domain, "example.com");
	assert_true(who.has_limit);
	/* nobody has to be let in for it */
	office_add_group(o, "in", "groupOfNames", "member", o->people);
	char more[256], dn[160];
	snprintf(more, sizeof(more), REGISTRY "directory_group = %s\n",
		 office_group_dn(o, "in", dn));
	office_reopen(o, more);
	assert_limit(o, "all@example.com", true, 1000, 0);
}

static void aliases_and_strangers(void **state)
{
	static const char *const odd[] = { "*@example.com", "kim)(uid=*@example.com",
					   "nobody@example.com", "\\2a@example.com" };
	struct office *o = *state;
	struct account who;
	struct err e;

	office_add_person(o, "kim", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: kim@example.com\n"
			  "winpopAlias: k@example.com\nwinpopQuotaBytes: 1000\n");
	assert_limit(o, "k@example.com", true, 1000, 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct name n = { .domain = "example.com" };
		memcpy(n.local, odd[i], strcspn(odd[i], "@"));
		assert_says(o->p.a->ops->find(o->p.a, &n, &who, &e), EC_ABSENT, &e);
		assert_says(o->p.a->ops->set_limit(o->p.a, &n, &(struct quota_limit){ 1, 1 }, &e),
			    EC_ABSENT, &e);
	}
	assert_limit(o, "kim@example.com", true, 1000, 0);
	/* of two nobody knows whose limit it is */
	office_add_person(o, "a", "x", "mail: same@example.com\n");
	office_add_person(o, "b", "x", "mail: same@example.com\n");
	assert_says(set_limit(o, "same@example.com", &(struct quota_limit){ 1, 1 }, &e), EC_ABSENT,
		    &e);
	assert_non_null(strstr(e.text, "uid=a,"));
}

/* ---- setting ---- */

static void limits_are_set(void **state)
{
	static const struct quota_limit rows[] = { { 1000, 10 }, { 2000, 0 },
						   { 0, 20 },    { 0, 0 },
						   { 1, 0 },     { INT64_MAX, INT64_MAX } };
	static const char *const who[] = { "kim@example.com", "lee@example.com" };
	struct office *o = *state;
	struct err e;

	office_add_person(o, "kim", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: kim@example.com\n");
	office_add_person(o, "lee", "secret2", "mail: lee@example.com\n");
	for (unsigned k = 0; k < 2; k++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			assert_says(set_limit(o, who[k], &rows[i], &e), EC_OK, &e);
			assert_limit(o, who[k], true, rows[i].octets, rows[i].messages);
		}
		assert_says(set_limit(o, who[k], NULL, &e), EC_OK, &e);
		assert_says(set_limit(o, who[k], NULL, &e), EC_OK, &e);
		assert_limit(o, who[k], false, 0, 0);
		assert_says(set_limit(o, who[k], &(struct quota_limit){ INT64_MAX + 1ull, 0 }, &e),
			    EC_USAGE, &e);
		assert_says(set_limit(o, who[k], &(struct quota_limit){ 0, UINT64_MAX }, &e),
			    EC_USAGE, &e);
		assert_limit(o, who[k], false, 0, 0);
	}
	assert_says(people_sign_in(&o->p, "lee", "secret2", &e), EC_OK,
		    &e); /* nothing else changed */
}

/* Where mailboxes are registered elsewhere the table beside them has the limits. */
static void only_where_the_directory_is_the_catalog(void **state)
{
	struct office *o = *state;

	assert_true(o->p.a->keeps_limits);
	office_add_person(o, "kim", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: kim@example.com\n"
			  "winpopQuotaBytes: 1000\n");
	office_reopen(o, "");
	assert_false(o->p.a->keeps_limits);
	assert_limit(o, "kim@example.com", false, 0, 0);
}

static void a_directory_that_is_away(void **state)
{
	struct office *o = *state;
	struct account who;
	struct err e;

	office_add_person(o, "kim", "secret1", "mail: kim@example.com\n");
	assert_limit(o, "kim@example.com", false, 0, 0);
	office_kill_server();
	assert_says(people_find(&o->p, "kim@example.com", &who, &e), EC_TEMP, &e);
	assert_says(people_find(&o->p, "nobody@example.com", &who, &e), EC_TEMP, &e);
	assert_says(set_limit(o, "kim@example.com", &(struct quota_limit){ 1000, 0 }, &e), EC_TEMP,
		    &e);
}

/* ---- a schema without the class for it ---- */

static void an_old_schema_is_to_be_updated(void **state)
{
	struct office *o = *state;
	struct err e;

	office_add_person(o, "kim", "secret1",
			  "objectClass: winpopMailbox\nwinpopAddress: kim@example.com\n");
	office_add_person(o, "lee", "secret2", "mail: lee@example.com\n");
	assert_says(set_limit(o, "kim@example.com", &(struct quota_limit){ 1000, 10 }, &e), EC_OK,
		    &e);
	assert_limit(o, "kim@example.com", true, 1000, 10);
	assert_says(set_limit(o, "lee@example.com", &(struct quota_limit){ 1000, 10 }, &e),
		    EC_BROKEN, &e);
	assert_non_null(strstr(e.text, "winpopQuota"));
	assert_non_null(strstr(e.text, "openldap/update.ldif"));
	assert_limit(o, "lee@example.com", false, 0, 0);
	assert_says(set_limit(o, "lee@example.com", NULL, &e), EC_OK, &e);
}

#define IN_A_REGISTRY(fn) cmocka_unit_test_setup_teardown(fn, open_registry, office_close)

int main(void)
{
	const struct CMUnitTest today[] = {
		IN_A_REGISTRY(what_attributes_say),
		IN_A_REGISTRY(accounts_without_a_mailbox),
		IN_A_REGISTRY(aliases_and_strangers),
		IN_A_REGISTRY(limits_are_set),
		IN_A_REGISTRY(only_where_the_directory_is_the_catalog),
		IN_A_REGISTRY(a_directory_that_is_away), /* the last: it does not come back */
	};
	const struct CMUnitTest old[] = {
		IN_A_REGISTRY(an_old_schema_is_to_be_updated),
	};
	int failed = cmocka_run_group_tests(today, office_start, office_stop);

	return failed + cmocka_run_group_tests(old, office_start_old, office_stop);
}
