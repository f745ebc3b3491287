/* quota.h - what the commands about quotas share: which account is meant, and how it stands.
 *
 * Thread: one at a time; may block.
 */
#pragma once
#include "admin/cmd.h"

/* An account as it is written into a quota file: the address of a mailbox in lower case, whichever of its addresses was typed,
 * or a user of this computer who has no mailbox. A bare name is looked for in `domain` first (NULL: nowhere), then where the
 * accounts are, then on this computer. EC_ABSENT: there is none; EC_REFUSED: it cannot be limited; out has it
 * if that is because it is an administrator's, else "". */
enum ec quota_account(struct wp *w, const char *text, const char *domain,
		      char out[NAME_TEXT_MAX + 1], struct err *e);
/* The one that a mailbox counts against. */
const char *quota_charged(const struct entry *en, char room[NAME_TEXT_MAX + 1]);
bool quota_is_own(const struct entry *en);
/* Is it the address of a mailbox that counts against itself? */
bool quota_has_own_mailbox(struct wp *w, const char *account);

struct standing {
	struct quota_limit limit;
	enum limit_from from;
	struct quota_usage used;
};
/* EC_DENIED: the account is not the caller's. */
enum ec quota_standing(struct wp *w, const char *account, struct standing *out, struct err *e);
/* Of the limit that is nearer, of octets or of messages; false: nothing limits it. */
bool quota_percent(const struct standing *s, unsigned *out);
/* Could there be a limit at all? If not, nobody need be asked about any account. */
bool quota_anywhere(struct wp *w);

/* Those of the table that are the caller's, in no order; fn false stops. */
enum ec quota_limits_each(struct wp *w,
			  bool (*fn)(void *ctx, const char *account, const struct quota_limit *),
			  void *ctx, struct err *e);

/* Fields and columns. NULL: could not be found out. */
void quota_put_short(struct out *o, const struct standing *s); /* used, limit, percent */
void quota_put(struct out *o, const struct standing *s);       /* all there is to say */
/* A note if it is over its limit: what that means, and what helps. */
void quota_put_state(struct wp *w, const char *account, const struct standing *s);

/* After a mailbox or a domain was removed together with its accounts: what the table says of these goes too, unless other
 * mailboxes count against them (quotagone.c). */
void quota_gone(struct wp *w, const struct name *n);
/* winpop stat /quota (quotalist.c). */
enum ec quota_list(struct wp *w, struct err *e);
