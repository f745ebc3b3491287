/* brief.c - see brief.h. A process of its own would not be waited for; only winpopd does upkeep, and so does it in one thread. */
#include <assert.h>
#include <time.h>
#include "server/store/brief.h"

#define PATIENCE_S 10 /* upkeep that takes longer is in a mailbox of millions, on a slow disk */

void brief_open(struct brief *b)
{
	*b = (struct brief){ .held = false };
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->over, NULL);
}

void brief_close(struct brief *b)
{
	pthread_cond_destroy(&b->over);
	pthread_mutex_destroy(&b->lock);
}

void brief_begin(struct brief *b, const struct name *mailbox)
{
	pthread_mutex_lock(&b->lock);
	assert(!b->held);
	b->who = *mailbox;
	b->held = true;
	b->n++;
	pthread_mutex_unlock(&b->lock);
}

void brief_end(struct brief *b)
{
	pthread_mutex_lock(&b->lock);
	b->held = false;
	pthread_cond_broadcast(&b->over);
	pthread_mutex_unlock(&b->lock);
}

/* A hold that is on counts as begun after it. */
uint64_t brief_mark(struct brief *b)
{
	pthread_mutex_lock(&b->lock);
	uint64_t mark = b->n - b->held;
	pthread_mutex_unlock(&b->lock);
	return mark;
}

/* False: it goes on. */
static bool wait_for_end(struct brief *b)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	b->waited = b->n;
	while (b->held && b->waited == b->n && rc == 0)
		rc = pthread_cond_clockwait(&b->over, &b->lock, CLOCK_MONOTONIC, &until);
	return rc == 0;
}

bool brief_again(struct brief *b, const struct name *mailbox, uint64_t mark)
{
	pthread_mutex_lock(&b->lock);
	bool perhaps = b->n != mark;
	if (b->held && name_equal(&b->who, mailbox))
		perhaps = b->waited != b->n && wait_for_end(b);
	pthread_mutex_unlock(&b->lock);
	return perhaps;
}
