/* shares.h - the quota accounts that more than their own mailbox counts against, each with what is known of it.
 *
 * Of all the accounts there may be, only these have to be remembered while a command goes through the mailboxes: the others are
 * done with when their mailbox is. Names are compared without regard to case, as the ledgers have it.
 * Thread: one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/name.h"
#include "server/store/quota.h"

struct shares;
struct share {
	char account[NAME_TEXT_MAX + 1];
	uint64_t mailboxes;         /* that were counted against it so far */
	struct quota_usage before;  /* what it held when we began */
	struct quota_usage counted; /* in its mailboxes */
	bool shown;
};

struct shares *shares_new(void);
void shares_free(struct shares **s);
/* Made, zeroed, if it is missing. */
struct share *shares_at(struct shares *s, const char *account);
struct share *shares_find(const struct shares *s, const char *account); /* NULL: is not there */
/* In order of names; fn false stops. */
void shares_each(struct shares *s, bool (*fn)(void *ctx, struct share *), void *ctx);
