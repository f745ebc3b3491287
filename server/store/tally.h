/* tally.h - counting one mailbox's change: its index and its account's ledger, which must not come apart.
 *
 *	index_take -> tally_join -> tally_room (index: dirty; line: more, loose) -> [ name, record ] -> tally_end (line: exact)
 *		   -> index_end (clean) -> index_drop
 *
 * What holds at any moment: where an index is clean, the line in the ledger that it names is exact; a line is never less than
 * what its mailbox holds, as far as we know. So whoever dies in between leaves a dirty index, and the scan that follows sets
 * the line right (scan.c).
 *
 * Thread: any; inside one hold of the index. Failure: EC_QUOTA, EC_TEMP, EC_ABSENT, EC_BROKEN.
 */
#pragma once
#include "server/store/ledger.h"
#include "server/store/scan.h"

struct tally {
	const struct scan_env *env;
	struct index_hold *h;
	const struct name *mailbox;
	struct account_key key; /* the mailbox's, in ledgers */
	bool counted;           /* own is known */
	struct quota_usage own; /* what the mailbox holds, without what is about to change */
	struct ledger ledger;
	bool in_ledger; /* it has one that can be used */
	bool owner_due; /* tally_owner() is due, when all locks are dropped */
};

/* Which ledger does the mailbox count in: account's, as in struct charge, or (NULL) where it did. Leaves the one it was in if
 * that is another. must: the caller has to know the sums, and waits while the mailbox is scanned; else a ledger that cannot be
 * used is passed over, which is logged, and the index stays dirty. */
enum ec tally_join(struct tally *t, const struct scan_env *env, struct index_hold *h,
		   const struct name *mailbox, const char *account, bool must, struct err *e);
/* Takes room for a message, and begins the index's change; charge may be NULL. EC_BUSY: owner_due, then once more. */
enum ec tally_room(struct tally *t, struct charge *charge, uint64_t octets, struct err *e);
/* Instead of both, when messages are about to be removed, and the index's change has begun: nothing is sure until tally_end.
 * account: whose ledger it was in at last, should the index not say. */
void tally_loosen(struct tally *t, const struct scan_env *env, struct index_hold *h,
		  const struct name *mailbox, uint64_t account);
/* The change is over and the mailbox holds this; NULL: it is gone. Before index_end. */
void tally_end(struct tally *t, const struct quota_usage *holds);
/* The line is as the mailbox is, and the mailbox counts there, as of now. */
enum ec tally_settle(struct tally *t, struct err *e);
void tally_drop(struct tally *t);

/* The mailbox called as the account is comes into the account's ledger; if there is none, or it counts elsewhere, the ledger
 * is told so. Takes an index of its own. */
enum ec tally_owner(const struct scan_env *env, const char *account, struct err *e);
/* May the mailbox have a message of so many octets? others: what the account's other mailboxes hold, of which loose is not
 * sure. Fills in charge->before and after. */
enum ec tally_decide(struct charge *charge, const struct name *mailbox, struct quota_usage others,
		     struct quota_usage loose, struct quota_usage own, uint64_t octets,
		     struct err *e);

static inline struct quota_usage tally_sums(const struct index_head *head)
{
	return (struct quota_usage){ head->octets, head->n };
}
