/* listen.h - listening sockets: made by us, or handed over by systemd (LISTEN_FDS), named pop3, pop3s, lmtp,
 * maps, auth, control.
 *
 * Accepts in batches on the loop it was started on; out of descriptors pauses accepting for a moment instead of spinning.
 * Thread: listen_open any (before privileges are dropped); the rest on the loop.
 */
#pragma once
#include <sys/socket.h>
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/net/loop.h"

struct listener;

typedef void listen_fn(int fd, const struct sockaddr *sa, socklen_t len,
		       void *ctx); /* fd: non-blocking, close-on-exec, yours */

/* host: address, or "*" for all (one dual-stack socket). */
enum ec listen_tcp(const char *host, unsigned port, int backlog, struct listener **out,
		   struct err *e);
/* One more socket at the address of one that listen_tcp made: the kernel deals newcomers among them, so that each loop accepts
 * for itself. Closing one loses whoever waits in its queue. */
enum ec listen_beside(const struct listener *first, int backlog, struct listener **out,
		      struct err *e);
/* Replaces a stale socket file, refuses a live one; mode exact. */
enum ec listen_unix(const char *path, unsigned mode, int backlog, struct listener **out,
		    struct err *e);
/* Sockets of that name from systemd, one after the other; EC_ABSENT when there are no (more). */
enum ec listen_inherited(const char *name, struct listener **out, struct err *e);
void listen_start(struct listener *l, struct loop *loop, const struct log *log, listen_fn *fn,
		  void *ctx);
/* Lent: for whoever accepts by himself, instead of listen_start. */
int listener_fd(const struct listener *l);
unsigned listen_port(const struct listener *l); /* the real one when 0 was asked for */
void listen_close(struct listener **l);         /* removes a unix socket file that it made */
