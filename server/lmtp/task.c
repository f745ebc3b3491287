/* task.c - what workers do for LMTP: look up, spool, deliver, and close what may be slow to close. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/meter.h"
#include "server/lmtp/rcpt.h"
#include "server/lmtp/task.h"

static void run_rcpt(struct task *t)
{
	t->class = rcpt_find(&t->with, &t->name, t->size_hint, &t->charge, t->account, &t->err);
	if (t->class != EC_OK)
		counter_add(&t->counts->refused, 1);
}

static void run_spool(struct task *t)
{
	t->class = lm_mail_spool(t->mail, t->with.conf->mailroot, &t->err);
}

static void run_deliver(struct task *t)
{
	struct log log = { .sink = t->sink, .sid = t->id.sid, .peer = t->id.peer };
	const struct lmtp_setup *with = &t->with;
	const struct quota_warner warner = { with->store, with->catalog, with->limits, with->conf,
					     &log };

	lm_mail_deliver(t->mail, &warner);
	for (const struct lm_rcpt *r = t->mail->rcpts; r; r = r->next)
		counter_add(r->class == EC_OK ? &t->counts->delivered : &t->counts->refused, 1);
	lm_mail_unspool(t->mail);
	meter_span(log_meters(&log), SPAN_DELIVERY, clock_mono_us() - t->asked_us);
}

static void run(struct job *j)
{
	struct task *t = (struct task *)j;

	switch (t->kind) {
	case TASK_RCPT: run_rcpt(t); break;
	case TASK_SPOOL: run_spool(t); break;
	case TASK_DELIVER: run_deliver(t); break;
	case TASK_FORGET: lm_mail_unspool(t->mail); break;
	}
}

void lmtp_setup_hold(struct lmtp_setup *to, const struct lmtp_setup *from)
{
	*to = *from;
	conf_ref(to->conf);
	share_ref(to->share);
}

void lmtp_setup_drop(struct lmtp_setup *s)
{
	share_unref(&s->share);
	conf_unref(&s->conf);
}

struct task *task_new(enum task_kind kind, const struct lmtp_setup *with)
{
	struct task *t = mem_new(sizeof(*t));

	t->job.run = run;
	t->kind = kind;
	lmtp_setup_hold(&t->with, with);
	return t;
}

void task_free(struct task **t)
{
	if (!*t)
		return;
	lm_mail_free(&(*t)->mail);
	lmtp_setup_drop(&(*t)->with);
	free(*t);
	*t = NULL;
}
