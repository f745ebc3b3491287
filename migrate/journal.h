/* journal.h - what a migration did, so that a next one goes on, and undo removes no more than that.
 *
 *	winpop-migration 1 DIRECTORY
 *	intent   kim@example.com TOKEN          an account with this mark is about to be made
 *	made     kim@example.com TOKEN KEY WHEN     and is there, its password proved, which was set WHEN
 *	made     kim@example.com TOKEN KEY WHEN new and has a new password, not that of the password file
 *	linked   kim@example.com KEY            one that was there was taken
 *	linked   kim@example.com KEY registered and is a registered mailbox (of the directory's catalog) by us
 *	gone     kim@example.com                not there (any more), by us
 *
 * Lines of words, escaped, each ended by a checksum; the last one of an account counts, a line cut short by a crash is none. Each is
 * on disk when journal_put returns (writers at the same moment share one sync). Nothing secret is in it.
 * Thread: any. Owner: strings are copied; what is got is a copy.
 */
#pragma once
#include <stdbool.h>
#include "server/accounts/accounts.h"
#include "server/base/err.h"
#include "server/base/name.h"

struct journal;

enum journal_state { JOURNAL_NONE, JOURNAL_INTENT, JOURNAL_MADE, JOURNAL_LINKED, JOURNAL_GONE };

struct journal_entry {
	enum journal_state state;
	char mark[ACCOUNT_MARK_MAX + 1]; /* intent, made */
	char key[ACCOUNT_KEY_MAX + 1];   /* made, linked */
	/* made: when its password was set, as the directory says it; "" = not known, "?" = it was about to be set again */
	char changed[ACCOUNT_STAMP_MAX + 1];
	bool new_password; /* made */
	bool registered;   /* linked */
};

/* Holds it: EC_LOCKED while another process does. make false: EC_ABSENT if there is none. EC_REFUSED: it is of another directory.
 * EC_BROKEN: damaged otherwise than at its end. */
enum ec journal_open(const char *path, const char *directory, bool make, struct journal **out,
		     struct err *e);
void journal_close(struct journal **j);
void journal_get(struct journal *j, const struct name *n, struct journal_entry *out);
enum ec journal_put(struct journal *j, const struct name *n, const struct journal_entry *what,
		    struct err *e);
/* Every account that was ever in it, in order of names, as it is now; fn false stops. Nobody puts meanwhile. */
void journal_each(struct journal *j,
		  bool (*fn)(void *ctx, const struct name *, const struct journal_entry *),
		  void *ctx);
