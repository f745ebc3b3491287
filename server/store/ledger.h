/* ledger.h - the file in which the mailboxes of one quota account keep their lines.
 *
 *	take -> find, set, drop ... -> pause ... again -> find, set -> drop
 *
 * A hold excludes all other processes and threads; it is a few system calls long, and comes inside that of a mailbox's index,
 * never around it, and never two at once. What is damaged, or was written before the machine was started, is made anew from
 * its sound lines when it is taken: then all of them are loose until their mailboxes are settled.
 *
 * Nothing is synced: after a power cut the boot id differs. Thread: any; one hold, one thread.
 * Failure: EC_ABSENT there is none; EC_TEMP it cannot be read or written.
 */
#pragma once
#include "server/store/ledgerform.h"
#include "server/store/mailroot.h"

struct ledger {
	struct mailroot *root;
	uint64_t account, boot;
	int fd; /* -1: none */
	bool writable;
	struct ledger_head head;
	uint64_t page_at; /* what part of the file is in page; UINT64_MAX: none */
	unsigned char page[LEDGER_PAGE];
};

/* text: the account's name if it shall be made; else NULL, and EC_ABSENT if it is not there. */
enum ec ledger_take(struct ledger *l, struct mailroot *root, uint64_t boot, uint64_t account,
		    const char *text, struct err *e);
void ledger_drop(struct ledger *l); /* dropping what was not taken is fine */
/* Lets others in for a while. EC_ABSENT: somebody removed it in between. */
void ledger_pause(struct ledger *l);
enum ec ledger_again(struct ledger *l, struct err *e);

/* EC_ABSENT: it has none (line is empty then). */
enum ec ledger_find(struct ledger *l, const struct account_key *key, struct ledger_line *line,
		    struct err *e);
/* Makes or replaces the line with its key: sums and line in one write. */
enum ec ledger_set(struct ledger *l, const struct ledger_line *line, struct err *e);
enum ec ledger_remove(struct ledger *l, const struct account_key *key, struct err *e);
enum ec ledger_owner_is_in(struct ledger *l, struct err *e);
/* A hold of its own: this is what the mailbox with that key holds; NULL: it is gone, or counts elsewhere. No ledger: fine. */
enum ec ledger_tell(struct mailroot *root, uint64_t boot, uint64_t account,
		    const struct account_key *key, const struct quota_usage *holds, struct err *e);
/* Drops lines that were settled before since_s, checks the sums, and removes the file if nothing is left but the owner's own
 * line. The hold ends. */
enum ec ledger_sweep(struct ledger *l, int64_t since_s, unsigned *n_dropped, struct err *e);
