/* signin_desk.c - sign-in, the keeper's part: how many at a time, how long a no has to wait, and the session.
 *
 * Passwords are proved in a process of its own, which forgets everything when it ends; so what is remembered of failures is
 * kept here, by the same rule as for mail programs (server/auth/penalty.h). As long as a no waits, it counts among those of its
 * address that are under way, so that trying in parallel gains nothing.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/net/conn.h"
#include "admin/console/keeper.h"
#include "admin/console/signin.h"

#define PROVING_MAX 16 /* processes at a time */
#define SIGNING_MAX                                                                                \
	256 /* under way, with those whose no has to wait: these cost little, and are to keep nobody else out */
#define SIGNING_EACH 3 /* of these, of one network */
#define SIGNIN_MS 45000

json_t *desk_session(const struct keeper *k, const struct caller *by, const char *id)
{
	static const char *const methods[] = { "ad", "local", "file" };
	char csrf[SESSION_ID_LEN + 1] = "";
	json_t *domains = json_array();

	for (size_t i = 0; i < by->scope.n_domains; i++)
		json_array_append_new(domains, json_string(by->scope.domains[i]));
	if (id)
		session_csrf(id, csrf);
	return json_pack("{s:b, s:s, s:b, s:o, s:s, s:s, s:i, s:s, s:b}", "ok", 1, "who", by->who,
			 "whole", by->scope.whole, "domains", domains, "csrf", csrf, "computer",
			 k->conf->hostname, "idle", (int)k->conf->console_idle_s, "authentication",
			 methods[k->conf->authentication], "create_user", k->conf->create_user);
}

/* ---- those under way ---- */

static bool is_crowd(const struct keeper *k, const char *peer)
{
	unsigned n = 0, n_his = 0;

	for (const struct ask *a = k->signing; a; a = a->next, n++)
		n_his += peer_same_network(a->peer, peer);
	return k->n_signing >= PROVING_MAX || n >= SIGNING_MAX || n_his >= SIGNING_EACH;
}

static void enter(struct ask *a)
{
	a->next = a->keeper->signing;
	a->keeper->signing = a;
}

static void leave(struct ask *a)
{
	struct ask **at = &a->keeper->signing;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
}

/* ---- no ---- */

/* However it is written, it is one account that is guessed at. */
static const char *guessed(const struct ask *a)
{
	char *key = arena_strz(a->mem, a->signin->name);

	for (char *c = key; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	return key;
}

static void say_no(void *ctx)
{
	struct ask *a = ctx;

	leave(a);
	ask_refuse(a, 401, EC_DENIED,
		   "not signed in: the name or the password is wrong, or may not administer");
}

static void refuse(struct ask *a, enum ec class)
{
	struct keeper *k = a->keeper;
	struct penalty_verdict v = { 0 };

	if (class == EC_DENIED)
		v = penalty_fail(k->penalty, k->conf->penalty_ms, a->peer, guessed(a),
				 clock_mono_ms());
	log_event(k->log, class >= EC_BUSY ? LV_WARN : LV_INFO, "console-signin-failed",
		  KV("who", a->signin->name), KV("peer", a->peer), KV("reason", ec_name(class)),
		  KV_U("delay_ms", v.delay_ms));
	if (class == EC_DENIED) {
		timer_set(k->loop, &a->delay, v.delay_ms, say_no, a);
		return;
	}
	leave(a);
	ask_refuse(a, 503, EC_TEMP, "sign-in does not work just now; the console's log says why");
}

/* ---- yes ---- */

/* A new secret at each sign-in, and the old one is worth nothing: whoever made a browser use one that he knows has gained
 * nothing. */
static void welcome(struct ask *a, const struct session *he)
{
	struct keeper *k = a->keeper;
	char id[SESSION_ID_LEN + 1], cookie[SESSION_ID_LEN + 128];
	struct err e;

	leave(a);
	sessions_end(k->sessions, a->cookie);
	keeper_look_at_rights(k);
	if (a->n_rights != k->n_rights) {
		ask_refuse(a, 503, EC_BUSY, "rights have just been changed: try again");
		return;
	}
	if (sessions_add(k->sessions, he, clock_mono_ms(), id, &e) != EC_OK) {
		ask_err(a, &e);
		return;
	}
	a->by = (struct caller){ .who = he->who, .scope = he->scope };
	penalty_forgive(k->penalty, guessed(a));
	log_event(k->log, LV_INFO, "console-signin", KV("who", a->by.who), KV("peer", a->peer),
		  KV("whole", a->by.scope.whole ? "yes" : "no"));
	snprintf(cookie, sizeof(cookie),
		 "__Host-winpop=%s; Path=/; Secure; HttpOnly; SameSite=Strict", id);
	ask_json_cookie(a, 200, desk_session(k, &a->by, id), cookie);
	wipe(id, sizeof(id));
	wipe(cookie, sizeof(cookie));
}

static void signin_done(void *ctx, const struct proc_end *end)
{
	struct ask *a = ctx;
	struct session he;
	enum ec class =
		end->status < 0 || end->status >= EC_COUNT ? EC_BROKEN : (enum ec)end->status;

	a->keeper->n_signing--;
	if (class == EC_OK && signin_answer(a->mem, end->answer, end->len, &he))
		welcome(a, &he);
	else
		refuse(a, class == EC_OK ? EC_BROKEN : class);
}

static int run(void *ctx, int out)
{
	struct ask *a = ctx;

	return signin_run(a->signin, out);
}

void desk_sign_in(struct ask *a)
{
	struct keeper *k = a->keeper;
	const struct proc_work work = {
		.run = run, .done = signin_done, .ctx = a, .limit_ms = SIGNIN_MS
	};
	struct proc *proc;
	struct err e;

	if (signin_read(a->body, a->body_len, &a->signin, &e) != EC_OK) {
		ask_err(a, &e);
		return;
	}
	wipe(a->body, a->body_len);
	if (is_crowd(k, a->peer)) {
		ask_refuse(a, 503, EC_BUSY,
			   "too many are signing in at once: try again in a moment");
		return;
	}
	keeper_look_at_rights(k);
	a->n_rights = k->n_rights;
	a->signin->conf = k->conf;
	a->signin->peer = a->peer;
	enum ec rc = proc_start(k->procs, &work, &proc, &e);

	secret_drop(&a->signin->password); /* the process has it, we need it no more */
	if (rc != EC_OK) {
		ask_err(a, &e);
		return;
	}
	enter(a);
	k->n_signing++;
}
