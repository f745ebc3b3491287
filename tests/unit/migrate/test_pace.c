/* test_pace.c - throttle and patience, with a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "migrate/pace.h"

#define SECOND 1000000u

static void so_many_in_a_second(void **state)
{
	static const unsigned rates[] = { 1, 3, 50, 999 };

	(void)state;
	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		struct pace p = { .per_second = rates[r] };
		unsigned n = 0;

		for (uint64_t now = 7 * SECOND; now < 17 * SECOND; now += 37) {
			if (now < p.next_us)
				continue;
			pace_begin(&p, now);
			n++;
		}
		assert_in_range(n, 10 * rates[r] * 9 / 10, 10 * rates[r]);
	}
}

static void no_throttle(void **state)
{
	struct pace p = { 0 };

	(void)state;
	pace_begin(&p, 5);
	assert_int_equal(p.next_us, 0);
}

static void nothing_is_saved_up(void **state)
{
	struct pace p = { .per_second = 10 };

	(void)state;
	pace_begin(&p, 1 * SECOND);
	pace_begin(&p, 60 * SECOND);
	assert_int_equal(p.next_us, 60 * SECOND + 100000);
}

static void waits_double(void **state)
{
	static const unsigned steps[] = { 100000,  200000,  400000,  800000, 1600000,
					  3200000, 5000000, 5000000, 5000000 };
	struct patience p;
	uint64_t now = 3 * SECOND;

	(void)state;
	patience_start(&p, 300, now);
	assert_int_equal(p.retry_us, 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_true(patience_trouble(&p, now));
		assert_int_equal(p.retry_us, now + steps[i]);
		now = p.retry_us;
	}
	patience_success(&p, now);
	assert_int_equal(p.retry_us, 0);
	assert_true(patience_trouble(&p, now));
	assert_int_equal(p.retry_us, now + steps[0]);
}

/* Sixteen that were under way when it went away. */
static void one_trouble_is_one(void **state)
{
	struct patience p;

	(void)state;
	patience_start(&p, 300, 0);
	for (unsigned i = 0; i < 16; i++)
		assert_true(patience_trouble(&p, SECOND + i));
	assert_int_equal(p.retry_us, SECOND + 100000);
}

static void ends_after_the_last_success(void **state)
{
	struct patience p;
	uint64_t now = 0;
	unsigned n = 0;

	(void)state;
	patience_start(&p, 7, 0);
	patience_success(&p, 2 * SECOND);
	for (now = 3 * SECOND; patience_trouble(&p, now); now = p.retry_us)
		n++;
	assert_int_equal(now, 9 * SECOND); /* one more try at the very end */
	assert_int_equal(n, 6);            /* 3, 3.1, 3.3, 3.7, 4.5, 6.1 */
}

static void none_at_all(void **state)
{
	struct patience p;

	(void)state;
	patience_start(&p, 0, SECOND);
	assert_false(patience_trouble(&p, SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_in_a_second),
		cmocka_unit_test(no_throttle),
		cmocka_unit_test(nothing_is_saved_up),
		cmocka_unit_test(waits_double),
		cmocka_unit_test(one_trouble_is_one),
		cmocka_unit_test(ends_after_the_last_success),
		cmocka_unit_test(none_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
