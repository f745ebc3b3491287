/* rank.h - a delegate does not set the password of somebody who may do more than he: he would be that person from then on.
 *
 * Whoever has a line of his own in the file of rights, or is in a group that has one, keeps his account from delegates whose
 * domains are fewer. It neither gets a password by them, nor is it made or removed, so that it cannot be replaced by another.
 *
 * Thread: one at a time. Owner: what was loaded lives as long as w->mem.
 */
#pragma once
#include "admin/cmd.h"

/* While we may read the file still. Does nothing for others than delegates. EC_BROKEN: it cannot be told who has which rights. */
enum ec rank_load(struct wp *w, struct err *e);
/* EC_REFUSED: the account of n may do more than the caller; EC_TEMP and others: nobody can tell. */
enum ec rank_check(struct wp *w, const struct name *n, struct err *e);
/* Is `who`, an address of the accounts in use, in this group of the directory? No where there is no directory. */
enum ec rank_in_directory_group(const struct conf *c, const struct log *log, const char *who,
				const char *dn, bool *is, struct err *e);
