/* clock.c - the two clocks.
 *
 * The text is made without gmtime_r(3), which takes a lock that all threads share, and without
 * strftime(3), which knows too much.
 */
#include <time.h>
#include "server/base/clock.h"

static uint64_t now_us(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t); /* cannot fail for these clocks */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_mono_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

uint64_t clock_rough_ms(void)
{
	return now_us(CLOCK_MONOTONIC_COARSE) / 1000;
}

uint64_t clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
	return (int64_t)(now_us(CLOCK_REALTIME) / 1000000);
}

/* The decimal digits of n, as many as there is room for; returns where they end. */
static char *digits(char *to, unsigned n_digits, unsigned n)
{
	for (unsigned i = n_digits; i-- > 0; n /= 10)
		to[i] = (char)('0' + n % 10);
	return to + n_digits;
}

/* The Gregorian calendar repeats itself every 400 years. Their first day is taken to be the 1st of
 * March, so that a leap day is the last of its year and month lengths follow one rule. */
static char *date(char *to, uint64_t days_since_1970)
{
	uint64_t days = days_since_1970 + 719468; /* since the 1st of March in the year 0 */
	unsigned day = (unsigned)(days % 146097);
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned of_year = day - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0 is March */
	bool next_year = month >= 10;

	to = digits(to, 4, (unsigned)(days / 146097 * 400) + year + next_year);
	*to++ = '-';
	to = digits(to, 2, next_year ? month - 9 : month + 3);
	*to++ = '-';
	return digits(to, 2, of_year - (153 * month + 2) / 5 + 1);
}

void clock_text(uint64_t wall_us, char out[CLOCK_TEXT_LEN])
{
	uint64_t wall_s = wall_us / 1000000;
	unsigned s = (unsigned)(wall_s % 86400);
	char *to = date(out, wall_s / 86400);

	*to++ = 'T';
	to = digits(to, 2, s / 3600);
	*to++ = ':';
	to = digits(to, 2, s / 60 % 60);
	*to++ = ':';
	to = digits(to, 2, s % 60);
	*to++ = '.';
	to = digits(to, 3, (unsigned)(wall_us / 1000 % 1000));
	*to = 'Z';
}
