/* slots.h - socketmax, socketmin, socketbacklog, socketthreshold: how many connections are served, held, denied.
 *
 * Up to max are served. The next `backlog` are accepted but hear nothing until a slot frees, in order of arrival. Beyond,
 * they are denied: closed at once. Session memory is kept ready for `min` and grows by `threshold` at a time.
 * Thread: any (a short mutex: the numbers are one for all loops, and a freed slot must find the oldest waiter).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"

struct slots;
struct held; /* a connection that waits; embed it */
struct held {
	struct held *next, *prev;
	void (*go)(struct held *); /* any thread: a slot is now yours */
};
enum slot_answer { SLOT_SERVE, SLOT_HELD, SLOT_DENIED };

struct slots *slots_new(unsigned max, unsigned min, unsigned backlog, unsigned threshold);
void slots_free(struct slots **s);
void slots_set(struct slots *s, unsigned max, unsigned min, unsigned backlog,
	       unsigned threshold); /* live */
enum slot_answer slots_take(struct slots *s, struct held *h);
bool slots_leave(struct slots *s,
		 struct held *h); /* a waiter gave up; false: it had just been given a slot */
void slots_give(struct slots *s); /* a served connection ended; wakes the oldest waiter */
struct slots_now {
	unsigned served, held, ready;
	uint64_t denied;
};
void slots_now(struct slots *s, struct slots_now *out);
