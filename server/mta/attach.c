/* attach.c - sessions on their loops: connection in front, an engine inside, workers behind.
 *
 * The engine's verdict decides what the connection may do next; settle() is the one place that turns the one into the other. A
 * connection costs nothing while it is idle, and may be idle for ever: MTAs keep theirs, and if one dies the kernel says so.
 *
 * The one mutex guards the setup that reload replaces. It is held for the copy of a few pointers and three counts, once per
 * question.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/mta/inside.h"

#define HALF_MS 60000  /* for the rest of a request that has begun */
#define LEAVE_MS 10000 /* for a client that does not take its last reply */

/* ---- settings ---- */

static void hold(struct mta_setup *to, const struct mta_setup *from)
{
	*to = *from;
	conf_ref(to->conf);
	auth_ref(to->auth);
	share_ref(to->share);
}

void setup_drop(struct mta_setup *s)
{
	auth_unref(&s->auth);
	share_unref(&s->share);
	conf_unref(&s->conf);
}

void setup_take(struct mta *m, struct mta_setup *out)
{
	pthread_mutex_lock(&m->lock);
	hold(out, &m->setup);
	pthread_mutex_unlock(&m->lock);
}

void mta_setup(struct mta *m, const struct mta_setup *setup)
{
	pthread_mutex_lock(&m->lock);
	struct mta_setup before = m->setup;

	hold(&m->setup, setup);
	pthread_mutex_unlock(&m->lock);
	setup_drop(&before);
}

/* ---- tasks ---- */

void task_begin(struct task *t, struct session *s, void (*run)(struct job *),
		void (*done)(struct job *), void (*drop)(struct task *))
{
	t->job = (struct job){ .who = s->ref, .home = s->home->loop, .run = run, .done = done };
	t->home = s->home;
	t->drop = drop;
	setup_take(s->home->m, &t->with);
}

void task_end(struct task *t)
{
	setup_drop(&t->with);
}

static void link_task(struct task *t)
{
	t->at = &t->home->tasks;
	t->next = *t->at;
	if (t->next)
		t->next->at = &t->next;
	*t->at = t;
}

static void unlink_task(struct task *t)
{
	*t->at = t->next;
	if (t->next)
		t->next->at = t->at;
}

enum ec task_submit(struct task *t, struct work *w)
{
	link_task(t);
	enum ec rc = work_submit(w, &t->job);

	if (rc != EC_OK)
		unlink_task(t);
	return rc;
}

struct session *task_arrived(struct task *t)
{
	unlink_task(t);
	return table_get(t->home->table, t->job.who);
}

/* ---- the end ---- */

static void idle_on_loop(struct job *j)
{
	struct mta *m = (struct mta *)((char *)j - offsetof(struct mta, idle_job));

	m->idle(m->idle_ctx);
}

/* Whoever drains and whoever leaves last may both get here; one of them tells. */
static void tell_if_idle(struct mta *m)
{
	if (atomic_load(&m->draining) && atomic_load(&m->n_sessions) == 0 &&
	    !atomic_exchange(&m->idle_told, true))
		loop_post(m->homes[0].loop, &m->idle_job);
}

static void one_less(struct mta *m)
{
	atomic_fetch_sub(&m->n_sessions, 1);
	tell_if_idle(m);
}

static void end_session(struct session *s)
{
	struct home *home = s->home;

	s->side->gone(s);
	log_event(&s->log, LV_TRACE, "mta-end", KV("door", s->side->name),
		  KV_U("asked", s->n_asked), KV_U("ms", clock_mono_ms() - s->began_ms));
	table_remove(home->table, s->ref);
	conn_free(&s->conn);
	arena_drop(&s->mem);
	one_less(home->m);
}

static void finish(struct session *s)
{
	s->finishing = true;
	conn_hold(s->conn, false);
	conn_timeout(s->conn, 0);
	conn_deadline(s->conn, LEAVE_MS);
	conn_finish(s->conn);
}

/* ---- the verdict and the connection ---- */

/* Half a request that trickles in must be whole in time, however busy it looks. */
static void watch_half(struct session *s)
{
	size_t len;

	conn_in(s->conn, &len);
	if ((len > 0) != s->half)
		conn_deadline(s->conn, len > 0 ? HALF_MS : 0);
	s->half = len > 0;
}

static void read_on(struct session *s)
{
	conn_timeout(s->conn, 0);
	watch_half(s);
	conn_hold(s->conn, false);
}

static void wait_for_answer(struct session *s)
{
	conn_hold(s->conn, true);
	conn_timeout(s->conn, 0);
	conn_deadline(s->conn, 0);
	s->half = false;
}

static void settle(struct session *s, enum mta_verdict v)
{
	if (s->finishing)
		return;
	if (v == MTA_NEXT && s->eof)
		v = s->side->stop(s);
	switch (v) {
	case MTA_NEXT: read_on(s); break;
	case MTA_WAIT: wait_for_answer(s); break;
	case MTA_BYE: finish(s); break;
	}
}

/* A client that asks without reading the answers is not served further; CONN_DRAINED goes on. */
static bool output_is_full(struct session *s)
{
	bool full = conn_queued(s->conn) > CONN_HIGH;

	if (full) {
		conn_hold(s->conn, true);
		conn_timeout(s->conn, HALF_MS);
	}
	return full;
}

static void serve(struct session *s)
{
	enum mta_verdict v = MTA_NEXT;
	size_t len, eaten = 1;

	while (v == MTA_NEXT && eaten > 0) {
		if (output_is_full(s))
			return;
		const char *p = conn_in(s->conn, &len);

		v = s->side->feed(s, p, len, &eaten);
		conn_eat(s->conn, eaten);
	}
	settle(s, v);
}

void session_go_on(struct session *s, enum mta_verdict v)
{
	if (s->finishing)
		return;
	if (v == MTA_NEXT)
		serve(s);
	else
		settle(s, v);
}

static void on_conn(struct conn *c, enum conn_ev ev, void *ctx)
{
	struct session *s = ctx;

	(void)c;
	switch (ev) {
	case CONN_EOF:
	case CONN_DATA:
	case CONN_DRAINED:
		s->eof |= ev == CONN_EOF; /* what it has said is done first */
		if (!s->finishing)
			serve(s);
		break;
	case CONN_TIMEOUT:
	case CONN_ERROR:
	case CONN_SENT: end_session(s); break;
	case CONN_SECURE: break; /* no TLS here: unix sockets */
	}
}

void session_put(void *ctx, const void *p, size_t len)
{
	struct session *s = ctx;

	conn_put(s->conn, p, len);
}

void session_trouble(const struct session *s, const struct name *asked, enum ec class,
		     const struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	if (class != EC_OK && class != EC_ABSENT)
		log_event(&s->log, LV_WARN, "lookup-failed", KV("asked", name_text(asked, text)),
			  KV("class", ec_name(class)), KV("text", e->text));
}

/* ---- a session begins ---- */

struct arrival { /* an accepted connection on its way to its loop */
	struct job job;
	struct home *home;
	const struct side *side;
	int fd;
};

static void arrived(struct job *j)
{
	struct arrival *a = (struct arrival *)j;
	struct mta *m = a->home->m;
	struct arena *mem = arena_new("mta", 1024);
	struct session *s = arena_alloc(mem, sizeof(*s));

	s->mem = mem;
	s->home = a->home;
	s->side = a->side;
	s->serial = atomic_fetch_add(&m->n_total, 1) + 1;
	s->began_ms = clock_mono_ms();
	snprintf(s->sid, sizeof(s->sid), "m%llx", (unsigned long long)s->serial);
	s->log = (struct log){ .sink = m->log.sink, .sid = s->sid, .peer = "local" };
	s->conn = conn_new(a->home->loop, a->fd, a->side->in_max, on_conn, s);
	s->ref = table_add(a->home->table, s);
	free(a);
	s->side->begin(s);
	settle(s, atomic_load(&m->draining) ? s->side->stop(s) : MTA_NEXT);
}

static bool has_room(struct mta *m)
{
	unsigned n = atomic_fetch_add(&m->n_sessions, 1), max;

	pthread_mutex_lock(&m->lock);
	max = m->setup.conf->mta_socketmax;
	pthread_mutex_unlock(&m->lock);
	if (n < max && !atomic_load(&m->draining))
		return true;
	if (n >= max)
		log_event(&m->log, LV_WARN, "mta-turned-away", KV_U("mta_socketmax", max));
	one_less(m);
	return false;
}

void mta_accept(struct mta *m, int fd, enum mta_door door)
{
	if (!has_room(m)) {
		close(fd);
		return;
	}
	struct arrival *a = mem_new(sizeof(*a));

	a->home = &m->homes[atomic_fetch_add(&m->next_home, 1) % m->n_homes];
	a->job = (struct job){ .home = a->home->loop, .done = arrived };
	a->side = door == MTA_AUTH ? &auth_side : &maps_door;
	a->fd = fd;
	loop_post(a->home->loop, &a->job);
}

/* ---- all of them ---- */

static void stop_one(void *ctx, void *session)
{
	struct session *s = session;

	(void)ctx;
	settle(s, s->side->stop(s));
}

static void drain_home(struct job *j)
{
	struct home *home = (struct home *)((char *)j - offsetof(struct home, drain));

	table_each(home->table, stop_one, NULL);
}

void mta_drain(struct mta *m, void (*idle)(void *ctx), void *ctx)
{
	m->idle = idle;
	m->idle_ctx = ctx;
	atomic_store(&m->draining, true);
	for (unsigned i = 0; i < m->n_homes; i++)
		loop_post(m->homes[i].loop, &m->homes[i].drain);
	tell_if_idle(m);
}

void mta_now(struct mta *m, struct mta_now *out)
{
	*out = (struct mta_now){
		.sessions = atomic_load(&m->n_sessions),
		.total = atomic_load(&m->n_total),
		.lookups = counter_get(&m->lookups),
		.signins = counter_get(&m->signins),
		.failed = counter_get(&m->failed),
	};
}

struct mta *mta_new(struct loop **loops, unsigned n_loops, struct mta_work work,
		    const struct mta_setup *setup, const struct log *log)
{
	struct mta *m = mem_new(sizeof(*m) + n_loops * sizeof(m->homes[0]));

	pthread_mutex_init(&m->lock, NULL);
	m->work = work;
	m->log = *log;
	hold(&m->setup, setup);
	m->idle_job = (struct job){ .home = loops[0], .done = idle_on_loop };
	m->n_homes = n_loops;
	for (unsigned i = 0; i < n_loops; i++)
		m->homes[i] = (struct home){
			.m = m,
			.loop = loops[i],
			.table = table_new(),
			.drain = { .home = loops[i], .done = drain_home },
		};
	return m;
}

static void close_one(void *ctx, void *session)
{
	(void)ctx;
	end_session(session);
}

void mta_free(struct mta **pm)
{
	struct mta *m = *pm;

	if (!m)
		return;
	*pm = NULL;
	atomic_store(&m->idle_told, true); /* there is no loop any more to be told on */
	for (unsigned i = 0; i < m->n_homes; i++) {
		struct home *home = &m->homes[i];

		table_each(home->table, close_one, NULL);
		while (home->tasks) {
			struct task *t = home->tasks;

			unlink_task(t);
			t->drop(t);
		}
		table_free(&home->table);
	}
	setup_drop(&m->setup);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
