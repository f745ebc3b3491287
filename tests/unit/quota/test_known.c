/* test_known.c - what is remembered of the accounts' answers, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "server/quota/known.h"

#define NOW 1000000

static const struct answer kim = { .has_limit = true, .limit = { 500, 5 } };
static const struct answer root = { .admin = true };

static void expect(struct known *k, const char *account, uint64_t changes, uint64_t now,
		   enum known_age age, const struct answer *want)
{
	struct answer got = { 0 };

	assert_int_equal(known_ask(k, account, changes, now, &got), age);
	if (!want)
		return;
	assert_int_equal(got.admin, want->admin);
	assert_int_equal(got.has_limit, want->has_limit);
	assert_int_equal(got.limit.octets, want->limit.octets);
	assert_int_equal(got.limit.messages, want->limit.messages);
}

static void test_kept_apart(void **state)
{
	struct known *k = known_new();

	(void)state;
	expect(k, "kim@a", 0, NOW, KNOWN_NOT, NULL);
	known_keep(k, "kim@a", 0, NOW + 10, &kim);
	known_keep(k, "root", 0, NOW + 10, &root);
	expect(k, "kim@a", 0, NOW, KNOWN_FRESH, &kim);
	expect(k, "root", 0, NOW, KNOWN_FRESH, &root);
	expect(k, "kim@b", 0, NOW, KNOWN_NOT, NULL);
	known_keep(k, "kim@a", 0, NOW + 10, &root);
	expect(k, "kim@a", 0, NOW, KNOWN_FRESH, &root);
	known_free(&k);
	assert_null(k);
}

/* One asks anew while the others go on; if he never comes back, the next one asks some seconds later. */
static void test_grows_old_for_one(void **state)
{
	struct known *k = known_new();
	const uint64_t later = NOW + KNOWN_RETRY_MS;

	(void)state;
	known_keep(k, "kim@a", 0, NOW, &kim);
	expect(k, "kim@a", 0, NOW - 1, KNOWN_FRESH, &kim);
	expect(k, "kim@a", 0, NOW, KNOWN_OLD, &kim);
	expect(k, "kim@a", 0, NOW, KNOWN_FRESH, &kim);
	expect(k, "kim@a", 0, later - 1, KNOWN_FRESH, &kim);
	expect(k, "kim@a", 0, later, KNOWN_OLD, &kim);
	known_free(&k);
}

/* After a change nobody goes on with what was said before it. */
static void test_changed(void **state)
{
	struct known *k = known_new();

	(void)state;
	known_keep(k, "kim@a", 7, NOW + 10, &kim);
	expect(k, "kim@a", 8, NOW, KNOWN_OLD, &kim);
	expect(k, "kim@a", 8, NOW, KNOWN_OLD, &kim);
	known_keep(k, "kim@a", 8, NOW + 10, &root);
	expect(k, "kim@a", 8, NOW, KNOWN_FRESH, &root);
	known_free(&k);
}

/* More accounts than places: some are forgotten, none is mistaken for another. */
static void test_bounded(void **state)
{
	struct known *k = known_new();
	unsigned n_there = 0;
	char account[40];

	(void)state;
	for (unsigned i = 0; i < 2 * KNOWN_PLACES; i++) {
		const struct answer a = { .limit.octets = i };

		snprintf(account, sizeof(account), "user%u@example.com", i);
		known_keep(k, account, 0, NOW + i, &a);
	}
	for (unsigned i = 0; i < 2 * KNOWN_PLACES; i++) {
		struct answer got;

		snprintf(account, sizeof(account), "user%u@example.com", i);
		if (known_ask(k, account, 0, NOW - 1, &got) == KNOWN_NOT)
			continue;
		assert_int_equal(got.limit.octets, i);
		n_there++;
	}
	assert_true(n_there > KNOWN_PLACES * 9 / 10 && n_there <= KNOWN_PLACES);
	known_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_apart),
		cmocka_unit_test(test_grows_old_for_one),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
