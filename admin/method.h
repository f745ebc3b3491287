/* method.h - may the method of authentication change, or the place where mailboxes are registered?
 *
 * The original allowed it only without domains, and deleting them deleted the mail. Here the mail stays: the change is
 * allowed once every mailbox has an account of the new method, and is registered in the new place. Accounts that were migrated
 * are signed in to, with the password they had.
 * Thread: one; may block.
 */
#pragma once
#include "admin/cmd.h"

/* Looks up every mailbox of `was` in what `now` names. EC_REFUSED: some are not there, or do not work; those are
 * listed in w->out.
 * EC_TEMP, EC_BROKEN: it cannot be asked. */
enum ec method_check(struct wp *w, const struct conf *was, const struct conf *now, struct err *e);
