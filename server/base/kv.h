/* kv.h - small text files of `key = value` lines.
 *
 * '#' starts a comment line; blanks around key and value are trimmed; a value in double quotes
 * keeps its blanks
 * (\" and \\ inside). Used for winpop.conf, quota, lock, password and key files. Parsing is pure;
 * files are read whole, bounded. Thread: any.
 */
#pragma once
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/err.h"

struct kv_line {
	const char *key, *value; /* NUL-terminated, in the arena */
	unsigned line;           /* from 1 */
};
struct kv {
	struct kv_line *lines;
	size_t n;
};

/* EC_USAGE names the line. NUL, other control octets but tab, lines above 4096: errors. CRLF is
 * accepted. */
enum ec kv_parse(struct arena *a, const char *p, size_t len, struct kv *out, struct err *e);
const char *kv_get(const struct kv *kv, const char *key); /* last one wins; NULL if absent */
/* Rewrites text so that key has this value: in place where it stands, else appended; comments and
 * order stay. */
char *kv_edit(struct arena *a, const char *text, size_t len, const char *key, const char *value);

/* Whole small file relative to dirfd (AT_FDCWD allowed); more than max_bytes or not a regular file:
 * EC_BROKEN. */
enum ec file_read_at(struct arena *a, int dirfd, const char *path, size_t max_bytes, char **out,
		     size_t *len, struct err *e);
/* Replaces path as a whole: temporary file beside it, fsync, rename, fsync of the directory. Mode
 * is exact. */
enum ec file_replace_at(int dirfd, const char *path, const void *p, size_t len, unsigned mode,
			struct err *e);
