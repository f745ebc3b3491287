/* pool.h - servers in order of preference, connections to them, and what happens when one is away.
 *
 * Callers hand in a piece of work and get it done on some connection, or EC_TEMP. A server that fails is put aside; from
 * then on nobody waits for it: one thread of the pool's own tries it again (after 0.1 s, then twice as long each time up
 * to 5 s) and puts it back into service, the preferred one first. While all are aside work fails at once.
 *
 * Two kinds of connections, at most directory_connections of each: of the service, for searches and changes, and anonymous ones on
 * which passwords are proved. Whoever finds all of them taken waits, never longer than the timeout, then EC_BUSY.
 *
 * Thread: any; may block. The mutex here guards the lists only and is never held over an operation.
 */
#pragma once
#include "ldap/conn.h"
#include "ldap/dir.h"

struct pool;

enum pool_use {
	POOL_READ,  /* service's connection; done again elsewhere if the connection is lost */
	POOL_WRITE, /* service's; done once: a change that may have arrived is not sent twice */
	POOL_PROVE, /* anonymous; done again elsewhere */
};
typedef enum ec pool_fn(struct dir_conn *c, void *ctx, struct err *e);

/* servers: as in the settings, blank-separated; "srv:DOMAIN" is looked up by DNS now and again (RFC 2782). No connection
 * is opened before there is work. setup is lent. */
enum ec pool_new(const char *servers, const struct link_setup *setup, unsigned most,
		 const struct log *log, struct pool **out, struct err *e);
void pool_free(struct pool **p);
/* fn's own result, unless the connection failed (EC_TEMP; EC_DENIED: an administrator's password is wrong).
 * fn must be fit to run again when use allows it. */
enum ec pool_run(struct pool *p, enum pool_use use, pool_fn *fn, void *ctx, struct err *e);
/* Does not wait: servers that DNS has to tell are unknown until there was work. */
unsigned pool_now(struct pool *p, struct dir_server_now *out, unsigned max);
