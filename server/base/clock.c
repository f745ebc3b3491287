/* clock.c - the two clocks. */
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

uint64_t clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
	return (int64_t)(now_us(CLOCK_REALTIME) / 1000000);
}
