/* answer.c - the engine's questions, put to sign-in, catalog and store.
 *
 * A question goes to a worker as a job, but for what need not wait: cancelling, the messages of a short mailbox, opening one that
 * is in memory (FETCH_NOWAIT), giving back a mailbox that nothing was done to, and a sign-in as far as it goes without waiting
 * (admit.c).
 *
 * A job holds values and a reference to its link, and borrows three things that are the link's: the question, the login and the
 * mailbox. Copying them was rejected: a question holds a password, and a claim must have one owner. Borrowing is safe because the
 * engine keeps still until it is answered, and a link with a job out does not go before it is back.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/meter.h"
#include "server/pop3/admit.h"

#define RETRY_MS 20 /* a full queue in the middle of a message */

struct asking {
	struct job job; /* first */
	struct side *at;
	struct p3_ask *q;
	const struct log *log;
	struct box *box;
	bool keep_box; /* octets of its messages are still on their way out */
	struct admit admit;
};

/* ---- on a worker ---- */

static void run_commit(struct asking *a)
{
	struct p3_ask *q = a->q;

	if (q->marks)
		q->class = a->box->ops->commit(a->box, q->marks, &q->commit, &q->err);
	meter_add(log_meters(a->log), METER_REMOVED, q->commit.n_removed);
	if (!a->keep_box)
		a->box->ops->release(&a->box);
}

static void log_trouble(const struct log *log, const struct p3_ask *q)
{
	if (q->class != EC_OK)
		log_event(log, q->class == EC_BROKEN ? LV_WARN : LV_INFO, "mailbox-trouble",
			  KV("class", ec_name(q->class)), KV("text", q->err.text));
}

static void run_mail(struct asking *a)
{
	const struct store_ops *ops = a->box->ops;
	struct p3_ask *q = a->q;

	if (q->kind == P3_ASK_TABLE)
		q->class = ops->table(a->box, &q->err);
	else if (q->kind == P3_ASK_FETCH)
		q->class = ops->fetch(a->box, q->msg, 0, q->blob, &q->err);
	else if (q->kind == P3_ASK_READ)
		q->class = ops->read(a->box, q->blob, q->off, q->into, q->want, &q->got, &q->err);
	else
		run_commit(a);
	log_trouble(a->log, q);
}

static bool is_signin(const struct p3_ask *q)
{
	return q->kind <= P3_ASK_STEP;
}

static void run(struct job *j)
{
	struct asking *a = (struct asking *)j;

	if (!is_signin(a->q))
		run_mail(a);
	else if (a->admit.step == ADMIT_OPEN)
		admit_go(&a->admit, ADMIT_MAY_WAIT(ADMIT_OPEN));
	else
		admit_go(&a->admit, ADMIT_MAY_WAIT(ADMIT_PROVE) | ADMIT_MAY_WAIT(ADMIT_LOOK));
}

/* ---- back on the loop ---- */

/* An administrator ended this mailbox's sessions while we were still knocking: what we saw of its lock may be old. */
static void doubt(struct link *l, const struct asking *a)
{
	struct p3_ask *q = a->q;

	l->doubted = false;
	if (q->class != EC_OK || q->more)
		return;
	answer_release(l);
	q->box = NULL;
	q->class = EC_TEMP;
	admit_failed(&a->admit);
}

static void waited(void *ctx)
{
	struct link *l = ctx;
	struct p3_ask *q = l->question;

	l->question = NULL;
	link_answered(l, q);
}

/* Who may have to wait for a directory, and who waits for a disk only. */
static struct work *workers_for(const struct asking *a)
{
	const struct pop3_work *work = &a->at->p->work;

	return is_signin(a->q) && a->admit.step != ADMIT_OPEN ? work->signin : work->mailbox;
}

/* The next step is other workers' business: the job goes to them, unless nobody waits for it any more. */
static bool goes_on(const struct link *l, struct asking *a)
{
	if (!is_signin(a->q) || a->admit.step == ADMIT_DONE)
		return false;
	bool has_left = l->phase == LINK_CLOSED;
	enum ec rc = has_left ? EC_TEMP : work_submit(workers_for(a), &a->job);
	if (rc == EC_OK)
		return true; /* all of it is the worker's again */
	a->q->class = rc;
	if (!has_left)
		admit_failed(&a->admit);
	return false;
}

static void back(struct job *j)
{
	struct asking *a = (struct asking *)j;
	struct link *l = table_get(a->at->links, j->who);
	struct p3_ask *q = a->q;
	unsigned delay_ms = a->admit.delay_ms;

	if (goes_on(l, a))
		return;
	l->box = is_signin(q) ? q->box : a->box;
	l->asking = NULL;
	if (is_signin(q) && l->doubted)
		doubt(l, a);
	free(a);
	if (is_signin(q) && q->more)
		l->spent_us += clock_mono_us() - l->asked_us;
	if (delay_ms > 0)
		l->rest_until_ms = clock_mono_ms() + delay_ms;
	if (delay_ms == 0 || l->phase == LINK_CLOSED) {
		link_answered(l, q);
		return;
	}
	l->question = q;
	timer_set(l->at->loop, &l->timer, delay_ms, waited, l);
}

/* ---- asking ---- */

static struct asking asking_for(struct link *l, struct p3_ask *q)
{
	return (struct asking){
		.job = { .who = l->ref, .home = l->at->loop, .run = run, .done = back },
		.at = l->at,
		.q = q,
		.log = &l->log,
		.box = l->box,
		.keep_box = l->n_flying > 0,
	};
}

static enum ec submit(struct link *l, const struct asking *what)
{
	struct asking *a = mem_new(sizeof(*a));

	*a = *what;
	/* Before submitting: the job may be back before submit returns, on this very loop after us. */
	l->asking = a;
	l->box = NULL;
	enum ec rc = work_submit(workers_for(a), &a->job);
	if (rc == EC_OK)
		return EC_OK;
	l->asking = NULL;
	l->box = a->box;
	free(a);
	return rc;
}

static void try_again(void *ctx)
{
	struct link *l = ctx;
	struct asking a = asking_for(l, l->question);

	if (submit(l, &a) == EC_OK)
		l->question = NULL;
	else
		timer_set(l->at->loop, &l->timer, RETRY_MS, try_again, l);
}

static bool on_worker(struct link *l, const struct asking *a)
{
	struct p3_ask *q = a->q;
	enum ec rc = submit(l, a);

	if (rc == EC_OK)
		return false; /* q is the worker's now */
	if (q->kind != P3_ASK_READ) {
		q->class = rc; /* "server is busy" */
		return true;
	}
	l->question = q;
	timer_set(l->at->loop, &l->timer, RETRY_MS, try_again, l);
	return false;
}

static bool table_now(struct link *l, struct p3_ask *q)
{
	const struct store_ops *ops = l->box->ops;

	if (!ops->table_now || (q->class = ops->table_now(l->box, &q->err)) == EC_BUSY)
		return false;
	log_trouble(&l->log, q);
	return true;
}

static bool fetch_now(struct link *l, struct p3_ask *q)
{
	q->class = l->box->ops->fetch(l->box, q->msg, FETCH_NOWAIT, q->blob, &q->err);
	if (q->class == EC_BUSY)
		return false;
	log_trouble(&l->log, q);
	return true;
}

static bool read_now(struct link *l, struct p3_ask *q)
{
	const struct store_ops *ops = l->box->ops;

	if (ops->read_now)
		q->class =
			ops->read_now(l->box, q->blob, q->off, q->into, q->want, &q->got, &q->err);
	if (!ops->read_now || q->class == EC_BUSY)
		return false;
	log_trouble(&l->log, q);
	return true;
}

/* Most sessions change nothing. */
static bool quit_now(struct link *l, struct p3_ask *q)
{
	if (q->marks || !l->box->release_now)
		return false;
	if (l->n_flying == 0)
		l->box->ops->release(&l->box);
	return true;
}

/* Here and not by the job: the connection is the loop's. */
static void bind_channel(struct link *l, const char *mech)
{
	struct conn_binding b;

	if (!login_binds(l->login, mech))
		return;
	conn_tls_binding(l->conn, &b);
	login_bind(l->login, b.octets, b.len);
}

static bool ask_signin(struct link *l, struct p3_ask *q)
{
	struct asking a = asking_for(l, q);

	if (q->kind == P3_ASK_BEGIN)
		bind_channel(l, q->mech);
	if (q->kind != P3_ASK_STEP)
		l->spent_us = 0;
	l->asked_us = clock_mono_us();
	a.admit = (struct admit){
		.set = l->set,
		.delay = l->at->p->delay,
		.log = &l->log,
		.sid = l->sid,
		.login = l->login,
		.q = q,
		.began_us = l->asked_us,
		.spent_us = l->spent_us,
	};
	admit_go(&a.admit, 0);
	if (a.admit.step != ADMIT_DONE) {
		bool answered = on_worker(l, &a);
		if (answered)
			admit_failed(&a.admit);
		return answered;
	}
	l->box = q->box;
	return true;
}

bool answer_ask(struct link *l, struct p3_ask *q)
{
	if (is_signin(q))
		return ask_signin(l, q);
	if (q->kind == P3_ASK_CANCEL)
		login_cancel(l->login);
	if (q->kind == P3_ASK_CANCEL || (q->kind == P3_ASK_TABLE && table_now(l, q)) ||
	    (q->kind == P3_ASK_FETCH && fetch_now(l, q)) ||
	    (q->kind == P3_ASK_READ && read_now(l, q)) ||
	    (q->kind == P3_ASK_COMMIT && quit_now(l, q)))
		return true;
	struct asking a = asking_for(l, q);
	return on_worker(l, &a);
}

void answer_abandon(struct link *l)
{
	struct asking *a = l->asking;

	if (!a)
		return;
	l->box = is_signin(a->q) ? a->q->box : a->box;
	l->asking = NULL;
	link_drop_answer(l, a->q);
	free(a);
}

/* ---- giving a mailbox back ---- */

struct giving {
	struct job job;
	struct box *box;
	struct share *share; /* what keeps its store open: the link does not any more */
};

static void run_giving(struct job *j)
{
	struct giving *g = (struct giving *)j;

	g->box->ops->release(&g->box);
	share_unref(&g->share);
}

static void given(struct job *j)
{
	free(j);
}

/* With the queue full it is done here: a claim must not outlive its session, and workers may have gone for good. */
void answer_release(struct link *l)
{
	struct work *work = l->at->p->work.mailbox;

	if (l->box->release_now) {
		l->box->ops->release(&l->box);
		return;
	}
	struct giving *g = mem_new(sizeof(*g));
	*g = (struct giving){ .job = { .home = l->at->loop, .run = run_giving, .done = given },
			      .box = l->box,
			      .share = share_ref(l->set->with.share) };
	l->box = NULL;
	if (work && work_submit(work, &g->job) == EC_OK)
		return;
	run_giving(&g->job);
	free(g);
}
