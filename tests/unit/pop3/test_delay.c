/* test_delay.c - LOGIN-DELAY: who has to wait, and that memory stays bounded without refusing anybody wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "server/pop3/delay.h"

static const struct name kim = { .local = "kim", .domain = "example.com" };
static const struct name pat = { .local = "pat", .domain = "example.com" };

static void waits(void **state)
{
	struct delay *d = delay_new(64);

	(void)state;
	assert_int_equal(delay_left_s(d, &kim, 60, 1000), 0);
	delay_note(d, &kim, 1000);
	assert_int_equal(delay_left_s(d, &kim, 60, 1000), 60);
	assert_int_equal(delay_left_s(d, &kim, 60, 1001), 60);
	assert_int_equal(delay_left_s(d, &kim, 60, 60999), 1);
	assert_int_equal(delay_left_s(d, &kim, 60, 61000), 0);
	assert_int_equal(delay_left_s(d, &kim, 0, 1000), 0);
	assert_int_equal(delay_left_s(d, &pat, 60, 1000), 0);
	delay_note(d, &kim, 50000);
	assert_int_equal(delay_left_s(d, &kim, 60, 61000), 49);
	delay_free(&d);
	assert_null(d);
	delay_free(&d);
}

static void is_bounded(void **state)
{
	struct delay *d = delay_new(64);
	struct name n = { .domain = "example.com" };
	unsigned n_kept = 0;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(n.local, sizeof(n.local), "u%u", i);
		assert_int_equal(delay_left_s(d, &n, 60, 1000 + i), 0);
		delay_note(d, &n, 1000 + i);
		assert_int_equal(delay_left_s(d, &n, 60, 1000 + i), 60);
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(n.local, sizeof(n.local), "u%u", i);
		n_kept += delay_left_s(d, &n, 60, 6000) > 0;
	}
	assert_in_range(n_kept, 8, 72);
	delay_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits),
		cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
