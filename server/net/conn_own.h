/* conn_own.h - what the three files of conn.h share: conn.c decides whose turn it is and what the
 * owner is told, conn_in.c receives, conn_out.c sends.
 */
#pragma once
#include <event2/event_struct.h>
#include "server/base/buf.h"
#include "server/net/conn.h"
#include "server/net/outq.h"
#include "server/net/tls.h"
#include "server/net/tls_io.h"
#include "server/net/turn.h"

/* Sent per turn, then the others are looked at: a tenth of a millisecond of sendfile, a quarter of one of encrypting. */
#define TURN_BYTES_PLAIN (1088u << 10) /* a message of 1 MiB with all that is said around it */
#define TURN_BYTES_TLS (256u << 10)
#define TURN_BYTES_SHARED (64u << 10) /* what is longer, while others have turns */

enum phase {
	P_OPEN,
	P_BEFORE_TLS, /* the reply to STLS is on its way out; input is thrown away */
	P_HANDSHAKE,
	P_FINISHING, /* conn_finish: the queue is on its way out; input is thrown away */
	P_FINISHED,  /* it is out */
	P_BROKEN,
	P_FREED /* inside settle: it frees the memory when it comes back */
};

struct conn {
	struct turn turn; /* first, so that the one is the other */
	struct loop *loop;
	conn_fn *fn;
	void *ctx;
	int fd;
	uint8_t phase;
	uint8_t due;   /* bit per enum conn_ev: to be told */
	bool settling; /* inside settle, */
	bool calling;  /* and there inside the callback */
	bool hold;     /* conn_hold */
	bool stuck;    /* the kernel took less than offered */
	bool above;    /* over CONN_HIGH since the last CONN_DRAINED */
	bool ended;    /* the peer's end was received */
	bool emptied;  /* in this turn a recv took all there was */
	bool moved;    /* in this turn something was sent or received */
	bool watch_in, watch_out;
	bool narrow; /* the kernel took less than was in the loop's pipe: not that way again */
	bool corked; /* the kernel sends full segments only */
	struct event in_ev, out_ev, tick;
	size_t in_max;
	char *lent; /* input that is still in the scratch buffer ... */
	size_t n_lent;
	struct buf in; /* ... or here, when it outlived a turn; never both */
	struct outq out;
	size_t budget; /* octets that this turn may still send */
	size_t streak; /* octets sent since the queue was last empty */
	struct tls *tls_next;
	struct tls_io *tls;
	uint64_t idle_ms, last_ms; /* conn_timeout; when something was last moved */
	uint64_t deadline_ms;      /* absolute, 0 = none */
	uint64_t tick_ms;          /* when the timer will fire, 0 = never */
	uint64_t n_in, n_out;
	char *why;
};

/* conn.c */
void conn_wake(struct conn *c); /* something is to be done, by and by */
void conn_due(struct conn *c, enum conn_ev ev);
void conn_not_due(struct conn *c, enum conn_ev ev);
void conn_touch(struct conn *c); /* something moved: the idle time starts again */
/* The first reason counts, and it is the last thing that the owner hears. */
void conn_fail(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conn_fail_errno(struct conn *c, const char *what);
void conn_fail_tls(struct conn *c);

/* conn_in.c */
size_t conn_n_input(const struct conn *c);
size_t conn_room(const struct conn *c);
void conn_receive(struct conn *c);      /* the socket has something */
void conn_handshake(struct conn *c);    /* on with it */
void conn_read_pending(struct conn *c); /* the TLS layer may have something */
void conn_keep_lent(struct conn *c);    /* the scratch buffer goes to somebody else now */

/* conn_out.c */
void conn_send(struct conn *c); /* what is queued, as far as kernel and budget allow */
void conn_push(struct conn *c); /* ciphertext that is ready */
