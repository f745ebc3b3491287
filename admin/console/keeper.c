/* keeper.c - the keeper's own life: its other half, what the two tell each other, signals.
 *
 * The other half is a fork of this process that has loaded the certificate as root, and then given up everything. A reload starts
 * a new one beside it: if the new certificate or settings are no good, that one ends and the old one goes on; if they are, the
 * old one is told to finish. One that ends unasked is started again, unless it never got ready.
 */
#include <event2/event.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "admin/console/cage.h"
#include "admin/console/console.h"
#include "admin/console/jobs.h"
#include "admin/console/keeper.h"
#include "admin/console/link.h"
#include "admin/console/order.h"
#include "admin/console/signin.h"
#include "admin/console/walls.h"
#include "admin/console/web.h"

#define QUESTION_MAX (HTTP_BODY_MAX + FRAME_HEAD_MAX)
#define AGAIN_MS 1000
_Static_assert(FRAME_HEAD_MAX > 6 * HTTP_HEAD_MAX, "no request makes a frame that is too long");
#define END_MS 10000 /* longer than it waits for those who take their answers */
#define UNREAD_MAX (128u << 20)

struct half {
	struct half *next;
	struct keeper *keeper;
	pid_t pid;
	struct conn *link; /* NULL: hung up */
	struct timer *patience;
	bool ready, told_to_end, reaped;
	unsigned n_asks;
};

/* ---- the other half ---- */

/* As root still, so that the key can be read; afterwards there is no way back. */
static enum ec enter_cage(const struct keeper *k, int link, struct tls **tls, struct err *e)
{
	const struct conf *c = k->conf;
	const char *crt = *c->console_certificate ? c->console_certificate : c->tls_cert;
	const char *key = *c->console_key ? c->console_key : c->tls_key;

	if (!*crt || !*key)
		return err_set(e, EC_BROKEN,
			       "the console needs a certificate: set console_certificate and "
			       "console_key, or tls_cert and tls_key (winpop setup makes one)");
	enum ec rc = tls_new_http(c, crt, key, k->log, tls, e);

	return rc == EC_OK ? cage_enter(c->console_user, k->listeners, link, e) : rc;
}

/* Nothing is opened from here on; that local time is asked for is known now, for syslog(3) tells it. */
static enum ec raise_walls(const struct conf *c, const struct log *log, struct err *e)
{
	bool no_files = false;

	tzset();
	enum ec rc = walls_raise(c->log_to == LOG_TO_SYSLOG, &no_files, e);

	if (rc == EC_OK && !no_files)
		log_event(log, LV_INFO, "console-files-open",
			  KV("text", "this kernel has no Landlock, which would refuse files to "
				     "what talks to browsers"));
	return rc;
}

static _Noreturn void fail_web(const struct log *log, const struct err *e)
{
	log_event(log, LV_CRIT, "console-failed", KV("text", e->text));
	_exit(1);
}

static void ask_free(struct ask *a);

/* What the keeper knows when it is forked is no business of a process that strangers speak to: this is its copy. */
static void forget(struct keeper *k)
{
	while (k->asks)
		ask_free(k->asks);
	jobs_free(&k->jobs);
	sessions_free(&k->sessions);
}

static _Noreturn void be_web(struct keeper *k, int link)
{
	struct tls *tls = NULL;
	struct err e;

	cage_signals();
	forget(k);
	if (enter_cage(k, link, &tls, &e) != EC_OK)
		fail_web(k->log, &e);
	/* The keeper's own way to the log was closed with everything else. */
	struct log_sink *sink = log_open(k->conf->log_to, "winpop-console", (int)k->conf->logging);
	const struct log log = { .sink = sink };

	if (raise_walls(k->conf, &log, &e) != EC_OK)
		fail_web(&log, &e);
	const struct web_setup setup = {
		.conf = k->conf, .tls = tls, .listeners = k->listeners, .link = link, .log = &log
	};

	web_run(&setup);
	log_close(&sink);
	_exit(0);
}

static void on_link(struct conn *conn, enum conn_ev ev, void *ctx);

static enum ec fork_half(struct keeper *k, struct half *h, int ends[2], struct err *e)
{
	sigset_t all, was;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return err_sys(e, "cannot make a socket");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &was);
	h->pid = fork();
	if (h->pid == 0)
		be_web(k, ends[1]);
	int why = errno;

	sigprocmask(SIG_SETMASK, &was, NULL);
	close(ends[1]);
	if (h->pid > 0)
		return EC_OK;
	close(ends[0]);
	return err_set(e, EC_TEMP, "no process can be started: %s", strerrordesc_np(why));
}

static enum ec start_half(struct keeper *k, struct err *e)
{
	struct half *h = mem_new(sizeof(*h));
	int ends[2];
	enum ec rc = fork_half(k, h, ends, e);

	if (rc != EC_OK) {
		free(h);
		return rc;
	}
	h->keeper = k;
	h->link = conn_new(k->loop, ends[0], QUESTION_MAX + 4, on_link, h);
	h->next = k->halves;
	k->halves = h;
	return EC_OK;
}

static void finish(struct keeper *k)
{
	loop_stop(k->loop);
}

static void start_again(void *ctx)
{
	struct keeper *k = ctx;
	struct err e;

	if (start_half(k, &e) == EC_OK)
		return;
	log_event(k->log, LV_CRIT, "console-failed", KV("text", e.text));
	finish(k);
}

/* It is freed when it is waited for, has hung up, and none of its questions is open. */
static void look_whether_over(struct half *h)
{
	struct keeper *k = h->keeper;
	struct half **at = &k->halves;

	if (!h->reaped || h->link || h->n_asks > 0)
		return;
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	free(h);
}

/* It need not be what we have started any more. */
static void no_more_patience(void *ctx)
{
	const struct half *h = ctx;

	kill(h->pid, SIGKILL);
}

static void tell_to_end(struct half *h)
{
	if (!h->told_to_end && !h->reaped) {
		kill(h->pid, SIGTERM);
		timer_set(h->keeper->loop, &h->patience, END_MS, no_more_patience, h);
	}
	h->told_to_end = true;
}

/* The new one serves: those before it may go. */
static void on_ready(struct half *h)
{
	struct keeper *k = h->keeper;

	h->ready = true;
	for (struct half *other = h->next; other; other = other->next)
		tell_to_end(other);
	console_ready(k);
}

static bool somebody_serves(const struct keeper *k)
{
	for (const struct half *h = k->halves; h; h = h->next) {
		if (!h->reaped && !h->told_to_end)
			return true;
	}
	return false;
}

static void half_ended(struct half *h, int status)
{
	struct keeper *k = h->keeper;

	h->reaped = true;
	timer_cancel(&h->patience);
	if (!h->told_to_end && !k->ending)
		log_event(k->log, LV_WARN, "console-web-ended", KV_I("pid", h->pid),
			  KV_I("status", status));
	if (!k->ending && !somebody_serves(k)) {
		if (h->ready) /* not at once: it may be one that cannot live */
			timer_set(k->loop, &k->again, AGAIN_MS, start_again, k);
		else
			finish(k); /* it has said why */
	}
	look_whether_over(h);
}

static void hang_up(struct half *h)
{
	conn_free(&h->link);
	if (!h->reaped)
		tell_to_end(h);
	look_whether_over(h);
}

/* ---- questions ---- */

static const char *text_of(struct ask *a, const json_t *head, const char *key)
{
	const char *z = json_string_value(json_object_get(head, key));

	return z ? arena_strz(a->mem, z) : "";
}

static struct ask *make_ask(struct half *h, const struct frame *f)
{
	const char *what = json_string_value(json_object_get(f->head, "do"));
	const struct api_route *route = what ? api_named(what) : NULL;

	if (!route)
		return NULL;
	struct ask *a = mem_new(sizeof(*a));

	a->keeper = h->keeper;
	a->half = h;
	a->mem = arena_new("question", 512);
	a->route = route;
	a->id = (uint64_t)json_integer_value(json_object_get(f->head, "id"));
	a->peer = text_of(a, f->head, "peer");
	a->param = text_of(a, f->head, "param");
	a->cookie = text_of(a, f->head, "cookie");
	a->csrf = text_of(a, f->head, "csrf");
	a->authorization = text_of(a, f->head, "authorization");
	a->job = json_is_true(json_object_get(f->head, "job"));
	a->idle = json_is_true(json_object_get(f->head, "idle"));
	a->body = mem_new(f->body_len + 1);
	a->body_len = f->body_len;
	memcpy(a->body, f->body, f->body_len);
	a->all_next = h->keeper->asks;
	a->all_at = &h->keeper->asks;
	if (a->all_next)
		a->all_next->all_at = &a->all_next;
	h->keeper->asks = a;
	h->n_asks++;
	return a;
}

static void ask_free(struct ask *a)
{
	struct half *h = a->half;

	*a->all_at = a->all_next;
	if (a->all_next)
		a->all_next->all_at = a->all_at;
	timer_cancel(&a->delay);
	wipe(a->body, a->body_len);
	free(a->body);
	order_free(&a->order);
	signin_free(&a->signin);
	arena_drop(&a->mem);
	free(a);
	h->n_asks--;
	look_whether_over(h);
}

static bool take_frame(void *ctx, const struct frame *f)
{
	struct half *h = ctx;
	struct ask *a = make_ask(h, f);

	if (a)
		desk_take(a);
	else if (json_is_true(json_object_get(f->head, "ready")) && !h->ready)
		on_ready(h);
	return conn_queued(h->link) <= UNREAD_MAX; /* else it asks, and does not listen */
}

static void on_link(struct conn *conn, enum conn_ev ev, void *ctx)
{
	struct half *h = ctx;

	if (!link_take(conn, ev, QUESTION_MAX, take_frame, h))
		hang_up(h);
}

/* ---- answers ---- */

static void send_frame(struct ask *a, json_t *head, const char *body, size_t len)
{
	if (a->half->link)
		link_put(a->half->link, head, body, len);
	else
		json_decref(head);
	ask_free(a);
}

void ask_raw(struct ask *a, int status, const char *type, const char *body, size_t len)
{
	send_frame(a,
		   json_pack("{s:I, s:i, s:s}", "id", (json_int_t)a->id, "status", status, "type",
			     type),
		   body, len);
}

void ask_json_cookie(struct ask *a, int status, json_t *body, const char *cookie)
{
	char *text = json_dumps(body, JSON_COMPACT);
	json_t *head = json_pack("{s:I, s:i}", "id", (json_int_t)a->id, "status", status);

	if (!text)
		die("an answer that is no JSON");
	if (cookie)
		json_object_set_new(head, "cookie", json_string(cookie));
	if (status == 503)
		json_object_set_new(head, "retry", json_integer(2));
	json_decref(body);
	send_frame(a, head, text, strlen(text));
	free(text);
}

void ask_json(struct ask *a, int status, json_t *body)
{
	ask_json_cookie(a, status, body, NULL);
}

void ask_refuse(struct ask *a, int status, enum ec class, const char *text)
{
	ask_json(a, status,
		 json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "class", ec_name(class), "text",
			   text));
}

int status_of(enum ec class)
{
	static const int statuses[EC_COUNT] = {
		[EC_OK] = 200,     [EC_USAGE] = 400,   [EC_ABSENT] = 404, [EC_EXISTS] = 409,
		[EC_DENIED] = 403, [EC_REFUSED] = 409, [EC_LOCKED] = 409, [EC_QUOTA] = 409,
		[EC_BUSY] = 503,   [EC_TEMP] = 503,    [EC_BROKEN] = 500,
	};
	return statuses[class];
}

void ask_err(struct ask *a, const struct err *e)
{
	ask_refuse(a, status_of(e->class), e->class, e->text);
}

/* ---- signals ---- */

static void reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct half *h = k->halves;

		while (h && h->pid != pid)
			h = h->next;
		if (h)
			half_ended(h, status);
		else
			procs_ended(k->procs, pid, status);
	}
}

static void on_signal(evutil_socket_t sig, short what, void *ctx)
{
	struct keeper *k = ctx;

	(void)what;
	if (sig == SIGCHLD) {
		reap(k);
	} else if (sig == SIGHUP) {
		keeper_reload(k);
	} else {
		k->ending = true;
		finish(k);
	}
}

/* Sign-ins under way have read the old rights. */
void keeper_end_sessions(struct keeper *k)
{
	k->n_rights++;
	sessions_end_all(k->sessions);
}

static struct file_stamp stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct file_stamp){ 0 };
	return (struct file_stamp){ st.st_dev, st.st_ino, st.st_size, st.st_ctim };
}

static bool same_stamp(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Rights that were taken from somebody are not his until somebody thinks of SIGHUP. */
void keeper_look_at_rights(struct keeper *k)
{
	struct file_stamp now = stamp_of(k->conf->console_rights);

	if (same_stamp(&now, &k->rights))
		return;
	if (sessions_count(k->sessions) > 0)
		log_event(k->log, LV_INFO, "console-rights-changed",
			  KV_U("sessions", sessions_count(k->sessions)));
	k->rights = now;
	keeper_end_sessions(k);
}

/* Settings that nobody could serve by are not taken, or the next half that ends would be the last. */
static enum ec load_settings(const struct keeper *k, struct conf **out, struct err *e)
{
	enum ec rc = conf_load(k->conf_path, out, e);

	if (rc != EC_OK)
		return rc;
	rc = cage_check((*out)->console_user, e);
	if (rc != EC_OK)
		conf_unref(out);
	return rc;
}

/* Whoever is signed in signs in again: what he may do can be another thing now. */
void keeper_reload(struct keeper *k)
{
	struct conf *now;
	struct err e;
	enum ec rc = load_settings(k, &now, &e);

	if (rc == EC_OK) {
		conf_unref(&k->conf);
		k->conf = now;
		keeper_end_sessions(k);
		sessions_idle(k->sessions, now->console_idle_s * 1000ull);
		rc = start_half(k, &e);
	}
	log_event(k->log, rc == EC_OK ? LV_INFO : LV_WARN,
		  rc == EC_OK ? "console-reload" : "console-reload-failed",
		  KV("text", rc == EC_OK ? NULL : e.text));
}

static void end_halves(struct keeper *k)
{
	while (k->halves) {
		struct half *h = k->halves;

		tell_to_end(h);
		timer_cancel(&h->patience);
		conn_free(&h->link); /* it ends by that too */
		k->halves = h->next;
		free(h);
	}
}

static void serve(struct keeper *k)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };
	struct event *ev[4];

	for (int i = 0; i < 4; i++) {
		ev[i] = evsignal_new(loop_base(k->loop), signals[i], on_signal, k);
		evsignal_add(ev[i], NULL);
	}
	loop_run(k->loop);
	for (int i = 0; i < 4; i++)
		event_free(ev[i]);
}

enum ec keeper_run(struct keeper *k, struct err *e)
{
	enum ec rc = loop_new(0, &k->loop, e);

	if (rc != EC_OK)
		return rc;
	k->procs = procs_new(k->loop, k->log);
	k->sessions = sessions_new(k->conf->console_idle_s * 1000ull);
	k->penalty = penalty_new();
	k->jobs = jobs_new(k);
	k->waiting_end = &k->waiting;
	k->rights = stamp_of(k->conf->console_rights);
	rc = start_half(k, e);
	if (rc == EC_OK)
		serve(k);
	if (rc == EC_OK && !k->ending)
		rc = err_set(e, EC_BROKEN, "the console could not be started; its log says why");
	jobs_free(&k->jobs);
	procs_free(&k->procs);
	again_free(k);
	while (k->asks)
		ask_free(k->asks);
	timer_cancel(&k->again);
	end_halves(k);
	sessions_free(&k->sessions);
	penalty_unref(&k->penalty);
	loop_free(&k->loop);
	return rc;
}
