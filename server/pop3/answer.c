/* answer.c - the engine's questions, put to sign-in, catalog and store.
 *
 * A question goes to a worker as a job, but for what cannot wait: cancelling, and opening a message that is in memory
 * (FETCH_NOWAIT). A job holds values and a reference to its link, and borrows three things that are the link's: the question, the
 * login and the mailbox. Copying them was rejected: a question holds a password, and a claim must have one owner. Borrowing
 * is safe because the engine keeps still until it is answered, and a link with a job out does not go before it is back.
 *
 * Locks and LOGIN-DELAY are looked at after the password proved right: neither is a stranger's business. The claim comes last.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/catalog/expire.h"
#include "server/pop3/link.h"

#define RETRY_MS 20 /* a full queue in the middle of a message */

struct asking {
	struct job job; /* first */
	struct side *at;
	const struct set *set;
	const struct log *log;
	const char *sid;

	struct p3_ask *q;
	struct login *login;
	struct box *box;
	bool keep_box;    /* octets of its messages are still on their way out */
	bool is_rule_old; /* the catalog is away: when mail expires may have been changed */
	unsigned delay_ms;
};

/* ---- on a worker ---- */

static void judge_entry(struct asking *a, struct p3_ask *q, const struct name *who)
{
	struct catalog *c = a->set->with.catalog;
	struct entry entry;

	q->class = c->ops->find(c, who, &entry, &q->err);
	if (q->class != EC_OK)
		return;
	q->expire_days = expire_rule(&entry, a->set->with.conf->expire_days);
	a->is_rule_old = entry.remembered;
	if (!entry.locked && !entry.domain_locked)
		return;
	q->class = err_set(&q->err, EC_REFUSED, "%s is locked",
			   entry.domain_locked ? "domain" : "mailbox");
	q->say = "mailbox is locked; ask your administrator";
}

static void judge_delay(struct asking *a, struct p3_ask *q, const struct name *who)
{
	unsigned delay_s = a->set->policy.login_delay_s;

	if (!delay_s || !delay_left_s(a->at->p->delay, who, delay_s, clock_mono_ms()))
		return;
	q->class = err_set(&q->err, EC_REFUSED, "signed in less than %u seconds ago", delay_s);
	q->code = "LOGIN-DELAY";
	q->say = "you have signed in a moment ago; wait before the next time";
}

/* EXPIRE n: mail fetched long ago goes before its owner counts it. Failing at that keeps nobody out. */
static void expire(struct asking *a, struct box *box)
{
	uint32_t days = a->q->expire_days, n = 0;
	struct err e = { 0 };

	if (days == EXPIRE_NEVER || days == 0 || a->is_rule_old)
		return;
	if (store_expire(box, days, &n, &e) != EC_OK)
		log_event(a->log, LV_WARN, "expire-failed", KV("text", e.text));
	else if (n)
		log_event(a->log, LV_INFO, "expired", KV_U("messages", n));
}

static void open_maildrop(struct asking *a, const struct name *who)
{
	struct store *store = a->set->with.store;
	struct p3_ask *q = a->q;

	judge_entry(a, q, who);
	if (q->class == EC_OK)
		judge_delay(a, q, who);
	if (q->class == EC_OK)
		q->class = store->ops->claim(store, who, a->sid, &q->box, &q->err);
	if (q->class != EC_OK)
		return;
	expire(a, q->box);
	a->box = q->box;
	if (a->set->policy.login_delay_s)
		delay_note(a->at->p->delay, who, clock_mono_ms());
}

static void log_refused(const struct asking *a, const struct name *who)
{
	static const char *const event[EC_COUNT] = {
		[EC_ABSENT] = "mailbox-missing",
		[EC_REFUSED] = "mailbox-refused",
		[EC_LOCKED] = "mailbox-in-use",
		[EC_BROKEN] = "mailbox-broken",
	};
	const struct p3_ask *q = a->q;
	char text[NAME_TEXT_MAX + 1];
	enum lv lv = q->class == EC_LOCKED || q->class == EC_REFUSED ? LV_INFO : LV_WARN;

	log_event(a->log, lv, event[q->class] ? event[q->class] : "mailbox-unavailable",
		  KV("account", name_text(who, text)), KV("class", ec_name(q->class)),
		  KV("text", q->err.text));
}

static void take_answer(struct asking *a, const struct auth_answer *got)
{
	struct p3_ask *q = a->q;

	a->delay_ms = got->delay_ms;
	q->class = got->state == AUTH_FAILED ? got->class : EC_OK;
	q->more = got->state == AUTH_MORE;
	q->challenge = got->challenge;
	q->challenge_len = got->challenge_len;
	q->refusal = got->refusal;
	if (got->state != AUTH_DONE)
		return;
	q->who = got->who;
	q->mech_done = got->mech;
	open_maildrop(a, &got->who);
	if (q->class != EC_OK)
		log_refused(a, &got->who);
}

static void run_signin(struct asking *a)
{
	struct auth_answer got = { 0 };
	struct p3_ask *q = a->q;

	if (q->kind == P3_ASK_PASS)
		login_pass(a->login, q->user, q->user_len, &q->secret, &got);
	else if (q->kind == P3_ASK_APOP)
		login_apop(a->login, q->user, q->user_len, q->digest, &got);
	else if (q->kind == P3_ASK_BEGIN)
		login_begin(a->login, q->mech, q->has_data ? q->data : NULL, q->data_len, &got);
	else
		login_step(a->login, q->data, q->data_len, &got);
	secret_drop(&q->secret);
	take_answer(a, &got);
}

static void run_commit(struct asking *a)
{
	struct p3_ask *q = a->q;

	if (q->marks)
		q->class = a->box->ops->commit(a->box, q->marks, &q->commit, &q->err);
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

	if (is_signin(a->q))
		run_signin(a);
	else
		run_mail(a);
}

/* ---- back on the loop ---- */

/* An administrator ended this mailbox's sessions while we were still knocking: what we saw of its lock may be old. */
static void doubt(struct link *l, struct p3_ask *q)
{
	l->doubted = false;
	if (q->class != EC_OK || q->more)
		return;
	answer_release(l);
	q->box = NULL;
	q->class = EC_TEMP;
}

static void waited(void *ctx)
{
	struct link *l = ctx;
	struct p3_ask *q = l->question;

	l->question = NULL;
	link_answered(l, q);
}

static void back(struct job *j)
{
	struct asking *a = (struct asking *)j;
	struct link *l = table_get(a->at->links, j->who);
	struct p3_ask *q = a->q;
	unsigned delay_ms = a->delay_ms;

	l->box = a->box;
	l->asking = NULL;
	free(a);
	if (is_signin(q) && l->doubted)
		doubt(l, q);
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

/* Who may have to wait for a directory, and who waits for a disk only. */
static struct work *workers_for(const struct pop3 *p, enum p3_ask_kind kind)
{
	switch (kind) {
	case P3_ASK_PASS:
	case P3_ASK_APOP:
	case P3_ASK_BEGIN:
	case P3_ASK_STEP:
	case P3_ASK_CANCEL: return p->work.signin;
	case P3_ASK_TABLE:
	case P3_ASK_FETCH:
	case P3_ASK_READ:
	case P3_ASK_COMMIT: break;
	}
	return p->work.mailbox;
}

static enum ec submit(struct link *l, struct p3_ask *q)
{
	struct asking *a = mem_new(sizeof(*a));

	*a = (struct asking){
		.job = { .who = l->ref, .home = l->at->loop, .run = run, .done = back },
		.at = l->at,
		.set = l->set,
		.log = &l->log,
		.sid = l->sid,
		.q = q,
		.login = l->login,
		.box = l->box,
		.keep_box = l->n_flying > 0,
	};
	/* Before submitting: the job may be back before submit returns, on this very loop after us. */
	l->asking = a;
	l->box = NULL;
	enum ec rc = work_submit(workers_for(l->at->p, q->kind), &a->job);
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
	struct p3_ask *q = l->question;

	if (submit(l, q) == EC_OK)
		l->question = NULL;
	else
		timer_set(l->at->loop, &l->timer, RETRY_MS, try_again, l);
}

static bool on_worker(struct link *l, struct p3_ask *q)
{
	enum ec rc = submit(l, q);

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

bool answer_ask(struct link *l, struct p3_ask *q)
{
	if (is_signin(q))
		l->asked_ms = clock_mono_ms();
	if (q->kind == P3_ASK_CANCEL) {
		login_cancel(l->login);
		return true;
	}
	if (q->kind == P3_ASK_FETCH) {
		q->class = l->box->ops->fetch(l->box, q->msg, FETCH_NOWAIT, q->blob, &q->err);
		if (q->class != EC_BUSY) {
			log_trouble(&l->log, q);
			return true;
		}
	}
	return on_worker(l, q);
}

void answer_abandon(struct link *l)
{
	struct asking *a = l->asking;

	if (!a)
		return;
	l->box = a->box;
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
