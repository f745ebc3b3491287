/* setup_apply.c - all of it or nothing: steps, one after the other, and back again from where one fails.
 *
 * Ctrl-C is a question between two steps, and answered by going back. What ends us at once (kill -9, a power cut) leaves what
 * was done so far; since every step looks first at what is there, running the wizard again goes on from it.
 */
#include <string.h>
#include "admin/interrupt.h"
#include "admin/setup.h"

#define STEPS_MAX 24

struct progress {
	struct setup *s;
	const struct setup_step *steps;
	struct {
		size_t step;
		const char *what;
		void *kept;
	} done[STEPS_MAX]; /* begun, that is */
	size_t n;
};

static void tell(struct setup *s, const char *what, const char *result)
{
	setup_log_line(&s->log, "%s: %s", what, result);
	out_record(s->w->out);
	out_field(s->w->out, "result", result); /* first: the steps are long */
	out_field(s->w->out, "step", what);
	out_end(s->w->out);
}

static enum ec run_step(struct progress *p, size_t i, struct err *e)
{
	const struct setup_step *step = &p->steps[i];
	const char *what = step->what(p->s);
	void *kept = step->kept_bytes > 0 ? arena_alloc(p->s->w->mem, step->kept_bytes) : NULL;

	if (!what)
		return EC_OK;
	setup_log_line(&p->s->log, "%s", what);
	p->done[p->n].step = i;
	p->done[p->n].what = what;
	p->done[p->n++].kept = kept;
	enum ec rc = step->run(p->s, kept, e);
	tell(p->s, what, rc == EC_OK ? "done" : e->text);
	return rc;
}

/* One that cannot be taken back does not keep the others from it. */
static void undo_all(struct progress *p)
{
	const char *left = "";
	struct err why;

	while (p->n-- > 0) {
		const struct setup_step *step = &p->steps[p->done[p->n].step];
		if (!step->undo)
			continue;
		enum ec rc = step->undo(p->s, p->done[p->n].kept, &why);
		tell(p->s, arena_fmt(p->s->w->mem, "Takes back: %s", p->done[p->n].what),
		     rc == EC_OK ? "done" : why.text);
		if (rc != EC_OK)
			left = arena_fmt(p->s->w->mem, "%s%s%s", left, *left ? "; " : "", why.text);
	}
	if (!*left)
		return;
	p->s->w->partly = true;
	wp_hint(p->s->w, EC_OK, "could not be taken back: %s", left);
}

static enum ec run_all(struct progress *p, struct err *e)
{
	struct interrupt stop = { 0 };
	enum ec rc = EC_OK;

	interrupt_hold(&stop);
	for (size_t i = 0; p->steps[i].what && rc == EC_OK; i++) {
		if (interrupt_came(&stop))
			rc = err_set(e, EC_REFUSED, "interrupted");
		else
			rc = run_step(p, i, e);
	}
	if (rc != EC_OK) {
		wp_hold_signals(); /* going back is not interrupted */
		undo_all(p);
	}
	interrupt_drop(&stop);
	return rc;
}

enum ec setup_apply(struct setup *s, const struct setup_step *steps, struct err *e)
{
	struct progress p = { .s = s, .steps = steps };

	out_list(s->w->out, "steps");
	enum ec rc = run_all(&p, e);
	out_end(s->w->out);
	if (rc != EC_OK && !s->w->partly && !s->w->hint)
		wp_hint(s->w, rc, "what was done was taken back; the log is " SETUP_LOG);
	return rc;
}
