/* clock.h - time. Monotonic for delays, wall for what people read. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define CLOCK_SLACK_US 1000 /* the two are slewed alike, but not read alike */

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
uint64_t clock_rough_ms(void); /* monotonic, for a tenth of the price, */
#define CLOCK_ROUGH_MS 10      /* and behind by a tick of the kernel's, which is no longer */
uint64_t clock_wall_us(void);  /* since 1970 */
int64_t clock_wall_s(void);

#define CLOCK_TEXT_LEN 24
void clock_text(uint64_t wall_us,
		char out[CLOCK_TEXT_LEN]); /* "2026-11-21T14:40:00.770Z", no NUL */

/* Where both stood when something began whose steps are stamped by the wall clock. */
struct clock_mark {
	uint64_t wall_us, mono_us;
};
static inline struct clock_mark clock_mark(void)
{
	uint64_t wall_us = clock_wall_us();

	return (struct clock_mark){ wall_us, clock_mono_us() };
}
/* Set back since, it makes what was stamped since look older than its beginning. In this order of the four looks, no pause
 * between two of them is taken for that. */
static inline bool clock_was_set_back(struct clock_mark since)
{
	uint64_t by_mono_us = clock_mono_us() - since.mono_us;

	return clock_wall_us() + CLOCK_SLACK_US < since.wall_us + by_mono_us;
}
