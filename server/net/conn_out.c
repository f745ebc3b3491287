/* conn_out.c - sending: the queue, in as few calls and as full segments as it can be done.
 *
 * Writing is tried first, and the socket is watched for it only when the kernel is full ("stuck").
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include "server/net/conn_own.h"

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
		conn_wake(c);
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

void conn_push(struct conn *c)
{
	enum tls_did did = tls_io_push(c->tls);

	c->stuck = did == TLS_FULL;
	if (did == TLS_FAIL)
		conn_fail_tls(c);
}

/* Last of what a send does: a done() in there may free the connection. */
static void sent(struct conn *c, size_t n)
{
	c->n_out += n;
	c->streak += n;
	c->budget -= n < c->budget ? n : c->budget;
	conn_touch(c);
	outq_sent(&c->out, c->loop, n);
}

static void send_failed(struct conn *c, const char *what)
{
	if (errno == EAGAIN)
		c->stuck = true;
	else if (errno != EINTR)
		conn_fail_errno(c, what);
}

/* Never padded, never silently short: the client was told a length. */
static void file_failed(struct conn *c)
{
	if (errno == 0)
		conn_fail(c, "a file became shorter while it was sent");
	else
		conn_fail_errno(c, "cannot read a file that is to be sent");
}

/* For what is sent without MSG_MORE. A unix socket knows no segments, and refuses. */
static void cork(struct conn *c, bool on)
{
	int value = on;

	if (c->corked != on)
		setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
	c->corked = on;
}

/* sendfile has no MSG_MORE: the final dot behind a file would be a segment of its own, with an interrupt and a wake-up of the
 * client. Its two halves have it. */
static ssize_t splice_file(struct conn *c, const int pipe[2], const struct outq_file *f,
			   size_t *max)
{
	loff_t off = (loff_t)f->off;
	ssize_t n_in, n;

	n_in = splice(f->fd, &off, pipe[1], NULL, f->len, SPLICE_F_NONBLOCK);
	if (n_in <= 0)
		return n_in;
	*max = (size_t)n_in;
	n = splice(pipe[0], NULL, c->fd, NULL, *max, SPLICE_F_NONBLOCK | SPLICE_F_MORE);
	if (n < n_in) {
		loop_pipe_spoil(c->loop);
		c->narrow = true;
	}
	return n;
}

/* All of it, with something behind it; and to a client that is quick enough not to leave some of it in the pipe. */
static bool may_splice(const struct conn *c, const struct outq_file *f)
{
	return f->len <= PIPE_FILE_BYTES && f->len <= c->budget && f->len < c->out.n_bytes &&
	       !c->corked && !c->narrow;
}

/* *max: what the kernel was offered. A long file goes by sendfile: one call for many pipes. */
static ssize_t send_some(struct conn *c, const struct outq_file *f, size_t *max)
{
	const int *pipe = may_splice(c, f) ? loop_pipe(c->loop) : NULL;
	off_t off = (off_t)f->off;

	if (pipe && pipe[0] >= 0)
		return splice_file(c, pipe, f, max);
	*max = f->len < c->budget ? f->len : c->budget;
	if (*max < c->out.n_bytes)
		cork(c, true);
	return sendfile(c->fd, f->fd, &off, *max);
}

static void send_file(struct conn *c, const struct outq_file *f)
{
	size_t max = 0;
	ssize_t n = send_some(c, f, &max);

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

/* As much as the scratch buffer holds and the turn allows. */
static size_t at_once(const struct conn *c)
{
	return c->budget < SCRATCH_OUT ? c->budget : SCRATCH_OUT;
}

/* The last reply leaves in one packet with the end of the connection, which follows at once. Not where input may be unread by now:
 * closing would throw away what waits here. */
static bool is_farewell(const struct conn *c)
{
	return c->phase == P_FINISHING && c->emptied;
}

static void send_octets(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	struct iovec iov[OUTQ_IOV];
	struct msghdr msg = { .msg_iov = iov };
	size_t total;
	ssize_t n;
	int n_iov, flags;

	if (!outq_vectors(&c->out, iov, &n_iov, &total, s->out, at_once(c))) {
		file_failed(c);
		return;
	}
	/* More to come at once: do not send a half-filled segment. */
	flags = MSG_NOSIGNAL | (total < c->out.n_bytes || is_farewell(c) ? MSG_MORE : 0);
	msg.msg_iovlen = n_iov;
	n = n_iov == 1 ? send(c->fd, iov->iov_base, total, flags) : sendmsg(c->fd, &msg, flags);
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

/* A record must not begin with octets and end within a file that goes by sendfile: should the kernel take a part of it,
 * OpenSSL keeps the rest and wants the same octets again, and sendfile would send them for a second time. */
static void send_tls(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);
	struct outq_file f;
	enum tls_did did;
	size_t total, n = 0;

	if (tls_io_in_kernel(c->tls) && outq_large_file(&c->out, &f)) {
		did = tls_io_sendfile(c->tls, f.fd, f.off, f.len < c->budget ? f.len : c->budget,
				      &n);
	} else if (!outq_copy(&c->out, !tls_io_in_kernel(c->tls), s->out, at_once(c), &total)) {
		file_failed(c);
		return;
	} else {
		did = tls_io_write(c->tls, s->out, total, &n);
	}
	if (c->phase == P_FINISHING && n == c->out.n_bytes)
		tls_io_bye(c->tls);
	c->stuck = did == TLS_FULL;
	if (did == TLS_FAIL)
		conn_fail_tls(c);
	else if (!c->stuck)
		conn_push(c);
	sent(c, n);
}

static void start_handshake(struct conn *c)
{
	struct scratch *s = loop_scratch(c->loop);

	c->tls = tls_io_new(c->tls_next, c->fd, s->wire, sizeof(s->wire));
	tls_unref(&c->tls_next);
	c->phase = P_HANDSHAKE;
	if (c->ended) /* no event will tell */
		conn_fail(c, "the peer left before TLS was up");
}

static void all_sent(struct conn *c)
{
	if (c->phase == P_BEFORE_TLS) {
		start_handshake(c);
	} else if (c->phase == P_FINISHING) {
		if (c->tls) {
			tls_io_bye(c->tls);
			conn_push(c);
		}
		if (!c->stuck && c->phase == P_FINISHING) {
			c->phase = P_FINISHED;
			conn_due(c, CONN_SENT);
		}
	}
}

/* Ciphertext that no plaintext will push along. The ticket at the end of a handshake waits for what
 * the owner says when it hears of it: one packet for both. */
static bool has_loose_ends(const struct conn *c)
{
	return c->tls && !c->stuck && c->phase < P_FINISHED && !c->out.first &&
	       !(c->due & 1u << CONN_SECURE) && tls_io_queued(c->tls);
}

void conn_send(struct conn *c)
{
	if (has_loose_ends(c))
		conn_push(c);
	while (c->out.first && !c->stuck && c->budget && c->phase < P_FINISHED)
		if (c->tls)
			send_tls(c);
		else
			send_plain(c);
	if (c->phase >= P_FINISHED)
		return;
	if (!c->out.first)
		cork(c, false); /* whoever waits now waits for all of it */
	if (!c->out.first && !c->stuck)
		all_sent(c);
	if (c->above && conn_queued(c) < CONN_LOW) {
		c->above = false;
		if (c->phase == P_OPEN)
			conn_due(c, CONN_DRAINED);
	}
}
