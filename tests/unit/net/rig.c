/* rig.c - see rig.h. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "tests/unit/net/rig.h"

#define PATIENCE_MS 60000 /* sanitizers on a busy machine */

struct loop *rig_loop(void)
{
	struct loop *l;
	struct err e;

	assert_int_equal(loop_new(0, &l, &e), EC_OK);
	return l;
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
}

void rig_until(struct loop *l, bool (*done)(void *ctx), void *ctx)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;
	struct timeval tv = { .tv_usec = 2000 };
	struct event *look = event_new(loop_base(l), -1, EV_PERSIST, on_look, NULL);

	event_add(look, &tv);
	while (!done(ctx)) {
		if (clock_mono_ms() > end)
			fail_msg("waited too long");
		event_base_loop(loop_base(l), EVLOOP_ONCE);
	}
	event_free(look);
}

void rig_step(struct loop *l, unsigned n)
{
	while (n-- > 0)
		event_base_loop(loop_base(l), EVLOOP_NONBLOCK);
}

void rig_spin(struct loop *l)
{
	rig_step(l, 20);
}

void owner_fn(struct conn *c, enum conn_ev ev, void *ctx)
{
	struct owner *o = ctx;
	size_t len;
	const char *p;

	assert_false(o->inside);
	assert_ptr_equal(o->c, c);
	o->inside = true;
	o->told[ev]++;
	p = conn_in(c, &len);
	if (ev == CONN_DATA) {
		assert_true(len > 0);
		if (!o->leave_input) {
			buf_add(&o->in, p, len);
			conn_eat(c, len);
		}
	} else if (ev == CONN_ERROR) {
		strncpy(o->why, conn_error(c), sizeof(o->why) - 1);
	}
	if (o->also)
		o->also(o, ev);
	if (o->free_now && o->free_at == ev)
		conn_free(&o->c);
	o->inside = false;
}

void owner_start(struct owner *o, struct loop *l, int fd, size_t in_max)
{
	o->c = conn_new(l, fd, in_max, owner_fn, o);
}

void owner_drop(struct owner *o)
{
	conn_free(&o->c);
	buf_drop(&o->in);
}

static bool is_told(void *ctx)
{
	const struct wanted *w = ctx;

	return w->o->told[w->ev] >= w->n;
}

void rig_until_told(struct loop *l, struct owner *o, enum conn_ev ev, unsigned n)
{
	struct wanted w = { o, ev, n };

	rig_until(l, is_told, &w);
}

static bool has_input(void *ctx)
{
	const struct wanted *w = ctx;

	return w->o->in.len >= w->n;
}

void rig_until_input(struct loop *l, struct owner *o, size_t len)
{
	struct wanted w = { .o = o, .n = len };

	rig_until(l, has_input, &w);
}

static void make_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void rig_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	make_nonblocking(fd[0]);
}

static void tcp_pair(int fd[2], int segment)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (segment)
		assert_int_equal(
			setsockopt(door, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)), 0);
	assert_int_equal(bind(door, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(door, 1), 0);
	getsockname(door, (struct sockaddr *)&sa, &len);
	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd[1], (struct sockaddr *)&sa, len), 0);
	fd[0] = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd[0] >= 0);
	close(door);
}

void rig_tcp_pair(int fd[2])
{
	tcp_pair(fd, 0);
}

void rig_ethernet_pair(int fd[2])
{
	int room = 1 << 20;

	tcp_pair(fd, 1460);
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
}

/* The period is a prime, so that a piece in the wrong place shows whatever its size. */
#define PERIOD 65521u

unsigned char rig_octet(uint64_t at)
{
	at %= PERIOD;
	return (at * 2654435761u) >> 13 ^ at / 251;
}

/* Two periods, so that up to one can be compared or copied from anywhere in the first. */
static unsigned char *pattern_new(void)
{
	unsigned char *p = malloc(2 * PERIOD);

	for (size_t i = 0; i < 2 * PERIOD; i++)
		p[i] = rig_octet(i);
	return p;
}

int rig_file(uint64_t size)
{
	char path[] = "/tmp/winpop-net-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	unsigned char *pattern = pattern_new();

	assert_true(fd >= 0);
	unlink(path);
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < PERIOD ? size - at : PERIOD;

		assert_int_equal(write(fd, pattern, n), n);
		at += n;
	}
	free(pattern);
	return fd;
}

uint32_t rig_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

void rig_send(int fd, const char *z)
{
	assert_int_equal(send(fd, z, strlen(z), MSG_NOSIGNAL), strlen(z));
}

size_t client_read(struct client *c, void *p, size_t len)
{
	ssize_t n;

	if (c->ssl)
		n = SSL_read(c->ssl, p, len);
	else
		n = recv(c->fd, p, len, 0);
	return n > 0 ? n : 0;
}

bool client_write(struct client *c, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n =
			c->ssl ? SSL_write(c->ssl, at, len) : send(c->fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

/* Head and tail are looked at octet by octet, what is between by the stretch. */
static bool is_expected(const unsigned char *p, size_t n, uint64_t at, uint64_t file_len,
			const unsigned char *pattern)
{
	while (n > 0) {
		size_t part = 1;

		if (at >= 5 && at < 5 + file_len) {
			part = 5 + file_len - at < n ? 5 + file_len - at : n;
			part = part < PERIOD ? part : PERIOD;
			if (memcmp(p, pattern + (at - 5) % PERIOD, part) != 0)
				return false;
		} else if (*p != (at < 5 ? "+OK\r\n"[at] : ".\r\n"[at - 5 - file_len])) {
			return false;
		}
		p += part;
		at += part;
		n -= part;
	}
	return true;
}

void *reader_main(void *arg)
{
	struct reader *r = arg;
	unsigned char part[65536], *pattern = pattern_new();
	size_t n;

	r->right = true;
	while (r->got < r->want) {
		n = client_read(&r->client, part, 1 + rig_random(&r->seed) % sizeof(part));
		if (n == 0)
			break;
		r->right = r->right && is_expected(part, n, r->got, r->want - 8, pattern);
		r->got += n;
	}
	free(pattern);
	atomic_store(&r->over, true);
	return NULL;
}

bool reader_is_over(void *ctx)
{
	return atomic_load(&((struct reader *)ctx)->over);
}

static void fill_expected(unsigned char *to, size_t n, uint64_t at, uint64_t file_len)
{
	for (size_t i = 0; i < n; i++, at++)
		to[i] = at < 5              ? "+OK\r\n"[at]
			: at < 5 + file_len ? rig_octet(at - 5)
					    : ".\r\n"[at - 5 - file_len];
}

void *reader_send(void *arg)
{
	struct reader *r = arg;
	unsigned char part[30000];
	uint32_t seed = 7;

	for (uint64_t at = 0; at < r->send;) {
		size_t n = 1 + rig_random(&seed) % sizeof(part);

		if (n > r->send - at)
			n = r->send - at;
		fill_expected(part, n, at, r->want - 8);
		if (!client_write(&r->client, part, n))
			break;
		at += n;
	}
	shutdown(r->client.fd, SHUT_WR);
	return NULL;
}

void owner_echo(struct owner *o, enum conn_ev ev)
{
	size_t len;
	const char *p;

	if (ev == CONN_DATA) {
		p = conn_in(o->c, &len);
		conn_put(o->c, p, len);
		conn_eat(o->c, len);
		if (conn_queued(o->c) > CONN_HIGH)
			conn_hold(o->c, true);
	} else if (ev == CONN_DRAINED) {
		conn_hold(o->c, false);
	} else if (ev == CONN_EOF) {
		conn_finish(o->c);
	}
}
