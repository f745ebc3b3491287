/* attach.h - joins POP3 engine, connection, workers, sign-in, catalog and store.
 *
 * One struct pop3 per process: it makes sessions on the loop a connection arrives at, and is where reload, drain and the
 * control socket reach them. Thread: as each call says. The snapshot a session starts with is its own until it ends.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "server/auth/auth.h"
#include "server/base/share.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/net/conn.h"
#include "server/net/slots.h"
#include "server/net/throttle.h"
#include "server/net/tls.h"
#include "server/net/work.h"
#include "server/store/store.h"

struct pop3;

/* Everything a new session needs, as one immutable set; replaced as a whole by reload. References are taken. */
struct pop3_setup {
	struct conf *conf;
	struct tls *tls; /* NULL: none */
	struct auth *auth;
	struct catalog *catalog;
	struct store *store;
	struct share *share; /* what keeps catalog and store open; NULL: they outlive the service */
	/* As in struct p3_policy: for CAPA before sign-in. */
	uint32_t expire_days;
	bool expire_differs;
};
/* Two sets of workers, lent: a directory that is slow may hold all those of sign-in, and whoever is in still gets his mail. */
struct pop3_work {
	struct work *signin, *mailbox;
};
struct pop3 *pop3_new(struct loop **loops, unsigned n_loops, struct pop3_work work,
		      const struct pop3_setup *setup, const struct log *log);
void pop3_setup(struct pop3 *p, const struct pop3_setup *setup); /* any thread */
/* An accepted connection; minds socketmax and its kin. here: the calling thread's loop, which is to serve it; NULL: any thread,
 * and the next loop in turn is. implicit_tls: port 995. */
void pop3_accept(struct pop3 *p, const struct loop *here, int fd, const struct sockaddr *sa,
		 socklen_t len, bool implicit_tls);
/* No new sessions; sessions that have signed in go on, others are told to come back. Calls idle() on loop 0 when none is left. */
void pop3_drain(struct pop3 *p, void (*idle)(void *ctx), void *ctx);
/* Ends sessions of a mailbox, of a domain, or all (NULL); returns at once; any thread. */
void pop3_kick(struct pop3 *p, const struct name *who);
struct pop3_now {
	struct slots_now slots;
	unsigned sessions, signed_in;
	uint64_t total;
};
void pop3_now(struct pop3 *p, struct pop3_now *out);
void pop3_free(
	struct pop3 **p); /* after the loops have stopped: closes what is left, deletes nothing */
