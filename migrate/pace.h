/* pace.h - when the next account may begin, and how long a directory that is away is waited for. Private to migrate/.
 *
 * Pure: the caller brings the time, of a clock that only goes forward, in microseconds.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pace {
	unsigned per_second; /* 0: as fast as can be */
	uint64_t next_us;
};
/* Counts one as begun, at now_us, which is not before next_us. None is saved up: after a pause they do not come in a flood. */
void pace_begin(struct pace *p, uint64_t now_us);

#define RETRY_FIRST_US 100000
#define RETRY_MOST_US 5000000

struct patience {
	uint64_t limit_us;   /* from one success to the next */
	uint64_t success_us; /* the last one; the beginning is one */
	uint64_t retry_us;   /* nothing is tried before; 0 = no trouble */
	uint64_t step_us;
};
void patience_start(struct patience *p, unsigned limit_s, uint64_t now_us);
void patience_success(struct patience *p, uint64_t now_us);
/* Something tried came to nothing. False: it was waited long enough. */
bool patience_trouble(struct patience *p, uint64_t now_us);
