/* limit.h - what a quota account's entry says that its mailboxes may hold. Private to ldap/.
 *
 * Any account can be a quota account, with a mailbox or without. Thread: any; what takes a connection may block.
 */
#pragma once
#include "ldap/person.h"

#define LIMIT_BYTES_ATTR "winpopQuotaBytes"
#define LIMIT_MESSAGES_ATTR "winpopQuotaMessages"
#define QUOTA_CLASS "winpopQuota" /* what has no mailbox needs it to have a limit */

extern const char *const limit_attrs[]; /* ends with NULL */
void limit_read(struct dir_entry *en, struct account *out);

struct entry_limit {
	const char *dn;
	bool is_mailbox;
	const struct quota_limit *limit; /* NULL: has none of its own any more */
};
enum ec limit_write(struct dir *d, struct dir_conn *c, const struct entry_limit *l, struct err *e);
