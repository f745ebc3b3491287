/* progress.h - how far a long command is: a bar on a terminal, a line now and then elsewhere.
 *
 * It is for the person who waits and no part of the answer: it goes to standard error, and nothing of a bar is left when the
 * command ends. Thread: one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "migrate/mig.h"

struct progress;

/* lines: also where `to` is no terminal. */
struct progress *progress_new(FILE *to, bool lines);
/* As often as there is something new; it draws some times a second. */
void progress_show(struct progress *p, const struct mig_progress *now);
/* A sentence that stays, above the bar. */
void progress_say(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void progress_end(struct progress **p); /* NULL is fine */

/* The bar itself, at most `columns` characters; pure, for tests. */
struct buf;
void progress_bar(struct buf *out, unsigned columns, const struct mig_progress *now,
		  uint64_t spent_ms);
