/* conn_in.c - receiving.
 *
 * Input is received into the loop's scratch buffer and lent to the callback from there: a command
 * that comes whole costs no memory. Only what the callback leaves behind is copied.
 */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include "server/base/secret.h"
#include "server/net/conn_own.h"

const char *conn_in(const struct conn *c, size_t *len)
{
	*len = c->lent ? c->n_lent : c->in.len;
	return c->lent ? c->lent : buf_at(&c->in);
}

size_t conn_n_input(const struct conn *c)
{
	return c->lent ? c->n_lent : c->in.len;
}

size_t conn_room(const struct conn *c)
{
	size_t have = conn_n_input(c);

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

void conn_keep_lent(struct conn *c)
{
	if (c->lent && c->n_lent)
		keep(c, c->lent, c->n_lent);
	c->lent = NULL;
	c->n_lent = 0;
}

static void received(struct conn *c, char *p, size_t n)
{
	c->n_in += n;
	conn_touch(c);
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
	conn_due(c, CONN_DATA);
}

static void ended(struct conn *c)
{
	c->ended = true;
	if (c->phase == P_HANDSHAKE || c->phase == P_BEFORE_TLS)
		conn_fail(c, "the peer left before TLS was up");
	else if (c->phase == P_OPEN)
		conn_due(c, CONN_EOF);
}

static void read_plain(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	size_t max =
		c->phase == P_OPEN && conn_room(c) < sizeof(s->in) ? conn_room(c) : sizeof(s->in);
	ssize_t n = max ? recv(c->fd, s->in, max, 0) : -1;

	c->emptied = max && n < (ssize_t)max;
	if (n > 0)
		received(c, s->in, n);
	else if (n == 0)
		ended(c);
	else if (max && errno != EAGAIN && errno != EINTR)
		conn_fail_errno(c, "cannot receive");
}

static void read_tls(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	size_t max = conn_room(c) < sizeof(s->in) ? conn_room(c) : sizeof(s->in), n = 0;
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
		conn_push(c); /* an alert, or the answer to a key update */
	if (did == TLS_FAIL)
		conn_fail_tls(c);
}

void conn_handshake(struct conn *c)
{
	enum tls_did did = tls_io_handshake(c->tls);

	if (did == TLS_ENDED) {
		ended(c);
		return;
	}
	if (did == TLS_DONE) {
		c->phase = P_OPEN;
		conn_due(c, CONN_SECURE);
		return;
	}
	conn_push(c); /* our flight, or the alert that says what we did not like */
	if (did == TLS_FULL)
		c->stuck = true;
	if (did == TLS_FAIL)
		conn_fail_tls(c);
}

/* Octets in the TLS layer: the socket will not tell of them. */
void conn_read_pending(struct conn *c)
{
	if (c->tls && c->phase == P_OPEN && !c->hold && !c->ended && tls_io_pending(c->tls))
		read_tls(c);
}

void conn_receive(struct conn *c)
{
	if (c->tls)
		tls_io_readable(c->tls);
	if (c->phase == P_HANDSHAKE) {
		conn_touch(c);
		conn_handshake(c);
	} else if (c->tls) {
		read_tls(c);
	} else {
		read_plain(c);
	}
}

void conn_eat(struct conn *c, size_t n)
{
	assert(n <= conn_n_input(c));
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
	conn_wake(c); /* there is room again */
}

void conn_drop_input(struct conn *c)
{
	conn_eat(c, conn_n_input(c));
	conn_not_due(c, CONN_DATA);
	if (c->tls)
		tls_io_discard(c->tls);
}

void conn_hold(struct conn *c, bool hold)
{
	bool released = c->hold && !hold;

	c->hold = hold;
	if (released && c->phase == P_OPEN) {
		if (conn_n_input(c))
			conn_due(c, CONN_DATA);
		conn_wake(c);
	}
}
