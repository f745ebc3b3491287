/* exporter.h - metrics and health over HTTP, for scrapers and load balancers.
 *
 *	GET /metrics    numbers as text (metrics.h), in the form that Accept asks for
 *	GET /health     200 "ok", or 503 and why: whether clients should be sent here
 *
 * GET and HEAD only, without TLS and without asking who it is: no mail, no names of people, no way to change anything. It
 * listens where the settings say, nowhere unless they do. A client that is slow, or one of too many, is cut off.
 * Thread: its loop's. Owner: the setup is copied, what it names is lent.
 */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"
#include "server/net/loop.h"
#include "server/ops/metrics.h"

#define EXPORTER_CLIENTS_MAX 32

struct exporter;

struct exporter_setup {
	struct loop *loop;
	const char *addresses; /* blank-separated; "*" = all */
	unsigned port;
	char *(*metrics)(void *ctx, enum metrics_form form); /* malloc'ed */
	/* False: not healthy; why is for people. */
	bool (*health)(void *ctx, struct err *why);
	void *ctx;
};
/* EC_BROKEN and the like as listen_tcp has them: nothing is open then. */
enum ec exporter_new(const struct exporter_setup *s, struct exporter **out, struct err *e);
void exporter_free(struct exporter **x);
