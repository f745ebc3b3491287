/* mig.h - accounts of the password file into a directory, passwords included.
 *
 *	plan      what would happen to each account; nothing is touched
 *	run       does it: an entry is made (or, on request, the one that is there is taken), then proved by signing in with it
 *	check     every mailbox's entry works: asked before the service is switched over
 *	undo      removes what run made, and nothing else; registered domains stay, others may have begun to use them
 *
 * The password file is only read. Until the switch people sign in by it, so at no time is there anybody who can sign in nowhere.
 * What was done is in a journal (journal.h), written before and after each change: whoever is killed, or loses the directory, runs
 * the same command again. Neither an account taken over (link) nor one that others made ever gets another password, nor does one of
 * ours whose owner has changed it in the directory since (where the directory tells when it was set).
 *
 * Thread:  one at a time per struct mig, but mig_stop; works with threads of its own; may block for as long as there is work.
 * Owner:   what is in struct mig_setup is lent and outlives it.
 * Failure: of single accounts are rows and no failure. EC_LOCKED another migration is under way; EC_DENIED, EC_BROKEN, EC_TEMP
 *          ended all of it, what was done stays done, and who got no answer has a row; EC_REFUSED stopped by mig_stop.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/accounts/accounts.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/catalog/catalog.h"
#include "server/store/mailroot.h"

struct mig;

struct mig_setup {
	struct accounts *from; /* reveals SECRET_CLEAR; only read */
	struct catalog *boxes; /* the mailboxes there are; only read */
	struct accounts *to;   /* has inspect */
	/* Mailboxes, their locks and quota links are registered there too; NULL = stay where they are. */
	struct catalog *entries;
	const char *journal; /* its path; made if it is not there */
	/* Which directory that is, in words that stay the same: a journal of another one is refused. */
	const char *directory;
	const struct log *log;

	bool link; /* an account that is there is taken over, with the password it has */
	/* Descriptor to append "address TAB password" lines to, for those whose own the policy refuses; -1 = they fail. */
	int new_passwords;
	unsigned threads;    /* 1..64 */
	unsigned per_second; /* most accounts begun in a second; 0 = as many as there can be */
	/* How long a directory that is away is waited for, from the last answer on, before all of it ends. */
	unsigned patience_s;
};

enum mig_what {
	MIG_CREATE,   /* a new account */
	MIG_LINK,     /* one that is there */
	MIG_DONE,     /* was done by an earlier run (run: and proved again) */
	MIG_RENEW,    /* run: was done, and the password changed since: the new one was set */
	MIG_CONFLICT, /* somebody's account is in the way */
	MIG_NAME,     /* no name for a directory */
	MIG_POLICY,   /* the directory does not take the password */
	MIG_FAILED,   /* anything else; `why` */
	MIG_UNDONE,   /* undo: removed, or given back */
	MIG_WHAT_COUNT
};
extern const char *const mig_what_words[MIG_WHAT_COUNT]; /* "create", "link", ...: for reports */

struct mig_row {
	struct name name;
	enum mig_what what;
	struct err why; /* class EC_OK unless what says that it is not, or will not be, migrated */
	const char *logon; /* the logon name it has or will get; "" = none */
	bool altered;      /* that is not the mailbox name */
	bool new_password;
	const char *key; /* where it is (a DN), "" = not known */
};
/* Strings live as long as the call. Rows of a plan come in order of names on the caller's thread; all others from any thread, one at
 * a time, as they are finished. */
typedef void mig_row_fn(void *ctx, const struct mig_row *row);

struct mig_progress {
	bool planning; /* accounts are looked at, nothing is done yet */
	size_t done, total;
	size_t failed; /* of those done; not counted while planning */
	bool waiting;  /* for the directory, because of why */
	struct err why;
};
/* Some times a second, on the caller's thread, and once at the end; may call mig_stop. NULL in its place: nobody is told. */
typedef void mig_progress_fn(void *ctx, const struct mig_progress *p);

/* Which accounts: one mailbox, those of a domain, or all (NULL). */
enum ec mig_open(const struct mig_setup *setup, const struct name *scope, struct mig **out,
		 struct err *e);
void mig_close(struct mig **m);

/* EC_OK also if no account can be migrated. Only reads, and so is not slowed by per_second. */
enum ec mig_plan(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
		 struct err *e);
/* Plans - unless mig_plan has just done so - and then does it. The first account is done alone: rights or a container that is missing
 * end it all there. */
enum ec mig_run(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
		struct err *e);
/* Rows only for what does not work: accounts that were migrated are proved with the password of the password file; others,
 * those who were handed out a new one, and those who changed theirs in the directory must be there and enabled. */
enum ec mig_check(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
		  struct err *e);
/* Goes by the journal: also for accounts whose mailboxes are gone. Nothing to undo is EC_OK without a row. */
enum ec mig_undo(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
		 struct err *e);
/* Ends what is under way, and whatever is begun after it, behind the accounts in hand. Async-signal-safe. */
void mig_stop(struct mig *m);
