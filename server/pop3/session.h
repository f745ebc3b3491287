/* session.h - the POP3 engine: octets in, replies and questions out, no sockets inside.
 *
 * It gets input, speaks through struct p3_out, asks through struct p3_ask, and returns a verdict; attach.c joins it to a
 * connection, to workers, sign-in, catalog and store. So tests, fuzzers and replays need no network and no disk.
 *
 * Thread: one at a time, never blocks. Owner: the arena given to p3_new holds the session; slices in a p3_ask live until it is
 * answered. What a client sends is bounded before it is stored.
 * Source: RFC 1939, 2449, 2595, 3206, 5034, 6856, 8314; MS-POP3 for bare AUTH.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/accounts/accounts.h"
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/base/secret.h"
#include "server/store/store.h"

/* Octets of a line without its end. Longer ones are refused and skipped; whoever buffers input for the engine needs room for
 * the longest with its CRLF. */
#define P3_LINE_MAX 512          /* a command; RFC 2449 asks for 255 */
#define P3_AUTH_LINE_MAX 12288   /* RFC 5034 section 4; AUTH with an initial response too */
#define P3_TICKET_LINE_MAX 65536 /* the same where Kerberos is: 48 KiB of ticket in base64 */
/* Queued output above which answers pause; above CONN_HIGH and what TLS adds, or nobody would tell us of room again. */
#define P3_HIGH (96u << 10)

enum verdict {
	V_NEXT,
	V_WAIT,
	V_BYE
}; /* read on | an answer (or room for output) will come | hang up once output is out */

enum p3_ask_kind {
	P3_ASK_PASS,   /* user, secret                 -> class, who, box; then TRANSACTION */
	P3_ASK_APOP,   /* user, digest                 -> as above */
	P3_ASK_BEGIN,  /* mech, data (has_data)        -> more + challenge, or as above */
	P3_ASK_STEP,   /* data                         -> as above */
	P3_ASK_CANCEL, /* client sent "*"              -> nothing */
	P3_ASK_TABLE,  /* fill box->msgs               -> class */
	P3_ASK_FETCH,  /* msg                          -> class, blob */
	P3_ASK_READ,   /* blob, off, into, want        -> class, got */
	/* marks, NULL if nothing is to change -> class, commit. The mailbox is given back before the answer, so that a client
	 * that reconnects on hearing it is not told [IN-USE]. */
	P3_ASK_COMMIT,
};

/* A question; the first half is the engine's, the second the answerer's. */
struct p3_ask {
	enum p3_ask_kind kind;
	const char *user;
	size_t user_len;
	struct secret secret; /* PASS: moved out by the answerer */
	const char *digest;   /* APOP: as the client wrote it, NUL-terminated */
	const char *mech;     /* NUL-terminated, upper case */
	const void *data;     /* decoded octets */
	size_t data_len;
	bool has_data;
	uint32_t msg; /* 0-based */
	struct blob *blob;
	uint64_t off;
	void *into;
	size_t want;
	const struct marks *marks;

	enum ec class;
	struct err err; /* text for the log; never for the client */
	bool more;      /* BEGIN, STEP: challenge follows */
	const char *challenge;
	size_t challenge_len;
	struct name who;
	const char *mech_done;
	enum refusal refusal; /* why the right password does not do */
	const char
		*code;   /* a response code better than the class's own, e.g. "LOGIN-DELAY"; NULL */
	const char *say; /* a text better than the class's own, e.g. "mailbox is locked"; NULL */
	struct box *box; /* claimed; the engine reads it, the answerer releases it at the end */
	uint32_t expire_days; /* of the mailbox: EXPIRE_NEVER, 0, n */
	size_t got;
	struct commit commit;
};

struct p3_out {
	void (*put)(void *ctx, const void *p, size_t len);
	/* All of the message fetched last goes out behind what was put. Copy *b: the engine uses it again. */
	void (*blob)(void *ctx, struct blob *b);
	/* The engine needs the message fetched last no more; if it was given to blob() it may still be in flight. */
	void (*done)(void *ctx, struct blob *b);
	/* RETR: so many octets of a message are out, or in flight; before done(). NULL: nobody counts. */
	void (*retrieved)(void *ctx, uint64_t octets);
	/* After the reply just put: drop everything the client has pipelined, start TLS, call p3_secured. The p3_feed that
	 * calls this reports all of its input as eaten. */
	void (*tls)(void *ctx);
	/* true: answered at once, the second half is filled in. false: p3_answered will be called later. */
	bool (*ask)(void *ctx, struct p3_ask *q);
	/* The mailbox is open, and the reply put; commands that came with the password are not looked at yet. */
	void (*signed_in)(void *ctx);
	size_t (*queued)(void *ctx);
};

/* What this server is and allows; lent, constant over the session. */
struct p3_policy {
	const char *hostname;
	const char *implementation; /* "winpop-0.1.0"; RFC 2449 6.9 */
	bool stls_offered;          /* a certificate is there */
	unsigned login_delay_s;     /* 0 = not announced */
	/* What a stranger is told: the shortest rule of any domain, and whether there are others; EXPIRE_UNSET: not known. */
	uint32_t expire_days;
	bool expire_differs;
	bool kerberos;     /* sign-in messages may be as long as tickets */
	bool spa_only;     /* no password in the clear, TLS or not: sparequired */
	bool ntlm_plus_ok; /* AUTH NTLM is answered "+OK", as MS-POP3 has it, instead of "+ " */
};
/* The longest line of this server, for whoever buffers input. */
size_t p3_longest_line(const struct p3_policy *policy);
/* What may be used now; asked again after STLS and in CAPA. */
struct p3_allowed {
	const char *mechs;      /* blank-separated, "" = none */
	bool clear;             /* USER/PASS */
	const char *apop_stamp; /* NULL: APOP is off */
	bool secure;            /* TLS is on */
};

struct p3;
struct p3 *p3_new(struct arena *mem, const struct p3_policy *policy,
		  const struct p3_allowed *allowed, const struct p3_out *out, void *ctx,
		  const struct log *log);
void p3_greet(struct p3 *s);
/* Takes what it can of the input: *eaten octets are done with (wiped by the caller). Call again when more has come, after
 * an answer, and after output has drained. Never keeps a pointer into p. */
enum verdict p3_feed(struct p3 *s, const char *p, size_t len, size_t *eaten);
/* The question asked is answered (q is the one given to ask). Then feed what is left; a command that had to wait for the
 * table of messages is still there. */
enum verdict p3_answered(struct p3 *s, struct p3_ask *q);
enum verdict p3_drained(struct p3 *s);
enum verdict p3_secured(struct p3 *s, const struct p3_allowed *allowed);
/* Time is up, the service stops, an administrator ends the session: says why if the protocol allows, then V_BYE.
 * Nothing is deleted (RFC 1939 section 6). */
enum p3_end { P3_END_IDLE, P3_END_STOP, P3_END_KICK };
enum verdict p3_end(struct p3 *s, enum p3_end why);
/* The connection has ended, by whomever: forget marks, let go of blobs and buffers; to be called before the arena is dropped.
 * s stays readable; twice is fine. What a pending question lends goes too: whoever is at work on one must be waited for. */
void p3_gone(struct p3 *s);

bool p3_signed_in(const struct p3 *s);
struct p3_totals {
	uint32_t n_retr, n_top, n_dele, n_bad;
	uint64_t octets_retr;
	const char *
		state; /* where it ended, and why: "quit", "idle", ... NULL if by no doing of ours */
	const char *end;
	struct name who; /* empty before sign-in */
	const char *mech;
};
void p3_totals(const struct p3 *s, struct p3_totals *out);
