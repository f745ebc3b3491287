/* engine.h - the inside of a session, shared by session.c, verbs.c and body.c alone.
 *
 * Thread, owner: as session.h.
 */
#pragma once
#include "server/lmtp/dots.h"
#include "server/lmtp/parse.h"
#include "server/lmtp/reply.h"
#include "server/lmtp/session.h"
#include "server/store/canon.h"

enum lm_state {
	LM_HELLO,      /* before LHLO */
	LM_READY,      /* no transaction */
	LM_ENVELOPE,   /* MAIL accepted; RCPT comes */
	LM_DATA,       /* octets of DATA come */
	LM_CHUNK,      /* octets of a BDAT chunk come */
	LM_CHUNKED,    /* between two chunks */
	LM_DISCARD,    /* octets of a chunk come that belongs to no transaction */
	LM_LOOKUP,     /* RCPT asked */
	LM_SPOOLING,   /* a piece is on its way to the spool file */
	LM_DELIVERING, /* end of data seen */
	LM_GONE,
	LM_STATES
};
#define LM_IN(state) (1u << (state))

struct lm {
	const struct lm_policy *policy;
	const struct lm_out *out;
	void *ctx;
	const struct log *log;

	enum lm_state state;
	enum lm_state back; /* DISCARD, SPOOLING: where it goes on */
	bool skipping;      /* the rest of a refused line is still to come */
	bool stopping;      /* hang up after this transaction */

	struct lm_ask q;
	struct lm_mail *mail;           /* NULL: none, or away with a question */
	struct arena *asked;            /* while LOOKUP: holds rcpt and q.address */
	const char *rcpt;               /* the address as written */
	bool smtputf8;                  /* said in MAIL */
	uint64_t size_hint;             /* said in MAIL */
	const struct lm_words *refused; /* the body is read and dropped; this is the reply */
	struct canon canon;
	struct dots dots;
	uint64_t chunk_left;
	bool chunk_last;
	unsigned n_bad_row;
	struct lm_totals totals;
};

/* session.c */
void lm_enter(struct lm *s, enum lm_state to);
void lm_say(struct lm *s, const struct lm_words *w, const char *address);
void lm_sayf(struct lm *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum lm_verdict lm_bad(struct lm *s, const char *reply); /* counts it; may hang up */
enum lm_verdict lm_ask(struct lm *s, enum lm_ask_kind kind, enum lm_state wait);
void lm_forget(struct lm *s); /* the transaction, if there is one */
enum lm_verdict lm_transaction_over(struct lm *s);

/* verbs.c */
enum lm_verdict lm_command(struct lm *s, const char *p, size_t len);
enum lm_verdict lm_rcpt_answered(struct lm *s);

/* body.c */
void lm_body_begin(struct lm *s);
enum lm_verdict lm_chunk_begin(struct lm *s, uint64_t size, bool last);
enum lm_verdict lm_body_feed(struct lm *s, const char *p, size_t len, size_t *eaten);
enum lm_verdict lm_spooled(struct lm *s);
enum lm_verdict lm_delivered(struct lm *s);
