/* conn.c - one connection: a few states, a queue out, a lent buffer in.
 *
 * Everything that happens - socket readable, socket writable, timer, somebody called conn_put from
 * elsewhere - ends in settle(): send what can be sent, tell the owner what is due, repeat while there
 * is something, then leave. Calls of the owner only mark what is wanted, so the callback is never
 * entered twice, and one writev at the end carries everything that it had to say.
 *
 * Input is received into the loop's scratch buffer and lent to the callback from there: a command
 * that comes whole costs no memory. Only what the callback leaves behind is copied.
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
#include <event2/event_struct.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/secret.h"
#include "server/net/conn.h"
#include "server/net/outq.h"
#include "server/net/tls.h"
#include "server/net/tls_io.h"
#include "server/net/turn.h"

#define TURN_BYTES (256u << 10) /* sent per turn, then the others are looked at */
#define TURN_CALLS 16           /* callbacks per turn, likewise */

enum phase {
	P_OPEN,
	P_BEFORE_TLS, /* the reply to STLS is on its way out; input is thrown away */
	P_HANDSHAKE,
	P_FINISHING, /* conn_finish: the queue is on its way out; input is thrown away */
	P_FINISHED,  /* it is out */
	P_BROKEN,
	P_FREED /* inside settle: it frees the memory when it comes back */
};

struct conn {
	struct turn turn; /* first, so that the one is the other */
	struct loop *loop;
	conn_fn *fn;
	void *ctx;
	int fd;
	uint8_t phase;
	uint8_t due;   /* bit per enum conn_ev: to be told */
	bool settling; /* inside settle, */
	bool calling;  /* and there inside the callback */
	bool hold;     /* conn_hold */
	bool stuck;    /* the kernel took less than offered */
	bool above;    /* over CONN_HIGH since the last CONN_DRAINED */
	bool ended;    /* the peer's end was received */
	bool watch_in, watch_out;
	struct event in_ev, out_ev, tick;
	size_t in_max;
	char *lent; /* input that is still in the scratch buffer ... */
	size_t n_lent;
	struct buf in; /* ... or here, when it outlived a turn; never both */
	struct outq out;
	size_t budget; /* octets that this turn may still send */
	struct tls *tls_next;
	struct tls_io *tls;
	uint64_t idle_ms, last_ms; /* conn_timeout; when something was last moved */
	uint64_t deadline_ms;      /* absolute, 0 = none */
	uint64_t tick_ms;          /* when the timer will fire, 0 = never */
	uint64_t n_in, n_out;
	char *why;
};

static void settle(struct conn *c);

static void on_turn(struct turn *t)
{
	settle((struct conn *)t);
}

/* Something is to be done, by and by: settle() itself finds out what. */
static void wake(struct conn *c)
{
	if (!c->settling)
		loop_soon(c->loop, &c->turn);
}

static void is_due(struct conn *c, enum conn_ev ev)
{
	c->due |= 1u << ev;
}

static void not_due(struct conn *c, enum conn_ev ev)
{
	c->due &= ~(1u << ev);
}

/* The first reason counts, and it is the last thing that the owner hears. */
__attribute__((format(printf, 2, 3))) static void fail(struct conn *c, const char *fmt, ...)
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

static void fail_errno(struct conn *c, const char *what)
{
	char text[80];

	fail(c, "%s: %s", what, strerror_r(errno, text, sizeof(text)));
}

/* ---- time ---- */

static void touch(struct conn *c)
{
	if (c->idle_ms)
		c->last_ms = clock_mono_ms();
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
		is_due(c, CONN_TIMEOUT);
	} else if (c->idle_ms && now - c->last_ms >= c->idle_ms) {
		c->last_ms = now; /* again after as long, should the owner still wait */
		is_due(c, CONN_TIMEOUT);
	}
	arm(c, now);
	if (c->due)
		settle(c);
}

void conn_timeout(struct conn *c, uint64_t ms)
{
	c->idle_ms = ms;
	c->last_ms = clock_mono_ms();
	arm(c, c->last_ms);
}

void conn_deadline(struct conn *c, uint64_t ms)
{
	uint64_t now = clock_mono_ms();

	c->deadline_ms = ms ? now + ms : 0;
	arm(c, now);
}

/* ---- input ---- */

const char *conn_in(const struct conn *c, size_t *len)
{
	*len = c->lent ? c->n_lent : c->in.len;
	return c->lent ? c->lent : buf_at(&c->in);
}

static size_t n_input(const struct conn *c)
{
	return c->lent ? c->n_lent : c->in.len;
}

static size_t room(const struct conn *c)
{
	size_t have = n_input(c);

	return have < c->in_max ? c->in_max - have : 0;
}

/* Growing by realloc would leave a copy of what may be a password behind. */
static void keep(struct conn *c, char *p, size_t len)
{
	struct buf grown = { 0 };

	if (c->in.cap - c->in.off - c->in.len < len) {
		buf_room(&grown, c->in.len + len);
		buf_add(&grown, buf_at(&c->in), c->in.len);
		buf_wipe(&c->in);
		c->in = grown;
	}
	buf_add(&c->in, p, len);
	wipe(p, len);
}

static void keep_lent(struct conn *c)
{
	if (c->lent && c->n_lent)
		keep(c, c->lent, c->n_lent);
	c->lent = NULL;
	c->n_lent = 0;
}

static void received(struct conn *c, char *p, size_t n)
{
	c->n_in += n;
	touch(c);
	if (c->phase != P_OPEN) {
		wipe(p, n);
		return;
	}
	assert(!c->lent);
	if (c->in.len) {
		keep(c, p, n);
	} else {
		c->lent = p;
		c->n_lent = n;
	}
	is_due(c, CONN_DATA);
}

static void ended(struct conn *c)
{
	c->ended = true;
	if (c->phase == P_HANDSHAKE || c->phase == P_BEFORE_TLS)
		fail(c, "the peer left before TLS was up");
	else if (c->phase == P_OPEN)
		is_due(c, CONN_EOF);
}

static void read_plain(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	size_t max = c->phase == P_OPEN && room(c) < sizeof(s->in) ? room(c) : sizeof(s->in);
	ssize_t n = max ? recv(c->fd, s->in, max, 0) : -1;

	if (n > 0)
		received(c, s->in, n);
	else if (n == 0)
		ended(c);
	else if (max && errno != EAGAIN && errno != EINTR)
		fail_errno(c, "cannot receive");
}

static void tls_failed(struct conn *c)
{
	fail(c, "TLS: %s", tls_io_error(c->tls));
}

static void push(struct conn *c)
{
	enum tls_did did = tls_io_push(c->tls);

	c->stuck = did == TLS_FULL;
	if (did == TLS_FAIL)
		tls_failed(c);
}

static void read_tls(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	size_t max = room(c) < sizeof(s->in) ? room(c) : sizeof(s->in), n = 0;
	enum tls_did did;

	if (c->phase != P_OPEN)
		max = sizeof(s->in);
	if (max == 0)
		return;
	did = tls_io_read(c->tls, s->in, max, &n);
	if (n > 0)
		received(c, s->in, n);
	if (did == TLS_ENDED)
		ended(c);
	if (tls_io_queued(c->tls) && !c->stuck)
		push(c); /* an alert, or the answer to a key update */
	if (did == TLS_FAIL)
		tls_failed(c);
}

static void handshake(struct conn *c)
{
	enum tls_did did = tls_io_handshake(c->tls);

	if (did == TLS_ENDED) {
		ended(c);
		return;
	}
	if (did == TLS_DONE) {
		c->phase = P_OPEN;
		is_due(c, CONN_SECURE);
	} else { /* when it is done, the ticket leaves with what the owner will say */
		push(c);
	}
	if (did == TLS_FAIL)
		tls_failed(c);
}

/* Octets in the TLS layer: the socket will not tell of them. */
static void read_pending(struct conn *c)
{
	if (c->tls && c->phase == P_OPEN && !c->hold && !c->ended && tls_io_pending(c->tls))
		read_tls(c);
}

static void on_in(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	if (c->tls)
		tls_io_readable(c->tls);
	if (c->phase == P_HANDSHAKE) {
		touch(c);
		handshake(c);
	} else if (c->tls) {
		read_tls(c);
	} else {
		read_plain(c);
	}
	settle(c);
}

void conn_eat(struct conn *c, size_t n)
{
	assert(n <= n_input(c));
	if (c->lent) {
		wipe(c->lent, n);
		c->lent += n;
		c->n_lent -= n;
		return;
	}
	if (n == 0)
		return;
	wipe(c->in.mem + c->in.off, n);
	buf_eat(&c->in, n);
	buf_trim(&c->in);
	wake(c); /* there is room again */
}

void conn_drop_input(struct conn *c)
{
	conn_eat(c, n_input(c));
	not_due(c, CONN_DATA);
	if (c->tls)
		tls_io_discard(c->tls);
}

void conn_hold(struct conn *c, bool hold)
{
	bool released = c->hold && !hold;

	c->hold = hold;
	if (released && c->phase == P_OPEN) {
		if (n_input(c))
			is_due(c, CONN_DATA);
		wake(c);
	}
}

/* ---- output ---- */

size_t conn_queued(const struct conn *c)
{
	return c->out.n_bytes + (c->tls ? tls_io_queued(c->tls) : 0);
}

static bool may_put(const struct conn *c)
{
	return c->phase == P_OPEN;
}

static void queued_more(struct conn *c)
{
	if (conn_queued(c) > CONN_HIGH)
		c->above = true;
	if (!c->stuck)
		wake(c);
}

void conn_put(struct conn *c, const void *p, size_t len)
{
	if (!may_put(c))
		return;
	outq_add(&c->out, c->loop, p, len);
	queued_more(c);
}

void conn_putz(struct conn *c, const char *z)
{
	conn_put(c, z, strlen(z));
}

void conn_put_file(struct conn *c, int fd, uint64_t off, uint64_t len, void (*done)(void *ctx),
		   void *ctx)
{
	if (!may_put(c)) {
		if (done)
			done(ctx);
		return;
	}
	outq_add_file(&c->out, fd, off, len, done, ctx);
	queued_more(c);
}

/* Last of what a send does: a done() in there may free the connection. */
static void sent(struct conn *c, size_t n)
{
	c->n_out += n;
	c->budget -= n < c->budget ? n : c->budget;
	touch(c);
	outq_sent(&c->out, c->loop, n);
}

static void send_failed(struct conn *c, const char *what)
{
	if (errno == EAGAIN)
		c->stuck = true;
	else if (errno != EINTR)
		fail_errno(c, what);
}

/* Never padded, never silently short: the client was told a length. */
static void file_failed(struct conn *c)
{
	if (errno == 0)
		fail(c, "a file became shorter while it was sent");
	else
		fail_errno(c, "cannot read a file that is to be sent");
}

static void send_file(struct conn *c, const struct outq_file *f)
{
	off_t off = f->off;
	size_t max = f->len < c->budget ? f->len : c->budget;
	ssize_t n = sendfile(c->fd, f->fd, &off, max);

	if (n > 0) {
		c->stuck = (size_t)n < max;
		sent(c, n);
	} else if (n == 0) {
		errno = 0;
		file_failed(c);
	} else if (errno == EINVAL || errno == ENOSYS) {
		outq_no_sendfile(&c->out);
	} else {
		send_failed(c, "cannot send a file");
	}
}

static void send_octets(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	struct iovec iov[OUTQ_IOV];
	struct msghdr msg = { .msg_iov = iov };
	size_t total;
	ssize_t n;
	int n_iov;

	if (!outq_vectors(&c->out, iov, &n_iov, &total, s->out, sizeof(s->out))) {
		file_failed(c);
		return;
	}
	msg.msg_iovlen = n_iov;
	/* More to come at once: do not send a half-filled segment. */
	n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | (total < c->out.n_bytes ? MSG_MORE : 0));
	if (n < 0) {
		send_failed(c, "cannot send");
		return;
	}
	if ((size_t)n < total)
		c->stuck = true;
	sent(c, n);
}

static void send_plain(struct conn *c)
{
	struct outq_file f;

	if (c->out.n_bytes == 0)
		outq_sent(&c->out, c->loop, 0); /* files of no length */
	else if (outq_large_file(&c->out, &f))
		send_file(c, &f);
	else
		send_octets(c);
}

static void send_tls(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	struct outq_file f;
	enum tls_did did;
	size_t total, n = 0;

	if (tls_io_in_kernel(c->tls) && outq_large_file(&c->out, &f)) {
		did = tls_io_sendfile(c->tls, f.fd, f.off, f.len < c->budget ? f.len : c->budget,
				      &n);
	} else if (!outq_copy(&c->out, s->out, sizeof(s->out), &total)) {
		file_failed(c);
		return;
	} else {
		did = tls_io_write(c->tls, s->out, total, &n);
	}
	if (c->phase == P_FINISHING && n == c->out.n_bytes)
		tls_io_bye(c->tls);
	c->stuck = did == TLS_FULL;
	if (did == TLS_FAIL)
		tls_failed(c);
	else if (!c->stuck)
		push(c);
	sent(c, n);
}

static void start_handshake(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);

	c->tls = tls_io_new(c->tls_next, c->fd, s->wire, sizeof(s->wire));
	tls_unref(&c->tls_next);
	c->phase = P_HANDSHAKE;
}

static void all_sent(struct conn *c)
{
	if (c->phase == P_BEFORE_TLS) {
		start_handshake(c);
	} else if (c->phase == P_FINISHING) {
		if (c->tls) {
			tls_io_bye(c->tls);
			push(c);
		}
		if (!c->stuck && c->phase == P_FINISHING) {
			c->phase = P_FINISHED;
			is_due(c, CONN_SENT);
		}
	}
}

static void flush(struct conn *c)
{
	if (c->tls && !c->stuck && c->phase < P_FINISHED && tls_io_queued(c->tls) && !c->out.first)
		push(c);
	while (c->out.first && !c->stuck && c->budget && c->phase < P_FINISHED)
		if (c->tls)
			send_tls(c);
		else
			send_plain(c);
	if (c->phase >= P_FINISHED)
		return;
	if (!c->out.first && !c->stuck)
		all_sent(c);
	if (c->above && conn_queued(c) < CONN_LOW) {
		c->above = false;
		if (c->phase == P_OPEN)
			is_due(c, CONN_DRAINED);
	}
}

void conn_flush(struct conn *c)
{
	if (c->settling && !c->calling)
		return; /* from a file's done(): it is being flushed */
	c->budget = TURN_BYTES;
	flush(c);
	wake(c);
}

static void on_out(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	c->stuck = false;
	if (c->tls && tls_io_queued(c->tls))
		push(c);
	settle(c);
}

/* ---- turns ---- */

static bool may_tell(const struct conn *c, enum conn_ev ev)
{
	if (!(c->due & 1u << ev))
		return false;
	switch (ev) {
	case CONN_DATA: return !c->hold;
	/* Input before the end comes before the end. While held, only a bare end is told. */
	case CONN_EOF: return !(c->due & 1u << CONN_DATA) && !(c->hold && n_input(c));
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
	not_due(c, ev);
	c->calling = true;
	c->fn(c, ev, c->ctx);
	c->calling = false;
	if (c->phase == P_FREED)
		return;
	keep_lent(c);
	/* An owner that closes now needs no shutdown before: it would be one call more for all. */
	if (ev == CONN_SENT)
		shutdown(c->fd, SHUT_WR);
}

static void watch(struct conn *c)
{
	bool in = c->phase < P_BROKEN && !c->ended && (c->phase != P_OPEN || room(c));
	bool out = c->phase < P_FINISHED && c->stuck;

	if (in != c->watch_in && (in ? event_add(&c->in_ev, NULL) : event_del(&c->in_ev)) < 0)
		fail(c, "cannot watch the socket for input");
	c->watch_in = in;
	if (out != c->watch_out && (out ? event_add(&c->out_ev, NULL) : event_del(&c->out_ev)) < 0)
		fail(c, "cannot watch the socket for output");
	c->watch_out = out;
}

static void settle(struct conn *c)
{
	enum conn_ev ev;

	turn_cancel(&c->turn);
	c->settling = true;
	c->budget = TURN_BYTES;
	for (unsigned calls = 0;; calls++) {
		flush(c);
		if (c->phase != P_FREED && !(c->due & 1u << CONN_DATA))
			read_pending(c);
		if (c->phase == P_FREED || calls == TURN_CALLS || !next_event(c, &ev))
			break;
		tell(c, ev);
	}
	if (c->phase == P_FREED) {
		free(c);
		return;
	}
	keep_lent(c);
	watch(c);
	c->settling = false;
	if (next_event(c, &ev) || (c->out.first && !c->stuck && c->phase < P_FINISHED))
		loop_again(c->loop, &c->turn);
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
	wake(c);
}

void conn_start_tls(struct conn *c, struct tls *t)
{
	assert(c->phase == P_OPEN && !c->tls);
	conn_drop_input(c);
	c->tls_next = tls_ref(t);
	c->phase = P_BEFORE_TLS;
	wake(c);
}

/* ---- life ---- */

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
		wake(c);
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
	event_del(&c->in_ev);
	event_del(&c->out_ev);
	event_del(&c->tick);
	if (c->lent)
		wipe(c->lent, c->n_lent);
	c->lent = NULL;
	buf_wipe(&c->in);
	tls_io_free(&c->tls);
	tls_unref(&c->tls_next);
	close(c->fd);
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

uint64_t conn_n_in(const struct conn *c)
{
	return c->n_in;
}

uint64_t conn_n_out(const struct conn *c)
{
	return c->n_out;
}

const char *conn_error(const struct conn *c)
{
	return c->why ? c->why : "";
}
