/* target.h - the directory that accounts are carried to, opened as it will be once authentication is ad, while it still is file.
 *
 * Thread: one at a time; may block. Owner: struct wp outlives it.
 */
#pragma once
#include "admin/cmd.h"

struct target {
	struct conf *conf; /* the settings as they will be */
	struct dir *dir;
	struct accounts *accounts;
	struct catalog *entries; /* NULL unless mailboxes are to be registered there too */
	const char *directory;   /* which one it is, in words that stay the same */
};

/* threads: how many work on it at a time. EC_BROKEN: the settings do not allow for a directory; w->hint says what to do. */
enum ec target_open(struct wp *w, bool registers, unsigned threads, struct target *out,
		    struct err *e);
void target_close(struct target *t); /* fine if zeroed */

/* Where the journal of a migration is. */
const char *target_journal(struct arena *mem, const struct conf *c);
