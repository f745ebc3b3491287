/* conn.c - one connection: a few states, a queue out, a lent buffer in.
 *
 * Everything that happens - socket readable, socket writable, timer, somebody called conn_put from
 * elsewhere - ends in settle(): send what can be sent, tell the owner what is due, repeat while there
 * is something, then leave. Calls of the owner only mark what is wanted, so the callback is never
 * entered twice, and one writev at the end carries everything that it had to say.
 *
 * System calls are what a session costs. The socket is watched level-triggered for reading, once for
 * its life; a short read is known to have emptied it, so nothing asks for EAGAIN. Writing is tried
 * first and watched only when the kernel is full. Activity does not move the timer: it fires, looks
 * when something last happened, and sleeps on. (Edge-triggering was rejected: a reset behind a short
 * read would go unseen. bufferevents were rejected for their memory, about a kilobyte each, and for
 * evbuffer's locking and lack of bounds.)
 */
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/secret.h"
#include "server/net/conn_own.h"

#define TURN_CALLS 16 /* callbacks per turn, then the others are looked at */

static void settle(struct conn *c);

static void on_turn(struct turn *t)
{
	settle((struct conn *)t);
}

/* What it is, settle() finds out by itself. */
void conn_wake(struct conn *c)
{
	if (!c->settling)
		loop_soon(c->loop, &c->turn);
}

void conn_due(struct conn *c, enum conn_ev ev)
{
	c->due |= 1u << ev;
}

void conn_not_due(struct conn *c, enum conn_ev ev)
{
	c->due &= ~(1u << ev);
}

__attribute__((format(printf, 2, 3))) void conn_fail(struct conn *c, const char *fmt, ...)
{
	va_list ap;

	if (c->phase >= P_BROKEN)
		return;
	c->phase = P_BROKEN;
	c->due = 1u << CONN_ERROR;
	va_start(ap, fmt);
	if (vasprintf(&c->why, fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
}

void conn_fail_errno(struct conn *c, const char *what)
{
	char text[80];

	conn_fail(c, "%s: %s", what, strerror_r(errno, text, sizeof(text)));
}

void conn_fail_tls(struct conn *c)
{
	conn_fail(c, "TLS: %s", tls_io_error(c->tls));
}

/* ---- time ---- */

void conn_touch(struct conn *c)
{
	c->moved = true;
}

/* Once a turn. */
static void note_time(struct conn *c)
{
	if (c->moved && c->idle_ms)
		c->last_ms = clock_rough_ms();
	c->moved = false;
}

/* A timer that fires too early costs one look; one that must fire earlier than set is moved. */
static void arm(struct conn *c, uint64_t now)
{
	uint64_t idle_at = c->idle_ms ? c->last_ms + c->idle_ms : UINT64_MAX;
	uint64_t at = c->deadline_ms && c->deadline_ms < idle_at ? c->deadline_ms : idle_at;
	uint64_t in_ms = at > now ? at - now : 0;
	struct timeval tv = { .tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000 };

	if (at == UINT64_MAX || (c->tick_ms && c->tick_ms <= at))
		return;
	if (event_add(&c->tick, &tv) < 0)
		die("cannot set a timer");
	c->tick_ms = at;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	uint64_t now = clock_mono_ms();

	(void)fd, (void)what;
	c->tick_ms = 0;
	if (c->phase >= P_BROKEN)
		return;
	if (c->deadline_ms && now >= c->deadline_ms) {
		c->deadline_ms = 0;
		conn_due(c, CONN_TIMEOUT);
	} else if (c->idle_ms && now - c->last_ms >= c->idle_ms) {
		c->last_ms = now; /* again after as long, should the owner still wait */
		conn_due(c, CONN_TIMEOUT);
	}
	arm(c, now);
	if (c->due)
		settle(c);
}

void conn_timeout(struct conn *c, uint64_t ms)
{
	c->idle_ms = ms ? ms + CLOCK_ROUGH_MS : 0; /* never too early */
	c->last_ms = clock_mono_ms();
	arm(c, c->last_ms);
}

void conn_deadline(struct conn *c, uint64_t ms)
{
	uint64_t now = clock_mono_ms();

	c->deadline_ms = ms ? now + ms : 0;
	arm(c, now);
}

/* ---- turns ---- */

static bool may_tell(const struct conn *c, enum conn_ev ev)
{
	if (!(c->due & 1u << ev))
		return false;
	switch (ev) {
	case CONN_DATA: return !c->hold;
	/* Input before the end comes before the end. While held, only a bare end is told. */
	case CONN_EOF: return !(c->due & 1u << CONN_DATA) && !(c->hold && conn_n_input(c));
	default: return true;
	}
}

static bool next_event(const struct conn *c, enum conn_ev *out)
{
	static const enum conn_ev order[] = { CONN_ERROR,   CONN_SECURE,  CONN_DATA, CONN_EOF,
					      CONN_DRAINED, CONN_TIMEOUT, CONN_SENT };

	for (size_t i = 0; c->due && i < sizeof(order) / sizeof(order[0]); i++) {
		if (may_tell(c, order[i])) {
			*out = order[i];
			return true;
		}
	}
	return false;
}

static void tell(struct conn *c, enum conn_ev ev)
{
	conn_not_due(c, ev);
	c->calling = true;
	c->fn(c, ev, c->ctx);
	c->calling = false;
	if (c->phase == P_FREED)
		return;
	conn_keep_lent(c);
	/* An owner that closes now needs no shutdown before: it would be one call more for all. */
	if (ev == CONN_SENT)
		shutdown(c->fd, SHUT_WR);
}

static void watch(struct conn *c)
{
	bool in = c->phase < P_BROKEN && !c->ended && (c->phase != P_OPEN || conn_room(c));
	bool out = c->phase < P_FINISHED && c->stuck;

	if (in != c->watch_in && (in ? event_add(&c->in_ev, NULL) : event_del(&c->in_ev)) < 0)
		conn_fail(c, "cannot watch the socket for input");
	c->watch_in = in;
	if (out != c->watch_out && (out ? event_add(&c->out_ev, NULL) : event_del(&c->out_ev)) < 0)
		conn_fail(c, "cannot watch the socket for output");
	c->watch_out = out;
}

/* A message of the usual size goes in one turn. A giant or a long list would cost all others some tenths of a millisecond in each
 * pass, and a session takes five of them. */
static size_t turn_bytes(const struct conn *c, bool alone)
{
	if (c->streak >= TURN_BYTES_PLAIN && !alone)
		return TURN_BYTES_SHARED;
	return c->tls ? TURN_BYTES_TLS : TURN_BYTES_PLAIN;
}

static void settle(struct conn *c)
{
	enum conn_ev ev;

	turn_cancel(&c->turn);
	c->settling = true;
	c->budget = turn_bytes(c, loop_is_alone(c->loop, &c->turn));
	for (unsigned calls = 0;; calls++) {
		conn_send(c);
		if (c->phase != P_FREED && !(c->due & 1u << CONN_DATA))
			conn_read_pending(c);
		if (c->phase == P_FREED || calls == TURN_CALLS || !next_event(c, &ev))
			break;
		tell(c, ev);
	}
	if (c->phase == P_FREED) {
		free(c);
		return;
	}
	conn_keep_lent(c);
	note_time(c);
	watch(c);
	c->settling = false;
	c->emptied = false;
	if (!c->out.first)
		c->streak = 0;
	if (next_event(c, &ev) || (c->out.first && !c->stuck && c->phase < P_FINISHED))
		loop_again(c->loop, &c->turn);
}

void conn_flush(struct conn *c)
{
	bool outside = !c->settling;

	if (c->settling && !c->calling)
		return; /* from a file's done(): it is being flushed */
	c->settling = true;
	c->budget = turn_bytes(c, true);
	conn_send(c);
	if (!outside)
		return;
	c->settling = false;
	if (c->phase == P_FREED) {
		free(c);
		return;
	}
	note_time(c);
	conn_wake(c); /* something may be due now, but never inside a call */
}

void conn_finish(struct conn *c)
{
	if (c->phase == P_FINISHING || c->phase >= P_FINISHED)
		return;
	if (c->phase == P_HANDSHAKE)
		tls_io_free(&c->tls); /* nothing was said yet that could be said properly */
	tls_unref(&c->tls_next);
	c->phase = P_FINISHING;
	c->due = 0;
	conn_drop_input(c);
	conn_wake(c);
}

void conn_start_tls(struct conn *c, struct tls *t)
{
	assert(c->phase == P_OPEN && !c->tls);
	conn_drop_input(c);
	c->tls_next = tls_ref(t);
	c->phase = P_BEFORE_TLS;
	conn_wake(c);
}

/* ---- life ---- */

static void on_in(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	conn_receive(c);
	settle(c);
}

static void on_out(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	c->stuck = false;
	if (c->tls && tls_io_queued(c->tls))
		conn_push(c);
	if (c->phase == P_HANDSHAKE && !c->stuck)
		conn_handshake(c);
	settle(c);
}

struct conn *conn_new(struct loop *l, int fd, size_t in_max, conn_fn *fn, void *ctx)
{
	struct conn *c = mem_new(sizeof(*c));
	struct event_base *base = loop_base(l);

	assert(loop_is_here(l) && in_max > 0);
	c->turn.fn = on_turn;
	c->loop = l;
	c->fn = fn;
	c->ctx = ctx;
	c->fd = fd;
	c->in_max = in_max;
	event_assign(&c->in_ev, base, fd, EV_READ | EV_PERSIST, on_in, c);
	event_assign(&c->out_ev, base, fd, EV_WRITE | EV_PERSIST, on_out, c);
	event_assign(&c->tick, base, -1, 0, on_tick, c);
	watch(c);
	if (c->due)
		conn_wake(c);
	return c;
}

void conn_free(struct conn **cp)
{
	struct conn *c = *cp;

	if (!c)
		return;
	*cp = NULL;
	assert(loop_is_here(c->loop));
	c->phase = P_FREED;
	c->due = 0;
	turn_cancel(&c->turn);
	/* Before the socket, although epoll drops by itself what is closed, and that is cheaper: the number may be another thread's
	 * the moment it is free. */
	event_del(&c->in_ev);
	event_del(&c->out_ev);
	event_del(&c->tick);
	close(c->fd);
	if (c->lent)
		wipe(c->lent, c->n_lent);
	c->lent = NULL;
	buf_wipe(&c->in);
	tls_io_free(&c->tls);
	tls_unref(&c->tls_next);
	free(c->why);
	c->why = NULL;
	outq_drop(&c->out, c->loop);
	if (!c->settling)
		free(c);
}

struct loop *conn_loop(const struct conn *c)
{
	return c->loop;
}

void conn_tls_info(const struct conn *c, struct conn_tls_info *out)
{
	*out = (struct conn_tls_info){ 0 };
	if (c->tls && c->phase != P_HANDSHAKE)
		tls_io_info(c->tls, out);
}

void conn_tls_binding(const struct conn *c, struct conn_binding *out)
{
	*out = (struct conn_binding){ 0 };
	if (c->tls && c->phase != P_HANDSHAKE)
		tls_io_binding(c->tls, out);
}

uint64_t conn_n_in(const struct conn *c)
{
	return c->n_in;
}

uint64_t conn_n_out(const struct conn *c)
{
	return c->n_out;
}

uint64_t conn_idle_ms(const struct conn *c)
{
	return c->idle_ms ? clock_mono_ms() - c->last_ms : 0;
}

const char *conn_error(const struct conn *c)
{
	return c->why ? c->why : "";
}
