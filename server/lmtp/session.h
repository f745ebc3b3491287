/* session.h - the LMTP engine (RFC 2033): octets in, replies and questions out, no sockets inside.
 *
 * PIPELINING, 8BITMIME, SMTPUTF8, SIZE, CHUNKING, ENHANCEDSTATUSCODES. One reply per accepted recipient after the data.
 * End of data is CRLF "." CRLF and nothing else: a bare LF never ends a line of a command or of DATA. 250 is said only for
 * what is durable; trouble of ours is 451 4.3.x, never 5xx.
 *
 * Thread: one at a time, never blocks. Owner: as the POP3 engine's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/store/store.h"

#define LM_LINE_MAX                                                                                \
	4096 /* a command: RFC 5321 says 512, SMTPUTF8 and extensions add; longer ones are refused */
#define LM_RCPT_MAX 1000
#define LM_SPOOL_AT (1u << 20) /* a body above this goes to a spool file piece by piece */

enum lm_verdict { LM_NEXT, LM_WAIT, LM_BYE };

enum lm_ask_kind {
	LM_ASK_RCPT, /* rcpt                         -> class: OK, ABSENT, QUOTA, ... ; name = mailbox it goes to */
	LM_ASK_SPOOL, /* piece, piece_len, spool_fd   -> class, spool_fd (opened if -1): append; the piece is lent */
	LM_ASK_DELIVER, /* rcpts, n, message            -> one result per recipient */
};
struct lm_rcpt {
	struct name name;
	const char *address; /* as the MTA wrote it, for Delivered-To and the log */
	enum ec class;       /* result */
	struct err err;
};
struct lm_ask {
	enum lm_ask_kind kind;
	const char *address; /* RCPT */
	struct lm_rcpt *rcpts;
	unsigned n_rcpts;
	const char *return_path; /* "" for <> */
	const void *piece;
	size_t piece_len;
	const struct message *
		message; /* DELIVER: the body; attach adds Return-Path and Delivered-To per recipient */
	uint64_t size_hint; /* SIZE= of MAIL, 0 = none */

	enum ec class;
	struct err err;
	struct name name;
	int spool_fd; /* in and out; closed by the answerer's forget() */
};
struct lm_out {
	void (*put)(void *ctx, const void *p, size_t len);
	bool (*ask)(void *ctx, struct lm_ask *q); /* as in POP3: true = answered at once */
	void (*forget)(void *ctx, int spool_fd);  /* the spool is not needed any more */
};
struct lm_policy {
	const char *hostname;
	uint64_t message_max_bytes;
};

struct lm;
struct lm *lm_new(struct arena *mem, const struct lm_policy *policy, const struct lm_out *out,
		  void *ctx, const struct log *log);
void lm_greet(struct lm *s);
enum lm_verdict lm_feed(struct lm *s, const char *p, size_t len, size_t *eaten);
enum lm_verdict lm_answered(struct lm *s, struct lm_ask *q);
enum lm_end { LM_END_IDLE, LM_END_STOP };
enum lm_verdict lm_end(struct lm *s, enum lm_end why); /* 421 */
void lm_gone(struct lm *s); /* the client vanished: forget the transaction */
struct lm_totals {
	uint32_t n_delivered, n_refused, n_bad;
	uint64_t octets;
};
void lm_totals(const struct lm *s, struct lm_totals *out);
