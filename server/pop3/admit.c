/* admit.c - the three steps of a sign-in.
 *
 * Where a backend answers from memory the event loop does it all, at the price of a few system calls: handing a sign-in to another
 * thread and back costs as much as the sign-in. "Now" never waits and never fails: it succeeds, or nothing has happened and
 * the same question is asked again where it may wait (EC_BUSY). So a wrong password, a missing mailbox and a cold cache are
 * judged, counted and logged in one place.
 *
 * Workers that prove who somebody is do not open mailboxes that must be read whole first: some of those would keep everybody
 * else waiting at the door. Such an opening goes to the workers that wait for disks.
 *
 * Locks and LOGIN-DELAY are looked at after the password proved right: neither is a stranger's business. The claim comes last.
 */
#include "server/base/clock.h"
#include "server/base/meter.h"
#include "server/catalog/expire.h"
#include "server/pop3/admit.h"

static const char *mech_of(const struct p3_ask *q)
{
	if (q->mech_done)
		return q->mech_done;
	return q->kind == P3_ASK_PASS ? "USER" : q->kind == P3_ASK_APOP ? "APOP" : q->mech;
}

/* Sign-ins that succeed are counted where they are logged, when the client is told. */
static void count(const struct admit *a, enum meter_result result)
{
	struct meters *m = log_meters(a->log);

	meter_signin(m, METER_SIGNINS, mech_of(a->q), result);
	meter_span(m, SPAN_SIGNIN, a->spent_us + clock_mono_us() - a->began_us);
}

void admit_failed(const struct admit *a)
{
	count(a, meter_result_of(a->q->class));
}

static enum meter_result result_of(const struct p3_ask *q)
{
	if (q->class == EC_REFUSED)
		return q->code ? SIGNIN_DELAYED : SIGNIN_LOCKED;
	return q->class == EC_ABSENT ? SIGNIN_MISSING : meter_result_of(q->class);
}

static void log_refused(const struct admit *a)
{
	static const char *const event[EC_COUNT] = {
		[EC_ABSENT] = "mailbox-missing",
		[EC_REFUSED] = "mailbox-refused",
		[EC_LOCKED] = "mailbox-in-use",
		[EC_BROKEN] = "mailbox-broken",
	};
	const struct p3_ask *q = a->q;
	const struct name *who = &q->who;
	char text[NAME_TEXT_MAX + 1];
	enum lv lv = q->class == EC_LOCKED || q->class == EC_REFUSED ? LV_INFO : LV_WARN;

	log_event(a->log, lv, event[q->class] ? event[q->class] : "mailbox-unavailable",
		  KV("account", name_text(who, text)), KV("class", ec_name(q->class)),
		  KV("text", q->err.text));
}

/* The password was right, and that is all. */
static void refuse(struct admit *a)
{
	a->step = ADMIT_DONE;
	log_refused(a);
	count(a, result_of(a->q));
}

static void take_answer(struct admit *a, const struct auth_answer *got)
{
	struct p3_ask *q = a->q;

	secret_drop(&q->secret);
	a->delay_ms = got->delay_ms;
	a->step = got->state == AUTH_DONE ? ADMIT_LOOK : ADMIT_DONE;
	q->class = got->state == AUTH_FAILED ? got->class : EC_OK;
	q->more = got->state == AUTH_MORE;
	q->challenge = got->challenge;
	q->challenge_len = got->challenge_len;
	q->refusal = got->refusal;
	q->who = got->who;
	q->mech_done = got->mech;
	if (got->state == AUTH_FAILED)
		admit_failed(a);
}

/* False, here and below: it would have to wait. */
static bool prove(struct admit *a, bool may_wait)
{
	struct auth_answer got = { 0 };
	const struct p3_ask *q = a->q;
	bool done = true;

	if (q->kind == P3_ASK_PASS && may_wait)
		login_pass(a->login, q->user, q->user_len, &q->secret, &got);
	else if (q->kind == P3_ASK_PASS)
		done = login_pass_now(a->login, q->user, q->user_len, &q->secret, &got);
	else if (!may_wait)
		done = false;
	else if (q->kind == P3_ASK_APOP)
		login_apop(a->login, q->user, q->user_len, q->digest, &got);
	else if (q->kind == P3_ASK_BEGIN)
		login_begin(a->login, q->mech, q->has_data ? q->data : NULL, q->data_len, &got);
	else
		login_step(a->login, q->data, q->data_len, &got);
	if (done)
		take_answer(a, &got);
	return done;
}

static void judge_delay(struct admit *a)
{
	unsigned delay_s = a->set->policy.login_delay_s;
	struct p3_ask *q = a->q;

	if (!delay_s || !delay_left_s(a->delay, &q->who, delay_s, clock_mono_ms()))
		return;
	q->class = err_set(&q->err, EC_REFUSED, "signed in less than %u seconds ago", delay_s);
	q->code = "LOGIN-DELAY";
	q->say = "you have signed in a moment ago; wait before the next time";
}

static void judge_entry(struct admit *a, const struct entry *entry)
{
	struct p3_ask *q = a->q;

	q->expire_days = expire_rule(entry, a->set->with.conf->expire_days);
	a->is_rule_old = entry->remembered;
	if (!entry->locked && !entry->domain_locked)
		return;
	q->class = err_set(&q->err, EC_REFUSED, "%s is locked",
			   entry->domain_locked ? "domain" : "mailbox");
	q->say = "mailbox is locked; ask your administrator";
}

static bool look(struct admit *a, bool may_wait)
{
	struct catalog *c = a->set->with.catalog;
	struct p3_ask *q = a->q;
	struct entry entry;

	q->class =
		c->ops->find_now ? c->ops->find_now(c, &q->who, FIND_TO_RETRIEVE, &entry) : EC_BUSY;
	if (q->class == EC_BUSY && !may_wait)
		return false;
	if (q->class == EC_BUSY)
		q->class = c->ops->find(c, &q->who, &entry, &q->err);
	if (q->class == EC_OK)
		judge_entry(a, &entry);
	if (q->class == EC_OK)
		judge_delay(a);
	if (q->class == EC_OK)
		a->step = ADMIT_OPEN;
	else
		refuse(a);
	return true;
}

/* EXPIRE n: mail fetched long ago goes before its owner counts it. */
static bool may_expire(const struct admit *a)
{
	uint32_t days = a->q->expire_days;

	return days != EXPIRE_NEVER && days != 0 && !a->is_rule_old;
}

/* Failing at that keeps nobody out. */
static void expire(const struct admit *a)
{
	struct err e = { 0 };
	uint32_t n = 0;

	if (store_expire(a->q->box, a->q->expire_days, &n, &e) != EC_OK)
		log_event(a->log, LV_WARN, "expire-failed", KV("text", e.text));
	else if (n)
		log_event(a->log, LV_INFO, "expired", KV_U("messages", n));
	meter_add(log_meters(a->log), METER_EXPIRED, n);
}

static bool open_box(struct admit *a, bool may_wait)
{
	struct store *store = a->set->with.store;
	struct p3_ask *q = a->q;

	if (may_wait)
		q->class = store->ops->claim(store, &q->who, a->sid, &q->box, &q->err);
	else if (store->ops->claim_now && !may_expire(a))
		q->class = store->ops->claim_now(store, &q->who, a->sid, &q->box, &q->err);
	else
		q->class = EC_BUSY;
	if (q->class == EC_BUSY && !may_wait)
		return false;
	if (q->class != EC_OK) {
		refuse(a);
		return true;
	}
	if (may_expire(a))
		expire(a);
	a->step = ADMIT_DONE;
	if (a->set->policy.login_delay_s)
		delay_note(a->delay, &q->who, clock_mono_ms());
	return true;
}

void admit_go(struct admit *a, unsigned may_wait)
{
	static bool (*const steps[ADMIT_DONE])(struct admit * a, bool may_wait) = {
		[ADMIT_PROVE] = prove, [ADMIT_LOOK] = look, [ADMIT_OPEN] = open_box
	};

	while (a->step != ADMIT_DONE && steps[a->step](a, may_wait & ADMIT_MAY_WAIT(a->step)))
		;
}
