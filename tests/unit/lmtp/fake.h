/* fake.h - a client and an answerer for the LMTP engine: no network, no disk but for spool files.
 *
 * The local part decides what a recipient meets: "nobody" is absent, "full" over quota, "busy",
 * "away" and "broken" trouble of ours, "closed" refused, "held" on hold; "late-X" passes RCPT and meets X at
 * delivery; everybody else receives.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/buf.h"
#include "server/lmtp/session.h"

struct fake {
	struct arena *mem;
	struct lm_policy policy;
	struct lm *lm;
	bool later;        /* answers come by lm_answered, not at once */
	bool spool_broken; /* the spool file can't be written */
	bool full_waits;   /* as settings have it: mail to a full mailbox is to be tried again */
	struct lm_ask *asked;
	struct buf in, out;
	struct buf got; /* "<from> to,to: " octets and "|" of every delivery */
	unsigned n_forgotten, n_deliveries, n_spooled;
	size_t body_max; /* most octets of a body seen in memory */
	enum lm_verdict last;
};

void fake_begin(struct fake *f, bool later);
void fake_end(struct fake *f);
/* Input arrives; all of it is served, questions too. */
void fake_send(struct fake *f, const void *p, size_t len);
void fake_sendz(struct fake *f, const char *z);
/* The pending question is answered. */
void fake_answer(struct fake *f);
const char *fake_out(struct fake *f); /* NUL-terminated, lent */
const char *fake_got(struct fake *f);
