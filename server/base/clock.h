/* clock.h - time. Monotonic for delays, wall for what people read. */
#pragma once
#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
uint64_t clock_wall_us(void); /* since 1970 */
int64_t clock_wall_s(void);
