/* p3.h - the inside of the engine, for its own files only.
 *
 *	bytes -> session.c p3_feed -> parse.c -> dispatch by the table in verbs.c -> a verb's run()
 *	             ^                                                               |
 *	             +---- p3_answered, p3_drained <--- attach <--- ask(), put() <----+
 */
#pragma once
#include "server/base/buf.h"
#include "server/pop3/parse.h"
#include "server/pop3/session.h"
#include "server/pop3/stuff.h"

enum p3_state {
	P3_AUTH,   /* AUTHORIZATION: reads commands */
	P3_SASL,   /* reads the client's side of an AUTH exchange */
	P3_SIGNIN, /* waits: is the password right, is the mailbox free */
	P3_TLS,    /* waits: handshake */
	P3_TRANS,  /* TRANSACTION: reads commands */
	P3_TABLE,  /* waits: facts about each message; the command stays in the input */
	P3_FETCH,  /* waits: message is being opened */
	P3_READ,   /* waits: octets of a message */
	P3_SEND,   /* waits: room for the rest of a long answer */
	P3_UPDATE, /* waits: removal at QUIT */
	P3_GONE,   /* over */
	P3_STATES
};
#define IN(state) (1u << (state))

#define P3_MAX_BAD 20            /* bad commands in a row */
#define P3_MAX_FAILURES 10       /* of sign-in */
#define P3_MAX_UNSIGNED 100      /* commands before sign-in */
#define P3_MAX_SKIP (128u << 10) /* octets of one line */
#define P3_CHUNK (64u << 10)     /* read at a time when a message cannot go out as it lies */
#define P3_MECH_MAX 32

/* A long answer on its way, or a message. */
struct p3_send {
	enum verdict (*more)(struct p3 *s); /* goes on with it */
	bool uidl;                          /* LIST and UIDL differ in the column */
	uint32_t msg;                       /* the next to list; the one being sent */
	struct blob blob;
	bool lent; /* blob is the store's and must go back, whatever state we are in */
	uint64_t off;
	char *chunk; /* P3_CHUNK octets while a message is stuffed, else NULL */
	bool top;    /* TOP may stop early; RETR must come out as long as LIST said */
	struct stuff stuff;
};

struct p3 {
	enum p3_state state;
	const struct p3_policy *policy;
	struct p3_allowed allowed; /* strings are the session's */
	const struct p3_out *out;
	void *ctx;
	const struct log *log;
	struct arena *mem;

	size_t skipped; /* of the present overlong line */
	unsigned n_bad_row, n_failures, n_unsigned;
	bool utf8; /* UTF8 was said: STLS may not follow (RFC 6856 section 2.1) */

	struct buf user; /* since USER; empty = USER must come first */
	struct buf sasl; /* decoded octets in the present question */
	char mech[P3_MECH_MAX + 1];

	struct p3_ask q;       /* one at a time */
	const char *cancelled; /* why the present AUTH ends, for the client */

	struct box *box;
	uint32_t expire_days; /* the mailbox's own rule */
	enum ec table_failed; /* to be told by the command that waits for the table */
	uint8_t *removed, *fetched;
	uint32_t n_removed, n_fetched;
	uint64_t octets_removed;
	struct p3_send send;
	struct p3_totals totals;
};

struct p3_verb {
	const char *name;
	unsigned argc_min, argc_max;
	unsigned flags;
	unsigned states;
	enum verdict (*run)(struct p3 *s, const struct p3_req *req);
	bool (*offered)(const struct p3 *s); /* NULL: always */
	const char *usage;
	void (*capa)(struct p3 *s, const struct p3_verb *v); /* its line in CAPA; NULL: none */
};
enum {
	REST = 1,  /* the argument is the rest of the line, blanks and all */
	UTF8 = 2,  /* arguments may be UTF-8 */
	TABLE = 4, /* needs box->msgs */
};
extern const struct p3_verb p3_verbs[];
extern const size_t p3_n_verbs;

/* session.c */
void p3_enter(struct p3 *s, enum p3_state to);
/* Asks; what comes back goes to the state's handler, at once or in p3_answered. */
enum verdict p3_ask(struct p3 *s, enum p3_ask_kind kind, enum p3_state wait_in);
enum verdict p3_bye(struct p3 *s, const char *why); /* a word for the log */
bool p3_full(const struct p3 *s); /* so much output is queued that long answers pause */

/* verbs.c */
enum verdict p3_dispatch(struct p3 *s, struct p3_slice line);

/* reply.c: one line each, never above 512 octets, never with anything in it that the client sent */
void p3_ok(struct p3 *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void p3_err(struct p3 *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void p3_line(struct p3 *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void p3_words(struct p3 *s, const char *head, const char *words); /* as many as fit */
void p3_putz(struct p3 *s, const char *z);
/* -ERR for a bad command; too many in a row end the session. */
enum verdict p3_bad(struct p3 *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* -ERR by class; signing in: the words for that, or better ones that came with the answer. say may be NULL. */
void p3_fail(struct p3 *s, enum ec class, const char *say);
void p3_fail_signin(struct p3 *s, const struct p3_ask *q, const char *say);

/* signin.c */
enum verdict p3_user(struct p3 *s, const struct p3_req *req);
enum verdict p3_pass(struct p3 *s, const struct p3_req *req);
enum verdict p3_apop(struct p3 *s, const struct p3_req *req);
enum verdict p3_auth(struct p3 *s, const struct p3_req *req);
enum verdict p3_sasl_line(struct p3 *s, struct p3_slice line);
enum verdict p3_sasl_cancel(struct p3 *s, const char *why);
enum verdict p3_signin_answered(struct p3 *s);
void p3_signin_forget(struct p3 *s);

/* capa.c */
enum verdict p3_capa(struct p3 *s, const struct p3_req *req);
void p3_capa_name(struct p3 *s, const struct p3_verb *v);
void p3_capa_sasl(struct p3 *s, const struct p3_verb *v);
void p3_capa_utf8(struct p3 *s, const struct p3_verb *v);
enum verdict p3_lang(struct p3 *s, const struct p3_req *req);

/* list.c */
enum verdict p3_list(struct p3 *s, const struct p3_req *req);
enum verdict p3_uidl(struct p3 *s, const struct p3_req *req);
/* A message number that exists and is not marked, else -ERR and the verdict in *v. */
bool p3_msg(struct p3 *s, struct p3_slice arg, uint32_t *i, enum verdict *v);

/* retr.c */
enum verdict p3_retr(struct p3 *s, const struct p3_req *req);
enum verdict p3_top(struct p3 *s, const struct p3_req *req);
enum verdict p3_fetched(struct p3 *s);
enum verdict p3_read(struct p3 *s);
void p3_send_forget(struct p3 *s);

/* marks: arrays of n_msgs bits, LSB first, made when first needed */
bool p3_marked(const uint8_t *marks, uint32_t i);
bool p3_mark(struct p3 *s, uint8_t **marks, uint32_t i); /* false: it was marked already */
