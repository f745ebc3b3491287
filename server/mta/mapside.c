/* mapside.c - maps_socket: look-ups put to workers, one at a time per connection; the input behind it waits.
 *
 * Two protocols come by this door, so that an MTA has one socket for whatever it asks about mail: a netstring begins with a digit,
 * a request of access policy with a letter. The first octet of a connection tells, and it stays with that.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/mta/inside.h"
#include "server/mta/lookup.h"

struct looking {
	struct task t; /* first, so that the one is the other */
	struct lookup l;
	struct sm_ask *q; /* the engine's: there as long as its session is */
};

static void run(struct job *j)
{
	struct looking *w = (struct looking *)j;

	lookup_run(&w->l, &w->t.with);
}

static void drop(struct task *t)
{
	task_end(t);
	free(t);
}

static enum mta_verdict answer(struct session *s, const struct looking *w)
{
	session_trouble(s, &w->l.name, w->l.class, &w->l.err);
	w->q->class = w->l.class;
	memcpy(w->q->value, w->l.value, sizeof(w->q->value));
	return sm_answered(s->sm, w->q);
}

static void done(struct job *j)
{
	struct looking *w = (struct looking *)j;
	struct session *s = task_arrived(&w->t);
	enum mta_verdict v = s ? answer(s, w) : MTA_NEXT;

	drop(&w->t);
	if (s)
		session_go_on(s, v);
}

static bool ask(void *ctx, struct sm_ask *q)
{
	struct session *s = ctx;
	struct looking *w = mem_new(sizeof(*w));

	counter_add(&s->home->m->lookups, 1);
	s->n_asked++;
	task_begin(&w->t, s, run, done, drop);
	w->q = q;
	q->class = EC_ABSENT;
	if (lookup_prepare(&w->l, q, w->t.with.rule))
		q->class = task_submit(&w->t, s->home->m->work.lookup);
	if (q->class != EC_OK) {
		drop(&w->t);
		return true;
	}
	return false;
}

static const struct sm_out out = { session_put, ask };

static void begin(struct session *s)
{
	s->sm = sm_new(s->mem, &out, s);
}

static enum mta_verdict feed(struct session *s, const char *p, size_t len, size_t *eaten)
{
	return sm_feed(s->sm, p, len, eaten);
}

static enum mta_verdict stop(struct session *s)
{
	return sm_stop(s->sm);
}

static void gone(struct session *s)
{
	(void)s; /* the answer that is away will find nobody */
}

static const struct side map_side = {
	.name = "maps",
	.begin = begin,
	.feed = feed,
	.stop = stop,
	.gone = gone,
};

/* ---- before the first octet ---- */

static void begin_later(struct session *s)
{
	(void)s; /* nothing is known yet */
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum mta_verdict feed_first(struct session *s, const char *p, size_t len, size_t *eaten)
{
	*eaten = 0;
	if (len == 0)
		return MTA_NEXT;
	s->side = is_letter(*p) ? &policy_side : &map_side;
	s->side->begin(s);
	return s->side->feed(s, p, len, eaten);
}

static enum mta_verdict stop_unheard(struct session *s)
{
	(void)s;
	return MTA_BYE;
}

const struct side maps_door = {
	.name = "maps",
	.in_max = 2 * SM_REQUEST_MAX,
	.begin = begin_later,
	.feed = feed_first,
	.stop = stop_unheard,
	.gone = gone,
};
_Static_assert(POLICY_REQUEST_MAX <= SM_REQUEST_MAX, "the door's room is for both");
