/* upkeep.h - what has to be done now and then for all mailboxes: settle quotas, expire old mail, sweep what crashes left.
 *
 * A pass goes through the catalog, mailbox after mailbox: settles each with its quota account (so that a quota file copied by
 * hand counts, and whatever a crash left is recounted), and once a day removes fetched mail that its domain's rule says has
 * expired, unless a session has the mailbox open. A pass that saw everything then sweeps the ledgers. One pass costs at most a
 * hundredth of a processor over time: the pause after it is a hundred times as long as it took, at least a minute - and ten
 * minutes where mailboxes are listed by a directory.
 *
 * Thread: upkeep_pass blocks, on a thread of its own; stop may be set from any.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "server/base/log.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/store/store.h"

struct upkeep {
	struct catalog *catalog;
	struct store *store;
	struct mailroot *root;
	const struct conf *conf;
	const struct log *log;
	atomic_bool *stop; /* give up soon */
};
struct upkeep_result {
	uint64_t mailboxes, settled, failed, expired; /* expired: messages */
	unsigned swept;
	bool whole; /* it saw everything, and settled it */
};
/* expire: the daily part too. Tells the log of its trouble, once. */
void upkeep_pass(const struct upkeep *u, bool expire, struct upkeep_result *out);

/* When mail expires, in all domains together: one listing of them. */
struct expire_rules {
	uint32_t
		least; /* as in `EXPIRE n USER`; EXPIRE_NEVER; EXPIRE_UNSET: not all could be asked for */
	bool differ;
};
enum ec upkeep_rules(struct catalog *c, const struct conf *conf, struct expire_rules *out,
		     struct err *e);
/* How long to rest after a pass. */
uint64_t upkeep_pause_ms(const struct conf *conf, uint64_t took_ms);

/* daily.c: when mail was last looked through for what has expired, whichever process did. A file of the mail root says so; without
 * it, or with one that cannot be read, it is due. */
#define UPKEEP_FILE ".upkeep"
bool upkeep_due(const struct upkeep *u);
enum ec upkeep_done(const struct upkeep *u, struct err *e);
