/* owners.c - with local accounts, mail on disk belongs to the user it is for.
 *
 * The original marks every delivered file with the account that the mailbox's quota file names, and the file system counts
 * it there. So do we where the administrator gave us the right to (CAP_CHOWN): it is a right to nearly everything, so the
 * service does not come with it. The quota file wins over the mailbox's own name, as there.
 */
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "server/backends/owners.h"
#include "server/base/mem.h"

#define ROOM 16384 /* for one entry of passwd */

bool owners_possible(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &head, data) == 0 &&
	       (data[CAP_TO_INDEX(CAP_CHOWN)].effective & CAP_TO_MASK(CAP_CHOWN));
}

static bool uid_of(const char *login, uid_t *out)
{
	char *room = mem_new(ROOM);
	struct passwd row, *found = NULL;

	/* Root's files are counted nowhere. */
	bool there = getpwnam_r(login, &row, room, ROOM, &found) == 0 && found && row.pw_uid != 0;
	if (there)
		*out = row.pw_uid;
	free(room);
	return there;
}

static bool owner_of(void *ctx, const struct name *mailbox, uid_t *out)
{
	struct catalog *catalog = ctx;
	struct entry entry;

	if (catalog->ops->find(catalog, mailbox, &entry, NULL) != EC_OK || !entry.quota[0])
		return uid_of(mailbox->local, out);
	entry.quota[strcspn(entry.quota, "@")] = '\0';
	return uid_of(entry.quota, out);
}

void owners_set(struct store *store, struct catalog *catalog)
{
	store_files_give(store, &(struct store_owner){ owner_of, catalog });
}
