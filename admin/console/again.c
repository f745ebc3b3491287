/* again.c - who is signed in is looked at again: is his account still in force, are these still his rights?
 *
 * A session is used for hours, and meanwhile an account is disabled, deleted or taken out of a group, in a directory that tells
 * nobody. So a question that comes when the last look is a minute old (sessions.h) waits for a new one, in a process of its own
 * as a sign-in is, but without the password; his other questions wait with it. Whatever has changed ends the session: his rights,
 * his account, or his password, since whoever knew the old one may be who sits there.
 *
 * That nobody can tell - the directory is away - ends nothing: then an administrator is needed more than ever, nobody can sign
 * in anew, and it is looked again a minute later.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "admin/console/keeper.h"
#include "admin/console/signin.h"

#define LOOKS_MAX 16
#define LOOK_MS 20000
#define WAITING_MAX 64 /* a browser asks six things at a time */

struct again {
	struct again *next;
	struct keeper *keeper;
	struct ask *waiting; /* at least one, whose cookie says which session it is */
	unsigned n_waiting;
};

static void leave(struct again *g)
{
	struct again **at = &g->keeper->looks;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	free(g);
}

/* ---- what was found out ---- */

static void end_session(const struct again *g, const char *why)
{
	const struct ask *a = g->waiting;

	log_event(g->keeper->log, LV_INFO, "console-session-ended", KV("who", a->by.who),
		  KV("peer", a->peer), KV("reason", why));
	sessions_end(g->keeper->sessions, a->cookie);
}

/* NULL: nothing has. Also a session that has ended meanwhile. */
static const char *what_changed(struct again *g, const struct session *now)
{
	const struct session *was =
		sessions_get(g->keeper->sessions, g->waiting->cookie, false, clock_mono_ms());

	if (!was)
		return NULL;
	if (strcmp(was->who, now->who) != 0 || !scope_same(&was->scope, &now->scope))
		return "rights";
	return *was->stamp && strcmp(was->stamp, now->stamp) != 0 ? "password" : NULL;
}

static void judge(struct again *g, const struct proc_end *end)
{
	struct ask *a = g->waiting;
	struct session now;
	bool told = end->status == EC_OK && signin_answer(a->mem, end->answer, end->len, &now);
	const char *why = told ? what_changed(g, &now) : end->status == EC_DENIED ? "denied" : NULL;

	if (why)
		end_session(g, why);
	else
		sessions_looked(g->keeper->sessions, a->cookie, clock_mono_ms());
}

/* Each of them finds his session anew, or none. */
static void look_done(void *ctx, const struct proc_end *end)
{
	struct again *g = ctx;
	struct ask *a = g->waiting;

	judge(g, end);
	leave(g);
	while (a) {
		struct ask *next = a->next;
		desk_find_session(a);
		desk_go_on(a);
		a = next;
	}
}

/* ---- looking ---- */

static int run(void *ctx, int out)
{
	const struct again *g = ctx;

	return signin_again(g->keeper->conf, g->waiting->by.who, g->waiting->peer, out);
}

static void begin(struct ask *a)
{
	struct again *g = mem_new(sizeof(*g));
	const struct proc_work work = {
		.run = run, .done = look_done, .ctx = g, .limit_ms = LOOK_MS
	};
	struct proc *proc;
	struct err e;

	*g = (struct again){
		.next = a->keeper->looks, .keeper = a->keeper, .waiting = a, .n_waiting = 1
	};
	a->keeper->looks = g;
	a->next = NULL;
	if (proc_start(a->keeper->procs, &work, &proc, &e) == EC_OK)
		return;
	leave(g);
	ask_err(a, &e);
}

static void wait_too(struct again *g, struct ask *a)
{
	if (g->n_waiting >= WAITING_MAX) {
		ask_refuse(a, 503, EC_BUSY, "too much at once: try again in a moment");
		return;
	}
	a->next = g->waiting->next;
	g->waiting->next = a;
	g->n_waiting++;
}

void again_look(struct ask *a)
{
	unsigned n = 0;

	for (struct again *g = a->keeper->looks; g; g = g->next, n++) {
		if (strcmp(g->waiting->cookie, a->cookie) == 0) {
			wait_too(g, a);
			return;
		}
	}
	if (n < LOOKS_MAX)
		begin(a);
	else
		ask_refuse(a, 503, EC_BUSY, "too much at once: try again in a moment");
}

void again_free(struct keeper *k)
{
	while (k->looks)
		leave(k->looks);
}
