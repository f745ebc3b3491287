/* home.h - the directories in the mail root of what the directory lists. Private to ldap/.
 *
 * Thread: any; may block.
 */
#pragma once
#include <stdbool.h>
#include "server/store/claim.h"
#include "server/store/mailroot.h"

bool home_has(struct mailroot *root, const struct name *n);
/* There afterwards, the domain's too; one open if it was there. first: also in a mail root that holds no domain yet; else that
 * is EC_TEMP. */
enum ec home_make(struct mailroot *root, const struct name *n, bool first, struct err *e);
/* EC_LOCKED if a session holds one of the domain's mailboxes. */
enum ec home_probe(struct mailroot *root, const struct name *domain, struct err *e);
