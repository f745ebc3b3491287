/* console.c - start and end of the console. What needs root - ports, the certificate's key - is opened first. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "server/base/arena.h"
#include "server/ops/notify.h"
#include "admin/console/cage.h"
#include "admin/console/console.h"
#include "admin/console/keeper.h"

#define LISTENERS_MAX 32
#define BACKLOG 64

/* Those that systemd hands over stand for the settings. */
static enum ec inherit(struct listener **list, size_t *n, struct err *e)
{
	enum ec rc = EC_OK;

	while (rc == EC_OK && *n < LISTENERS_MAX) {
		rc = listen_inherited("console", &list[*n], e);
		*n += rc == EC_OK;
	}
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* An address of a kind that this kernel has not - IPv6 switched off - is no reason not to serve the others. */
static enum ec open_each(const struct conf *c, struct listener **list, size_t *n, struct err *e)
{
	struct arena *mem = arena_new("console addresses", 256);
	char *at = arena_strz(mem, c->console_address), *rest, *word;
	enum ec rc = EC_OK;

	for (word = strtok_r(at, " \t", &rest); word && *n < LISTENERS_MAX;
	     word = strtok_r(NULL, " \t", &rest)) {
		enum ec one = listen_tcp(word, c->console_port, BACKLOG, &list[*n], e);

		*n += one == EC_OK;
		if (one != EC_OK && strcmp(word, "::1") != 0)
			rc = one;
	}
	arena_drop(&mem);
	return rc == EC_OK && *n == 0 ? e->class : rc;
}

static enum ec open_listeners(const struct conf *c, struct listener **list, struct err *e)
{
	size_t n = 0;
	enum ec rc = inherit(list, &n, e);

	return rc == EC_OK && n == 0 ? open_each(c, list, &n, e) : rc;
}

/* Passwords go through here. */
static enum ec harden(struct err *e)
{
	if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_sys(e, "turning core dumps off");
	signal(SIGPIPE, SIG_IGN);
	return EC_OK;
}

void console_ready(struct keeper *k)
{
	char port[16];

	snprintf(port, sizeof(port), "%u", listen_port(k->listeners[0]));
	log_event(k->log, LV_NOTE, "console-ready", KV("version", WINPOP_VERSION),
		  KV("address", k->conf->console_address), KV("port", port),
		  KV("user", k->conf->console_user));
	notify_manager("READY=1");
}

static enum ec serve(struct keeper *k, struct err *e)
{
	struct listener *listeners[LISTENERS_MAX + 1] = { NULL };
	enum ec rc = cage_check(k->conf->console_user, e);

	k->listeners = listeners;
	if (rc == EC_OK)
		rc = harden(e);
	if (rc == EC_OK)
		rc = open_listeners(k->conf, listeners, e);
	if (rc == EC_OK)
		rc = keeper_run(k, e);
	notify_manager("STOPPING=1");
	for (struct listener **l = listeners; *l; l++)
		listen_close(l);
	return rc;
}

enum ec console_run(const char *conf_path, struct err *e)
{
	struct keeper k = { .conf_path = conf_path };
	enum ec rc = conf_load(conf_path, &k.conf, e);

	if (rc != EC_OK)
		return rc;
	struct log_sink *sink = log_open(k.conf->log_to, "winpop-console", (int)k.conf->logging);
	const struct log log = { .sink = sink };

	k.log = &log;
	rc = serve(&k, e);
	log_event(&log, rc == EC_OK ? LV_NOTE : LV_CRIT, "console-ended",
		  KV("text", rc == EC_OK ? NULL : e->text));
	log_close(&sink);
	conf_unref(&k.conf);
	return rc;
}
