/* link.c - one client's connection: events in, replies out, and an orderly end whatever happens.
 *
 * An end has two halves. The connection closes at once: slot, address and descriptors are free. The rest - engine, login,
 * mailbox - goes when no job has any of it; usually that is at once too. So a worker never finds its things gone, and a
 * mailbox is given back once, by whoever has it last.
 *
 * A client may stop sending and still read ("printf ... | nc"): what it has sent is done before the connection ends. If QUIT was
 * among it, mail is removed; if not, it is not.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/digits.h"
#include "server/base/mem.h"
#include "server/base/meter.h"
#include "server/pop3/link.h"

#define PIPELINED 4096   /* octets of input kept beyond the longest line */
#define ARENA_FIRST 3072 /* a session that does nothing unusual: one piece */
#define LEAVE_MS 60000   /* for a client that does not take its last reply */
#define DENIED_SAID_EVERY_MS 1000

_Static_assert(P3_HIGH > CONN_HIGH + 4096, "a paused engine must be told of room");

/* ---- what the engine says and wants ---- */

static void put(void *ctx, const void *p, size_t len)
{
	struct link *l = ctx;

	conn_put(l->conn, p, len);
}

static void give_back(struct link *l, struct blob *b)
{
	l->box->ops->blob_done(l->box, b);
}

/* A message is out, or its connection is gone. While a job has the mailbox it has to wait. */
static void landed(void *ctx)
{
	struct flight *f = ctx;
	struct link *l = f->l;

	l->n_flying--;
	if (l->phase != LINK_CLOSED) /* else some of it was lost */
		meter_span(log_meters(&l->log), SPAN_RETRIEVAL, clock_mono_us() - f->began_us);
	if (!l->box) {
		f->next = l->landed;
		l->landed = f;
		return;
	}
	give_back(l, &f->blob);
	free(f);
}

static void land_waiting(struct link *l)
{
	while (l->box && l->landed) {
		struct flight *f = l->landed;
		l->landed = f->next;
		give_back(l, &f->blob);
		free(f);
	}
}

static void blob(void *ctx, struct blob *b)
{
	struct link *l = ctx;

	if (b->fd < 0) {
		conn_put(l->conn, b->mem + b->off, (size_t)b->len);
		return;
	}
	struct flight *f = mem_new(sizeof(*f));
	*f = (struct flight){ .l = l, .blob = *b, .began_us = l->fetch_us };
	l->n_flying++;
	l->blob_given = true;
	conn_put_file(l->conn, b->fd, b->off, b->len, landed, f);
}

static void retrieved(void *ctx, uint64_t octets)
{
	struct link *l = ctx;
	struct meters *m = log_meters(&l->log);

	meter_add(m, METER_RETRIEVED, 1);
	meter_add(m, METER_RETRIEVED_OCTETS, octets);
	if (!l->blob_given)
		meter_span(m, SPAN_RETRIEVAL, clock_mono_us() - l->fetch_us);
}

static void done(void *ctx, struct blob *b)
{
	struct link *l = ctx;

	if (!l->blob_given)
		give_back(l, b);
	l->blob_given = false;
}

static void tls(void *ctx)
{
	struct link *l = ctx;

	l->tls_wanted = true; /* the engine still reads our input: feed() does it */
}

static bool ask(void *ctx, struct p3_ask *q)
{
	struct link *l = ctx;

	if (q->kind == P3_ASK_FETCH)
		l->fetch_us = clock_mono_us();
	return answer_ask(ctx, q);
}

static void unthrottle(struct link *l)
{
	if (l->throttled)
		throttle_leave(l->at->p->throttle, (const struct sockaddr *)&l->sa, l->sa_len);
	l->throttled = false;
}

/* Now, and not when the engine is through: what was pipelined may take the mailbox to a worker, or give it back. */
static void signed_in(void *ctx)
{
	struct link *l = ctx;
	const struct conf *c = l->set->with.conf;
	struct conn_tls_info tls;
	struct p3_totals t;
	char who[NAME_TEXT_MAX + 1];
	uint64_t spent_us = l->spent_us + clock_mono_us() - l->asked_us;

	l->signed_in = true;
	atomic_fetch_add(&l->at->p->n_signed_in, 1);
	unthrottle(l);
	conn_deadline(l->conn, 0);
	conn_timeout(l->conn, (uint64_t)c->idle_timeout_s * 1000);
	conn_tls_info(l->conn, &tls);
	p3_totals(l->engine, &t);
	log_event(&l->log, LV_INFO, "signin", KV("account", name_text(&t.who, who)),
		  KV("mech", t.mech), KV("tls", tls.version), KV_U("ms", spent_us / 1000),
		  KV_U("messages", l->box->n_msgs), KV_U("octets", l->box->octets));
	meter_signin(log_meters(&l->log), METER_SIGNINS, t.mech, SIGNIN_OK);
	meter_span(log_meters(&l->log), SPAN_SIGNIN, spent_us);
}

static size_t queued(void *ctx)
{
	const struct link *l = ctx;

	return conn_queued(l->conn);
}

static const struct p3_out out = {
	.put = put,
	.blob = blob,
	.done = done,
	.retrieved = retrieved,
	.tls = tls,
	.ask = ask,
	.signed_in = signed_in,
	.queued = queued,
};

/* ---- the end ---- */

/* The engine's reason goes before the connection's, and ours before both. */
static void log_end(const struct link *l, const char *why)
{
	struct p3_totals t = { 0 };
	char who[NAME_TEXT_MAX + 1] = "";

	if (l->engine)
		p3_totals(l->engine, &t);
	if (l->signed_in)
		name_text(&t.who, who);
	log_event(&l->log, LV_INFO, "session-end", KV("account", l->signed_in ? who : NULL),
		  KV("why", l->why  ? l->why
			    : t.end ? t.end
				    : why),
		  KV("state", t.state), KV_U("retr", t.n_retr), KV_U("top", t.n_top),
		  KV_U("dele", t.n_dele), KV_U("bad", t.n_bad), KV_U("octets", t.octets_retr),
		  KV_U("in", l->conn ? conn_n_in(l->conn) : 0),
		  KV_U("out", l->conn ? conn_n_out(l->conn) : 0),
		  KV_U("ms", clock_mono_ms() - l->born_ms));
}

static void leave_slot(struct link *l, enum link_phase was)
{
	struct slots *slots = l->at->p->slots;

	if (l->has_slot)
		slots_give(slots);
	else if (was == LINK_HELD && !slots_leave(slots, &l->held))
		l->slot_comes = true;
	l->has_slot = false;
}

void link_bury(struct link *l)
{
	struct pop3 *p = l->at->p;

	timer_cancel(&l->timer);
	conn_free(&l->conn);
	if (l->engine)
		p3_gone(l->engine);
	land_waiting(l);
	unthrottle(l);
	if (l->box)
		answer_release(l);
	if (l->signed_in)
		atomic_fetch_sub(&p->n_signed_in, 1);
	login_free(&l->login);
	set_unref(&l->set);
	arena_drop(&l->mem);
	table_remove(l->at->links, l->ref);
	free(l);
	pop3_link_gone(p);
}

static void rested(void *ctx)
{
	link_bury(ctx);
}

/* A guesser who hangs up instead of waiting for his answer is counted for his address until the wait is over: otherwise
 * the wait would slow only those who keep to it. */
static void rest(struct link *l)
{
	uint64_t now = clock_mono_ms();

	if (l->throttled && !l->loopback && now < l->rest_until_ms)
		timer_set(l->at->loop, &l->timer, l->rest_until_ms - now, rested, l);
	else
		link_bury(l);
}

void link_close(struct link *l, const char *why)
{
	enum link_phase was = l->phase;

	if (was == LINK_CLOSED)
		return;
	l->phase = LINK_CLOSED;
	if (l->shaking)
		meter_add(log_meters(&l->log), METER_TLS_FAILED, 1);
	log_end(l, why);
	timer_cancel(&l->timer);
	conn_free(&l->conn);
	leave_slot(l, was);
	if (!l->asking && !l->slot_comes)
		rest(l);
}

/* The last reply goes out first. */
static void leave(struct link *l, const char *why)
{
	if (l->phase != LINK_OPEN)
		return;
	l->why = why;
	l->phase = LINK_LEAVING;
	conn_deadline(l->conn, 0);
	conn_timeout(l->conn, LEAVE_MS);
	conn_finish(l->conn);
}

/* ---- the engine's turn ---- */

static void facts(const struct link *l, const struct conn_tls_info *tls, struct auth_facts *f)
{
	*f = (struct auth_facts){
		.sid = l->sid,
		.peer = l->peer,
		.secure = tls->on,
		.clear_ok = l->loopback || l->set->with.conf->plaintext_without_tls,
		.tls_bits = tls->bits,
		.cert_name = tls->peer_name,
		.binding_name = tls->binding_name,
		.endpoint = tls->endpoint,
		.endpoint_len = tls->endpoint_len,
	};
}

static struct p3_allowed allowed(struct link *l, bool secure)
{
	return (struct p3_allowed){
		.mechs = login_mechs(l->login),
		.clear = login_clear_allowed(l->login),
		.apop_stamp = login_apop_stamp(l->login),
		.secure = secure,
	};
}

static void start_tls(struct link *l)
{
	l->shaking = true;
	conn_start_tls(l->conn, l->set->with.tls);
}

/* What is to be done with a verdict, until the engine waits for something. */
static void go_on(struct link *l, enum verdict v)
{
	if (l->phase != LINK_OPEN)
		return;
	if (v == V_NEXT) {
		size_t len, eaten;
		const char *in = conn_in(l->conn, &len);

		v = p3_feed(l->engine, in, len, &eaten);
		conn_eat(l->conn, eaten);
	}
	if (l->tls_wanted) {
		l->tls_wanted = false;
		start_tls(l);
	}
	if (v == V_BYE)
		leave(l, NULL);
	else if (v == V_NEXT && l->ended)
		leave(l, "client-gone");
}

static void begin(struct link *l)
{
	struct conn_tls_info tls;
	struct auth_facts f;

	conn_tls_info(l->conn, &tls);
	facts(l, &tls, &f);
	l->phase = LINK_OPEN;
	l->mem = arena_new("pop3", ARENA_FIRST);
	l->login = login_new(l->set->with.auth, &f);
	struct p3_allowed may = allowed(l, tls.on);
	l->engine = p3_new(l->mem, &l->set->policy, &may, &out, l, &l->log);
	p3_greet(l->engine);
	go_on(l, V_NEXT);
}

static void secured(struct link *l)
{
	struct conn_tls_info tls;
	struct auth_facts f;

	l->shaking = false;
	meter_add(log_meters(&l->log), METER_TLS_OK, 1);
	if (l->phase == LINK_TLS) {
		begin(l);
		return;
	}
	conn_tls_info(l->conn, &tls);
	facts(l, &tls, &f);
	login_facts(l->login, &f);
	struct p3_allowed may = allowed(l, true);
	go_on(l, p3_secured(l->engine, &may));
}

void link_drop_answer(struct link *l, struct p3_ask *q)
{
	p3_end(l->engine, P3_END_IDLE);
	p3_answered(l->engine, q);
}

void link_answered(struct link *l, struct p3_ask *q)
{
	land_waiting(l);
	if (l->phase == LINK_CLOSED) {
		link_drop_answer(l, q);
		rest(l);
		return;
	}
	go_on(l, p3_answered(l->engine, q));
}

void link_end(struct link *l, enum p3_end why)
{
	if (l->phase == LINK_OPEN) {
		p3_end(l->engine, why);
		leave(l, NULL);
	} else if (l->phase == LINK_CLOSED) {
		if (why == P3_END_STOP && l->timer)
			link_bury(l); /* it rests; a stop waits for nobody's penalty */
	} else if (l->phase != LINK_LEAVING) {
		link_close(l, why == P3_END_STOP ? "stopping" : "kicked");
	}
}

static void time_is_up(struct link *l)
{
	link_close(l, "idle"); /* RFC 1939 section 3: without a word */
}

static void on_event(struct conn *c, enum conn_ev ev, void *ctx)
{
	struct link *l = ctx;

	switch (ev) {
	case CONN_DATA:
		if (l->phase == LINK_OPEN && !l->asking)
			go_on(l, V_NEXT);
		break;
	case CONN_DRAINED:
		if (l->phase == LINK_OPEN)
			go_on(l, p3_drained(l->engine));
		break;
	case CONN_SECURE: secured(l); break;
	case CONN_TIMEOUT: time_is_up(l); break;
	case CONN_EOF:
		l->ended = true;
		if (l->phase == LINK_OPEN)
			go_on(l, V_NEXT);
		else if (l->phase != LINK_LEAVING)
			link_close(l, "client-gone");
		break;
	case CONN_ERROR:
		log_event(&l->log, LV_TRACE, "connection-broken", KV("text", conn_error(c)));
		link_close(l, "connection-broken");
		break;
	case CONN_SENT: link_close(l, "sent"); break;
	}
}

/* ---- arrival ---- */

static void open_link(struct link *l)
{
	l->has_slot = true;
	l->set = set_ref(l->at->set);
	conn_hold(l->conn, false);
	if (!l->implicit_tls) {
		begin(l);
	} else if (l->set->with.tls) {
		l->phase = LINK_TLS;
		start_tls(l);
	} else {
		link_close(l, "no-tls");
	}
}

/* A slot is ours; on our loop again. The client may have left meanwhile. */
static void slot_came(struct job *j)
{
	struct link *l = (struct link *)((char *)j - offsetof(struct link, go_job));

	l->slot_comes = false;
	if (l->phase == LINK_CLOSED) {
		slots_give(l->at->p->slots);
		link_bury(l);
		return;
	}
	open_link(l);
}

static void go(struct held *h)
{
	struct link *l = (struct link *)h;

	l->go_job = (struct job){ .home = l->at->loop, .done = slot_came };
	loop_post(l->at->loop, &l->go_job);
}

/* A flood of refusals is one line a second, with their number. */
static void say_denied(struct pop3 *p, const struct log *log, const char *why)
{
	uint64_t now = clock_mono_ms(), said = atomic_load(&p->denied_said_ms);
	uint64_t n = atomic_fetch_add(&p->n_denied_unsaid, 1) + 1;

	if (said && now - said < DENIED_SAID_EVERY_MS)
		return;
	if (!atomic_compare_exchange_strong(&p->denied_said_ms, &said, now))
		return;
	atomic_fetch_sub(&p->n_denied_unsaid, n);
	log_event(log, LV_WARN, "connection-denied", KV("why", why), KV_U("count", n));
}

static void deny(struct link *l, int fd, const char *why)
{
	struct pop3 *p = l->at->p;

	say_denied(p, &l->log, why);
	unthrottle(l);
	close(fd);
	free(l);
	pop3_link_gone(p);
}

static struct link *link_new(struct side *at, const struct sockaddr *sa, socklen_t len)
{
	struct link *l = mem_new(sizeof(*l));

	l->at = at;
	l->held.go = go;
	l->born_ms = clock_mono_ms();
	l->loopback = peer_is_loopback(sa, len);
	memcpy(&l->sa, sa, len);
	l->sa_len = len;
	peer_text(sa, len, l->peer);
	*hex_put(l->sid, at->p->sid_base + atomic_fetch_add(&at->p->n_sids, 1)) = '\0';
	l->log = (struct log){ .sink = at->p->log->sink, .sid = l->sid, .peer = l->peer };
	return l;
}

void link_arrive(struct side *at, int fd, const struct sockaddr *sa, socklen_t len,
		 bool implicit_tls)
{
	struct pop3 *p = at->p;
	struct link *l = link_new(at, sa, len);

	l->implicit_tls = implicit_tls;
	l->throttled = throttle_enter(p->throttle, sa, len);
	if (!l->throttled) {
		meter_add(log_meters(&l->log), METER_DENIED_ADDRESS, 1);
		deny(l, fd, "too many connections from this address");
		return;
	}
	enum slot_answer slot = slots_take(p->slots, &l->held);
	if (slot == SLOT_DENIED) {
		meter_add(log_meters(&l->log), METER_DENIED_SLOTS, 1);
		deny(l, fd, "all slots and the backlog are taken");
		return;
	}
	log_event(&l->log, LV_TRACE, "connect", KV("held", slot == SLOT_HELD ? "yes" : "no"));
	l->ref = table_add(at->links, l);
	l->conn =
		conn_new(at->loop, fd, p3_longest_line(&at->set->policy) + PIPELINED, on_event, l);
	conn_deadline(l->conn, (uint64_t)at->set->with.conf->signin_timeout_s * 1000);
	if (slot == SLOT_HELD)
		conn_hold(l->conn, true);
	else
		open_link(l);
}
