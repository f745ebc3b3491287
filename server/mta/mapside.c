/* mapside.c - maps_socket: look-ups put to workers, one at a time per connection; the input behind it waits. */
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/mta/inside.h"
#include "server/mta/lookup.h"

struct looking {
	struct task t; /* first, so that the one is the other */
	struct lookup l;
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

static void log_trouble(const struct session *s, const struct lookup *l)
{
	char text[NAME_TEXT_MAX + 1];

	if (l->class != EC_OK && l->class != EC_ABSENT)
		log_event(&s->log, LV_WARN, "lookup-failed", KV("asked", name_text(&l->name, text)),
			  KV("class", ec_name(l->class)), KV("text", l->err.text));
}

static enum mta_verdict answer(struct session *s, const struct lookup *l)
{
	struct sm_ask *q = s->asked;

	log_trouble(s, l);
	s->asked = NULL;
	q->class = l->class;
	memcpy(q->value, l->value, sizeof(q->value));
	return sm_answered(s->sm, q);
}

static void done(struct job *j)
{
	struct looking *w = (struct looking *)j;
	struct session *s = task_arrived(&w->t);
	enum mta_verdict v = s ? answer(s, &w->l) : MTA_NEXT;

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
	q->class = EC_ABSENT;
	if (lookup_prepare(&w->l, q, w->t.with.rule))
		q->class = task_submit(&w->t, s->home->m->work.lookup);
	if (q->class != EC_OK) {
		drop(&w->t);
		return true;
	}
	s->asked = q;
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

const struct side map_side = {
	.name = "maps",
	.in_max = 2 * SM_REQUEST_MAX,
	.begin = begin,
	.feed = feed,
	.stop = stop,
	.gone = gone,
};
