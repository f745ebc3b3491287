/* adoptcopy.h - the octets of one message: read once, for their sum, their count and their copy. Private to migrate/.
 *
 * Octets stay as they are: what is not canonical is made so while it is sent, as with every file that others put into the mail root,
 * and `canonical` says what LIST will. The file's time goes along, for it is what orders messages that are not named by us.
 * Thread: one at a time. Failure: of reading is told apart, since it is one message's trouble and not the mailbox's.
 */
#pragma once
#include <stdbool.h>
#include "migrate/adopted.h"
#include "migrate/winroot.h"
#include "server/store/mailroot.h"

struct adoptcopy {
	uint64_t octets, canonical;
	unsigned char sum[ADOPTED_SUM];
};
enum adoptcopy_end {
	ADOPTCOPY_OK,
	ADOPTCOPY_UNREADABLE, /* errno */
	ADOPTCOPY_FAILED,     /* the error */
};

/* 0, or -1 with errno. Reads from the beginning. */
int adoptcopy_sum(int fd, struct adoptcopy *out);
/* Into a new file of that name; nothing is left of a failure. Not durable. */
enum adoptcopy_end adoptcopy_put(const struct mailroot *root, int dir, const char *as,
				 const struct winroot_message *m, struct adoptcopy *out,
				 struct err *e);
/* Is there a message of that name with these octets? */
bool adoptcopy_same(int dir, const char *name, const struct adoptcopy *as);
