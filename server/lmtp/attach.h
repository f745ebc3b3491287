/* attach.h - joins LMTP engine, connection, workers, catalog and store.
 *
 * One struct lmtp per process: it makes sessions on one loop after the other, and is where reload
 * and drain reach them. MTAs keep a session open from mail to mail: new settings are its own with its next transaction. What it
 * said of itself in the greeting stays.
 * Thread: any, where nothing else is said.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "server/base/share.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/net/conn.h"
#include "server/net/work.h"
#include "server/quota/limits.h"
#include "server/store/store.h"

struct lmtp;

/* What a transaction needs, as one set, replaced as a whole by reload. References are taken. */
struct lmtp_setup {
	struct conf *conf;
	enum name_rule rule;
	struct catalog *catalog;
	struct store *store;
	struct limits *limits;
	struct share *share; /* what keeps the last three open; NULL: they outlive the service */
};
struct lmtp *lmtp_new(struct loop **loops, unsigned n_loops, struct work *work,
		      const struct lmtp_setup *setup, const struct log *log);
void lmtp_setup(struct lmtp *p, const struct lmtp_setup *setup);
/* fd is the session's from now on. Beyond lmtp_socketmax it is told 421 and closed. */
void lmtp_accept(struct lmtp *p, int fd, const struct sockaddr *sa, socklen_t len);
/* No new sessions; transactions under way come to their end, then 421. idle() is called once, on
 * loop 0, when no session is left. Call once. */
void lmtp_drain(struct lmtp *p, void (*idle)(void *ctx), void *ctx);
struct lmtp_now {
	unsigned sessions;
	uint64_t total, delivered, refused; /* sessions; recipients; recipients */
};
void lmtp_now(struct lmtp *p, struct lmtp_now *out);
/* After the loops and the workers have stopped: closes what is left. */
void lmtp_free(struct lmtp **p);
