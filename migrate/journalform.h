/* journalform.h - the journal's text. Private to migrate/. Pure.
 *
 *	winpop-migration 1 DIRECTORY SUM
 *	                                        an empty line: all above it was on disk before what is below was written
 *	intent kim@example.com TOKEN SUM
 *
 * Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "migrate/journal.h"
#include "server/base/buf.h"

/* Each adds one line with its end. */
void journal_form_head(struct buf *out, const char *directory);
void journal_form_line(struct buf *out, const struct name *n, const struct journal_entry *what);
void journal_form_mark(struct buf *out); /* the empty line */

/* Words from `from` on, each with a blank behind it, become a line. */
void journal_seal(struct buf *line, size_t from);

/* Without its end; false: not what journal_form_line makes. */
bool journal_parse_line(const char *p, size_t len, struct name *n, struct journal_entry *out);

typedef void journal_line_fn(void *ctx, const struct name *n, const struct journal_entry *what);
/* Tells fn of each line, in order. *keep: octets up to a line that a crash cut short. EC_REFUSED: of another directory; EC_BROKEN
 * damaged before that, or not a journal of ours: path is for the text. fn may have been called by then. */
enum ec journal_read(const char *p, size_t len, const char *directory, const char *path,
		     journal_line_fn *fn, void *ctx, size_t *keep, struct err *e);
