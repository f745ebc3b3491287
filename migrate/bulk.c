/* bulk.c - one queue of numbers, one lock, and threads that take the next when it is time.
 *
 * Everybody who waits, waits in one place for one of these: the throttle, the end of a back-off, somebody else's coming through, a
 * number that may come back. So there is one condition, and whoever wakes looks at all of it again; an account is some round trips to
 * a directory, beside which this is nothing. (A pool of jobs as the server has, with a queue in front of it, would know the next
 * number before it may be begun, and could not take it back.)
 *
 * A number that has to be tried again goes behind all others: an account that never gets an answer, for reasons of its own, holds up
 * nobody and is what the run ends with.
 *
 * The stop flag is set by a signal handler, which can wake nobody: the caller, who wakes for its progress anyway, looks.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "migrate/bulk.h"
#include "migrate/pace.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

#define TICK_US 100000

struct crew {
	const struct bulk *what;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* for those who want to begin */
	pthread_cond_t ended;   /* for the caller */
	size_t *queue;          /* a ring with room for all numbers */
	size_t first, n_queued;
	unsigned n_busy, n_threads; /* threads: those that have not left */
	bool through, over;
	struct pace pace;
	struct patience patience;
	struct mig_progress *sum;
	struct err why; /* over: what ended it */
};

/* ---- the queue; all of it with the lock held ---- */

static size_t pop_front(struct crew *c)
{
	size_t i = c->queue[c->first];

	c->first = (c->first + 1) % c->what->n;
	c->n_queued--;
	return i;
}

static void put_back(struct crew *c, size_t i)
{
	assert(c->n_queued < c->what->n);
	c->queue[(c->first + c->n_queued) % c->what->n] = i;
	c->n_queued++;
}

/* ---- whose turn it is ---- */

static struct timespec to_timespec(uint64_t us)
{
	return (struct timespec){ .tv_sec = (time_t)(us / 1000000),
				  .tv_nsec = (long)(us % 1000000) * 1000 };
}

static void wait_until(struct crew *c, uint64_t us)
{
	struct timespec t = to_timespec(us);

	pthread_cond_timedwait(&c->changed, &c->lock, &t);
}

static bool only_one(const struct crew *c)
{
	return c->patience.retry_us != 0 || (c->what->scout && !c->through);
}

static bool is_over(const struct crew *c)
{
	return c->over || atomic_load(c->what->stop) || (c->n_queued == 0 && c->n_busy == 0);
}

/* False: there is nothing more to do. */
static bool take_next(struct crew *c, size_t *i)
{
	while (!is_over(c)) {
		uint64_t now = clock_mono_us();
		uint64_t at = c->patience.retry_us > c->pace.next_us ? c->patience.retry_us
								     : c->pace.next_us;

		if (c->n_queued == 0 || (c->n_busy > 0 && only_one(c))) {
			pthread_cond_wait(&c->changed, &c->lock);
		} else if (now < at) {
			wait_until(c, at);
		} else {
			pace_begin(&c->pace, now);
			c->n_busy++;
			*i = pop_front(c);
			return true;
		}
	}
	return false;
}

/* ---- what came of it ---- */

static void halt(struct crew *c, const struct err *why)
{
	if (!c->over)
		c->why = *why;
	c->over = true;
}

static void count_answer(struct crew *c)
{
	patience_success(&c->patience, clock_mono_us());
	c->sum->waiting = false;
}

static void count_done(struct crew *c, bool failed)
{
	count_answer(c);
	c->sum->done++;
	c->sum->failed += failed;
}

static void count_later(struct crew *c, size_t i, const struct err *why)
{
	assert(why->class == EC_TEMP || why->class == EC_BUSY);
	put_back(c, i);
	c->sum->waiting = true;
	c->sum->why = *why;
	if (!patience_trouble(&c->patience, clock_mono_us()))
		halt(c, why);
}

static void settle(struct crew *c, size_t i, enum bulk_end end, const struct err *why)
{
	c->n_busy--;
	switch (end) {
	case BULK_MORE:
		put_back(c, i);
		count_answer(c);
		break;
	case BULK_THROUGH:
		c->through = true;
		count_done(c, false);
		break;
	case BULK_OK:
	case BULK_FAILED: count_done(c, end == BULK_FAILED); break;
	case BULK_LATER: count_later(c, i, why); break;
	case BULK_HALT:
		put_back(c, i);
		halt(c, why);
		break;
	}
	pthread_cond_broadcast(&c->changed);
}

static void *thread_main(void *arg)
{
	struct crew *c = arg;
	size_t i;

	pthread_mutex_lock(&c->lock);
	while (take_next(c, &i)) {
		struct err why = { .class = EC_OK };

		pthread_mutex_unlock(&c->lock);
		enum bulk_end end = c->what->one(c->what->ctx, i, &why);
		pthread_mutex_lock(&c->lock);
		settle(c, i, end, &why);
	}
	if (--c->n_threads == 0)
		pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- the caller's side ---- */

static void tell(struct crew *c)
{
	struct mig_progress now = *c->sum;

	if (!c->what->progress)
		return;
	pthread_mutex_unlock(&c->lock);
	c->what->progress(c->what->progress_ctx, &now);
	pthread_mutex_lock(&c->lock);
}

static void look_on(struct crew *c)
{
	while (c->n_threads > 0) {
		struct timespec t = to_timespec(clock_mono_us() + TICK_US);

		if (pthread_cond_timedwait(&c->ended, &c->lock, &t) != ETIMEDOUT)
			continue;
		tell(c);
		if (atomic_load(c->what->stop))
			pthread_cond_broadcast(&c->changed);
	}
}

/* With the lock held: nobody begins before all are there. Signals are for the caller's thread. */
static void start_threads(struct crew *c, pthread_t *threads, unsigned n)
{
	sigset_t all, before;
	struct err why;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (c->n_threads < n && rc == 0) {
		rc = pthread_create(&threads[c->n_threads], NULL, thread_main, c);
		c->n_threads += rc == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return;
	errno = rc;
	err_sys(&why, "cannot start thread %u of %u", c->n_threads + 1, n);
	halt(c, &why);
}

static void work(struct crew *c)
{
	size_t n = c->what->threads < c->what->n ? c->what->threads : c->what->n;
	pthread_t *threads = mem_new(n * sizeof(threads[0]));

	pthread_mutex_lock(&c->lock);
	start_threads(c, threads, (unsigned)n);
	unsigned n_started = c->n_threads;
	look_on(c);
	tell(c);
	pthread_mutex_unlock(&c->lock);
	for (unsigned t = 0; t < n_started; t++)
		pthread_join(threads[t], NULL);
	free(threads);
}

static void crew_init(struct crew *c, const struct bulk *what, struct mig_progress *sum)
{
	pthread_condattr_t mono;

	*c = (struct crew){ .what = what, .n_queued = what->n, .sum = sum };
	c->pace.per_second = what->per_second;
	patience_start(&c->patience, what->patience_s, clock_mono_us());
	c->queue = mem_new(what->n * sizeof(c->queue[0]));
	for (size_t i = 0; i < what->n; i++)
		c->queue[i] = i;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &mono);
	pthread_cond_init(&c->ended, &mono);
	pthread_condattr_destroy(&mono);
}

static void crew_drop(struct crew *c)
{
	pthread_cond_destroy(&c->ended);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c->queue);
}

static enum ec outcome(const struct crew *c, struct err *e)
{
	if (c->over)
		return err_set(e, c->why.class, "%s", c->why.text);
	if (c->n_queued > 0)
		return err_set(e, EC_REFUSED, "stopped");
	return EC_OK;
}

enum ec bulk_run(const struct bulk *what, struct mig_progress *sum, struct err *e)
{
	struct crew c;

	assert(what->threads > 0);
	if (what->n == 0)
		return EC_OK;
	crew_init(&c, what, sum);
	work(&c);
	enum ec rc = outcome(&c, e);
	crew_drop(&c);
	return rc;
}
