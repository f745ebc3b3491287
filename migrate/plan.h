/* plan.h - what would happen to each account, and which logon name it gets. Private to migrate/.
 *
 * Two accounts that would get the same logon name get theirs in order of names, here, so that a run on many threads gives them the
 * names that were shown before.
 * Thread: plan_make works with threads of its own; after that any number may read. A million accounts take some 150 MB.
 */
#pragma once
#include <stdatomic.h>
#include "migrate/journal.h"
#include "migrate/mig.h"

struct plan;
struct promises;

struct plan_order {
	const struct mig_setup *setup;
	struct journal *journal;  /* NULL: nothing was done yet */
	const struct name *scope; /* a mailbox, a domain, or all (NULL) */
	const atomic_bool *stop;
	mig_progress_fn *progress; /* may be NULL */
	void *progress_ctx;
};

/* Failure: as mig_plan's. */
enum ec plan_make(const struct plan_order *order, struct plan **out, struct err *e);
void plan_free(struct plan **p);

size_t plan_count(const struct plan *p);
struct name plan_name(const struct plan *p, size_t i);
enum mig_what plan_what(const struct plan *p, size_t i);
void plan_row(const struct plan *p, size_t i, struct mig_row *out); /* strings lent by the plan */

/* The wish a run has for it; lent by both. */
struct plan_wish {
	struct account_wish wish;
	const struct plan *plan;
	size_t i;
	const struct promises *line; /* the plan's own */
};
void plan_wish(const struct plan *p, size_t i, struct plan_wish *out);
