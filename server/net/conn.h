/* conn.h - a buffered byte stream, plain or TLS, with one callback.
 *
 * Input is collected for the owner, who eats what it has understood. Output is queued in order - octets, ranges of files -
 * and leaves in as few system calls as possible when the callback returns (one writev per reply batch; file ranges by
 * sendfile, TLS by full records, kernel TLS where there is one). An idle connection holds no buffers.
 *
 * Thread: its loop's. Owner: conn_free by its maker; safe inside its own callback. The callback never runs inside a conn_ call.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "server/base/err.h"
#include "server/net/loop.h"

struct conn;
struct tls;

enum conn_ev {
	CONN_DATA,    /* new input */
	CONN_DRAINED, /* output fell below CONN_LOW after it was above CONN_HIGH */
	CONN_SECURE,  /* TLS handshake done */
	CONN_TIMEOUT, /* nothing happened for the time set by conn_timeout */
	CONN_EOF,     /* the peer ended; what was queued may still be sent */
	CONN_ERROR,   /* broken; conn_error says why */
	CONN_SENT, /* conn_finish: everything is out; free it now, the last reply may wait for that. If not, it is shut down */
};
#define CONN_HIGH (64u << 10)
#define CONN_LOW (16u << 10)

typedef void conn_fn(struct conn *c, enum conn_ev ev, void *ctx);

/* fd non-blocking, owned by the connection from now on. in_max: input beyond it is not read until some is eaten. */
struct conn *conn_new(struct loop *l, int fd, size_t in_max, conn_fn *fn, void *ctx);
void conn_free(struct conn **c);
struct loop *conn_loop(const struct conn *c);

const char *conn_in(const struct conn *c, size_t *len);
void conn_eat(struct conn *c, size_t n); /* wiped as it goes: it may have been a password */
/* All of it, also octets still in the TLS layer: RFC 2595 section 4. */
void conn_drop_input(struct conn *c);
/* true: no CONN_DATA until false. What comes is kept, at most in_max in all. A bare end is told at once
 * (CONN_EOF: the client gave up waiting); an end behind input waits for its turn. */
void conn_hold(struct conn *c, bool hold);

void conn_put(struct conn *c, const void *p, size_t len);
void conn_putz(struct conn *c, const char *z);
/* A file range; done(ctx) when it is out or the connection is freed, or at once when nothing can be
 * sent any more. fd is lent until then. */
void conn_put_file(struct conn *c, int fd, uint64_t off, uint64_t len, void (*done)(void *ctx),
		   void *ctx);
/* Octets not yet taken by the kernel; file ranges count. */
size_t conn_queued(const struct conn *c);
void conn_flush(struct conn *c); /* now; otherwise after the callback */
/* Send what is queued, shut down (TLS close_notify), then CONN_SENT. Input is ignored from now on. */
void conn_finish(struct conn *c);

/* Start TLS after what is queued has left; input pending so far is dropped. implicit: at once (port 995).
 * Nothing can be queued before CONN_SECURE. */
void conn_start_tls(struct conn *c, struct tls *t);
/* Restarts at every call and at every input or output, and when it has fired; 0 = never. */
void conn_timeout(struct conn *c, uint64_t ms);
/* A deadline that activity does not move (slow trickling clients); 0 = none. Fires CONN_TIMEOUT. */
void conn_deadline(struct conn *c, uint64_t ms);

struct conn_tls_info {
	bool on, resumed, ktls_send;
	const char *version, *cipher, *sni; /* NULL when off */
	const char *peer_name; /* from a verified client certificate: e-mail SAN, else CN; NULL */
	unsigned bits;
	/* "tls-exporter" (1.3), "tls-unique" (1.2); NULL: none (1.2 without RFC 7627) */
	const char *binding_name;
	const unsigned char *endpoint; /* tls-server-end-point (RFC 5929 section 4) */
	size_t endpoint_len;           /* 0: none (the certificate's signature has no hash) */
};
void conn_tls_info(const struct conn *c, struct conn_tls_info *out); /* lent until conn_free */
/* What binding_name names (RFC 9266, RFC 5929). The exporter's costs a tenth of what a handshake does besides its curves: ask
 * when somebody binds to it. */
struct conn_binding {
	unsigned char octets[64];
	size_t len; /* 0: none */
};
void conn_tls_binding(const struct conn *c, struct conn_binding *out);
uint64_t conn_n_in(const struct conn *c);
uint64_t conn_n_out(const struct conn *c);
uint64_t conn_idle_ms(const struct conn *c);  /* since anything moved; 0 without a conn_timeout */
const char *conn_error(const struct conn *c); /* after CONN_ERROR; "" otherwise */

/* "192.0.2.7", "2001:db8::1", "local" for a unix socket. */
#define PEER_TEXT_MAX 64
void peer_text(const struct sockaddr *sa, socklen_t len, char out[PEER_TEXT_MAX]);
bool peer_is_loopback(const struct sockaddr *sa, socklen_t len); /* unix sockets count */
/* Of two such texts: one customer's, who has one address of IPv4, or a /64 of IPv6? */
bool peer_same_network(const char *a, const char *b);
