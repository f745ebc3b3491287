/* session.h - the LMTP engine (RFC 2033): octets in, replies and questions out, no sockets inside.
 *
 * PIPELINING, 8BITMIME, SMTPUTF8, SIZE, CHUNKING, ENHANCEDSTATUSCODES. One reply per accepted
 * recipient after the data. End of data is CRLF "." CRLF and nothing else: a bare LF never ends a
 * line of a command or of DATA. 250 is said only for what is durable; trouble of ours is 451 4.3.x,
 * never 5xx.
 *
 * Thread: one at a time, never blocks. Owner: the arena given to lm_new holds the session; the
 * transaction is a struct lm_mail of its own, which travels with a question and returns with the
 * answer, so that a delivery needs nothing of a session that may be gone by then.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/lmtp/mail.h"

#define LM_LINE_MAX 4096 /* a command: RFC 5321 says 512, SMTPUTF8 and extensions add */
#define LM_RCPT_MAX 1000
#define LM_SPOOL_AT (1u << 20) /* a body above this goes to a spool file piece by piece */
#define LM_BAD_MAX 20          /* bad commands in a row before we hang up */

enum lm_verdict { LM_NEXT, LM_WAIT, LM_BYE }; /* read on | an answer will come | hang up */

enum lm_ask_kind {
	LM_ASK_RCPT, /* address, size_hint, begins -> class; the mailbox it goes to: name, charge */
	LM_ASK_SPOOL,   /* mail: its body in memory goes to its spool file -> class */
	LM_ASK_DELIVER, /* mail -> class and err of each recipient; class itself is not looked at */
};
/* A question; the first half is the engine's, the second the answerer's. Lent until answered. */
struct lm_ask {
	enum lm_ask_kind kind;
	const char *address;  /* RCPT: local@domain, quoting undone */
	uint64_t size_hint;   /* RCPT: SIZE= of MAIL, 0 = none */
	bool begins;          /* RCPT: the transaction has no recipient so far */
	struct lm_mail *mail; /* SPOOL, DELIVER: the answerer's until it answers */

	enum ec class;
	struct err err; /* text for the log; never for the client */
	struct name name;
	struct charge charge;
	char account[NAME_TEXT_MAX + 1]; /* room for the charge's */
	bool full_waits;                 /* EC_QUOTA is something that waiting may change */
};
struct lm_out {
	void (*put)(void *ctx, const void *p, size_t len);
	/* true: answered at once, the second half is filled in. false: lm_answered follows. */
	bool (*ask)(void *ctx, struct lm_ask *q);
	/* A transaction given up; to be freed where a closing file may take its time. */
	void (*forget)(void *ctx, struct lm_mail *mail);
};
struct lm_policy { /* lent, constant over the session */
	const char *hostname;
	uint64_t message_max_bytes; /* 0 = no limit */
};

struct lm;
struct lm *lm_new(struct arena *mem, const struct lm_policy *policy, const struct lm_out *out,
		  void *ctx, const struct log *log);
void lm_greet(struct lm *s);
/* Takes what it can of the input; *eaten octets are done with. Call again when more has come and
 * after an answer. Never keeps a pointer into p. */
enum lm_verdict lm_feed(struct lm *s, const char *p, size_t len, size_t *eaten);
/* The question asked is answered (q is the one given to ask). Then feed what is left. */
enum lm_verdict lm_answered(struct lm *s, struct lm_ask *q);
/* IDLE says 421 and hangs up. STOP does so too, but lets a transaction under way come to its end
 * first; the verdict is LM_BYE when that is now. */
enum lm_end { LM_END_IDLE, LM_END_STOP };
enum lm_verdict lm_end(struct lm *s, enum lm_end why);
/* The client vanished: forgets the transaction, unless it is away with a question. */
void lm_gone(struct lm *s);

bool lm_in_command(const struct lm *s); /* a command line is what comes next */
struct lm_totals {
	uint32_t n_delivered, n_refused, n_bad; /* recipients, recipients, commands */
	uint64_t octets;                        /* of messages received whole */
};
void lm_totals(const struct lm *s, struct lm_totals *out);
