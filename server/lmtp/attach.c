/* attach.c - sessions on their loops: connection in front, engine inside, workers behind.
 *
 * The engine's verdict decides what the connection may do next; settle() is the one place that
 * turns the one into the other. While an answer is awaited, input is held: the client can't run
 * ahead of the disk. A session is found again by reference when its answer comes; if it is gone, the
 * answer still has been carried out (a message whose end was received is delivered) and is dropped.
 *
 * The one mutex guards the setup that reload replaces. It is held for the copy of a few pointers
 * and two counts, once per transaction; a reference count alone could not be taken safely while another
 * thread drops the last reference.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/counter.h"
#include "server/base/mem.h"
#include "server/lmtp/attach.h"
#include "server/lmtp/rcpt.h"
#include "server/lmtp/session.h"
#include "server/lmtp/task.h"

#define IN_MAX (64u << 10) /* received ahead of the engine, per session */
#define AT_HAND_MAX 32 /* recipients looked up in a turn of the loop: a fraction of a millisecond */

struct home { /* a loop and its sessions */
	struct lmtp *p;
	struct loop *loop;
	struct table *table;
	struct task *tasks; /* away on workers */
	struct job drain;
};

struct lmtp {
	struct work *work;
	struct log log;
	pthread_mutex_t lock;
	struct lmtp_setup setup; /* under the lock */
	atomic_uint next_home;
	atomic_uint n_sessions;
	atomic_bool draining, idle_told;
	bool closed; /* lmtp_free: the workers have gone */
	_Atomic uint64_t n_total;
	struct task_counts counts;
	void (*idle)(void *ctx);
	void *idle_ctx;
	struct job idle_job;
	unsigned n_homes;
	struct home homes[];
};

struct session {
	struct home *home;
	struct ref ref;
	struct conn *conn;
	struct arena *mem;
	struct lm *lm;
	struct lm_ask *q; /* the question that is away, NULL: none */
	struct lmtp_setup setup;
	struct lm_policy policy;
	struct log log;
	struct task_id id;
	uint64_t began_ms;
	unsigned n_at_hand; /* recipients looked up in this turn of the loop */
	bool eof;           /* the client has no more to say, but may still listen */
	bool half_line;     /* the deadline for the rest of a command runs */
	bool finishing;     /* the last reply is on its way out */
};

/* ---- numbers, refusal at the door ---- */

static void idle_on_loop(struct job *j)
{
	struct lmtp *p = (struct lmtp *)((char *)j - offsetof(struct lmtp, idle_job));

	p->idle(p->idle_ctx);
}

/* Whoever drains and whoever leaves last may both get here; one of them tells. */
static void tell_if_idle(struct lmtp *p)
{
	if (atomic_load(&p->draining) && atomic_load(&p->n_sessions) == 0 &&
	    !atomic_exchange(&p->idle_told, true))
		loop_post(p->homes[0].loop, &p->idle_job);
}

static struct lmtp_setup take_setup(struct lmtp *p)
{
	struct lmtp_setup setup;

	pthread_mutex_lock(&p->lock);
	lmtp_setup_hold(&setup, &p->setup);
	pthread_mutex_unlock(&p->lock);
	return setup;
}

void lmtp_setup(struct lmtp *p, const struct lmtp_setup *setup)
{
	pthread_mutex_lock(&p->lock);
	struct lmtp_setup before = p->setup;

	lmtp_setup_hold(&p->setup, setup);
	pthread_mutex_unlock(&p->lock);
	lmtp_setup_drop(&before);
}

static void one_less(struct lmtp *p)
{
	atomic_fetch_sub(&p->n_sessions, 1);
	tell_if_idle(p);
}

/* One try: a new socket's buffer is empty, and whoever can't take a line that way has gone. The reply names the setting,
 * because the administrator meets it in the log of the MTA. */
static void turn_away(struct lmtp *p, int fd, const struct conf *c)
{
	bool stopping = atomic_load(&p->draining);
	char line[400];
	int n = stopping ? snprintf(line, sizeof(line), "421 4.3.2 %.253s is shutting down\r\n",
				    c->hostname)
			 : snprintf(line, sizeof(line),
				    "421 4.3.2 %.253s: all %u LMTP connections are taken "
				    "(lmtp_socketmax), try again later\r\n",
				    c->hostname, c->lmtp_socketmax);

	if (!stopping)
		log_event(&p->log, LV_WARN, "lmtp-turned-away",
			  KV_U("lmtp_socketmax", c->lmtp_socketmax));
	if (send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		/* nothing to be done, and nothing lost: no mail was taken */
	}
	close(fd);
}

/* ---- the verdict and the connection ---- */

static void serve(struct session *s);

static void end_session(struct session *s)
{
	struct home *home = s->home;
	struct lm_totals t;

	lm_totals(s->lm, &t);
	lm_gone(s->lm);
	log_event(&s->log, LV_INFO, "lmtp-end", KV_U("delivered", t.n_delivered),
		  KV_U("refused", t.n_refused), KV_U("bad", t.n_bad), KV_U("octets", t.octets),
		  KV_U("ms", clock_mono_ms() - s->began_ms));
	table_remove(home->table, s->ref);
	conn_free(&s->conn);
	lmtp_setup_drop(&s->setup);
	arena_drop(&s->mem);
	one_less(home->p);
}

static void finish(struct session *s)
{
	lm_gone(s->lm);
	s->finishing = true;
	conn_hold(s->conn, false);
	conn_deadline(s->conn, (uint64_t)s->setup.conf->lmtp_timeout_s * 1000);
	conn_finish(s->conn);
}

static void wait_for_answer(struct session *s)
{
	conn_hold(s->conn, true);
	conn_timeout(s->conn, 0);
	conn_deadline(s->conn, 0);
	s->half_line = false;
}

/* Half a command that trickles in must be whole within the idle time, however busy it looks. */
static void watch_half_line(struct session *s, uint64_t timeout_ms)
{
	size_t len;

	conn_in(s->conn, &len);
	bool half = len > 0 && lm_in_command(s->lm);

	if (half != s->half_line)
		conn_deadline(s->conn, half ? timeout_ms : 0);
	s->half_line = half;
}

static void read_on(struct session *s)
{
	uint64_t timeout_ms = (uint64_t)s->setup.conf->lmtp_timeout_s * 1000;

	conn_timeout(s->conn, timeout_ms);
	watch_half_line(s, timeout_ms);
	conn_hold(s->conn, false);
}

static void settle(struct session *s, enum lm_verdict v)
{
	if (s->finishing)
		return;
	switch (v) {
	case LM_WAIT: wait_for_answer(s); break;
	case LM_NEXT:
		if (s->eof)
			finish(s); /* vanished in the middle: nothing is delivered */
		else
			read_on(s);
		break;
	case LM_BYE: finish(s); break;
	}
}

/* A client that pipelines without reading its replies is not served further: they are ours to keep
 * until it does, and its idle time runs. CONN_DRAINED goes on. */
static bool output_is_full(struct session *s)
{
	bool full = conn_queued(s->conn) > CONN_HIGH;

	if (full) {
		conn_hold(s->conn, true);
		conn_timeout(s->conn, (uint64_t)s->setup.conf->lmtp_timeout_s * 1000);
	}
	return full;
}

static void serve(struct session *s)
{
	enum lm_verdict v = LM_NEXT;
	size_t len, eaten = 1;

	s->n_at_hand = 0;
	while (v == LM_NEXT && eaten > 0) {
		if (output_is_full(s))
			return;
		const char *p = conn_in(s->conn, &len);

		v = lm_feed(s->lm, p, len, &eaten);
		conn_eat(s->conn, eaten);
	}
	settle(s, v);
}

static void timed_out(struct session *s)
{
	if (s->finishing)
		end_session(s);
	else
		settle(s, lm_end(s->lm, LM_END_IDLE));
}

static void on_conn(struct conn *c, enum conn_ev ev, void *ctx)
{
	struct session *s = ctx;

	(void)c;
	switch (ev) {
	case CONN_EOF:
		s->eof = true;
		serve(s);
		break;
	case CONN_DATA:
	case CONN_DRAINED:
		if (!s->finishing)
			serve(s);
		break;
	case CONN_TIMEOUT: timed_out(s); break;
	case CONN_ERROR:
	case CONN_SENT: end_session(s); break;
	case CONN_SECURE: break; /* no TLS here: unix socket and loopback */
	}
}

/* ---- what the engine says and asks ---- */

static void put(void *ctx, const void *p, size_t len)
{
	struct session *s = ctx;

	conn_put(s->conn, p, len);
}

static void answer(struct session *s, struct task *t)
{
	struct lm_ask *q = s->q;

	q->class = t->class;
	q->err = t->err;
	q->name = t->name;
	q->charge = t->charge;
	strcpy(q->account, t->account);
	q->charge.account = q->account;
	q->full_waits = s->setup.conf->quota_full == FULL_DEFER;
	q->mail = t->mail;
	t->mail = NULL;
	s->q = NULL;
	enum lm_verdict v = lm_answered(s->lm, q);

	if (v == LM_NEXT)
		serve(s);
	else
		settle(s, v);
}

static void link_task(struct home *home, struct task *t)
{
	t->at = &home->tasks;
	t->next = home->tasks;
	if (t->next)
		t->next->at = &t->next;
	home->tasks = t;
}

static void unlink_task(struct task *t)
{
	*t->at = t->next;
	if (t->next)
		t->next->at = t->at;
}

static bool submit(struct home *home, struct task *t)
{
	link_task(home, t);
	if (!home->p->closed && work_submit(home->p->work, &t->job) == EC_OK)
		return true;
	unlink_task(t);
	return false;
}

/* The session has gone. A mail with a spool file goes back to a worker once more: closing a
 * gigabyte that has no name is not for a loop. */
static void bury(struct home *home, struct task *t)
{
	bool again = t->mail && t->mail->spool_fd >= 0 && t->kind != TASK_FORGET;

	t->kind = TASK_FORGET;
	if (!again || !submit(home, t))
		task_free(&t);
}

static void task_done(struct job *j)
{
	struct task *t = (struct task *)j;
	struct session *s = table_get(t->home->table, j->who);

	unlink_task(t);
	if (!s || t->kind == TASK_FORGET) {
		bury(t->home, t);
		return;
	}
	answer(s, t);
	task_free(&t);
}

static struct task *new_task(struct session *s, enum task_kind kind)
{
	struct task *t = task_new(kind, &s->setup);

	t->job.who = s->ref;
	t->job.home = s->home->loop;
	t->job.done = task_done;
	t->home = s->home;
	t->id = s->id;
	t->sink = s->log.sink;
	t->counts = &s->home->p->counts;
	return t;
}

/* true: on its way, and the question is answered later. */
static bool send_off(struct session *s, struct task *t, struct lm_ask *q)
{
	t->mail = q->mail;
	if (!submit(s->home, t)) {
		t->mail = NULL;
		task_free(&t);
		q->class = err_set(&q->err, EC_BUSY, "the queue of the workers is full");
		return false;
	}
	q->mail = NULL;
	s->q = q;
	return true;
}

/* All of a transaction is judged by one set. */
static void renew_setup(struct session *s)
{
	struct lmtp_setup now = take_setup(s->home->p);

	lmtp_setup_drop(&s->setup);
	s->setup = now;
}

/* A thousand recipients in one piece would hold up everybody else on this loop: with the way to a worker it takes its turn again. */
static bool is_at_hand(struct session *s, struct lm_ask *q)
{
	return s->n_at_hand++ < AT_HAND_MAX &&
	       rcpt_find_now(&s->setup, &q->name, q->size_hint, &q->charge, q->account) == EC_OK;
}

/* What can't be a name of ours needs no worker to be absent, and what is there as usual none to be found. */
static bool ask_rcpt(struct session *s, struct lm_ask *q)
{
	if (q->begins)
		renew_setup(s);
	q->class = name_parse(&q->name, q->address, strlen(q->address), s->setup.rule, &q->err);
	if (q->class != EC_OK) {
		counter_add(&s->home->p->counts.refused, 1);
		return true;
	}
	if (is_at_hand(s, q))
		return true;
	struct task *t = new_task(s, TASK_RCPT);

	t->name = q->name;
	t->size_hint = q->size_hint;
	return !send_off(s, t, q);
}

static bool ask_spool(struct session *s, struct lm_ask *q)
{
	return !send_off(s, new_task(s, TASK_SPOOL), q);
}

static bool ask_deliver(struct session *s, struct lm_ask *q)
{
	struct task *t = new_task(s, TASK_DELIVER);

	t->asked_us = clock_mono_us();
	if (send_off(s, t, q))
		return false;
	for (struct lm_rcpt *r = q->mail->rcpts; r; r = r->next) {
		r->class = q->class;
		r->err = q->err;
	}
	return true;
}

static bool ask(void *ctx, struct lm_ask *q)
{
	switch (q->kind) {
	case LM_ASK_RCPT: return ask_rcpt(ctx, q);
	case LM_ASK_SPOOL: return ask_spool(ctx, q);
	case LM_ASK_DELIVER: break;
	}
	return ask_deliver(ctx, q);
}

static void forget(void *ctx, struct lm_mail *mail)
{
	struct session *s = ctx;

	if (mail->spool_fd < 0) {
		lm_mail_free(&mail);
		return;
	}
	struct task *t = new_task(s, TASK_FORGET);

	t->mail = mail;
	if (!submit(s->home, t))
		task_free(&t);
}

static const struct lm_out engine_out = { put, ask, forget };

/* ---- a session begins ---- */

struct arrival { /* an accepted connection on its way to its loop */
	struct job job;
	struct home *home;
	struct lmtp_setup setup;
	int fd;
	char peer[PEER_TEXT_MAX];
};

static struct session *new_session(const struct arrival *a)
{
	struct arena *mem = arena_new("lmtp", 2048);
	struct session *s = arena_alloc(mem, sizeof(*s));
	struct lmtp *p = a->home->p;
	unsigned long long n = atomic_fetch_add(&p->n_total, 1) + 1;

	s->mem = mem;
	s->home = a->home;
	s->setup = a->setup;
	s->policy.hostname = arena_strz(mem, a->setup.conf->hostname);
	s->policy.message_max_bytes = a->setup.conf->message_max_bytes;
	s->began_ms = clock_mono_ms();
	snprintf(s->id.sid, sizeof(s->id.sid), "l%llx", n);
	memcpy(s->id.peer, a->peer, sizeof(s->id.peer));
	s->log = (struct log){ .sink = p->log.sink, .sid = s->id.sid, .peer = s->id.peer };
	s->lm = lm_new(mem, &s->policy, &engine_out, s, &s->log);
	s->conn = conn_new(a->home->loop, a->fd, IN_MAX, on_conn, s);
	s->ref = table_add(a->home->table, s);
	return s;
}

static void arrived(struct job *j)
{
	struct arrival *a = (struct arrival *)j;
	struct session *s = new_session(a);

	if (atomic_load(&s->home->p->draining)) {
		settle(s, lm_end(s->lm, LM_END_STOP));
	} else {
		lm_greet(s->lm);
		settle(s, LM_NEXT);
	}
	free(a);
}

void lmtp_accept(struct lmtp *p, int fd, const struct sockaddr *sa, socklen_t len)
{
	unsigned n = atomic_fetch_add(&p->n_sessions, 1);
	struct arrival *a = mem_new(sizeof(*a));

	a->setup = take_setup(p);
	if (n >= a->setup.conf->lmtp_socketmax || atomic_load(&p->draining)) {
		turn_away(p, fd, a->setup.conf);
		lmtp_setup_drop(&a->setup);
		free(a);
		one_less(p);
		return;
	}
	a->home = &p->homes[atomic_fetch_add(&p->next_home, 1) % p->n_homes];
	a->job = (struct job){ .home = a->home->loop, .done = arrived };
	a->fd = fd;
	peer_text(sa, len, a->peer);
	loop_post(a->home->loop, &a->job);
}

/* ---- all of them ---- */

static void stop_one(void *ctx, void *session)
{
	struct session *s = session;

	(void)ctx;
	settle(s, lm_end(s->lm, LM_END_STOP));
}

static void drain_home(struct job *j)
{
	struct home *home = (struct home *)((char *)j - offsetof(struct home, drain));

	table_each(home->table, stop_one, NULL);
}

void lmtp_drain(struct lmtp *p, void (*idle)(void *ctx), void *ctx)
{
	p->idle = idle;
	p->idle_ctx = ctx;
	atomic_store(&p->draining, true);
	for (unsigned i = 0; i < p->n_homes; i++)
		loop_post(p->homes[i].loop, &p->homes[i].drain);
	tell_if_idle(p);
}

void lmtp_now(struct lmtp *p, struct lmtp_now *out)
{
	*out = (struct lmtp_now){
		.sessions = atomic_load(&p->n_sessions),
		.total = atomic_load(&p->n_total),
		.delivered = counter_get(&p->counts.delivered),
		.refused = counter_get(&p->counts.refused),
	};
}

struct lmtp *lmtp_new(struct loop **loops, unsigned n_loops, struct work *work,
		      const struct lmtp_setup *setup, const struct log *log)
{
	struct lmtp *p = mem_new(sizeof(*p) + n_loops * sizeof(p->homes[0]));

	pthread_mutex_init(&p->lock, NULL);
	p->work = work;
	p->log = *log;
	lmtp_setup_hold(&p->setup, setup);
	p->idle_job = (struct job){ .home = loops[0], .done = idle_on_loop };
	p->n_homes = n_loops;
	for (unsigned i = 0; i < n_loops; i++)
		p->homes[i] = (struct home){
			.p = p,
			.loop = loops[i],
			.table = table_new(),
			.drain = { .home = loops[i], .done = drain_home },
		};
	return p;
}

static void close_one(void *ctx, void *session)
{
	(void)ctx;
	end_session(session);
}

void lmtp_free(struct lmtp **pp)
{
	struct lmtp *p = *pp;

	if (!p)
		return;
	*pp = NULL;
	atomic_store(&p->idle_told, true); /* there is no loop any more to be told on */
	p->closed = true;
	for (unsigned i = 0; i < p->n_homes; i++) {
		struct home *home = &p->homes[i];

		table_each(home->table, close_one, NULL);
		while (home->tasks) {
			struct task *t = home->tasks;

			unlink_task(t);
			task_free(&t);
		}
		table_free(&home->table);
	}
	lmtp_setup_drop(&p->setup);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
