/* pool.c - lending connections.
 *
 * A caller takes a connection of its kind to the preferred server that is up: one that lies idle, or a new one, or it waits for
 * one to come back. It opens and uses it without the mutex. What it learns about the server on the way goes to poolkeep.c; then, if
 * its work may be done again, it begins anew, and finds another server or none.
 *
 * Idle connections are the caller's concern too: whoever looks for one sorts out those that lead to a server which is not the
 * preferred one any more and those that are old. A firewall on the way may have forgotten them, and the silence that follows
 * would look like a dead server.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/pool_own.h"
#include "ldap/secure.h"
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/meter.h"

#define IDLE_MAX_MS 60000

/* ---- the list, all with the lock held ---- */

static struct lease *new_lease_locked(struct pool *p, bool service, struct dir_conn *c)
{
	struct lease *l = mem_new(sizeof(*l));

	*l = (struct lease){ .c = c, .service = service, .next = p->first };
	p->first = l;
	p->n_open[service]++;
	return l;
}

static void unlink_locked(struct pool *p, struct lease *l)
{
	struct lease **at = &p->first;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	p->n_open[l->service]--;
}

/* Takes idle ones out that nobody should use, to be closed when the lock is gone. */
static struct lease *take_stale_locked(struct pool *p, unsigned server)
{
	uint64_t now = clock_mono_ms();
	struct lease *stale = NULL, *next;

	for (struct lease *l = p->first; l; l = next) {
		next = l->next;
		if (l->busy || (l->c->server == server && now - l->c->used_ms < IDLE_MAX_MS))
			continue;
		unlink_locked(p, l);
		l->next = stale;
		stale = l;
	}
	return stale;
}

static void close_all(struct lease *l)
{
	while (l) {
		struct lease *next = l->next;

		dir_conn_close(&l->c);
		free(l);
		l = next;
	}
}

/* The one used last: the others may grow old and go. */
static struct lease *idle_locked(struct pool *p, bool service)
{
	struct lease *best = NULL;

	for (struct lease *l = p->first; l; l = l->next)
		if (!l->busy && l->service == service &&
		    (!best || l->c->used_ms > best->c->used_ms))
			best = l;
	return best;
}

static struct lease *lend_locked(struct pool *p, bool service, unsigned server)
{
	struct lease *l = idle_locked(p, service);

	if (!l && p->n_open[service] < p->most) {
		l = new_lease_locked(p, service,
				     dir_conn_new(servers_uri(p->servers, server), &p->setup));
		l->c->server = server;
	}
	if (l)
		l->busy = true;
	return l;
}

bool pool_adopt_locked(struct pool *p, struct dir_conn *c)
{
	if (p->n_open[true] >= p->most)
		return false;
	c->used_ms = clock_mono_ms();
	new_lease_locked(p, true, c);
	return true;
}

/* ---- taking and giving back ---- */

static enum ec away(struct pool *p, struct err *e)
{
	const char *why = servers_why(p->servers);

	/* It may have been refused when the first server failed; without it none would come back. */
	pool_start_keeper_locked(p);
	return err_set(e, EC_TEMP, "the directory is away: %s", why[0] ? why : p->why);
}

static void wait_locked(struct pool *p, bool service, uint64_t deadline_ms)
{
	struct timespec t = { .tv_sec = (time_t)(deadline_ms / 1000),
			      .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };

	pthread_cond_timedwait(&p->changed[service], &p->lock, &t);
}

void pool_wake_all_locked(struct pool *p)
{
	pthread_cond_broadcast(&p->changed[false]);
	pthread_cond_broadcast(&p->changed[true]);
}

static enum ec take_locked(struct pool *p, bool service, struct lease **out, struct lease **stale,
			   struct err *e)
{
	uint64_t deadline_ms = clock_mono_ms() + p->setup.timeout_ms;

	for (;;) {
		int server = servers_pick(p->servers);
		if (server < 0)
			return away(p, e);
		struct lease *more = take_stale_locked(p, (unsigned)server);
		while (more) {
			struct lease *next = more->next;
			more->next = *stale;
			*stale = more;
			more = next;
		}
		*out = lend_locked(p, service, (unsigned)server);
		if (*out)
			return EC_OK;
		if (clock_mono_ms() >= deadline_ms) /* after a last look: it may have been ours */
			return err_set(e, EC_BUSY,
				       "all %u connections to the directory were in use for %u ms "
				       "(directory_connections)",
				       p->most, p->setup.timeout_ms);
		wait_locked(p, service, deadline_ms);
	}
}

static enum ec take(struct pool *p, bool service, struct lease **out, struct err *e)
{
	struct lease *stale = NULL;

	pool_find_servers(p);
	pthread_mutex_lock(&p->lock);
	assert(!p->closing);
	enum ec rc = take_locked(p, service, out, &stale, e);
	pthread_mutex_unlock(&p->lock);
	close_all(stale);
	return rc;
}

static void give_back(struct pool *p, struct lease *l)
{
	pthread_mutex_lock(&p->lock);
	bool keep = !l->c->lost && !atomic_load(&l->c->sock.stop);
	if (keep) {
		l->busy = false;
		l->c->used_ms = clock_mono_ms();
	} else {
		unlink_locked(p, l);
		l->next = NULL;
	}
	pthread_cond_signal(&p->changed[l->service]);
	pthread_mutex_unlock(&p->lock);
	if (!keep)
		close_all(l);
}

/* Others beside a lost one that was idle before: its server was started anew, they are as dead. */
static void drop_idle(struct pool *p, unsigned server)
{
	struct lease *dead = NULL, *next;

	pthread_mutex_lock(&p->lock);
	for (struct lease *l = p->first; l; l = next) {
		next = l->next;
		if (l->busy || l->c->server != server)
			continue;
		unlink_locked(p, l);
		l->next = dead;
		dead = l;
	}
	pthread_mutex_unlock(&p->lock);
	close_all(dead);
}

/* ---- working ---- */

enum outcome { DONE, AGAIN, OVER };

/* An administrator mistyped: no trouble of a server's, and no other server would know better. */
static bool mistyped(const struct pool *p, const struct dir_conn *c, struct err *e)
{
	if (!p->setup.password || !c->refused)
		return false;
	err_set(e, EC_DENIED, "the directory does not accept this password of %s", p->setup.user);
	return true;
}

/* Opened now, or known to be alive. AGAIN: with another one. OVER: it makes no sense. */
static enum outcome ready(struct pool *p, struct lease *l, bool fresh, struct err *e)
{
	if (!fresh) {
		if (dir_conn_alive(l->c))
			return DONE;
		drop_idle(p, l->c->server);
		return AGAIN;
	}
	if (dir_conn_start(l->c, l->service, e) == EC_OK)
		return DONE;
	if (mistyped(p, l->c, e))
		return OVER;
	pool_server_failed(p, l->c, e);
	return AGAIN;
}

/* strikes: connections that broke under the work. The first may have been an old one. */
static void lost(struct pool *p, struct lease *l, bool fresh, unsigned strikes, const struct err *e)
{
	if (fresh || strikes > 1 || l->c->silent)
		pool_server_failed(p, l->c, e);
	else
		drop_idle(p, l->c->server);
}

static enum ec timed(struct pool *p, struct lease *l, pool_fn *fn, void *ctx, struct err *e)
{
	uint64_t began_us = clock_mono_us();
	enum ec rc = fn(l->c, ctx, e);

	meter_span(log_meters(p->log), SPAN_DIRECTORY, clock_mono_us() - began_us);
	return rc;
}

enum ec pool_run(struct pool *p, enum pool_use use, pool_fn *fn, void *ctx, struct err *e)
{
	unsigned strikes = 0;

	for (;;) {
		struct err mine = { 0 };
		struct lease *l;
		enum ec rc = take(p, use != POOL_PROVE, &l, e);

		if (rc != EC_OK)
			return rc;
		bool fresh = !l->c->ld;
		enum outcome next = ready(p, l, fresh, &mine);
		if (next == DONE) {
			rc = timed(p, l, fn, ctx, &mine);
			if (rc != EC_OK && l->c->lost)
				lost(p, l, fresh, ++strikes, &mine);
			if (rc != EC_TEMP || !l->c->lost || use == POOL_WRITE)
				next = OVER;
		} else if (next == OVER) {
			rc = mine.class;
		}
		give_back(p, l);
		if (next == OVER) {
			if (e)
				*e = mine;
			return rc;
		}
		meter_add(log_meters(p->log), METER_DIRECTORY_FAILOVERS, 1);
	}
}

unsigned pool_now(struct pool *p, struct dir_server_now *out, unsigned max)
{
	unsigned number[SERVERS_MAX];

	pthread_mutex_lock(&p->lock);
	unsigned n = (unsigned)servers_list(p->servers, number, SERVERS_MAX);
	for (unsigned i = 0; i < n && i < max; i++) {
		out[i] = (struct dir_server_now){ .uri = servers_uri(p->servers, number[i]),
						  .up = servers_up(p->servers, number[i]) };
		for (const struct lease *l = p->first; l; l = l->next)
			out[i].connections += l->c->server == number[i];
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* ---- making and freeing ---- */

static void init_locks(struct pool *p)
{
	pthread_condattr_t mono;

	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->places_lock, NULL);
	pthread_cond_init(&p->changed[false], &mono);
	pthread_cond_init(&p->changed[true], &mono);
	pthread_cond_init(&p->keeper_cond, &mono);
	pthread_condattr_destroy(&mono);
}

enum ec pool_new(const char *servers, const struct link_setup *setup, unsigned most,
		 const struct log *log, struct pool **out, struct err *e)
{
	struct places *places;
	enum ec rc = places_new(servers, &places, e);

	*out = NULL;
	if (rc != EC_OK)
		return rc;
	struct pool *p = mem_new(sizeof(*p));
	p->setup = *setup;
	p->setup.trust = dir_trust_new();
	p->log = log;
	p->most = most;
	p->places = places;
	p->servers = servers_new();
	p->refresh_ms = SERVERS_NONE;
	init_locks(p);
	if (!places_by_dns(places)) {
		pthread_mutex_lock(&p->lock);
		pool_note_places_locked(p, EC_OK, NULL);
		pthread_mutex_unlock(&p->lock);
	}
	*out = p;
	return EC_OK;
}

void pool_free(struct pool **pp)
{
	struct pool *p = *pp;

	if (!p)
		return;
	*pp = NULL;
	pool_stop_keeper(p);
	close_all(p->first);
	servers_free(&p->servers);
	places_free(&p->places);
	dir_trust_free(&p->setup.trust);
	pthread_cond_destroy(&p->keeper_cond);
	pthread_cond_destroy(&p->changed[false]);
	pthread_cond_destroy(&p->changed[true]);
	pthread_mutex_destroy(&p->places_lock);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
