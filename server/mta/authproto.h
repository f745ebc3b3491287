/* authproto.h - the engine of auth_socket: lines in, replies and questions out, no sockets inside.
 *
 * The protocol that Dovecot made for MTAs, as its public description has it (versions 1.0 to 1.2): a handshake, then AUTH and
 * CONT with an id of the client's choice, answered by OK, CONT or FAIL. Exchanges overlap; at most AP_EXCHANGES_MAX at once. A
 * client that gives one up does not say so: the oldest that waits for its client goes when room is needed.
 *
 * Thread: one at a time, never blocks. Owner: the arena given to ap_new; ap_gone before it is dropped.
 */
#pragma once
#include "server/auth/auth.h"
#include "server/base/arena.h"
#include "server/mta/engine.h"

/* The longest message of a mechanism is a Kerberos ticket: 48 KiB, in base64; beside it there are parameters. */
#define AP_LINE_MAX (67u << 10)
#define AP_EXCHANGES_MAX 32
#define AP_MECH_MAX 20
#define AP_WORD_MAX 63 /* of service and address */

enum ap_kind { AP_BEGIN, AP_STEP };

/* A question; the first half is the engine's, the second the answerer's. */
struct ap_ask {
	enum ap_kind kind;
	uint32_t id;
	bool secured;                  /* the MTA's client is on TLS */
	char mech[AP_MECH_MAX + 1];    /* BEGIN */
	char service[AP_WORD_MAX + 1]; /* as it was said; "" = it was not */
	char rip[AP_WORD_MAX + 1];     /* the address of the MTA's client, as it was said */
	const void *data;              /* decoded; lent while ask() runs */
	size_t data_len;
	bool has_data; /* BEGIN: there is an initial response */

	void *own; /* the answerer's, from BEGIN to the end of the exchange */
	enum auth_state state;
	enum ec class; /* AUTH_FAILED; as auth.h has it */
	enum refusal refusal;
	struct name who;       /* AUTH_DONE */
	const char *challenge; /* AUTH_MORE; lent while ap_answered runs */
	size_t challenge_len;
};
struct ap_out {
	void (*put)(void *ctx, const void *p, size_t len);
	/* true: answered at once, the second half is filled in. false: ap_answered follows. An answer but AUTH_MORE ends the
	 * exchange: `own` is the answerer's to let go. */
	bool (*ask)(void *ctx, struct ap_ask *q);
	/* The exchange is given up, q goes with it: nobody waits for an answer any more. */
	void (*drop)(void *ctx, struct ap_ask *q);
};

struct ap;
struct ap *ap_new(struct arena *mem, const struct ap_out *out, void *ctx);
/* Our half of the handshake. mechs: blank-separated; serial: this connection's number in this process. */
void ap_greet(struct ap *a, const char *mechs, uint64_t serial);
/* Takes one line, if there is a whole one; *eaten octets are done with. Call again until it takes none. */
enum mta_verdict ap_feed(struct ap *a, const char *p, size_t len, size_t *eaten);
/* A question is answered (q is one given to ask). Then feed what is left. */
enum mta_verdict ap_answered(struct ap *a, struct ap_ask *q);
/* The client's word, awaited in q, never came: gives the exchange up. */
void ap_forget(struct ap *a, struct ap_ask *q);
/* No more lines: what is asked is still answered (MTA_WAIT), what waits for its client is given up. */
enum mta_verdict ap_stop(struct ap *a);
/* The connection is gone: gives up everything. */
void ap_gone(struct ap *a);
/* Why it hung up on a client that broke the protocol; NULL: it did not. */
const char *ap_fault(const struct ap *a);
