/* test_limits.c - whose word counts, who is asked for it, and how often. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/quota/limits.h"
#include "server/quota/table.h"
#include "tests/unit/quota/folks.h"
#include "tests/unit/store/remembers.h"

static const struct quota_limit standard = { 1000, 10 }, none;

struct scene {
	char path[40];
	struct mailroot *root;
	struct folks folks;
	struct limits *here, *there; /* there: another process's */
};

static void begin(struct scene *s, enum name_rule rule, bool keeps_limits)
{
	*s = (struct scene){ 0 };
	snprintf(s->path, sizeof(s->path), "%s/winpop-limits-XXXXXX", place_that_remembers());
	assert_non_null(mkdtemp(s->path));
	assert_int_equal(mailroot_open(s->path, &s->root, NULL), EC_OK);
	folks_begin(&s->folks, rule, keeps_limits);
	limits_open(s->root, &s->folks.base, &s->here);
	limits_open(s->root, &s->folks.base, &s->there);
}

static void end(struct scene *s)
{
	char command[80];

	limits_close(&s->here);
	limits_close(&s->there);
	assert_null(s->here);
	mailroot_close(&s->root);
	snprintf(command, sizeof(command), "rm -r %s", s->path);
	assert_int_equal(system(command), 0);
}

static void expect(struct limits *l, const char *account, const struct quota_limit *usual,
		   enum limit_from from, uint64_t octets, uint64_t messages)
{
	struct quota_limit got;
	enum limit_from got_from;
	struct err e;

	if (limits_find(l, account, usual, &got, &got_from, &e) != EC_OK)
		fail_msg("%s: %s", account, e.text);
	assert_int_equal(got_from, from);
	assert_int_equal(got.octets, octets);
	assert_int_equal(got.messages, messages);
}

static void set(struct limits *l, const char *account, uint64_t octets, uint64_t messages,
		enum limit_from kept)
{
	const struct quota_limit limit = { octets, messages };
	enum limit_from got;
	struct err e;

	if (limits_set(l, account, &limit, &got, &e) != EC_OK)
		fail_msg("%s: %s", account, e.text);
	assert_int_equal(got, kept);
}

static void unset(struct limits *l, const char *account)
{
	enum limit_from kept;

	assert_int_equal(limits_set(l, account, NULL, &kept, NULL), EC_OK);
}

/* Nobody is asked: there is no directory, and no administrator. */
static void test_password_file(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, NAME_FILE, false);
	expect(s.here, "kim@a", &none, LIMIT_NONE, 0, 0);
	expect(s.here, "boss@a", &standard, LIMIT_SETTINGS, 1000, 10);
	assert_int_equal(s.folks.n_find, 0);
	set(s.here, "lee@a", 500, 0, LIMIT_TABLE);
	s.folks.n_find = 0;
	expect(s.here, "lee@a", &standard, LIMIT_TABLE, 500, 0);
	expect(s.there, "LEE@A", &none, LIMIT_TABLE, 500, 0);
	set(s.there, "lee@a", 0, 0, LIMIT_TABLE); /* none, whatever the settings say */
	expect(s.here, "lee@a", &standard, LIMIT_TABLE, 0, 0);
	unset(s.there, "lee@a");
	expect(s.here, "lee@a", &standard, LIMIT_SETTINGS, 1000, 10);
	end(&s);
}

static void test_entry_before_table_before_settings(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, true);
	expect(s.here, "kim@a", &standard, LIMIT_SETTINGS, 1000, 10);
	expect(s.here, "lee@a", &standard, LIMIT_SETTINGS, 1000, 10);
	set(s.here, "kim@a", 500, 5, LIMIT_ENTRY);
	set(s.here, "lee@a", 300, 3, LIMIT_TABLE); /* has no entry */
	expect(s.here, "kim@a", &standard, LIMIT_ENTRY, 500, 5);
	expect(s.here, "lee@a", &standard, LIMIT_TABLE, 300, 3);
	set(s.here, "kim@a", 0, 7, LIMIT_ENTRY);
	expect(s.here, "kim@a", &standard, LIMIT_ENTRY, 0, 7);
	unset(s.here, "kim@a");
	expect(s.here, "kim@a", &standard, LIMIT_SETTINGS, 1000, 10);
	end(&s);
}

/* It was set while the catalog was elsewhere, and must not come back when the entry's is taken away. */
static void test_entry_clears_the_table(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, true);
	s.folks.base.keeps_limits = false;
	set(s.here, "kim@a", 300, 3, LIMIT_TABLE);
	s.folks.base.keeps_limits = true;
	expect(s.here, "kim@a", &none, LIMIT_TABLE, 300, 3);
	set(s.here, "kim@a", 500, 5, LIMIT_ENTRY);
	unset(s.here, "kim@a");
	expect(s.here, "kim@a", &none, LIMIT_NONE, 0, 0);
	end(&s);
}

static void test_administrators(void **state)
{
	static const struct quota_limit some = { 500, 0 };
	enum limit_from kept;
	struct scene s;
	struct err e;

	(void)state;
	for (int keeps = 0; keeps < 2; keeps++) {
		begin(&s, NAME_DIRECTORY, keeps);
		expect(s.here, "boss@a", &standard, LIMIT_ADMIN, 0, 0);
		assert_int_equal(limits_set(s.here, "boss@a", &some, &kept, &e), EC_REFUSED);
		assert_string_equal(e.text, "boss@a is an administrator and cannot be limited");
		unset(s.here, "boss@a");
		end(&s);
	}
}

/* He became one later. */
static void test_administrator_with_a_limit_in_the_table(void **state)
{
	const struct quota_limit limit = { 500, 0 };
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, false);
	assert_int_equal(limit_table_write(s.root, "boss@a", &limit, NULL), EC_OK);
	expect(s.here, "boss@a", &none, LIMIT_ADMIN, 0, 0);
	end(&s);
}

static void test_asked_once(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, true);
	for (int i = 0; i < 100; i++) {
		expect(s.here, "kim@a", &standard, LIMIT_SETTINGS, 1000, 10);
		expect(s.here, "nobody@a", &standard, LIMIT_SETTINGS, 1000, 10);
	}
	assert_int_equal(s.folks.n_find, 2);
	end(&s);
}

/* Only whether he is an administrator is asked then, and only if there is a limit to be free of. */
static void test_not_asked_without_a_limit(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, false);
	expect(s.here, "kim@a", &none, LIMIT_NONE, 0, 0);
	assert_int_equal(s.folks.n_find, 0);
	expect(s.here, "kim@a", &standard, LIMIT_SETTINGS, 1000, 10);
	assert_int_equal(s.folks.n_find, 1);
	end(&s);
}

static void test_others_see_changes(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, true);
	expect(s.there, "kim@a", &none, LIMIT_NONE, 0, 0);
	expect(s.there, "lee@a", &none, LIMIT_NONE, 0, 0);
	for (uint64_t octets = 100; octets < 110; octets++) {
		set(s.here, "kim@a", octets, 0, LIMIT_ENTRY);
		set(s.here, "lee@a", octets, 0, LIMIT_TABLE);
		expect(s.there, "kim@a", &none, LIMIT_ENTRY, octets, 0);
		expect(s.there, "lee@a", &none, LIMIT_TABLE, octets, 0);
		expect(s.here, "kim@a", &none, LIMIT_ENTRY, octets, 0);
	}
	end(&s);
}

static void test_away(void **state)
{
	struct scene s;
	struct quota_limit got;
	enum limit_from from, kept;
	struct err e;

	(void)state;
	begin(&s, NAME_DIRECTORY, true);
	set(s.here, "kim@a", 500, 0, LIMIT_ENTRY);
	expect(s.there, "kim@a", &none, LIMIT_ENTRY, 500, 0);
	set(s.here, "kim@a", 600, 0, LIMIT_ENTRY); /* so that there asks again */
	s.folks.away = true;
	s.folks.n_find = 0;
	for (int i = 0; i < 10; i++)
		expect(s.there, "kim@a", &none, LIMIT_ENTRY, 500, 0);
	assert_int_equal(s.folks.n_find, 1); /* not at each message */
	assert_int_equal(limits_find(s.there, "lee@a", &none, &got, &from, &e), EC_TEMP);
	assert_int_equal(e.class, EC_TEMP);
	assert_string_equal(e.text, "the directory is away");
	assert_int_equal(limits_set(s.there, "kim@a", &standard, &kept, &e), EC_TEMP);
	s.folks.base.keeps_limits = false;
	expect(s.there, "lee@a", &none, LIMIT_NONE, 0, 0);
	end(&s);
}

/* A user of this computer without a mailbox is asked for in whatever domain; elsewhere there are no bare names. */
static void test_bare_names(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, NAME_SYSTEM, false);
	expect(s.here, "boss", &standard, LIMIT_ADMIN, 0, 0);
	assert_string_equal(s.folks.asked, "boss@localhost");
	expect(s.here, "kim", &standard, LIMIT_SETTINGS, 1000, 10);
	end(&s);
	begin(&s, NAME_DIRECTORY, false);
	expect(s.here, "boss", &standard, LIMIT_SETTINGS, 1000, 10);
	assert_int_equal(s.folks.n_find, 0);
	end(&s);
}

static void test_no_names(void **state)
{
	static const char *const accounts[] = { "@", "kim@", "a b@c", "kim@a@b", "kim@-", "" };
	char longest[NAME_TEXT_MAX + 20];
	struct scene s;

	(void)state;
	begin(&s, NAME_SYSTEM, true);
	for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++)
		expect(s.here, accounts[i], &standard, LIMIT_SETTINGS, 1000, 10);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	expect(s.here, longest, &standard, LIMIT_SETTINGS, 1000, 10);
	assert_int_equal(s.folks.n_find, 0);
	end(&s);
}

/* What the accounts cannot say of somebody is trouble only where it is his limit. */
static void test_odd_accounts(void **state)
{
	struct quota_limit got;
	enum limit_from from;
	struct scene s;
	struct err e;

	(void)state;
	begin(&s, NAME_DIRECTORY, false);
	expect(s.here, "split@a", &standard, LIMIT_SETTINGS, 1000, 10);
	expect(s.here, "odd@a", &standard, LIMIT_SETTINGS, 1000, 10);
	end(&s);
	begin(&s, NAME_DIRECTORY, true);
	expect(s.here, "split@a", &standard, LIMIT_SETTINGS, 1000, 10);
	assert_int_equal(limits_find(s.here, "odd@a", &none, &got, &from, &e), EC_BROKEN);
	end(&s);
}

/* Damage is trouble, and neither "absent" nor "refused": mail waits. */
static void test_damaged_file(void **state)
{
	struct quota_limit got;
	enum limit_from from;
	char command[120];
	struct scene s;
	struct err e;

	(void)state;
	begin(&s, NAME_FILE, false);
	set(s.here, "kim@a", 5, 5, LIMIT_TABLE);
	snprintf(command, sizeof(command), "for f in %s/.quota/*.limit; do echo x > $f; done",
		 s.path);
	assert_int_equal(system(command), 0);
	assert_int_equal(limits_find(s.here, "kim@a", &none, &got, &from, &e), EC_BROKEN);
	assert_non_null(strstr(e.text, ".limit: "));
	snprintf(command, sizeof(command), "rm -r %s/.quota; echo x > %s/.quota", s.path, s.path);
	assert_int_equal(system(command), 0);
	enum ec rc = limits_find(s.here, "kim@a", &none, &got, &from, &e);
	assert_true(rc == EC_BROKEN || rc == EC_TEMP);
	end(&s);
}

static bool add_up(void *ctx, const char *account, const struct quota_limit *limit)
{
	(void)account;
	*(uint64_t *)ctx += limit->octets;
	return true;
}

static void test_each(void **state)
{
	uint64_t sum = 0;
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, true);
	set(s.here, "kim@a", 1, 0, LIMIT_ENTRY);
	set(s.here, "lee@a", 10, 0, LIMIT_TABLE);
	set(s.here, "pat@a", 100, 0, LIMIT_TABLE);
	assert_int_equal(limits_each(s.there, add_up, &sum, NULL), EC_OK);
	assert_int_equal(sum, 110);
	end(&s);
}

/* Found by many while it changes: always one of the limits that it ever had, and in the end the last one. */
struct crowd {
	struct limits *limits;
	atomic_bool over;
};

static void *look_on(void *ctx)
{
	struct crowd *c = ctx;

	while (!atomic_load(&c->over)) {
		struct quota_limit got;
		enum limit_from from;

		assert_int_equal(limits_find(c->limits, "kim@a", &standard, &got, &from, NULL),
				 EC_OK);
		assert_true(got.octets == got.messages || from == LIMIT_SETTINGS);
		limits_find(c->limits, "lee@a", &standard, &got, &from, NULL);
		assert_true(got.octets == got.messages || from == LIMIT_SETTINGS);
	}
	return NULL;
}

static void test_many_at_once(void **state)
{
	pthread_t thread[4];
	struct scene s;

	(void)state;
	begin(&s, NAME_DIRECTORY, true);
	struct crowd c = { .limits = s.here };
	s.folks.many = true;
	set(s.here, "kim@a", 1, 1, LIMIT_ENTRY);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, look_on, &c), 0);
	for (uint64_t n = 2; n < 50; n++) {
		set(s.there, "lee@a", n, n, LIMIT_TABLE);
		expect(s.here, "lee@a", &none, LIMIT_TABLE, n, n);
	}
	atomic_store(&c.over, true);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	end(&s);
}

static void test_charge(void **state)
{
	const struct conf conf = { .quota_bytes = 1000, .quota_messages = 10 };
	struct entry box = { .name = { "kim", "a" } };
	char account[NAME_TEXT_MAX + 1];
	struct charge c;
	struct scene s;

	(void)state;
	begin(&s, NAME_FILE, false);
	set(s.here, "all@a", 77, 0, LIMIT_TABLE);
	assert_int_equal(limits_charge(s.here, &box, &conf, account, &c, NULL), EC_OK);
	assert_string_equal(c.account, "kim@a");
	assert_int_equal(c.limit.octets, 1000);
	assert_int_equal(c.limit.messages, 10);
	strcpy(box.quota, "all@a");
	assert_int_equal(limits_charge(s.here, &box, &conf, account, &c, NULL), EC_OK);
	assert_string_equal(c.account, "all@a");
	assert_int_equal(c.limit.octets, 77);
	assert_int_equal(c.limit.messages, 0);
	box.quota_damaged = true;
	assert_int_equal(limits_charge(s.here, &box, &conf, account, &c, NULL), EC_BROKEN);
	end(&s);
}

/* Where nothing remembers what is not there, the call that waits has filled in the rest. */
static enum ec at_once(const struct scene *s)
{
	return remembers_absence(s->path) ? EC_OK : EC_BUSY;
}

/* What needs no file and nobody's word is charged without waiting, and the same way. */
static void test_charge_without_waiting(void **state)
{
	const struct conf none_set = { 0 }, set_for_all = { .quota_bytes = 1000 };
	const struct entry kim = { .name = { "kim", "a" } }, lee = { .name = { "lee", "a" } };
	char account[NAME_TEXT_MAX + 1];
	struct charge c;
	struct scene s;

	(void)state;
	begin(&s, NAME_FILE, false);
	set(s.here, "kim@a", 77, 0, LIMIT_TABLE);
	assert_int_equal(limits_charge_now(s.here, &kim, &set_for_all, account, &c), EC_BUSY);
	/* Looked at once, it is known that there is none. */
	assert_int_equal(limits_charge(s.here, &lee, &set_for_all, account, &c, NULL), EC_OK);
	assert_int_equal(limits_charge_now(s.here, &lee, &set_for_all, account, &c), at_once(&s));
	assert_string_equal(c.account, "lee@a");
	assert_int_equal(c.limit.octets, 1000);
	assert_int_equal(c.limit.messages, 0);
	end(&s);
	begin(&s, NAME_SYSTEM, false); /* administrators are known to the accounts alone */
	assert_int_equal(limits_charge(s.here, &lee, &none_set, account, &c, NULL), EC_OK);
	assert_int_equal(limits_charge_now(s.here, &lee, &none_set, account, &c), at_once(&s));
	assert_int_equal(limits_charge_now(s.here, &lee, &set_for_all, account, &c), EC_BUSY);
	end(&s);
	begin(&s, NAME_DIRECTORY, true);
	assert_int_equal(limits_charge_now(s.here, &lee, &none_set, account, &c), EC_BUSY);
	end(&s);
}

/* What a delivery left is known for looks before the next one, unless it was near the limit; never without a delivery. */
static void room_is_remembered(void **state)
{
	static const struct {
		struct quota_limit limit;
		struct quota_usage left;
		uint64_t more;
		bool roomy;
	} rows[] = {
		{ { 800, 0 }, { 100, 1 }, 600, true },
		{ { 800, 0 }, { 100, 1 }, 601, false },
		{ { 800, 0 }, { 100, 1 }, UINT64_MAX, false },
		{ { 800, 0 }, { 900, 1 }, 1, false },
		{ { 0, 8 }, { 900, 6 }, 1000, true },
		{ { 0, 8 }, { 0, 7 }, 1, false },
		{ { 800, 8 }, { 100, 7 }, 1, false },
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&s, NAME_FILE, false);
		struct charge c = { .account = "kim@example.com", .limit = rows[i].limit };
		assert_false(limits_roomy(s.here, &c, rows[i].more));
		c.after = rows[i].left;
		limits_left(s.here, &c);
		assert_int_equal(limits_roomy(s.here, &c, rows[i].more), rows[i].roomy);
		c.account = "lee@example.com";
		assert_false(limits_roomy(s.here, &c, rows[i].more));
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_is_remembered),
		cmocka_unit_test(test_password_file),
		cmocka_unit_test(test_entry_before_table_before_settings),
		cmocka_unit_test(test_entry_clears_the_table),
		cmocka_unit_test(test_administrators),
		cmocka_unit_test(test_administrator_with_a_limit_in_the_table),
		cmocka_unit_test(test_asked_once),
		cmocka_unit_test(test_not_asked_without_a_limit),
		cmocka_unit_test(test_others_see_changes),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_bare_names),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_odd_accounts),
		cmocka_unit_test(test_damaged_file),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_charge),
		cmocka_unit_test(test_charge_without_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
