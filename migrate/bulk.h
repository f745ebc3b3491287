/* bulk.h - something for each of many accounts: on threads, throttled, patient, and ended in good order. Private to migrate/.
 *
 * Knows nothing about accounts but their number in a list. Planning, doing, undoing and checking are the same to it.
 * Thread: the caller waits in bulk_run; `one` is called on others, `progress` on the caller's.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include "migrate/mig.h"

enum bulk_end {
	BULK_OK,
	BULK_MORE,    /* so far; the rest of it when others had their turn */
	BULK_THROUGH, /* and what stands in the way of one account stands in the way of none */
	BULK_FAILED,  /* for reasons of its own */
	BULK_LATER, /* EC_TEMP, EC_BUSY: it goes back; all wait, then one alone tries until one succeeds */
	BULK_HALT, /* for reasons that everybody has: nobody else begins */
};

struct bulk {
	unsigned threads, per_second, patience_s;
	bool scout;              /* one at a time until one came through */
	const atomic_bool *stop; /* set: no more begin */
	size_t n;
	/* err: why LATER or HALT. */
	enum bulk_end (*one)(void *ctx, size_t i, struct err *e);
	void *ctx;
	mig_progress_fn *progress; /* may be NULL */
	void *progress_ctx;
};

/* From `sum`, which goes on from what it holds, so that several can be one to whoever looks on: its total is the caller's.
 * EC_REFUSED: stopped before all were done; EC_TEMP, EC_BUSY: patience is at its end, the trouble's own words; whatever HALT said. */
enum ec bulk_run(const struct bulk *what, struct mig_progress *sum, struct err *e);
