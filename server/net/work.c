/* work.c - the pool: a bounded queue under one mutex.
 *
 * One lock for all workers is enough: a job waits for a disk or a directory, which takes a thousand
 * times as long as the lock is held. What counts is the way back, and that is loop_post's.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/net/loop.h"
#include "server/net/work.h"

struct work {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **end;
	unsigned max_jobs, n_idle, patience_ms;
	int nice;
	atomic_uint n_waiting; /* changed under the lock, read without */
	bool closing;
	unsigned n_threads;
	pthread_t threads[];
};

/* With the lock held. NULL: there is nothing left and there will be nothing more. */
static struct job *next_job(struct work *w)
{
	struct job *j;

	while (!w->first && !w->closing) {
		w->n_idle++;
		pthread_cond_wait(&w->more, &w->lock);
		w->n_idle--;
	}
	j = w->first;
	if (!j)
		return NULL;
	w->first = j->next;
	if (!w->first)
		w->end = &w->first;
	atomic_fetch_sub(&w->n_waiting, 1);
	j->next = NULL;
	return j;
}

/* Linux: 0 is this thread, not the process. Nothing to be done where it is refused: then it goes at the pace of the others. */
static void be_nice(int by)
{
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + by);
}

static void *worker_main(void *arg)
{
	struct work *w = arg;
	struct job *j;
	bool is_nice = false;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		j = next_job(w);
		pthread_mutex_unlock(&w->lock);
		if (!j)
			return NULL;
		if (!is_nice && w->nice)
			be_nice(w->nice);
		is_nice = true;
		j->run(j);
		loop_post(j->home, j);
	}
}

static enum ec start_threads(struct work *w, const char *name, unsigned n, struct err *e)
{
	sigset_t all, before;
	char text[16];
	int rc = 0;

	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && w->n_threads < n) {
		rc = pthread_create(&w->threads[w->n_threads], NULL, worker_main, w);
		if (rc != 0)
			break;
		snprintf(text, sizeof(text), "%.11s/%u", name, w->n_threads % 1000);
		pthread_setname_np(w->threads[w->n_threads], text);
		w->n_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = rc;
	return rc == 0 ? EC_OK : err_sys(e, "cannot start worker thread %u of %u", w->n_threads, n);
}

enum ec work_new(const char *name, unsigned n_threads, unsigned max_jobs, struct work **out,
		 struct err *e)
{
	struct work *w = mem_new(sizeof(*w) + n_threads * sizeof(w->threads[0]));
	enum ec rc;

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	w->end = &w->first;
	w->max_jobs = max_jobs;
	rc = start_threads(w, name, n_threads, e);
	if (rc != EC_OK)
		work_free(&w);
	*out = w;
	return rc;
}

void work_patience(struct work *w, unsigned ms)
{
	w->patience_ms = ms;
}

void work_nice(struct work *w, int by)
{
	w->nice = by;
}

/* With the lock held. */
static bool has_room(const struct work *w, uint64_t now_ms)
{
	if (atomic_load(&w->n_waiting) >= w->max_jobs)
		return false;
	return !w->patience_ms || !w->first || now_ms <= w->first->since_ms + w->patience_ms;
}

enum ec work_submit(struct work *w, struct job *j)
{
	bool taken, wake;

	j->since_ms = clock_mono_ms();
	pthread_mutex_lock(&w->lock);
	assert(!w->closing);
	taken = has_room(w, j->since_ms);
	wake = taken && w->n_idle > 0;
	if (taken) {
		j->next = NULL;
		*w->end = j;
		w->end = &j->next;
		atomic_fetch_add(&w->n_waiting, 1);
	}
	pthread_mutex_unlock(&w->lock);
	if (wake)
		pthread_cond_signal(&w->more);
	return taken ? EC_OK : EC_BUSY;
}

unsigned work_waiting(const struct work *w)
{
	return atomic_load(&w->n_waiting);
}

uint64_t work_oldest_ms(struct work *w)
{
	uint64_t now = clock_mono_ms(), since = now;

	pthread_mutex_lock(&w->lock);
	if (w->first && w->first->since_ms < now)
		since = w->first->since_ms;
	pthread_mutex_unlock(&w->lock);
	return now - since;
}

void work_free(struct work **wp)
{
	struct work *w = *wp;

	if (!w)
		return;
	*wp = NULL;
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
