/* listen.c - accepting.
 *
 * One accept4 per connection and no more while it is quiet: asking until EAGAIN would double the
 * calls. A queue that had enough for the whole batch many times in a row has more, so the batch
 * doubles, up to a bound that keeps a flood of newcomers from starving the sessions that are served.
 * (Doubling each time was rejected: where newcomers come one by one, every other asks in vain.)
 *
 * Out of descriptors: the newcomer stays in the kernel's queue, which is the best place for it. We
 * look away for a moment (level-triggered, it would wake us without end) and say so once.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/net/listen.h"
#include "server/net/listen_own.h"

#define BATCH_MAX 64
#define STREAK 8 /* full batches before the next is larger */
#define PAUSE_MS 100

struct listener {
	int fd;
	char *path; /* a socket file that we made */
	struct loop *loop;
	const struct log *log;
	listen_fn *fn;
	void *ctx;
	struct event ev;
	struct timer *resume;
	unsigned batch, streak;
	bool short_of_fds;
};

struct listener *listener_new(int fd, const char *path)
{
	struct listener *l = mem_new(sizeof(*l));

	l->fd = fd;
	l->path = mem_strz(path);
	l->batch = 1;
	return l;
}

int listener_fd(const struct listener *l)
{
	return l->fd;
}

static void watch(struct listener *l, bool on)
{
	if (on)
		event_add(&l->ev, NULL);
	else
		event_del(&l->ev);
}

static void on_resume(void *ctx)
{
	struct listener *l = ctx;

	watch(l, true);
}

static void look_away(struct listener *l, int why)
{
	char text[80];

	if (!l->short_of_fds)
		log_event(l->log, LV_WARN, "accept-paused",
			  KV("why", strerror_r(why, text, sizeof(text))),
			  KV_U("port", listen_port(l)));
	l->short_of_fds = true;
	watch(l, false);
	timer_set(l->loop, &l->resume, PAUSE_MS, on_resume, l);
}

/* Errors of the one connection that was to be accepted (accept(2) lists network errors too) are not
 * ours: the next one may be fine. */
static bool is_shortage(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

/* false: no more for now. */
static bool accept_one(struct listener *l)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (is_shortage(errno))
			look_away(l, errno);
		else if (errno == EAGAIN)
			l->batch = 1;
		l->streak = 0;
		return false;
	}
	l->short_of_fds = false;
	if (len > sizeof(sa))
		len = sizeof(sa);
	l->fn(fd, (struct sockaddr *)&sa, len, l->ctx);
	return true;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	unsigned n = 0;

	(void)fd, (void)what;
	while (n < l->batch && accept_one(l))
		n++;
	if (n < l->batch || ++l->streak < STREAK || l->batch == BATCH_MAX)
		return;
	l->batch *= 2;
	l->streak = 0;
}

void listen_start(struct listener *l, struct loop *loop, const struct log *log, listen_fn *fn,
		  void *ctx)
{
	l->loop = loop;
	l->log = log;
	l->fn = fn;
	l->ctx = ctx;
	event_assign(&l->ev, loop_base(loop), l->fd, EV_READ | EV_PERSIST, on_accept, l);
	watch(l, true);
}

unsigned listen_port(const struct listener *l)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (getsockname(l->fd, (struct sockaddr *)&sa, &len) < 0)
		return 0;
	if (sa.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)(void *)&sa)->sin_port);
	if (sa.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)(void *)&sa)->sin6_port);
	return 0;
}

void listen_close(struct listener **lp)
{
	struct listener *l = *lp;

	if (!l)
		return;
	*lp = NULL;
	if (l->loop) {
		watch(l, false);
		timer_cancel(&l->resume);
	}
	close(l->fd);
	if (l->path)
		unlink(l->path);
	free(l->path);
	free(l);
}
