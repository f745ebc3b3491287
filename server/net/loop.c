/* loop.c - one event base per thread, and the door through which other threads reach it.
 *
 * Jobs come in through a lock-free stack: a poster pushes, and only the one who found it empty
 * rings the eventfd; the loop takes the whole stack in one exchange and turns it round. The eventfd
 * is watched edge-triggered and never read: a ring costs one write, nothing else. (A mutex would do
 * as well for speed; but a worker that is preempted while it holds one would stop the loop.)
 *
 * libevent runs without locks, because nobody but the loop's thread touches the base.
 */
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/net/turn.h"
#include "server/net/work.h"

#define CHUNKS_KEPT 16

struct spare_chunk {
	struct spare_chunk *next;
};

struct loop {
	struct event_base *base;
	unsigned index;
	int wake_fd;
	struct event wake, soon_ev, again_ev;
	struct turn soon, again;   /* heads of circular lists */
	const struct turn *latest; /* who had the last turn; may be gone */
	_Atomic(struct job *) posted;
	atomic_bool stop;
	atomic_bool running;
	pthread_t self; /* valid while running */
	bool started;
	pthread_t thread; /* to join */
	struct scratch *scratch;
	int pipe[2];
	struct spare_chunk *spare;
	unsigned n_spare;
};

struct timer {
	struct event ev;
	struct timer **where;
	void (*fn)(void *ctx);
	void *ctx;
};

static void list_init(struct turn *head)
{
	head->next = head->prev = head;
}

static void list_append(struct turn *head, struct turn *t)
{
	t->prev = head->prev;
	t->next = head;
	head->prev->next = t;
	head->prev = t;
}

void turn_cancel(struct turn *t)
{
	if (!t->next)
		return;
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = t->prev = NULL;
}

void loop_soon(struct loop *l, struct turn *t)
{
	assert(loop_is_here(l));
	if (t->next)
		return;
	if (l->soon.next == &l->soon)
		event_active(&l->soon_ev, EV_TIMEOUT, 0);
	list_append(&l->soon, t);
}

void loop_again(struct loop *l, struct turn *t)
{
	static const struct timeval at_once;

	assert(loop_is_here(l));
	turn_cancel(t);
	/* A timer of zero, not event_active: libevent empties its active queue before it polls, so
	 * one connection with endless work would keep all others from being seen. */
	if (l->again.next == &l->again)
		event_add(&l->again_ev, &at_once);
	list_append(&l->again, t);
}

bool loop_is_alone(struct loop *l, const struct turn *t)
{
	bool alone = l->latest == t;

	l->latest = t;
	return alone;
}

/* Runs those that are in the list now. They may add, cancel and free others: so everything goes
 * through a head of our own, from which any of them can still unlink itself. */
static void run_turns(struct turn *head)
{
	struct turn mine;

	if (head->next == head)
		return;
	mine = *head;
	mine.next->prev = mine.prev->next = &mine;
	list_init(head);
	while (mine.next != &mine) {
		struct turn *t = mine.next;

		turn_cancel(t);
		t->fn(t);
	}
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd, (void)what;
	run_turns(&l->soon);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd, (void)what;
	run_turns(&l->again);
}

/* The stack has the last one first; whoever posted first shall be served first. */
static struct job *take_posted(struct loop *l)
{
	struct job *j = atomic_exchange_explicit(&l->posted, NULL, memory_order_acquire);
	struct job *in_order = NULL;

	while (j) {
		struct job *next = j->next;

		j->next = in_order;
		in_order = j;
		j = next;
	}
	return in_order;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct job *j = take_posted(l);

	(void)fd, (void)what;
	while (j) {
		struct job *next = j->next; /* done() frees it */

		j->next = NULL;
		j->done(j);
		j = next;
	}
	if (atomic_load(&l->stop))
		event_base_loopbreak(l->base);
}

static void ring(struct loop *l)
{
	static const uint64_t one = 1;

	/* EAGAIN (2^64 rings unread) would need longer than the machine lasts; nothing else can
	 * fail but EINTR. */
	while (write(l->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void loop_post(struct loop *l, struct job *j)
{
	struct job *head = atomic_load_explicit(&l->posted, memory_order_relaxed);

	do
		j->next = head;
	while (!atomic_compare_exchange_weak_explicit(&l->posted, &head, j, memory_order_release,
						      memory_order_relaxed));
	/* From here on j may be gone. `head` was what we found: somebody else's ring, not yet
	 * answered, covers us too. */
	if (!head)
		ring(l);
}

static struct event_base *base_new(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base = NULL;

	if (cfg && event_config_require_features(cfg, EV_FEATURE_ET) == 0 &&
	    event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(cfg);
	if (cfg)
		event_config_free(cfg);
	return base;
}

enum ec loop_new(unsigned index, struct loop **out, struct err *e)
{
	struct loop *l = mem_new(sizeof(*l));

	l->index = index;
	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->base = l->wake_fd < 0 ? NULL : base_new();
	if (!l->base) {
		enum ec rc = err_sys(e, "cannot make an event loop");

		if (l->wake_fd >= 0)
			close(l->wake_fd);
		free(l);
		return rc;
	}
	l->pipe[0] = l->pipe[1] = -1;
	list_init(&l->soon);
	list_init(&l->again);
	l->scratch = mem_new(sizeof(*l->scratch));
	event_assign(&l->wake, l->base, l->wake_fd, EV_READ | EV_PERSIST | EV_ET, on_wake, l);
	event_assign(&l->soon_ev, l->base, -1, 0, on_soon, l);
	event_assign(&l->again_ev, l->base, -1, 0, on_again, l);
	if (event_add(&l->wake, NULL) < 0) {
		loop_free(&l);
		return err_set(e, EC_TEMP, "cannot watch the event loop's own descriptor");
	}
	*out = l;
	return EC_OK;
}

void loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (!l)
		return;
	*lp = NULL;
	event_del(&l->wake);
	event_del(&l->soon_ev);
	event_del(&l->again_ev);
	event_base_free(l->base);
	close(l->wake_fd);
	loop_pipe_spoil(l);
	while (l->spare) {
		struct spare_chunk *next = l->spare->next;

		free(l->spare);
		l->spare = next;
	}
	free(l->scratch);
	free(l);
}

void loop_run(struct loop *l)
{
	l->self = pthread_self();
	atomic_store(&l->running, true);
	if (!atomic_load(&l->stop))
		event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
	atomic_store(&l->running, false);
	atomic_store(&l->stop, false); /* it may be run again */
}

static void *thread_main(void *arg)
{
	loop_run(arg);
	return NULL;
}

enum ec loop_start(struct loop *l, struct err *e)
{
	sigset_t all, before;
	char name[16];
	int rc;

	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&l->thread, NULL, thread_main, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		errno = rc;
		return err_sys(e, "cannot start an event loop thread");
	}
	l->started = true;
	snprintf(name, sizeof(name), "winpopd/%u", l->index);
	pthread_setname_np(l->thread, name);
	return EC_OK;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	ring(l);
}

void loop_join(struct loop *l)
{
	if (l->started)
		pthread_join(l->thread, NULL);
	l->started = false;
}

unsigned loop_index(const struct loop *l)
{
	return l->index;
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

/* Before it runs, whoever builds it may touch it. */
bool loop_is_here(const struct loop *l)
{
	return !atomic_load(&l->running) || pthread_equal(l->self, pthread_self());
}

struct scratch *loop_scratch(struct loop *l)
{
	return l->scratch;
}

/* One that may not grow - the user has too many pipes - would need more calls than it saves. */
const int *loop_pipe(struct loop *l)
{
	if (l->pipe[0] < 0 && pipe2(l->pipe, O_CLOEXEC | O_NONBLOCK) == 0 &&
	    fcntl(l->pipe[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		loop_pipe_spoil(l);
	return l->pipe;
}

void loop_pipe_spoil(struct loop *l)
{
	int before = errno;

	for (int i = 0; i < 2; i++) {
		if (l->pipe[i] >= 0)
			close(l->pipe[i]);
		l->pipe[i] = -1;
	}
	errno = before;
}

void *loop_chunk_get(struct loop *l)
{
	struct spare_chunk *s = l->spare;
	void *p;

	if (s) {
		l->spare = s->next;
		l->n_spare--;
		return s;
	}
	p = malloc(CHUNK_BYTES);
	if (!p)
		die("out of memory");
	return p;
}

void loop_chunk_put(struct loop *l, void *chunk)
{
	struct spare_chunk *s = chunk;

	if (l->n_spare >= CHUNKS_KEPT) {
		free(chunk);
		return;
	}
	s->next = l->spare;
	l->spare = s;
	l->n_spare++;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;
	void (*fn)(void *) = t->fn;
	void *ctx = t->ctx;

	(void)fd, (void)what;
	*t->where = NULL; /* so that fn may set it anew, or free what holds it */
	free(t);
	fn(ctx);
}

/* Never too early: libevent counts by the rough clock. */
void timer_set(struct loop *l, struct timer **where, uint64_t in_ms, void (*fn)(void *ctx),
	       void *ctx)
{
	if (in_ms > 0)
		in_ms += CLOCK_ROUGH_MS;
	struct timeval tv = { .tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000 };
	struct timer *t;

	assert(loop_is_here(l));
	timer_cancel(where);
	t = mem_new(sizeof(*t));
	t->where = where;
	t->fn = fn;
	t->ctx = ctx;
	*where = t;
	event_assign(&t->ev, l->base, -1, 0, on_timer, t);
	if (event_add(&t->ev, &tv) < 0)
		die("cannot set a timer");
}

void timer_cancel(struct timer **where)
{
	struct timer *t = *where;

	if (!t)
		return;
	*where = NULL;
	event_del(&t->ev);
	free(t);
}
