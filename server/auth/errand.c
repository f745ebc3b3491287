/* errand.c - threads that may be left behind.
 *
 * Why not the pool of server/net/work: its workers are few and everybody's. One that waits for a
 * library without a time-out is lost to all other sessions until it comes back; one of these is lost
 * to winbind alone. That is also what the mutex is for. A thread leaves when there is nothing to do:
 * starting one costs a fraction of what an errand takes, and none is left over from a time when the
 * process had more rights.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include "server/auth/errand.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

struct errands {
	pthread_mutex_t lock;
	struct errand *first, **end;
	struct errands_limits limits;
	unsigned n_threads;
	unsigned n_overdue; /* under way */
	unsigned n_silent;  /* overdue since one came back */
	uint64_t retry_at;  /* milliseconds, monotonic */
	bool closing;
	const char *name;
};

struct errands *errands_new(const char *thread_name, const struct errands_limits *limits)
{
	struct errands *es = mem_new(sizeof(*es));

	pthread_mutex_init(&es->lock, NULL);
	es->end = &es->first;
	es->limits = *limits;
	es->name = thread_name;
	return es;
}

static void destroy(struct errands *es)
{
	pthread_mutex_destroy(&es->lock);
	free(es);
}

void errands_free(struct errands **pp)
{
	struct errands *es = *pp;
	bool last;

	*pp = NULL;
	if (!es)
		return;
	pthread_mutex_lock(&es->lock);
	assert(!es->first);
	es->closing = true;
	last = es->n_threads == 0;
	pthread_mutex_unlock(&es->lock);
	if (last)
		destroy(es);
}

/* ---- the threads; all of it with the lock held but `run` and `drop` ---- */

static struct errand *next_errand(struct errands *es)
{
	struct errand *e = es->first;

	if (!e)
		return NULL;
	es->first = e->next;
	if (!es->first)
		es->end = &es->first;
	e->state = ERRAND_RUNS;
	return e;
}

static void discard(struct errand *e)
{
	pthread_cond_destroy(&e->done);
	e->drop(e);
}

static void come_back(struct errands *es, struct errand *e)
{
	es->n_silent = 0; /* late, but the other side is alive */
	if (e->state == ERRAND_OVERDUE) {
		es->n_overdue--;
		discard(e);
	} else {
		e->state = ERRAND_DONE;
		pthread_cond_signal(&e->done);
	}
}

static void *thread_main(void *arg)
{
	struct errands *es = arg;
	struct errand *e;
	bool last;

	pthread_mutex_lock(&es->lock);
	while ((e = next_errand(es))) {
		pthread_mutex_unlock(&es->lock);
		e->run(e);
		pthread_mutex_lock(&es->lock);
		come_back(es, e);
	}
	last = --es->n_threads == 0 && es->closing;
	pthread_mutex_unlock(&es->lock);
	if (last)
		destroy(es);
	return NULL;
}

/* False: there is none and none can be made. */
static bool have_thread(struct errands *es)
{
	sigset_t all, before;
	pthread_t t;
	int rc;

	if (es->n_threads == es->limits.max_threads)
		return true;
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&t, NULL, thread_main, es);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0) {
		pthread_setname_np(t, es->name);
		pthread_detach(t);
		es->n_threads++;
	}
	return es->n_threads > 0;
}

/* ---- the sender ---- */

static void take_out(struct errands *es, struct errand *e)
{
	struct errand **at = &es->first;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (!*at)
		es->end = at;
}

static struct timespec after(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Returns false when the deadline has passed and it is not done. */
static bool wait_for(struct errands *es, struct errand *e, unsigned timeout_ms)
{
	const struct timespec until = after(timeout_ms);
	int rc = 0;

	while (e->state != ERRAND_DONE && rc != ETIMEDOUT)
		rc = pthread_cond_clockwait(&e->done, &es->lock, CLOCK_MONOTONIC, &until);
	return e->state == ERRAND_DONE;
}

static bool turned_away(struct errands *es)
{
	uint64_t now = clock_mono_ms();

	if (es->n_overdue == es->limits.max_threads)
		return true;
	if (es->n_silent < es->limits.max_overdue)
		return false;
	if (now < es->retry_at)
		return true;
	es->retry_at = now + es->limits.retry_ms;
	return false;
}

static void give_up(struct errands *es, struct errand *e)
{
	if (e->state == ERRAND_QUEUED) {
		take_out(es, e);
		discard(e);
		return;
	}
	e->state = ERRAND_OVERDUE;
	es->n_overdue++;
	es->n_silent++;
	es->retry_at = clock_mono_ms() + es->limits.retry_ms;
}

static enum ec send_locked(struct errands *es, struct errand *e, unsigned timeout_ms)
{
	if (turned_away(es)) {
		discard(e);
		return EC_BUSY;
	}
	if (!have_thread(es)) {
		discard(e);
		return EC_TEMP;
	}
	*es->end = e;
	es->end = &e->next;
	if (wait_for(es, e, timeout_ms))
		return EC_OK;
	give_up(es, e);
	return EC_TEMP;
}

enum ec errands_send(struct errands *es, struct errand *e, unsigned timeout_ms)
{
	enum ec ec;

	e->next = NULL;
	e->state = ERRAND_QUEUED;
	pthread_cond_init(&e->done, NULL);
	pthread_mutex_lock(&es->lock);
	ec = send_locked(es, e, timeout_ms);
	pthread_mutex_unlock(&es->lock);
	if (ec == EC_OK)
		pthread_cond_destroy(&e->done);
	return ec;
}
