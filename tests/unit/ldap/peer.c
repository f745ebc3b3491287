/* peer.c - see peer.h.
 *
 * One thread serves all connections by poll. It reads no more of LDAP than it must: a request is taken to be one message of less than
 * 128 octets whose message id is one octet, which holds for all that the tests send.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "tests/unit/ldap/peer.h"

#define MAX 64
#define SLOW_MS 1000

struct guest {
	int fd;
	uint64_t answer_ms; /* when; 0: nothing to answer */
	unsigned char id, op;
	uint64_t trickle_ms;
};

struct hall {
	struct peer *p;
	struct guest guest[MAX];
	unsigned n;
};

uint64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void say(const struct guest *g, const void *what, size_t len)
{
	(void)!send(g->fd, what, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Success: for a bind, the end of a search, an extended operation, by the request's own tag plus one. */
static void answer(const struct guest *g)
{
	const unsigned char right[] = {
		0x30,  12,
		2,     1,
		g->id, (unsigned char)(g->op == 0x77 ? 0x78 : g->op + (g->op == 0x63 ? 2 : 1)),
		7,     10,
		1,     0,
		4,     0,
		4,     0
	};

	say(g, right, sizeof(right));
}

static void goodbye(const struct guest *g)
{
	static const unsigned char notice[] =
		"\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x16"
		"1.3.6.1.4.1.1466.20036";

	say(g, notice, sizeof(notice) - 1);
}

static void flood(const struct guest *g)
{
	static const unsigned char other[] = { 0x30, 12, 2, 1, 99, 0x65, 7, 10, 1, 0, 4, 0, 4, 0 };

	for (int i = 0; i < 50; i++)
		say(g, other, sizeof(other));
}

static void close_guest(struct hall *h, unsigned i)
{
	close(h->guest[i].fd);
	h->guest[i] = h->guest[--h->n];
}

static void reset_guest(struct hall *h, unsigned i)
{
	const struct linger hard = { .l_onoff = 1 };

	setsockopt(h->guest[i].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close_guest(h, i);
}

/* What is done with a request. False: the guest is gone. */
static bool react(struct hall *h, unsigned i)
{
	static const unsigned char huge[] = { 0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1 };
	struct guest *g = &h->guest[i];

	switch (atomic_load(&h->p->fault)) {
	case PEER_RESETS:
		if (atomic_exchange(&h->p->once, false))
			atomic_store(&h->p->fault, PEER_GOOD);
		reset_guest(h, i);
		return false;
	case PEER_GARBAGE: say(g, "HTTP/1.1 400 Bad Request\r\n\r\n", 28); break;
	case PEER_HUGE: say(g, huge, sizeof(huge)); break;
	case PEER_HALF: say(g, "\x30\x0c\x02\x01", 4); break;
	case PEER_TRICKLES:
		say(g, "\x30\x84\x00\x10\x00\x00\x02\x01\x01", 9);
		g->trickle_ms = 1;
		break;
	case PEER_OTHERS: g->trickle_ms = 1; break;
	case PEER_SLOW: g->answer_ms = clock_mono_ms() + SLOW_MS; break;
	case PEER_GOODBYE:
		answer(g);
		goodbye(g);
		break;
	case PEER_GOOD: answer(g); break;
	default: break;
	}
	return true;
}

/* Returns false if the guest is gone. */
static bool hear(struct hall *h, unsigned i)
{
	unsigned char in[512];
	struct guest *g = &h->guest[i];
	ssize_t n = recv(g->fd, in, sizeof(in), MSG_DONTWAIT);

	if (n <= 0) {
		close_guest(h, i);
		return false;
	}
	if (in[0] != 0x30) /* TLS: nobody here speaks it, some reply all the same */
		return react(h, i);
	for (ssize_t at = 0; at + 6 < n && in[at] == 0x30; at += 2 + in[at + 1]) {
		g->id = in[at + 4];
		g->op = in[at + 5];
		if (g->op == 0x42) /* unbind */
			continue;
		atomic_fetch_add(&h->p->n_requests, 1);
		if (!react(h, i))
			return false;
	}
	return true;
}

static void welcome(struct hall *h)
{
	int fd = accept4(h->p->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	atomic_fetch_add(&h->p->n_connections, 1);
	if (atomic_load(&h->p->fault) == PEER_CLOSES || h->n == MAX)
		close(fd);
	else
		h->guest[h->n++] = (struct guest){ .fd = fd };
}

static void on_time(struct hall *h, struct guest *g)
{
	uint64_t now = clock_mono_ms();

	if (g->answer_ms && g->answer_ms <= now) {
		g->answer_ms = 0;
		answer(g);
	}
	if (!g->trickle_ms || g->trickle_ms > now)
		return;
	g->trickle_ms = now + 20;
	if (atomic_load(&h->p->fault) == PEER_OTHERS)
		flood(g);
	else
		say(g, "\0", 1);
}

static void *serve(void *arg)
{
	struct hall h = { .p = arg };
	struct pollfd fds[MAX + 1];

	while (!atomic_load(&h.p->closing)) {
		bool reads = atomic_load(&h.p->fault) != PEER_SILENT;
		unsigned n = h.n;

		fds[0] = (struct pollfd){ .fd = h.p->fd, .events = POLLIN };
		for (unsigned i = 0; i < n; i++)
			fds[i + 1] = (struct pollfd){ .fd = h.guest[i].fd,
						      .events = reads ? POLLIN : 0 };
		poll(fds, n + 1, 10);
		for (unsigned i = n; i > 0; i--) /* downwards: the last one moves into a gap */
			if (!fds[i].revents || hear(&h, i - 1))
				on_time(&h, &h.guest[i - 1]);
		if (fds[0].revents)
			welcome(&h);
	}
	while (h.n > 0)
		close_guest(&h, 0);
	return NULL;
}

static int listen_anywhere(char uri[64], const char *scheme)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(uri, 64, "%s://127.0.0.1:%d", scheme, ntohs(at.sin_port));
	return fd;
}

void peer_start(struct peer *p, enum fault f)
{
	*p = (struct peer){ .fault = f };
	p->fd = listen_anywhere(p->plain, "ldap");
	snprintf(p->tls, sizeof(p->tls), "ldaps%s", p->plain + 4);
	assert_int_equal(listen(p->fd, 64), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

void peer_stop(struct peer *p)
{
	atomic_store(&p->closing, true);
	pthread_join(p->thread, NULL);
	close(p->fd);
}

void peer_nobody(char uri[64])
{
	close(listen_anywhere(uri, "ldap"));
}
