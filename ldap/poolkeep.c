/* poolkeep.c - servers that fail, and the thread that brings them back.
 *
 * The breaker is what keeps a dead directory from being felt: one caller, or a few, find out, and wait for it; from then on
 * every call fails at once, and only the keeper knocks. It knocks as the service, with all of its certificate and password: a port
 * that answers is not yet a directory. The connection it made is put to use.
 *
 * The thread is started by the first failure (or by a domain to be looked up again), so a program that runs one command against
 * a healthy directory never has it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "ldap/pool_own.h"
#include "server/base/clock.h"
#include "server/base/meter.h"

#define DNS_AGAIN_MS (5 * 60000)
#define DNS_RETRY_MS 5000

static void *keeper_main(void *pool);

bool pool_start_keeper_locked(struct pool *p)
{
	sigset_t all, before;

	if (p->keeper_runs || p->closing)
		return true;
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	p->keeper_runs = pthread_create(&p->keeper, NULL, keeper_main, p) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (p->keeper_runs)
		pthread_setname_np(p->keeper, "directory");
	return p->keeper_runs;
}

void pool_stop_keeper(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	if (p->probe)
		dir_conn_cancel(p->probe);
	pthread_cond_signal(&p->keeper_cond);
	pthread_mutex_unlock(&p->lock);
	if (p->keeper_runs)
		pthread_join(p->keeper, NULL);
}

/* ---- down and up ---- */

static void cancel_locked(struct pool *p, unsigned server)
{
	for (struct lease *l = p->first; l; l = l->next)
		if (l->busy && l->c->server == server)
			dir_conn_cancel(l->c);
}

void pool_server_failed(struct pool *p, const struct dir_conn *c, const struct err *why)
{
	pthread_mutex_lock(&p->lock);
	/* Cancelled: whoever did it has said all this already, and the server may be back by now. */
	bool news = !atomic_load(&c->sock.stop) &&
		    servers_fail(p->servers, c->server, clock_mono_ms(), c->refused, why->text);
	if (news) {
		if (c->silent)
			cancel_locked(p, c->server);
		pool_start_keeper_locked(p);
		pthread_cond_signal(&p->keeper_cond);
		pool_wake_all_locked(p);
	}
	pthread_mutex_unlock(&p->lock);
	meter_add(log_meters(p->log), METER_DIRECTORY_FAILURES, news);
	if (news)
		log_event(p->log, LV_WARN, "directory-down", KV("uri", c->uri),
			  KV("why", why->text));
}

/* ---- finding ---- */

void pool_note_places_locked(struct pool *p, enum ec rc, const struct err *why)
{
	const char *uri[SERVERS_MAX];
	size_t n = places_list(p->places, uri, SERVERS_MAX);

	servers_set(p->servers, uri, n);
	p->found = true;
	snprintf(p->why, sizeof(p->why), "%s", rc == EC_OK ? "no server is known" : why->text);
	if (places_by_dns(p->places)) {
		p->refresh_ms = clock_mono_ms() + (rc == EC_OK ? DNS_AGAIN_MS : DNS_RETRY_MS);
		pool_start_keeper_locked(p);
	}
	pthread_cond_signal(&p->keeper_cond);
	pool_wake_all_locked(p);
}

/* With places_lock held. */
static void look_for_places(struct pool *p)
{
	struct err why = { 0 };
	enum ec rc = places_refresh(p->places, p->setup.timeout_ms, &why);

	pthread_mutex_lock(&p->lock);
	bool news = p->dns_failed != (rc != EC_OK);
	p->dns_failed = rc != EC_OK;
	pool_note_places_locked(p, rc, &why);
	pthread_mutex_unlock(&p->lock);
	if (news)
		log_event(p->log, LV_WARN, rc != EC_OK ? "directory-unknown" : "directory-known",
			  KV("why", rc != EC_OK ? why.text : NULL));
}

static bool servers_found(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool found = p->found;
	pthread_mutex_unlock(&p->lock);
	return found;
}

void pool_find_servers(struct pool *p)
{
	if (servers_found(p)) /* as a rule; a look-up that goes on in the keeper holds nobody */
		return;
	pthread_mutex_lock(&p->places_lock);
	if (!servers_found(p))
		look_for_places(p);
	pthread_mutex_unlock(&p->places_lock);
}

/* ---- the thread ---- */

/* Called and left with the lock held; it is free meanwhile. */
static void probe(struct pool *p, unsigned server)
{
	struct dir_conn *c = dir_conn_new(servers_uri(p->servers, server), &p->setup);
	struct err why = { 0 };
	bool back = false;

	const char *uri = c->uri;
	c->server = server;
	p->probe = c;
	pthread_mutex_unlock(&p->lock);
	enum ec rc = dir_conn_start(c, true, &why);
	pthread_mutex_lock(&p->lock);
	p->probe = NULL;
	if (rc == EC_OK) {
		back = servers_good(p->servers, server);
		pool_wake_all_locked(p);
		if (pool_adopt_locked(p, c))
			c = NULL;
	} else {
		servers_fail(p->servers, server, clock_mono_ms(), c->refused, why.text);
	}
	pthread_mutex_unlock(&p->lock);
	dir_conn_close(&c);
	if (back)
		log_event(p->log, LV_WARN, "directory-up", KV("uri", uri));
	pthread_mutex_lock(&p->lock);
}

static void refresh(struct pool *p)
{
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_lock(&p->places_lock);
	look_for_places(p);
	pthread_mutex_unlock(&p->places_lock);
	pthread_mutex_lock(&p->lock);
}

static void sleep_until_locked(struct pool *p, uint64_t when_ms)
{
	struct timespec t = { .tv_sec = (time_t)(when_ms / 1000),
			      .tv_nsec = (long)(when_ms % 1000) * 1000000 };

	if (when_ms == SERVERS_NONE)
		pthread_cond_wait(&p->keeper_cond, &p->lock);
	else
		pthread_cond_timedwait(&p->keeper_cond, &p->lock, &t);
}

static void *keeper_main(void *pool)
{
	struct pool *p = pool;

	pthread_mutex_lock(&p->lock);
	while (!p->closing) {
		uint64_t now = clock_mono_ms(), next = servers_next_ms(p->servers);
		int server = servers_due(p->servers, now);

		if (server >= 0)
			probe(p, (unsigned)server);
		else if (p->refresh_ms <= now)
			refresh(p);
		else
			sleep_until_locked(p, next < p->refresh_ms ? next : p->refresh_ms);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}
