/* jobs.c - see jobs.h. How far a job is, it says itself, in the lines that it writes for whoever waits at a terminal's end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/b64.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "admin/console/jobs.h"
#include "admin/console/order.h"

#define ID_LEN 16
#define SAID_MAX 240

enum state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_ENDED };
static const char *const states[] = { "running", "done", "failed", "ended" };

struct chore {
	struct chore *next;
	struct jobs *jobs;
	char id[ID_LEN + 1];
	struct order *order;
	struct proc *proc; /* NULL: it has ended */
	enum state state;
	bool told_to_end;
	json_t *progress;        /* NULL: nothing said */
	char said[SAID_MAX + 1]; /* the last line that was no progress */
	char *result;            /* JSON, as the command printed it */
	size_t result_len;
	int64_t began_s;
	uint64_t ended_ms;
};

struct jobs {
	struct keeper *keeper;
	struct chore *first; /* the youngest */
	unsigned n_running, n;
};

struct jobs *jobs_new(struct keeper *k)
{
	struct jobs *j = mem_new(sizeof(*j));

	j->keeper = k;
	return j;
}

static void drop(struct jobs *js, struct chore **at)
{
	struct chore *j = *at;

	*at = j->next;
	order_free(&j->order);
	json_decref(j->progress);
	free(j->result);
	free(j);
	js->n--;
}

void jobs_free(struct jobs **jp)
{
	if (!*jp)
		return;
	while ((*jp)->first)
		drop(*jp, &(*jp)->first);
	free(*jp);
	*jp = NULL;
}

/* Those that have been looked at for long enough; and the oldest that has ended, if there are too many. */
static void tidy(struct jobs *js, uint64_t now_ms)
{
	struct chore **at = &js->first, **oldest = NULL;

	while (*at) {
		if (!(*at)->proc && now_ms - (*at)->ended_ms >= JOB_KEEP_MS) {
			drop(js, at);
			continue;
		}
		if (!(*at)->proc)
			oldest = at;
		at = &(*at)->next;
	}
	if (js->n >= JOBS_KEPT && oldest)
		drop(js, oldest);
}

/* ---- what it says meanwhile ---- */

json_t *job_progress(const char *line, size_t len)
{
	static const char ours[] = "winpop: ", plan[] = "plan: ";
	unsigned long long done, of, failed;
	char text[128];
	int end = 0;

	if (len >= sizeof(text) || len < sizeof(ours) - 1 || memcmp(line, ours, sizeof(ours) - 1))
		return NULL;
	len -= sizeof(ours) - 1;
	memcpy(text, line + sizeof(ours) - 1, len);
	text[len] = '\0';
	bool planning = strncmp(text, plan, sizeof(plan) - 1) == 0;
	const char *numbers = planning ? text + sizeof(plan) - 1 : text;

	if (sscanf(numbers, "%llu of %llu, %llu failed%n", &done, &of, &failed, &end) != 3 ||
	    end == 0 || numbers[end])
		return NULL;
	return json_pack("{s:I, s:I, s:I, s:b}", "done", (json_int_t)done, "of", (json_int_t)of,
			 "failed", (json_int_t)failed, "planning", planning);
}

static void on_line(void *ctx, const char *line, size_t len)
{
	struct chore *j = ctx;
	json_t *now = job_progress(line, len);

	if (now) {
		json_decref(j->progress);
		j->progress = now;
		return;
	}
	len = len < SAID_MAX ? len : SAID_MAX;
	memcpy(j->said, line, len);
	j->said[len] = '\0';
}

static void on_done(void *ctx, const struct proc_end *end)
{
	struct chore *j = ctx;
	bool partly;
	enum ec rc = order_result(end->status, &partly);

	j->proc = NULL;
	j->jobs->n_running--;
	j->ended_ms = clock_mono_ms();
	j->state = rc == EC_OK ? JOB_DONE : j->told_to_end ? JOB_ENDED : JOB_FAILED;
	j->result = mem_new(end->len + 1);
	j->result_len = end->len;
	memcpy(j->result, end->answer, end->len);
	log_event(j->jobs->keeper->log, LV_INFO, "console-job-ended", KV("job", j->id),
		  KV("state", states[j->state]), KV("result", ec_name(rc)));
}

/* ---- what is asked ---- */

static int run(void *ctx, int out)
{
	struct chore *j = ctx;

	return order_run(j->order, out);
}

static struct chore *add(struct jobs *js, struct ask *a)
{
	unsigned char id[ID_LEN / 2];
	struct chore *j = mem_new(sizeof(*j));

	random_bytes(id, sizeof(id));
	hex_encode(j->id, id, sizeof(id));
	j->jobs = js;
	j->order = a->order;
	a->order = NULL;
	j->began_s = clock_wall_s();
	j->next = js->first;
	js->first = j;
	js->n++;
	return j;
}

/* A delegate leaves room for others. */
static bool is_crowd(const struct jobs *js, const struct caller *by)
{
	unsigned n_his = 0;

	for (const struct chore *j = js->first; j; j = j->next)
		n_his += j->proc && strcmp(j->order->by.name, by->who) == 0;
	return js->n_running >= JOBS_RUNNING || js->n >= JOBS_KEPT ||
	       (!by->scope.whole && n_his >= JOBS_DELEGATE);
}

void jobs_begin(struct jobs *js, struct ask *a)
{
	struct err e;

	tidy(js, clock_mono_ms());
	if (is_crowd(js, &a->by)) {
		ask_refuse(a, 503, EC_BUSY,
			   "as many long commands as may run are running: wait for one to end");
		return;
	}
	struct chore *j = add(js, a);
	const struct proc_work work = { .run = run, .line = on_line, .done = on_done, .ctx = j };

	enum ec rc = proc_start(js->keeper->procs, &work, &j->proc, &e);

	secret_drop(&j->order->args.secret); /* the process has it, we need it no more */
	if (rc != EC_OK) {
		drop(js, &js->first);
		ask_err(a, &e);
		return;
	}
	js->n_running++;
	log_event(js->keeper->log, LV_INFO, "console-job", KV("job", j->id),
		  KV("command", j->order->args.cmd->name), KV("who", j->order->by.name));
	ask_json(a, 202, json_pack("{s:b, s:s}", "ok", 1, "job", j->id));
}

/* Somebody whose rights have become fewer since is not told what they let him see. */
static bool is_within(const struct scope *then, const struct scope *now)
{
	bool within = !then->whole;

	for (size_t i = 0; i < then->n_domains; i++)
		within = within && scope_has(now, then->domains[i]);
	return within;
}

static bool is_his(const struct chore *j, const struct caller *by)
{
	return by->scope.whole ||
	       (strcmp(j->order->by.name, by->who) == 0 && is_within(&j->order->scope, &by->scope));
}

/* What was asked is told again, but no password is part of it. A line on standard error went by no veil (admin/veil.h). */
static json_t *tell(const struct chore *j, const struct caller *to)
{
	const struct wp_args *args = &j->order->args;
	json_t *list = json_array();

	for (int i = 0; i < args->argc; i++)
		json_array_append_new(list, json_string(args->argv[i]));
	json_t *all = json_pack("{s:s, s:s, s:o, s:s, s:s, s:I}", "job", j->id, "command",
				args->cmd->name, "arguments", list, "who", j->order->by.name,
				"state", states[j->state], "began", (json_int_t)j->began_s);

	if (j->progress)
		json_object_set(all, "progress", j->progress);
	if (j->said[0] && to->scope.whole)
		json_object_set_new(all, "said", json_string(j->said));
	return all;
}

void jobs_list(struct jobs *js, struct ask *a)
{
	json_t *list = json_array();

	tidy(js, clock_mono_ms());
	for (const struct chore *j = js->first; j; j = j->next) {
		if (is_his(j, &a->by))
			json_array_append_new(list, tell(j, &a->by));
	}
	ask_json(a, 200, json_pack("{s:b, s:o}", "ok", 1, "jobs", list));
}

/* NULL, and answered: there is none, or it is somebody else's, which is the same to him. */
static struct chore *find(struct jobs *js, struct ask *a)
{
	tidy(js, clock_mono_ms());
	for (struct chore *j = js->first; j; j = j->next) {
		if (strcmp(j->id, a->param) == 0 && is_his(j, &a->by))
			return j;
	}
	ask_refuse(a, 404, EC_ABSENT,
		   "there is no such job; those that have ended are kept for an hour");
	return NULL;
}

void jobs_show(struct jobs *js, struct ask *a)
{
	struct chore *j = find(js, a);

	if (!j)
		return;
	json_t *all = tell(j, &a->by);
	json_t *result = j->result ? json_loadb(j->result, j->result_len, 0, NULL) : NULL;

	if (result)
		json_object_set_new(all, "result", result);
	ask_json(a, 200, all);
}

void jobs_end(struct jobs *js, struct ask *a)
{
	struct chore *j = find(js, a);

	if (!j)
		return;
	if (j->proc) {
		j->told_to_end = true;
		proc_signal(j->proc, SIGINT);
	}
	ask_json(a, 200, json_pack("{s:b, s:s}", "ok", 1, "job", j->id));
}
