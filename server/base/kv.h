/* kv.h - small text files of `key = value` lines.
 *
 * '#' starts a comment line; blanks around key and value are trimmed; a value in double quotes
 * keeps its blanks (\" and \\ inside). Keys are letters, digits, '_', '-' and '.', and match in any
 * case. Used for winpop.conf, quota, lock, password and key files; file.h reads and replaces them.
 * Pure. Thread: any.
 */
#pragma once
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/file.h"

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
/* Rewrites text so that key has this value: in place where it stands (the last place, which is the
 * one that counts), else appended; comments, order and line ends stay. The value holds no control
 * octets: the caller has checked. */
char *kv_edit(struct arena *a, const char *text, size_t len, const char *key, const char *value);
