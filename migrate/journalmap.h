/* journalmap.h - what the journal's lines amount to: the last one of each account. Private to migrate/.
 *
 * A million accounts are some 200 MB. Thread: one at a time. Owner: it copies.
 */
#pragma once
#include "migrate/journal.h"

struct journal_map;

struct journal_map *journal_map_new(void);
void journal_map_free(struct journal_map **m);
size_t journal_map_count(const struct journal_map *m);
void journal_map_put(struct journal_map *m, const struct name *n, const struct journal_entry *what);
/* state JOURNAL_NONE: never heard of. */
void journal_map_get(const struct journal_map *m, const struct name *n, struct journal_entry *out);
/* In order of names; fn false stops. */
void journal_map_each(const struct journal_map *m,
		      bool (*fn)(void *ctx, const struct name *, const struct journal_entry *),
		      void *ctx);
