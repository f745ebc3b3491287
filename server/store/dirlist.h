/* dirlist.h - a directory read at once: the names somebody wants, sorted.
 *
 * Owner: the caller drops it. Thread: one at a time. A directory that changes meanwhile gives each
 * name at most once. /
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/buf.h"

struct dirlist_item {
	uint64_t ino;
	uint32_t name; /* dirlist_name() */
	uint8_t type;  /* DT_* */
};
struct dirlist {
	struct buf names;
	struct dirlist_item *items;
	size_t n, cap;
};

/* want NULL: all but "." and "..". 0, or -1 with errno. */
int dirlist_read(int dirfd, bool (*want)(const char *name), struct dirlist *out);
char *dirlist_name(const struct dirlist *l, size_t i);
void dirlist_sort(struct dirlist *l); /* again, after names were changed in place */
void dirlist_drop(struct dirlist *l);
/* Is this item a directory itself (no link to one)? Looks only if the file system did not say. */
bool dirlist_is_dir(const struct dirlist *l, size_t i, int dirfd);
