/* desk.c - one question after the other: who asks, may he, and who does it.
 *
 * Everything that is asked for by a cookie and changes something needs the token that only our page was told; whoever brings a
 * token of his own in the head of his request was not made to by another site's page.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/secret.h"
#include "server/ops/control.h"
#include "admin/cmd.h"
#include "admin/console/jobs.h"
#include "admin/console/keeper.h"
#include "admin/console/order.h"
#include "admin/tokens.h"

#define RUNNING_MAX 8
#define WAITING_MAX 32
#define COMMAND_MS 60000
#define WINPOPD_MS 5000
#define HEALTH_WAITING_MAX 256
#define HEALTH_MS 2000 /* what was found out holds so long: nobody signs in for that question */

/* ---- who asks ---- */

static enum ec by_token(struct ask *a, const char *token, struct err *e)
{
	const char *who = NULL;
	struct scope scope = { 0 };
	enum ec rc = token_find(a->keeper->conf, a->mem, token, &who, &scope, e);

	if (rc != EC_OK)
		return rc;
	a->by = (struct caller){ who, scope, true };
	return EC_OK;
}

void desk_find_session(struct ask *a)
{
	a->by = (struct caller){ 0 };
	keeper_look_at_rights(a->keeper);
	const struct session *s =
		sessions_get(a->keeper->sessions, a->cookie, !a->idle, clock_mono_ms());

	if (!s)
		return;
	a->by.who = arena_strz(a->mem, s->who);
	scope_copy(a->mem, &s->scope, &a->by.scope);
}

/* EC_OK also for nobody. */
static enum ec find_caller(struct ask *a, struct err *e)
{
	static const char bearer[] = "Bearer ";

	if (strncasecmp(a->authorization, bearer, sizeof(bearer) - 1) == 0)
		return by_token(a, a->authorization + sizeof(bearer) - 1, e);
	if (a->cookie[0])
		desk_find_session(a);
	return EC_OK;
}

/* ---- commands ---- */

static int run_order(void *ctx, int out)
{
	struct ask *a = ctx;

	return order_run(a->order, out);
}

static void start_command(struct ask *a);

static void start_waiting(struct keeper *k)
{
	struct ask *a = k->waiting;

	if (!a || k->n_running >= RUNNING_MAX)
		return;
	k->waiting = a->next;
	if (!k->waiting)
		k->waiting_end = &k->waiting;
	k->n_waiting--;
	start_command(a);
}

static void command_done(void *ctx, const struct proc_end *end)
{
	struct ask *a = ctx;
	struct keeper *k = a->keeper;
	bool partly;
	enum ec rc = order_result(end->status, &partly);

	k->n_running--;
	if (end->out_of_time)
		ask_refuse(a, 504, EC_TEMP,
			   "it took more than a minute and was ended: run it as a job (?job=1)");
	else if (end->too_long)
		ask_refuse(a, 500, EC_BROKEN,
			   "the answer is longer than 16 MiB: ask for a part of it, or in a shell "
			   "of the host");
	else if (end->status < 0 || end->len == 0)
		ask_refuse(a, 500, EC_BROKEN, "the command did not end well; the log says more");
	else
		ask_raw(a, partly ? 207 : status_of(rc), "application/json", end->answer, end->len);
	start_waiting(k);
}

static void start_command(struct ask *a)
{
	const struct proc_work work = {
		.run = run_order, .done = command_done, .ctx = a, .limit_ms = COMMAND_MS
	};
	struct proc *proc;
	struct err e;

	a->next = NULL;
	enum ec rc = proc_start(a->keeper->procs, &work, &proc, &e);

	secret_drop(&a->order->args.secret); /* the process has it, we need it no more */
	if (rc == EC_OK)
		a->keeper->n_running++;
	else
		ask_err(a, &e);
}

static void queue(struct ask *a)
{
	struct keeper *k = a->keeper;

	if (k->n_waiting >= WAITING_MAX) {
		ask_refuse(a, 503, EC_BUSY, "too many commands at once: try again in a moment");
		return;
	}
	a->next = NULL;
	*k->waiting_end = a;
	k->waiting_end = &a->next;
	k->n_waiting++;
}

/* A command that is not his to run is not there for him. */
static const struct wp_cmd *find_command(const struct ask *a)
{
	const struct wp_cmd *cmd = wp_cmd_find(a->param);
	bool reachable = cmd && (cmd->scope == WP_WHOLE || cmd->scope == WP_DOMAIN);

	return reachable ? cmd : NULL;
}

static void do_command(struct ask *a)
{
	struct keeper *k = a->keeper;
	const struct wp_cmd *cmd = find_command(a);
	struct err e;

	if (!cmd) {
		ask_refuse(a, 404, EC_ABSENT, "there is no such command here");
		return;
	}
	if (cmd->scope == WP_WHOLE && !a->by.scope.whole) {
		ask_refuse(a, 403, EC_DENIED,
			   "only administrators of the whole server may run this");
		return;
	}
	if (order_read(cmd, a->body, a->body_len, &a->order, &e) != EC_OK) {
		ask_err(a, &e);
		return;
	}
	wipe(a->body, a->body_len);
	order_sign(a->order, a->by.who, a->peer, &a->by.scope, k->conf_path);
	if (a->job)
		jobs_begin(k->jobs, a);
	else if (k->n_running >= RUNNING_MAX)
		queue(a);
	else
		start_command(a);
}

/* ---- winpopd ---- */

/* One question over its control socket; its text goes on as it came. */
static int ask_winpopd(const struct ask *a, const char *what, int out)
{
	json_t *request = json_pack("{s:s}", "do", what), *reply = NULL;
	enum ec rc =
		control_call(a->keeper->conf->control_socket, request, &reply, WINPOPD_MS, NULL);

	if (rc == EC_OK && !json_is_true(json_object_get(reply, "ok")))
		rc = EC_TEMP;
	const char *text = json_string_value(json_object_get(reply, "text"));

	if (rc == EC_OK && text && file_write_all(out, text, strlen(text)) < 0)
		rc = EC_TEMP;
	return rc;
}

/* What it says of itself where it is asked by HTTP (metrics_port): one answer, wherever a load balancer looks. */
static int run_health(void *ctx, int out)
{
	return ask_winpopd(ctx, "health", out);
}

static void tell_health(struct ask *a)
{
	if (a->keeper->health.status == 200)
		ask_json(a, 200, json_pack("{s:b}", "ok", 1));
	else
		ask_refuse(a, 503, EC_TEMP, "no client should be sent here now");
}

static void health_done(void *ctx, const struct proc_end *end)
{
	struct keeper *k = ((struct ask *)ctx)->keeper;
	struct ask *a = k->health.waiting;

	k->n_running--;
	k->health.status = end->status == EC_OK ? 200 : 503;
	k->health.until_ms = clock_mono_ms() + HEALTH_MS;
	k->health.waiting = NULL;
	k->health.n_waiting = 0;
	while (a) {
		struct ask *next = a->next;
		tell_health(a);
		a = next;
	}
	start_waiting(k);
}

static int run_metrics(void *ctx, int out)
{
	return ask_winpopd(ctx, "metrics", out);
}

static void metrics_done(void *ctx, const struct proc_end *end)
{
	struct ask *a = ctx;
	struct keeper *k = a->keeper;

	k->n_running--;
	if (end->status == EC_OK)
		ask_raw(a, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8",
			end->answer, end->len);
	else
		ask_refuse(a, 503, EC_TEMP, "winpopd does not answer");
	start_waiting(k);
}

/* False: answered. */
static bool ask_about(struct ask *a, int (*run)(void *, int),
		      void (*done)(void *, const struct proc_end *))
{
	const struct proc_work work = {
		.run = run, .done = done, .ctx = a, .limit_ms = 2 * WINPOPD_MS
	};
	struct proc *proc;
	struct err e;

	if (a->keeper->n_running >= RUNNING_MAX) {
		ask_refuse(a, 503, EC_BUSY, "too much at once: try again in a moment");
		return false;
	}
	if (proc_start(a->keeper->procs, &work, &proc, &e) != EC_OK) {
		ask_err(a, &e);
		return false;
	}
	a->keeper->n_running++;
	return true;
}

/* One process for all who ask meanwhile: strangers may ask, and are not to take the place of commands. */
static void do_health(struct ask *a)
{
	struct keeper *k = a->keeper;

	if (clock_mono_ms() < k->health.until_ms) {
		tell_health(a);
		return;
	}
	a->next = k->health.waiting;
	if (k->health.n_waiting >= HEALTH_WAITING_MAX) {
		ask_refuse(a, 503, EC_BUSY, "too much at once: try again in a moment");
	} else if (a->next || ask_about(a, run_health, health_done)) {
		k->health.waiting = a;
		k->health.n_waiting++;
	}
}

static void do_metrics(struct ask *a)
{
	ask_about(a, run_metrics, metrics_done);
}

/* ---- sessions and what belongs to them ---- */

static void do_sign_out(struct ask *a)
{
	if (a->by.by_token) {
		ask_refuse(a, 400, EC_USAGE,
			   "a token does not sign out: remove it with winpop token");
		return;
	}
	sessions_end(a->keeper->sessions, a->cookie);
	log_event(a->keeper->log, LV_INFO, "console-signout", KV("who", a->by.who),
		  KV("peer", a->peer));
	ask_json_cookie(a, 200, json_pack("{s:b}", "ok", 1),
			"__Host-winpop=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
}

static void do_session(struct ask *a)
{
	ask_json(a, 200, desk_session(a->keeper, &a->by, a->by.by_token ? NULL : a->cookie));
}

static void do_commands(struct ask *a)
{
	ask_json(a, 200, menu_for(a->keeper->conf, &a->by.scope));
}

static void do_jobs(struct ask *a)
{
	jobs_list(a->keeper->jobs, a);
}

static void do_job(struct ask *a)
{
	jobs_show(a->keeper->jobs, a);
}

static void do_job_end(struct ask *a)
{
	jobs_end(a->keeper->jobs, a);
}

/* ---- the desk ---- */

static void (*const handlers[API_COUNT])(struct ask *) = {
	[API_SIGN_IN] = desk_sign_in, [API_SIGN_OUT] = do_sign_out, [API_SESSION] = do_session,
	[API_COMMANDS] = do_commands, [API_COMMAND] = do_command,   [API_JOBS] = do_jobs,
	[API_JOB] = do_job,           [API_JOB_END] = do_job_end,   [API_HEALTH] = do_health,
	[API_METRICS] = do_metrics,
};

/* False: answered. */
static bool admit(struct ask *a)
{
	const struct api_route *r = a->route;

	if (r->who == FOR_ALL || r->who == FOR_PAGE)
		return true;
	if (!a->by.who)
		ask_refuse(a, 401, EC_DENIED, "sign in first");
	else if (r->method == HTTP_POST && !a->by.by_token && !session_csrf_is(a->cookie, a->csrf))
		ask_refuse(a, 403, EC_DENIED,
			   "the request does not come from the console's own page");
	else if (r->who == FOR_WHOLE && !a->by.scope.whole)
		ask_refuse(a, 403, EC_DENIED,
			   "only administrators of the whole server may see this");
	else
		return true;
	return false;
}

/* Of ours: the log has it, strangers need not know where our files are. */
static void ask_trouble(struct ask *a, const struct err *e)
{
	log_event(a->keeper->log, LV_WARN, "console-trouble", KV("peer", a->peer),
		  KV("text", e->text));
	ask_refuse(a, 503, EC_TEMP,
		   "tokens cannot be looked up just now; the console's log says why");
}

static void refuse_token(struct ask *a)
{
	log_event(a->keeper->log, LV_INFO, "console-token-refused", KV("peer", a->peer));
	ask_refuse(a, 401, EC_DENIED, "this token is not known, or its time is over");
}

void desk_go_on(struct ask *a)
{
	if (admit(a))
		handlers[api_what(a->route)](a);
}

/* What he may do is looked at again now and then; he waits for it. */
static void take_session(struct ask *a)
{
	if (a->by.who && sessions_due(a->keeper->sessions, a->cookie, clock_mono_ms()))
		again_look(a);
	else
		desk_go_on(a);
}

void desk_take(struct ask *a)
{
	struct err e;

	if (!handlers[api_what(a->route)]) { /* not asked by a half that is in its right mind */
		ask_refuse(a, 500, EC_BROKEN, "this is not the keeper's to answer");
		return;
	}
	enum ec rc = a->route->who == FOR_ALL ? EC_OK : find_caller(a, &e);

	if (rc == EC_DENIED)
		refuse_token(a);
	else if (rc != EC_OK)
		ask_trouble(a, &e);
	else if (a->by.by_token || a->route->who == FOR_PAGE)
		desk_go_on(a);
	else
		take_session(a);
}
