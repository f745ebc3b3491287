/* policyside.c - maps_socket, where access policy is spoken: forecasts put to workers, one at a time per connection. Trouble is
 * no answer here but in our log: whether a mailbox is there, and whether mail waits for it, the maps and the delivery say.
 */
#include <stdlib.h>
#include "server/base/mem.h"
#include "server/mta/forecast.h"
#include "server/mta/inside.h"

struct asking {
	struct task t; /* first, so that the one is the other */
	struct forecast f;
	struct policy_ask *q; /* the engine's: there as long as its session is */
};

static void run(struct job *j)
{
	struct asking *w = (struct asking *)j;

	forecast_run(&w->f, &w->t.with);
}

static void drop(struct task *t)
{
	task_end(t);
	free(t);
}

static enum mta_verdict answer(struct session *s, const struct asking *w)
{
	session_trouble(s, &w->f.name, w->f.class, &w->f.err);
	w->q->action = w->f.action;
	return policy_answered(s->policy, w->q);
}

static void done(struct job *j)
{
	struct asking *w = (struct asking *)j;
	struct session *s = task_arrived(&w->t);
	enum mta_verdict v = s ? answer(s, w) : MTA_NEXT;

	drop(&w->t);
	if (s)
		session_go_on(s, v);
}

static bool ask(void *ctx, struct policy_ask *q)
{
	struct session *s = ctx;
	struct asking *w = mem_new(sizeof(*w));

	counter_add(&s->home->m->lookups, 1);
	s->n_asked++;
	task_begin(&w->t, s, run, done, drop);
	w->q = q;
	if (forecast_prepare(&w->f, q, w->t.with.rule) &&
	    task_submit(&w->t, s->home->m->work.lookup) == EC_OK)
		return false;
	q->action = POLICY_DUNNO;
	drop(&w->t);
	return true;
}

static const struct policy_out out = { session_put, ask };

static void begin(struct session *s)
{
	s->policy = policy_new(s->mem, &out, s);
}

static enum mta_verdict feed(struct session *s, const char *p, size_t len, size_t *eaten)
{
	return policy_feed(s->policy, p, len, eaten);
}

static enum mta_verdict stop(struct session *s)
{
	return policy_stop(s->policy);
}

static void gone(struct session *s)
{
	const char *fault = policy_fault(s->policy);

	if (fault)
		log_event(&s->log, LV_WARN, "mta-fault", KV("door", policy_side.name),
			  KV("text", fault));
}

const struct side policy_side = {
	.name = "policy",
	.begin = begin,
	.feed = feed,
	.stop = stop,
	.gone = gone,
};
