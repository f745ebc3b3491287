/* slots.c - who is served, who waits, who is turned away.
 *
 * The one mutex of this kind that every connection passes, twice in its life. It guards a few
 * numbers and a list, because "a slot is free" and "you are the oldest who waits for it" must be one
 * decision over all loops. go() is called outside it: it posts to a loop.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include "server/base/mem.h"
#include "server/net/slots.h"

struct slots {
	pthread_mutex_t lock;
	unsigned max, min, backlog, threshold;
	struct slots_now now;
	struct held waiting; /* head of a circular list, oldest first */
};

/* Enough places for those who are served, in steps; given back when two steps are idle, so that one
 * client coming and going does not move it. */
static void fit_ready(struct slots *s)
{
	unsigned *ready = &s->now.ready;

	if (*ready < s->min)
		*ready = s->min;
	while (*ready < s->now.served && s->threshold)
		*ready += s->threshold;
	while (s->threshold && *ready >= s->min + s->threshold &&
	       *ready >= s->now.served + 2 * s->threshold)
		*ready -= s->threshold;
	if (*ready > s->max)
		*ready = s->max;
}

/* With the lock held: the waiters for whom there is a slot, chained by `next`. */
static struct held *admit(struct slots *s)
{
	struct held *first = NULL, **end = &first;

	while (s->now.held && s->now.served < s->max) {
		struct held *h = s->waiting.next;

		s->waiting.next = h->next;
		h->next->prev = &s->waiting;
		h->next = h->prev = NULL;
		*end = h;
		end = &h->next;
		s->now.held--;
		s->now.served++;
	}
	fit_ready(s);
	return first;
}

static void tell(struct held *h)
{
	while (h) {
		struct held *next = h->next;

		h->next = NULL;
		h->go(h);
		h = next;
	}
}

struct slots *slots_new(unsigned max, unsigned min, unsigned backlog, unsigned threshold)
{
	struct slots *s = mem_new(sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	s->waiting.next = s->waiting.prev = &s->waiting;
	slots_set(s, max, min, backlog, threshold);
	return s;
}

void slots_free(struct slots **sp)
{
	struct slots *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void slots_set(struct slots *s, unsigned max, unsigned min, unsigned backlog, unsigned threshold)
{
	struct held *admitted;

	pthread_mutex_lock(&s->lock);
	s->max = max;
	s->min = min;
	s->backlog = backlog;
	s->threshold = threshold;
	admitted = admit(s);
	pthread_mutex_unlock(&s->lock);
	tell(admitted);
}

static void append(struct slots *s, struct held *h)
{
	h->prev = s->waiting.prev;
	h->next = &s->waiting;
	h->prev->next = h;
	h->next->prev = h;
}

enum slot_answer slots_take(struct slots *s, struct held *h)
{
	enum slot_answer answer = SLOT_DENIED;

	pthread_mutex_lock(&s->lock);
	/* When the maximum was lowered there may be room for nobody though somebody waits. */
	if (s->now.served < s->max && s->now.held == 0) {
		answer = SLOT_SERVE;
		s->now.served++;
		fit_ready(s);
	} else if (s->now.held < s->backlog) {
		answer = SLOT_HELD;
		append(s, h);
		s->now.held++;
	} else {
		s->now.denied++;
	}
	pthread_mutex_unlock(&s->lock);
	return answer;
}

bool slots_leave(struct slots *s, struct held *h)
{
	bool waited;

	pthread_mutex_lock(&s->lock);
	waited = h->prev != NULL;
	if (waited) {
		h->prev->next = h->next;
		h->next->prev = h->prev;
		h->next = h->prev = NULL;
		s->now.held--;
	}
	pthread_mutex_unlock(&s->lock);
	return waited;
}

void slots_give(struct slots *s)
{
	struct held *admitted;

	pthread_mutex_lock(&s->lock);
	assert(s->now.served > 0);
	s->now.served--;
	admitted = admit(s);
	pthread_mutex_unlock(&s->lock);
	tell(admitted);
}

void slots_now(struct slots *s, struct slots_now *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->now;
	pthread_mutex_unlock(&s->lock);
}
