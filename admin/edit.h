/* edit.h - changing winpop.conf: locked, checked, replaced whole, owner and mode kept.
 *
 *	rc = edit_begin(path, mem, &ed, e);
 *	edit_put(&ed, "port", "1110");  ...
 *	rc = edit_commit(&ed, &now, e);		or		edit_end(&ed);
 *
 * Two editors never lose a change: the second waits for the first and starts from what it left.
 * Thread: one at a time; may block.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/conf/conf.h"

struct edit {
	struct arena *mem;
	const char *path; /* links resolved */
	char *text;
	size_t len;
	struct conf *was; /* NULL: the file as it stands can't be read, which an edit may mend */
	int fd;           /* holds the lock */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

enum ec edit_begin(const char *path, struct arena *mem, struct edit *out, struct err *e);
void edit_put(struct edit *ed, const char *key, const char *value);
/* The text as it would be, checked. *now is the caller's. */
enum ec edit_check(const struct edit *ed, struct conf **now, struct err *e);
enum ec edit_commit(struct edit *ed, struct err *e);
void edit_end(struct edit *ed); /* gives the lock back; fine after anything */
