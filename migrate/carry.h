/* carry.h - a mailbox with its lock, its hold and its quota link into the directory's catalog. Private to migrate/.
 *
 * Its domain comes with it: lock, hold, and when mail in it expires.
 * Its mail stays where it is. A registration lies in the entry of its account: with that it is removed.
 * Thread: any; may block. Failure: that of the catalogs; EC_EXISTS the address is another mailbox's there.
 */
#pragma once
#include "server/catalog/catalog.h"

enum ec carry_is_there(struct catalog *to, const struct name *mailbox, bool *there, struct err *e);
/* Its domain first, if that is missing. Whatever is there already is brought in line; may be repeated. *added: it may be there by
 * this call; may be NULL. */
enum ec carry_mailbox(struct catalog *from, struct catalog *to, const struct name *mailbox,
		      bool *added, struct err *e);
