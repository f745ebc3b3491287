/* reply.c - error class -> reply.
 *
 * Two tables, one per audience moment: to RCPT nothing has been tried yet, after the data it has.
 * 5xx makes the MTA bounce, so it is said only for what will not change by waiting and is not our
 * trouble: no such mailbox, over quota - unless the administrator wants that to wait -, an
 * administrator's refusal. All else is 4xx: the MTA keeps the message and tries again.
 *
 * The sender reads these words in his non-delivery report, so they name the reason.
 */
#include <stdio.h>
#include <string.h>
#include "server/lmtp/reply.h"

#define ADDRESS_SHOWN_MAX 400

const struct lm_words lm_too_big = { "552", "5.3.4", "message is larger than this server takes" };

static const struct lm_words trouble = { "451", "4.3.0", "trouble here, try again later" };

static const struct lm_words full = { "552", "5.2.2", "mailbox is full (over quota)" };
static const struct lm_words full_now = { "452", "4.2.2",
					  "mailbox is full (over quota), try again later" };

static const struct lm_words rcpt[EC_COUNT] = {
	[EC_OK] = { "250", "2.1.5", "recipient ok" },
	[EC_USAGE] = { "550", "5.1.1", "no such mailbox here" },
	[EC_ABSENT] = { "550", "5.1.1", "no such mailbox here" },
	[EC_REFUSED] = { "550", "5.2.1", "mailbox takes no mail" },
	[EC_LOCKED] = { "450", "4.2.1", "mailbox takes no mail for now" },
	[EC_BUSY] = { "451", "4.3.2", "too busy, try again later" },
	[EC_BROKEN] = { "451", "4.3.5", "trouble here, an administrator must look" },
};

static const struct lm_words final[EC_COUNT] = {
	[EC_OK] = { "250", "2.0.0", "delivered" },
	[EC_ABSENT] = { "550", "5.1.1", "no such mailbox here any more" },
	[EC_REFUSED] = { "550", "5.2.1", "mailbox takes no mail" },
	[EC_LOCKED] = { "450", "4.2.1", "mailbox takes no mail for now" },
	[EC_BUSY] = { "451", "4.3.2", "too busy, try again later" },
	[EC_BROKEN] = { "451", "4.3.5", "trouble here, an administrator must look" },
};

static const struct lm_words *words(const struct lm_words *table, enum ec class, bool full_waits)
{
	if (class == EC_QUOTA)
		return full_waits ? &full_now : &full;
	return table[class].code ? &table[class] : &trouble;
}

const struct lm_words *lm_words_rcpt(enum ec class, bool full_waits)
{
	return words(rcpt, class, full_waits);
}

const struct lm_words *lm_words_final(enum ec class, bool full_waits)
{
	return words(final, class, full_waits);
}

size_t lm_reply(char out[LM_REPLY_MAX + 1], const struct lm_words *w, const char *address)
{
	bool shown = address && strlen(address) <= ADDRESS_SHOWN_MAX;
	int n = snprintf(out, LM_REPLY_MAX + 1, "%s %s%s%s%s %s\r\n", w->code, w->status,
			 shown ? " <" : "", shown ? address : "", shown ? ">" : "", w->text);

	return (size_t)n;
}
