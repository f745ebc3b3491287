/* history.h - what administrators did: an append-only file in the mail root, and reading it backwards.
 *
 *	mailroot/.history      one line of JSON each, the newest last      mailroot/.history.1   what was before
 *
 * Who may change mailboxes may write here, and whoever owns the mail root may also rewrite it: it is for people who ask "who
 * locked this?", the system log is for those who do not trust the host. Never holds a secret: switches and values are not
 * written.
 *
 * Thread: any; blocks on the disk. Several processes may write, and read, at once.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "server/base/err.h"

#define HISTORY_BYTES_MAX (8u << 20) /* then a new file begins */
#define HISTORY_CURSOR_MAX 48

struct history_act {
	const char *name, *from; /* of the console: who signed in, and whence; NULL: a shell */
	uid_t uid;
	const char *sudo_user, *as; /* as: in the directory; each may be NULL */
	const char *command, *target;
	enum ec result;
	const char *text; /* of the failure, or NULL */
};
/* Belongs to the mail root's owner, whoever writes. EC_*: it is not noted, which is no failure of what was done. */
enum ec history_note(const char *mailroot, const struct history_act *act, struct err *e);

/* A line as it was noted; strings are lent for the call, "" = not noted. */
struct history_line {
	const char *time; /* "2026-11-21T14:40:00.770Z" */
	const char *who;  /* name in the console, or of the user who called sudo, or of the user */
	const char *from; /* "shell", or the console's client */
	const char *command, *target, *result, *text;
};
struct history_query {
	/* Only what is before: the beginning of a time as above ("2026-11-21"), or where an answer ended. NULL: all. */
	const char *before;
	const char *
		about; /* what is in each line wanted, so that others need not be understood; or NULL */
	uint64_t limit;
	bool (*wants)(void *ctx, const char *target);
	void (*show)(void *ctx, const struct history_line *line);
	void *ctx;
};
/* Newest first. more: `before` of what follows, "" if nothing does. EC_USAGE: `before` is neither; EC_ABSENT: what it points to
 * is no longer kept. What is no line of ours is passed over. */
enum ec history_read(const char *mailroot, const struct history_query *q,
		     char more[HISTORY_CURSOR_MAX], struct err *e);
