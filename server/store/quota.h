/* quota.h - what a quota account's mailboxes hold together, and what they may hold.
 *
 * Every mailbox counts against one quota account: the one it is linked to, else itself. An account is a text - an address, or
 * a user's name - that need not be a mailbox. An account that is its own mailbox alone costs nothing: the mailbox's index
 * knows the sums. Several mailboxes of one account share a ledger: a file with a line for each of them and the sum, changed
 * under a lock of its own together with the index of the mailbox that changes.
 *
 * Exact: a delivery takes its room before its message gets its name, under the locks, so the limit is never exceeded whatever
 * happens at the same time. A process that dies in between leaves its line marked and the index dirty; whoever visits that
 * mailbox next recounts it, and until then an account near its limit answers EC_TEMP, never a false EC_QUOTA.
 *
 * A link made behind our back (a quota file copied by hand) counts from the mailbox's next delivery or settle on.
 * Octets are those of the messages as retrieved (struct msg).
 * Thread: any; may block. Failure: EC_ABSENT no such mailbox; EC_QUOTA; EC_TEMP; EC_BROKEN.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"
#include "server/base/name.h"

struct store;
struct mailroot;

struct quota_usage {
	uint64_t octets, messages;
};
struct quota_limit {
	uint64_t octets, messages; /* 0 = none */
};
static inline bool quota_limits(const struct quota_limit *l)
{
	return l->octets > 0 || l->messages > 0;
}

/* Whom a message is charged to. Strings are lent. */
struct charge {
	const char *account; /* as the catalog has it; "" = the mailbox itself */
	struct quota_limit limit;
	/* Filled in by deliver (EC_OK, EC_QUOTA) and fits: what the account holds without the message, and with it. 0 if nobody
	 * has counted it yet: nothing limits it then, or (fits) deliver will find out. */
	struct quota_usage before, after;
};

/* What a recount of one mailbox found. */
struct quota_recount {
	struct quota_usage counted; /* the truth: its files */
	struct quota_usage indexed; /* what its index said; as counted, if it said nothing */
	struct quota_usage
		charged; /* what its account's ledger held for it; as counted, if it has none */
};

struct quota_ops {
	/* Would a message of so many octets fit now? EC_QUOTA: no. Cheap; deliver decides. */
	enum ec (*fits)(struct store *, const struct name *mailbox, struct charge *,
			uint64_t octets, struct err *);
	/* The mailbox counts against this account from now on (and no longer against another). Idempotent; recounts what a crash
	 * or a foreign hand made doubtful. */
	enum ec (*settle)(struct store *, const struct name *mailbox, const char *account,
			  struct err *);
	/* What all its mailboxes hold. An account that nothing counts against holds nothing. */
	enum ec (*usage)(struct store *, const char *account, struct quota_usage *out,
			 struct err *);
	/* Counts the mailbox's files, trusting nothing, and - if repair - sets index and ledger right. */
	enum ec (*recount)(struct store *, const struct name *mailbox, const char *account,
			   bool repair, struct quota_recount *out, struct err *);
	/* Drops from all ledgers what was settled last before since_s (wall clock): mailboxes that are gone, or count elsewhere.
	 * For those who have just settled every mailbox there is. Empty ledgers go. */
	enum ec (*sweep)(struct store *, int64_t since_s, unsigned *n_dropped, struct err *);
};

/* The directory `.quota` of the mail root, beside the domains, where ledgers and limits are; made if missing. Caller closes. */
enum ec quota_dir(struct mailroot *root, int *fd, struct err *e);
/* An account's files in there begin with this: 16 hexadecimal digits of its hash. The same for all spellings in any case. */
#define QUOTA_STEM_MAX 17
void quota_stem(const char *account, char out[QUOTA_STEM_MAX]);
