/* single.h - one account: carried over, taken back, looked at. Private to migrate/.
 *
 * What became of an account is a row, and the next one goes on. Two things are no row: the directory (or our own disk) is away, so
 * nothing can be said yet; and trouble that every account would meet. The class tells: EC_DENIED; EC_BROKEN until one account of this run
 * worked, behind that it is the account's own. An account that is there already and may not be changed or removed by us may be an
 * administrator's, protected from the service: that is its own trouble, unless it is so with all of the first ones.
 *
 * Order, and so what a crash can leave: the journal says INTENT before an account is made, MADE when it was proved and registered,
 * GONE when it was removed, or never came to be; what an earlier attempt may have made and is only not seen stays INTENT. So what is
 * in the directory by us is in the journal, at every moment.
 *
 * Thread: any number at once, of different accounts. Owner: what is in struct single is lent; rows are the caller's, lend their
 * own strings to row.logon and row.key, and so are not copied by assignment.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "migrate/journal.h"
#include "migrate/mig.h"

struct single {
	struct accounts *from, *to;
	struct catalog *boxes, *entries; /* entries NULL: nothing is registered */
	struct journal *journal;
	bool link;
	int new_passwords;       /* -1: none */
	pthread_mutex_t handing; /* one line of new_passwords at a time */
	unsigned look_again_ms;  /* between looks for what was made and does not show yet */
	_Atomic bool worked;     /* an account was made or proved in this run */
	_Atomic bool changed;    /* one that was there already was registered, or taken back */
	_Atomic unsigned n_kept; /* accounts that are there already, and not for us to change */
	_Atomic unsigned n_vain; /* accounts that were looked for again and did not show */
};

enum single_end {
	SINGLE_ROW,    /* the row says what became of it */
	SINGLE_SILENT, /* nothing to tell: undo found nothing of ours, check found it working */
	SINGLE_LATER,  /* row.why, EC_TEMP or EC_BUSY: try this account again */
	SINGLE_HALT,   /* row.why: nobody can be carried over as things are; the run ends with it */
};

struct single_row {
	struct mig_row row; /* also filled in for LATER and HALT: MIG_FAILED, why */
	char logon[NAME_TEXT_MAX + 1];
	char key[ACCOUNT_KEY_MAX + 1];
};

/* Takes what both have in common; the journal is opened by the caller. */
void single_init(struct single *s, const struct mig_setup *setup, struct journal *journal);
void single_done(struct single *s);

/* wish: name, planned logon name, avoid; the mark is made here. Rows: CREATE and LINK are done when they are told; DONE, RENEW;
 * CONFLICT, NAME, POLICY, FAILED with why. Repeatable at any moment, also after a kill. */
enum single_end single_do(struct single *s, const struct account_wish *wish,
			  struct single_row *out);
/* INTENT, MADE: removed if our mark is on it; LINKED: no longer registered, if that was by us. UNDONE, or FAILED with why: it is
 * left alone (the mark is gone or another's), or cannot be removed. */
enum single_end single_undo(struct single *s, const struct name *n, struct single_row *out);
/* MADE, with the password of the password file: a sign-in as its owner would make it. Others, and those who got a new password:
 * there, enabled, and found by their address. FAILED with why, else SILENT. */
enum single_end single_check(struct single *s, const struct name *n, struct single_row *out);
