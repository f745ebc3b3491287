/* login.c - one connection's way through sign-in: what it may try, what it is told, what it costs.
 *
 * Two kinds of no. A message that no honest client sends, a mechanism not offered, a clear password
 * where none is allowed: refused before anything secret is looked at, at once. Everything else that
 * fails was a guess for all we know: EC_DENIED, one wording, counted and delayed, the true reason in
 * the log alone.
 */
#include <stdlib.h>
#include <string.h>
#include "server/auth/apop.h"
#include "server/auth/inside.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

struct login {
	struct auth *auth;
	struct arena *mem; /* strings of the facts */
	struct auth_facts facts;
	struct log log;
	char *stamp;             /* APOP; NULL until asked for */
	struct attempt *attempt; /* an exchange under way, or NULL */
};

struct login *login_new(struct auth *a, const struct auth_facts *f)
{
	struct login *l = mem_new(sizeof(*l));

	l->auth = auth_ref(a);
	login_facts(l, f);
	return l;
}

void login_facts(struct login *l, const struct auth_facts *f)
{
	struct arena *old = l->mem; /* f may point into it */
	struct auth_facts *to = &l->facts;

	login_cancel(l);
	l->mem = arena_new("login", 128);
	*to = *f;
	to->sid = arena_strz(l->mem, f->sid);
	to->peer = arena_strz(l->mem, f->peer);
	to->service = arena_strz(l->mem, f->service);
	to->cert_name = arena_strz(l->mem, f->cert_name);
	to->binding_name = arena_strz(l->mem, f->binding_name);
	if (f->binding)
		to->binding = arena_str(l->mem, f->binding, f->binding_len);
	if (f->endpoint_len > 0)
		to->endpoint = arena_str(l->mem, f->endpoint, f->endpoint_len);
	l->log = (struct log){ .sink = l->auth->log.sink, .sid = to->sid, .peer = to->peer };
	arena_drop(&old);
}

/* SCRAM without -PLUS is told as well: only so can it see that somebody struck PLUS off our list (RFC 5802 section 6). */
bool login_binds(const struct login *l, const char *mech)
{
	const struct offer *o = auth_offer(l->auth, mech);

	return o && (o->mech->plus || (o->mech->wants & MECH_SPA)) && l->facts.binding_name &&
	       !l->facts.binding;
}

void login_bind(struct login *l, const void *binding, size_t len)
{
	l->facts.binding = arena_str(l->mem, binding, len);
	l->facts.binding_len = len;
}

void login_free(struct login **pp)
{
	struct login *l = *pp;

	*pp = NULL;
	if (!l)
		return;
	login_cancel(l);
	arena_drop(&l->mem);
	free(l->stamp);
	auth_unref(&l->auth);
	free(l);
}

const char *login_mechs(struct login *l)
{
	return l->auth->listed[auth_has(l->auth, &l->facts)];
}

bool login_clear_allowed(const struct login *l)
{
	return auth_has(l->auth, &l->facts) & MECH_CLEAR;
}

const char *login_apop_stamp(struct login *l)
{
	if (l->auth->setup.apop && !l->stamp)
		l->stamp = apop_stamp(l->auth->setup.hostname);
	return l->stamp;
}

/* ---- answers ---- */

static void warn_burst(struct login *l, const char *key, const char *account)
{
	log_event(&l->log, LV_WARN, "signin-burst", KV("of", key), KV("account", account),
		  KV_U("failures", PENALTY_BURST));
}

static unsigned penalize(struct login *l, const struct attempt *at)
{
	struct auth *a = l->auth;
	char text[NAME_TEXT_MAX + 1];
	const char *account = attempt_account(at, text);
	struct penalty_verdict v = penalty_fail(a->penalty, a->setup.penalty_ms, l->facts.peer,
						account, clock_mono_ms());

	if (v.peer_burst)
		warn_burst(l, "peer", account);
	if (v.account_burst)
		warn_burst(l, "account", account);
	return v.delay_ms;
}

/* at NULL: the client had not said who it is. */
static void log_failure(struct login *l, const struct auth_answer *out, const struct attempt *at,
			const char *why)
{
	log_event(&l->log, out->class >= EC_BUSY ? LV_WARN : LV_INFO, "signin-failed",
		  KV("account", at ? at->typed : ""), KV("mech", out->mech),
		  KV("service", l->facts.service), KV("reason", ec_name(out->class)),
		  KV("why", why), KV("shield", at && at->shielded ? "yes" : NULL),
		  KV_U("delay_ms", out->delay_ms));
}

/* No, before libsasl was asked. */
static void turn_away(struct login *l, enum ec class, const char *why, struct auth_answer *out)
{
	out->state = AUTH_FAILED;
	out->class = class;
	log_failure(l, out, NULL, why);
	login_cancel(l);
}

static void fail(struct login *l, const struct attempt *at, struct auth_answer *out)
{
	out->class = at->class;
	if (at->class == EC_DENIED)
		out->delay_ms = penalize(l, at);
	if (at->class == EC_REFUSED)
		out->refusal = at->why.detail;
	log_failure(l, out, at, at->why.text);
}

/* Closes the attempt unless it goes on. */
static void answer(struct login *l, enum auth_state state, struct auth_answer *out)
{
	struct attempt *at = l->attempt;
	char text[NAME_TEXT_MAX + 1];

	out->state = state;
	if (state == AUTH_MORE)
		return;
	out->challenge = ""; /* the old one goes with libsasl's context */
	out->challenge_len = 0;
	if (state == AUTH_DONE) {
		out->who = at->account.name;
		penalty_forgive(l->auth->penalty, name_text(&at->account.name, text));
	} else {
		fail(l, at, out);
	}
	login_cancel(l);
}

void login_cancel(struct login *l)
{
	attempt_close(&l->attempt);
}

/* ---- attempts ---- */

/* Whatever was under way is dropped. False: libsasl has no context for us. */
static bool open_attempt(struct login *l, const struct offer *o, bool now)
{
	login_cancel(l);
	struct attempt *at = now ? attempt_here() : attempt_new();
	l->attempt = at;
	at->setup = &l->auth->setup;
	at->scram = l->auth->scram;
	at->cache = l->auth->cache;
	at->whose = l->auth->whose;
	at->spa = l->auth->spa;
	at->facts = &l->facts;
	at->log = &l->log;
	at->mech = o ? o->mech : NULL;
	at->plus = o && o->plus;
	at->now = now;
	return attempt_open(at);
}

/* False: it failed at once; answered. */
static bool begin(struct login *l, const struct offer *o, struct auth_answer *out)
{
	if (open_attempt(l, o, false))
		return true;
	answer(l, AUTH_FAILED, out);
	return false;
}

void login_begin(struct login *l, const char *mech, const void *ir, size_t len,
		 struct auth_answer *out)
{
	const struct offer *o = auth_offer(l->auth, mech);
	unsigned lacks = o ? o->needs & ~auth_has(l->auth, &l->facts) : 0;
	const char *first = len ? ir : ir ? "" : NULL;

	*out = (struct auth_answer){ .challenge = "", .mech = o ? o->name : NULL };
	if (!o || (lacks & ~MECH_CLEAR))
		return turn_away(l, EC_USAGE, "mechanism is not offered", out);
	if (lacks)
		return turn_away(l, EC_REFUSED, "plain passwords are not allowed here", out);
	if (first && o->mech->asks_all && len == 0)
		first = NULL; /* "AUTH LOGIN =": nothing said yet */
	if (first && (o->mech->server_first || !mech_sane(o->mech, 0, o->plus, first, len)))
		return turn_away(l, EC_USAGE, "malformed initial response", out);
	if (begin(l, o, out))
		answer(l,
		       attempt_start(l->attempt, first, len, &out->challenge, &out->challenge_len),
		       out);
}

void login_step(struct login *l, const void *p, size_t len, struct auth_answer *out)
{
	struct attempt *at = l->attempt;
	const char *text = len ? p : "";

	*out = (struct auth_answer){ .challenge = "" };
	if (!at)
		return turn_away(l, EC_USAGE, "no sign-in is under way", out);
	out->mech = at->plus ? at->mech->plus : at->mech->name;
	if (!mech_sane(at->mech, at->turn, at->plus, text, len))
		return turn_away(l, EC_USAGE, "malformed response", out);
	answer(l, attempt_step(at, text, len, &out->challenge, &out->challenge_len), out);
}

static bool is_sane(const char *user, size_t user_len, const struct secret *pass)
{
	return mech_name_sane(user, user_len) && pass->len <= MECH_MESSAGE_MAX &&
	       !(pass->len > 0 && memchr(pass->bytes, 0, pass->len));
}

void login_pass(struct login *l, const char *user, size_t user_len, const struct secret *pass,
		struct auth_answer *out)
{
	*out = (struct auth_answer){ .challenge = "", .mech = "USER" };
	if (!login_clear_allowed(l))
		return turn_away(l, EC_REFUSED, "plain passwords are not allowed here", out);
	if (!is_sane(user, user_len, pass))
		return turn_away(l, EC_USAGE, "malformed name or password", out);
	if (begin(l, NULL, out))
		answer(l, attempt_pass(l->attempt, user, user_len, pass), out);
}

/* What fails is tried again by login_pass, which says why. */
bool login_pass_now(struct login *l, const char *user, size_t user_len, const struct secret *pass,
		    struct auth_answer *out)
{
	if (!l->auth->setup.accounts->ops->verify_now || !login_clear_allowed(l) ||
	    !is_sane(user, user_len, pass))
		return false;
	*out = (struct auth_answer){ .challenge = "", .mech = "USER" };
	bool done = open_attempt(l, NULL, true) &&
		    attempt_pass(l->attempt, user, user_len, pass) == AUTH_DONE;
	if (done)
		answer(l, AUTH_DONE, out);
	else
		login_cancel(l);
	return done;
}

void login_apop(struct login *l, const char *user, size_t user_len, const char *digest,
		struct auth_answer *out)
{
	struct buf response = { 0 };

	*out = (struct auth_answer){ .challenge = "", .mech = "APOP" };
	if (!login_apop_stamp(l))
		return turn_away(l, EC_USAGE, "APOP is not offered", out);
	if (!apop_response(user, user_len, digest, &response))
		return turn_away(l, EC_USAGE, "malformed name or digest", out);
	if (begin(l, NULL, out))
		answer(l, attempt_apop(l->attempt, l->stamp, buf_at(&response)), out);
	buf_drop(&response);
}
