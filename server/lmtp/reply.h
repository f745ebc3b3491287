/* reply.h - what the MTA is told: an error class chooses the words, the true text goes to the log.
 *
 * Every reply is a whole line of at most 512 octets (RFC 5321 section 4.5.3.1.5).
 * Pure. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/err.h"

#define LM_REPLY_MAX 512

struct lm_words {
	const char *code, *status, *text; /* "550", "5.1.1", "no such mailbox here" */
};
extern const struct lm_words lm_too_big; /* above the announced SIZE */

/* To RCPT; EC_OK too. full_waits: the MTA is to try again at a full mailbox. */
const struct lm_words *lm_words_rcpt(enum ec class, bool full_waits);
/* After the data, per recipient. */
const struct lm_words *lm_words_final(enum ec class, bool full_waits);
/* "550 5.1.1 <kim@example.com> no such mailbox here" CRLF; address NULL or very long: without.
 * Returns the length. */
size_t lm_reply(char out[LM_REPLY_MAX + 1], const struct lm_words *w, const char *address);
