/* scan.h - making the index from the directory.
 *
 * Reads names, keeps what the old index knows about files that are still the same (name and inode),
 * reads only the others. May take long for a tree that was copied in; the index's lock is let go
 * while many messages are read, so that delivery goes on. Thread: a worker. /
 */
#pragma once
#include "server/base/log.h"
#include "server/store/index.h"

struct scan_env {
	struct mailroot *root;
	const struct log *log;
	uint64_t boot;
};

/* h is held before and after. records: as in the index file, live only, in order; h->head: their
 * sums, which the ledger of the mailbox's quota account is told. Also where no index can be written (then h->clean stays
 * false). */
enum ec scan_settle(struct index_hold *h, const struct scan_env *env, const struct name *mailbox,
		    struct buf *records, struct err *e);
/* Reads all messages anew, whatever the index says (but for those it says were fetched), and changes nothing: neither index nor
 * ledger. */
enum ec scan_recount(struct index_hold *h, const struct scan_env *env, struct index_head *head,
		     struct buf *records, struct err *e);
