/* entry.h - an entry as a search found it. Lent inside the search's callback. Thread: one at a time.
 *
 * Values are foreign octets: a length, perhaps NUL inside, no promise of UTF-8. Attribute names in any case.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dir_entry;
typedef bool dir_entry_fn(void *ctx, struct dir_entry *en);

const char *dir_entry_dn(struct dir_entry *en);
/* The i-th value; NULL: there is none. Not NUL-terminated. */
const char *dir_entry_value(struct dir_entry *en, const char *attr, unsigned i, size_t *len);
/* The first value as a C string of at most max - 1 octets. False: absent, longer, or with a NUL inside; out is "" then. */
bool dir_entry_text(struct dir_entry *en, const char *attr, char *out, size_t max);
bool dir_entry_has(struct dir_entry *en, const char *attr,
		   const char *value); /* ASCII case ignored */
bool dir_entry_bool(struct dir_entry *en,
		    const char *attr); /* RFC 4517 section 3.3.3; absent = false */
bool dir_entry_i64(struct dir_entry *en, const char *attr, int64_t *out);
