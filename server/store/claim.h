/* claim.h - one session's exclusive hold on a mailbox.
 *
 * At once or not at all; gone with the process that took it, whatever kills that; leaves nothing
 * behind. Delivery takes no notice of it. Thread: any. Owner: drop it once. /
 */
#pragma once
#include "server/store/mailroot.h"

struct claim {
	int dir;  /* the mailbox, and its lock where the file system can lock a directory */
	int file; /* else -1: the lock where it cannot */
};

/* EC_LOCKED somebody has it; EC_ABSENT; EC_TEMP, EC_BROKEN. */
enum ec claim_take(struct mailroot *root, const struct name *mailbox, struct claim *out,
		   struct err *e);
/* The same for event loops; seen: the directory as it was after we locked it. EC_BUSY: claim_take may have to wait, or look closer. */
enum ec claim_take_now(struct mailroot *root, const struct name *mailbox, struct claim *out,
		       struct stat *seen, struct err *e);
/* The same for a directory that is open; takes dir over in any case. */
enum ec claim_take_dir(const struct mailroot *root, int dir, struct claim *out, struct err *e);
void claim_drop(struct claim *c);
