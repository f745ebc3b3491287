/* test_clock.c - units agree, and the monotonic clock is one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>
#include "server/base/clock.h"

static void units_agree(void **state)
{
	(void)state;
	uint64_t us = clock_mono_us(), ms = clock_mono_ms(), later = clock_mono_us();
	assert_in_range(ms, us / 1000, later / 1000);

	int64_t before = time(NULL);
	int64_t wall = clock_wall_s();
	uint64_t wall_us = clock_wall_us();
	assert_in_range(wall, before - 1, before + 60);
	assert_in_range(wall_us / 1000000, wall, wall + 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(units_agree) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
