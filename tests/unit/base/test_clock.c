/* test_clock.c - units agree, and the monotonic clock is one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>
#include "server/base/clock.h"

static void units_agree(void **state)
{
	(void)state;
	uint64_t us = clock_mono_us(), ms = clock_mono_ms(), later = clock_mono_us();
	assert_in_range(ms, us / 1000, later / 1000);
	uint64_t rough = clock_rough_ms();
	assert_in_range(rough, us / 1000 - CLOCK_ROUGH_MS, clock_mono_ms());

	int64_t before = time(NULL);
	int64_t wall = clock_wall_s();
	uint64_t wall_us = clock_wall_us();
	assert_in_range(wall, before - 1, before + 60);
	assert_in_range(wall_us / 1000000, wall, wall + 60);
}

/* Every day for 600 years, at a time that moves: the C library is the judge. */
static void text_is_the_date(void **state)
{
	char text[CLOCK_TEXT_LEN + 1] = { 0 }, want[64];
	struct tm tm;

	(void)state;
	for (uint64_t day = 0; day < UINT64_C(219146); day++) {
		uint64_t us = day * UINT64_C(86400000000) + day * 394277 % UINT64_C(86400000000);
		time_t s = (time_t)(us / 1000000);
		gmtime_r(&s, &tm);
		size_t n = strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(want + n, sizeof(want) - n, ".%03uZ", (unsigned)(us / 1000 % 1000));
		clock_text(us, text);
		assert_string_equal(text, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(units_agree),
					    cmocka_unit_test(text_is_the_date) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
