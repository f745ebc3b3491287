/* attach.h - joins LMTP engine, connection, workers, catalog and store. Shape and threads as server/pop3/attach.h. */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/net/conn.h"
#include "server/net/work.h"
#include "server/store/store.h"

struct lmtp;

struct lmtp_setup {
	struct conf *conf;
	enum name_rule rule;
	struct catalog *catalog;
	struct store *store;
};
struct lmtp *lmtp_new(struct loop **loops, unsigned n_loops, struct work *work,
		      const struct lmtp_setup *setup, const struct log *log);
void lmtp_setup(struct lmtp *p, const struct lmtp_setup *setup);
void lmtp_accept(struct lmtp *p, int fd, const struct sockaddr *sa, socklen_t len);
void lmtp_drain(struct lmtp *p, void (*idle)(void *ctx),
		void *ctx); /* transactions under way finish */
struct lmtp_now {
	unsigned sessions;
	uint64_t total, delivered, refused;
};
void lmtp_now(struct lmtp *p, struct lmtp_now *out);
void lmtp_free(struct lmtp **p);
