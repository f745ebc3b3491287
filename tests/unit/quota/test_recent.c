/* test_recent.c - what accounts held lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include "server/quota/recent.h"

static void remembers_for_seconds(void **state)
{
	const struct quota_usage one = { 100, 1 }, two = { 250, 2 };
	struct recent *r = recent_new();
	struct quota_usage got;

	(void)state;
	assert_false(recent_ask(r, "kim@example.com", 5000, &got));
	recent_keep(r, "kim@example.com", &one, 5000);
	recent_keep(r, "kim@example.com", &two, 6000);
	assert_true(recent_ask(r, "KIM@Example.com", 6000, &got));
	assert_int_equal(got.octets, 250);
	assert_int_equal(got.messages, 2);
	assert_true(recent_ask(r, "kim@example.com", 6000 + RECENT_MS - 1, &got));
	assert_false(recent_ask(r, "kim@example.com", 6000 + RECENT_MS, &got));
	assert_false(recent_ask(r, "lee@example.com", 6000, &got));
	recent_free(&r);
	recent_free(&r);
}

/* More accounts than places: who is not known any more is not taken for somebody else. */
static void never_takes_one_for_another(void **state)
{
	enum { MANY = 20000 };
	struct recent *r = recent_new();
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		char account[32];
		snprintf(account, sizeof(account), "u%u@example.com", i);
		recent_keep(r, account, &(struct quota_usage){ i, i }, 1000);
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct quota_usage got;
		char account[32];
		snprintf(account, sizeof(account), "u%u@example.com", i);
		if (!recent_ask(r, account, 1000, &got))
			continue;
		assert_int_equal(got.octets, i);
		known++;
	}
	assert_in_range(known, 2000, 4096);
	recent_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_for_seconds),
		cmocka_unit_test(never_takes_one_for_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
