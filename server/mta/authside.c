/* authside.c - auth_socket: sign-ins put to workers.
 *
 * The same struct login as POP3's does the work, once per exchange, with the facts of the MTA's client: its address carries the
 * penalty for guessing, and whether it is on TLS decides about plain passwords. What a door for MTAs cannot have is a channel to
 * bind to or a certificate of the client, so no mechanism that needs one is offered.
 *
 * An exchange is in one of three places: on a worker, on its timer (a refusal that waits out its penalty; a challenge whose
 * answer has until then to come), or nowhere, when its session has let go of it and the worker has it still.
 *
 * A penalty is cut to DELAY_MAX_MS: Postfix waits 10 seconds for an answer and then takes the service for broken.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/meter.h"
#include "server/mta/inside.h"

#define DELAY_MAX_MS 8000

struct signing {
	struct task t; /* first, so that the one is the other */
	struct session *s;
	struct ap_ask *q; /* NULL: given up, and away on a worker */
	struct login *login;
	struct timer *timer;
	bool away;

	enum ap_kind kind;
	bool has_data;
	struct buf data; /* of the client: perhaps a password */
	char sid[SID_MAX];
	char mech[AP_MECH_MAX + 1];
	char service[AP_WORD_MAX + 1];
	char peer[PEER_TEXT_MAX];
	bool secured;
	uint64_t asked_ms;
	struct auth_answer got;
};

static void drop_signing(struct task *t)
{
	struct signing *w = (struct signing *)t;

	timer_cancel(&w->timer);
	login_free(&w->login);
	buf_wipe(&w->data);
	task_end(t);
	free(w);
}

static struct log log_of(const struct signing *w)
{
	return (struct log){ .sink = w->t.home->m->log.sink, .sid = w->sid, .peer = w->peer };
}

/* ---- on a worker ---- */

static void log_trouble(const struct signing *w, const struct err *why)
{
	const struct log log = log_of(w);
	char text[NAME_TEXT_MAX + 1];

	log_event(&log, LV_WARN, "lookup-failed", KV("asked", name_text(&w->got.who, text)),
		  KV("class", ec_name(why->class)), KV("text", why->text));
}

/* The name its mailbox has, which is what the map of senders says too. Somebody without a mailbox is who he is: he may sign in,
 * and no address is his. Whose mailbox cannot be looked up tries later: by another name the MTA would refuse his mail for good. */
static void settle_name(struct signing *w)
{
	struct catalog *c = w->t.with.catalog;
	struct entry found;
	struct err e;
	enum ec rc = c->ops->find(c, &w->got.who, &found, &e);

	if (rc == EC_OK) {
		w->got.who = found.name;
	} else if (rc >= EC_BUSY) {
		log_trouble(w, &e);
		w->got.state = AUTH_FAILED;
		w->got.class = rc;
	}
}

static void run(struct job *j)
{
	struct signing *w = (struct signing *)j;
	const char *data = buf_at(&w->data);

	if (w->kind == AP_BEGIN)
		login_begin(w->login, w->mech, w->has_data ? data : NULL, w->data.len, &w->got);
	else
		login_step(w->login, data, w->data.len, &w->got);
	buf_wipe(&w->data);
	if (w->got.state == AUTH_DONE)
		settle_name(w);
}

/* ---- back on the loop ---- */

static void note(const struct signing *w)
{
	struct mta *m = w->t.home->m;
	const struct log log = log_of(w);
	char text[NAME_TEXT_MAX + 1];

	counter_add(&m->signins, 1);
	meter_signin(log_meters(&log), METER_SMTP_SIGNINS, w->got.mech,
		     w->got.state == AUTH_FAILED ? meter_result_of(w->got.class) : SIGNIN_OK);
	if (w->got.state == AUTH_FAILED)
		counter_add(&m->failed, 1);
	else
		log_event(&log, LV_INFO, "signin", KV("account", name_text(&w->got.who, text)),
			  KV("mech", w->got.mech), KV("service", w->service),
			  KV("secured", w->secured ? "yes" : "no"),
			  KV_U("ms", clock_mono_ms() - w->asked_ms));
}

/* The client never came back with its answer: nobody waits for ours. */
static void forgotten(void *ctx)
{
	struct signing *w = ctx;

	ap_forget(w->s->ap, w->q);
}

static void tell(void *ctx)
{
	struct signing *w = ctx;
	struct session *s = w->s;
	struct ap_ask *q = w->q;
	bool more = w->got.state == AUTH_MORE;

	q->state = w->got.state;
	q->class = w->got.class;
	q->refusal = w->got.refusal;
	q->who = w->got.who;
	q->challenge = w->got.challenge;
	q->challenge_len = w->got.challenge_len;
	if (more)
		timer_set(s->home->loop, &w->timer,
			  (uint64_t)w->t.with.conf->signin_timeout_s * 1000, forgotten, w);
	else
		note(w);
	enum mta_verdict v = ap_answered(s->ap, q);

	if (!more)
		drop_signing(&w->t);
	session_go_on(s, v);
}

static void done(struct job *j)
{
	struct signing *w = (struct signing *)j;
	unsigned delay_ms = w->got.delay_ms < DELAY_MAX_MS ? w->got.delay_ms : DELAY_MAX_MS;

	task_arrived(&w->t);
	w->away = false;
	if (!w->q)
		drop_signing(&w->t);
	else if (delay_ms > 0)
		timer_set(w->s->home->loop, &w->timer, delay_ms, tell, w);
	else
		tell(w);
}

/* ---- asking ---- */

/* One address has one spelling, whichever way the MTA writes it, and no interface (RFC 4007 section 11): a guesser's penalty is
 * counted by it, here as at POP3's door. What is no address is nobody's, and not this computer's. Returns: it is loopback. */
static bool take_address(const char *rip, char peer[PEER_TEXT_MAX])
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *sa = (const struct sockaddr *)&v6;
	socklen_t len = sizeof(v6);
	char text[AP_WORD_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(rip, "%"), rip);
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		sa = (const struct sockaddr *)&v4;
		len = sizeof(v4);
	} else if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) {
		strcpy(peer, "unknown");
		return false;
	}
	peer_text(sa, len, peer);
	return peer_is_loopback(sa, len);
}

static struct signing *begin_exchange(struct session *s, const struct ap_ask *q)
{
	struct signing *w = mem_new(sizeof(*w));

	task_begin(&w->t, s, run, done, drop_signing);
	w->s = s;
	w->secured = q->secured;
	strcpy(w->sid, s->sid);
	memcpy(w->mech, q->mech, sizeof(w->mech));
	strcpy(w->service, q->service[0] ? q->service : "smtp");
	bool loopback = take_address(q->rip, w->peer);
	const struct auth_facts facts = {
		.sid = s->sid,
		.peer = w->peer,
		.service = w->service,
		.secure = q->secured,
		.clear_ok = loopback || w->t.with.conf->plaintext_without_tls,
		.tls_bits = q->secured ? 128 : 0, /* the MTA does not say how good */
	};

	w->login = login_new(w->t.with.auth, &facts);
	return w;
}

static bool ask(void *ctx, struct ap_ask *q)
{
	struct session *s = ctx;
	struct signing *w = q->kind == AP_BEGIN ? begin_exchange(s, q) : q->own;

	s->n_asked++;
	timer_cancel(&w->timer);
	w->kind = q->kind;
	w->q = q;
	w->has_data = q->has_data;
	buf_add(&w->data, q->data, q->data_len);
	w->asked_ms = clock_mono_ms();
	w->away = true;
	q->own = w;
	if (task_submit(&w->t, s->home->m->work.signin) == EC_OK)
		return false;
	q->state = AUTH_FAILED;
	q->class = EC_BUSY;
	drop_signing(&w->t);
	return true;
}

static void drop(void *ctx, struct ap_ask *q)
{
	struct signing *w = q->own;

	(void)ctx;
	if (!w)
		return;
	w->q = NULL;
	if (!w->away)
		drop_signing(&w->t);
}

static const struct ap_out out = { session_put, ask, drop };

/* What may be had on TLS: which of its clients are, the MTA knows. NTLM that must be bound to the channel cannot be had. */
static void offer(struct session *s)
{
	static const struct auth_facts facts = { .peer = "local", .secure = true };
	struct mta_setup with;

	setup_take(s->home->m, &with);
	struct login *login = login_new(with.auth, &facts);
	char *mechs = arena_strz(s->mem, login_mechs(login));
	char *ntlm = strstr(mechs, "NTLM");

	if (ntlm && with.conf->channel_binding == BINDING_REQUIRE)
		memset(ntlm, ' ', strlen("NTLM"));
	ap_greet(s->ap, mechs, s->serial);
	login_free(&login);
	setup_drop(&with);
}

static void begin(struct session *s)
{
	s->ap = ap_new(s->mem, &out, s);
	offer(s);
}

static enum mta_verdict feed(struct session *s, const char *p, size_t len, size_t *eaten)
{
	return ap_feed(s->ap, p, len, eaten);
}

static enum mta_verdict stop(struct session *s)
{
	return ap_stop(s->ap);
}

static void gone(struct session *s)
{
	const char *fault = ap_fault(s->ap);

	if (fault)
		log_event(&s->log, LV_WARN, "mta-fault", KV("door", auth_side.name),
			  KV("text", fault));
	ap_gone(s->ap);
}

const struct side auth_side = {
	.name = "auth",
	.in_max = AP_LINE_MAX + 4096,
	.begin = begin,
	.feed = feed,
	.stop = stop,
	.gone = gone,
};
