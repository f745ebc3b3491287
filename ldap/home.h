/* home.h - the directories in the mail root of what the directory lists. Private to ldap/.
 *
 * Thread: any; may block.
 */
#pragma once
#include <stdbool.h>
#include "server/store/claim.h"
#include "server/store/mailroot.h"

bool home_has(struct mailroot *root, const struct name *n);
/* There afterwards, the domain's too; costs one open if it was there. path: the mail root's. A mail root without any domain is
 * EC_TEMP, unless DIR_MARK is in it, or first says that an administrator wants it so. */
enum ec home_make(struct mailroot *root, const char *path, const struct name *n, bool first,
		  struct err *e);
/* EC_LOCKED if a session holds one of the domain's mailboxes. */
enum ec home_probe(struct mailroot *root, const struct name *domain, struct err *e);
