/* main.c - winpopd: start, serve, stop.
 *
 * Start-up is one straight list of steps, each of which may fail with a text for the administrator; what a failed step leaves is
 * undone in reverse. Root is needed for the TCP ports alone, so it is given up before any other file is read: a key that
 * the service's user cannot read shows at start, not at the first reload.
 */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/ops/exporter.h"
#include "server/ops/notify.h"
#include "server/main/privs.h"
#include "server/main/winpopd.h"
#include "server/quota/warning.h"

/* A session has one question away at most, and there are no more sessions than that. */
#define JOBS_MAX 65536
/* A password file judges tens of thousands that come at once before the last of them grows impatient, a directory that hashes
 * slowly a few hundred. Whoever would wait longer than a client does is told to try later instead. */
#define SIGNIN_PATIENCE_MS 20000
/* Mailboxes are counted and tabled there, at worst 100,000 messages; whoever signs in goes first. */
#define MAILBOX_NICE 10

enum { EXIT_USAGE = 2, EXIT_SETTINGS = 3 };

struct args {
	const char *config;
	bool check;
};

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: winpopd [--config FILE] [--check]\n"
		    "  --config FILE  settings (default " WINPOP_CONFIG ")\n"
		    "  --check        check the settings and everything they name, then exit\n"
		    "  --version\n");
	return status;
}

/* Returns -1 to go on, else the exit status. */
static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	*a = (struct args){ .config = WINPOP_CONFIG };
	for (int c; (c = getopt_long(argc, argv, "c:th", longs, NULL)) != -1;) {
		switch (c) {
		case 'c': a->config = optarg; break;
		case 't': a->check = true; break;
		case 'v': return printf("winpopd %s\n", WINPOP_VERSION), EXIT_SUCCESS;
		case 'h': return usage(stdout, EXIT_SUCCESS);
		default: return usage(stderr, EXIT_USAGE);
		}
	}
	return optind == argc ? -1 : usage(stderr, EXIT_USAGE);
}

static int complain(const struct err *e)
{
	fprintf(stderr, "winpopd: %s\n", e->text);
	return EXIT_SETTINGS;
}

static void on_signal(evutil_socket_t sig, short what, void *ctx)
{
	struct winpopd *w = ctx;
	struct err e;
	char restart[1024];
	(void)what;
	if (sig == SIGHUP)
		winpopd_reload(w, restart, sizeof(restart), &e);
	else if (w->stopping)
		loop_stop(w->keeper); /* asked twice: now */
	else
		winpopd_stop(w);
}

/* ---- stop: no new connections, sessions may finish, then everything ends ---- */

struct idle_job { /* brings "no session left" from a serving loop to the keeper */
	struct job job;
	struct winpopd *w;
	bool *which;
};

static void idle_arrived(struct job *j)
{
	struct idle_job *i = (struct idle_job *)j;
	*i->which = true;
	if (i->w->pop3_idle && i->w->lmtp_idle && i->w->mta_idle)
		loop_stop(i->w->keeper);
	free(i);
}

static void post_idle(struct winpopd *w, bool *which)
{
	struct idle_job *i = mem_new(sizeof(*i));
	*i = (struct idle_job){ { .home = w->keeper, .done = idle_arrived }, w, which };
	loop_post(w->keeper, &i->job);
}

static void pop3_is_idle(void *ctx)
{
	struct winpopd *w = ctx;
	post_idle(w, &w->pop3_idle);
}

static void lmtp_is_idle(void *ctx)
{
	struct winpopd *w = ctx;
	post_idle(w, &w->lmtp_idle);
}

static void mta_is_idle(void *ctx)
{
	struct winpopd *w = ctx;
	post_idle(w, &w->mta_idle);
}

static void drain_is_over(void *ctx)
{
	struct winpopd *w = ctx;
	log_event(&w->log, LV_WARN, "drain-over", KV_U("seconds", w->conf->drain_s));
	loop_stop(w->keeper);
}

void winpopd_stop(struct winpopd *w)
{
	if (w->stopping)
		return;
	w->stopping = true;
	notify_manager("STOPPING=1");
	log_event(&w->log, LV_NOTE, "stopping");
	caretaker_stop(w);
	doors_shut(w);
	pop3_drain(w->pop3, pop3_is_idle, w);
	lmtp_drain(w->lmtp, lmtp_is_idle, w);
	mta_drain(w->mta, mta_is_idle, w);
	timer_set(w->keeper, &w->drain_timer, (uint64_t)w->conf->drain_s * 1000, drain_is_over, w);
}

/* ---- start ---- */

struct sweep_job {
	struct job job;
	struct winpopd *w;
	struct mailroot *root;
	struct share *share; /* what keeps it open */
	unsigned n;
};

static enum ec start_threads(struct winpopd *w, struct err *e)
{
	enum ec rc = loop_new(0, &w->keeper, e);
	for (; rc == EC_OK && w->n_loops < w->conf->threadcount; w->n_loops++)
		rc = loop_new(w->n_loops + 1, &w->loops[w->n_loops], e);
	if (rc == EC_OK)
		rc = work_new("signin", w->conf->workers, JOBS_MAX, &w->signin_work, e);
	if (rc == EC_OK)
		work_patience(w->signin_work, SIGNIN_PATIENCE_MS);
	if (rc == EC_OK)
		rc = work_new("mailbox", w->conf->workers, JOBS_MAX, &w->mailbox_work, e);
	if (rc == EC_OK)
		work_nice(w->mailbox_work, MAILBOX_NICE);
	if (rc == EC_OK)
		rc = work_new("deliver", w->conf->workers, JOBS_MAX, &w->deliver_work, e);
	return rc;
}

static enum ec start_services(struct winpopd *w, struct err *e)
{
	struct setups s;
	const struct pop3_work work = { w->signin_work, w->mailbox_work };
	const struct mta_work mta_work = { w->deliver_work, w->signin_work };

	caretaker_rules(w);
	session_setups(w, &s);
	w->pop3 = pop3_new(w->loops, w->n_loops, work, &s.pop3, &w->log);
	w->lmtp = lmtp_new(w->loops, w->n_loops, w->deliver_work, &s.lmtp, &w->log);
	w->mta = mta_new(w->loops, w->n_loops, mta_work, &s.mta, &w->log);
	doors_start(w);
	enum ec rc = EC_OK;
	for (unsigned i = 0; rc == EC_OK && i < w->n_loops; i++)
		rc = loop_start(w->loops[i], e);
	return rc;
}

/* What the settings name, seen by whom we shall be. */
static enum ec open_named(struct winpopd *w, struct err *e)
{
	enum ec rc = privs_drop(w->conf, e);
	if (rc == EC_OK)
		rc = conf_check_world(w->conf, e);
	if (rc == EC_OK)
		rc = quota_warning_check(w->conf->quota_warning, e);
	if (rc == EC_OK)
		rc = load_tls(w->conf, NULL, &w->log, &w->tls, e);
	if (rc == EC_OK)
		rc = backing_open(w, w->conf, &w->backing, e);
	if (rc == EC_OK)
		rc = load_auth(w, w->conf, w->backing, &w->auth, e);
	if (rc == EC_OK)
		rc = load_smtp_auth(w, w->conf, w->backing, w->auth, &w->smtp_auth, e);
	return rc;
}

static enum ec start(struct winpopd *w, struct err *e)
{
	enum ec rc = privs_harden(e);
	if (rc == EC_OK)
		rc = privs_files(w->conf, &w->log, e);
	if (rc == EC_OK)
		rc = doors_open_tcp(w, e);
	if (rc == EC_OK)
		rc = privs_socket_dirs(w->conf, false, e);
	if (rc == EC_OK)
		rc = open_named(w, e);
	if (rc == EC_OK)
		rc = doors_open_unix(w, e);
	if (rc == EC_OK)
		rc = start_threads(w, e);
	if (rc == EC_OK)
		rc = start_services(w, e);
	if (rc == EC_OK)
		rc = exporting_open(w, e);
	if (rc == EC_OK)
		rc = caretaker_start(w, e);
	return rc;
}

/* What a crash left in the mail root: drafts, half-done removals. On a worker: a large mail root takes a while. */
static void sweep(struct job *j)
{
	struct sweep_job *s = (struct sweep_job *)j;
	s->n = mailroot_sweep(s->root, true);
}

static void swept(struct job *j)
{
	struct sweep_job *s = (struct sweep_job *)j;
	if (s->n > 0)
		log_event(&s->w->log, LV_INFO, "swept", KV_U("leftovers", s->n));
	share_unref(&s->share);
	free(s);
}

static void start_sweep(struct winpopd *w)
{
	struct sweep_job *s = mem_new(sizeof(*s));
	*s = (struct sweep_job){ .job = { .home = w->keeper, .run = sweep, .done = swept },
				 .w = w,
				 .root = w->backing->backends.root,
				 .share = share_ref(&w->backing->share) };
	if (work_submit(w->deliver_work, &s->job) == EC_OK)
		return;
	share_unref(&s->share); /* the next start will */
	free(s);
}

static void say_ready(struct winpopd *w)
{
	char pop3[128], pop3s[128];
	doors_text(w, DOOR_POP3, pop3, sizeof(pop3));
	doors_text(w, DOOR_POP3S, pop3s, sizeof(pop3s));
	log_event(&w->log, LV_NOTE, "ready", KV("version", WINPOP_VERSION), KV("pop3", pop3),
		  KV("pop3s", pop3s), KV("lmtp", w->conf->lmtp_socket),
		  KV("maps", w->conf->maps_socket), KV("auth", w->conf->auth_socket),
		  KV("mailroot", w->conf->mailroot), KV_U("threads", w->n_loops),
		  KV_U("workers", w->conf->workers));
	notify_manager("READY=1");
}

static void serve(struct winpopd *w)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct event *ev[3];
	for (int i = 0; i < 3; i++) {
		ev[i] = evsignal_new(loop_base(w->keeper), signals[i], on_signal, w);
		evsignal_add(ev[i], NULL);
	}
	say_ready(w);
	start_sweep(w);
	loop_run(w->keeper);
	for (int i = 0; i < 3; i++)
		event_free(ev[i]);
}

/* Order: nobody may come in, loops stand still, workers finish, then what they used goes. */
static void finish(struct winpopd *w)
{
	control_free(&w->control);
	exporter_free(&w->exporter);
	caretaker_end(w);
	for (unsigned i = 0; i < w->n_loops; i++) {
		loop_stop(w->loops[i]);
		loop_join(w->loops[i]);
	}
	doors_close(w);
	work_free(&w->signin_work);
	work_free(&w->mailbox_work);
	work_free(&w->deliver_work);
	pop3_free(&w->pop3);
	lmtp_free(&w->lmtp);
	mta_free(&w->mta);
	if (w->keeper) {
		timer_cancel(&w->drain_timer);
		timer_cancel(&w->look_timer);
	}
	for (unsigned i = 0; i < w->n_loops; i++)
		loop_free(&w->loops[i]);
	loop_free(&w->keeper);
	auth_unref(&w->smtp_auth);
	auth_unref(&w->auth);
	tls_unref(&w->tls);
	backing_end(w);
}

/* --check: everything a start would look at, without opening a socket or changing a file. */
static int check_only(struct winpopd *w)
{
	struct err e;
	enum ec rc = privs_socket_dirs(w->conf, true, &e);
	if (rc == EC_OK)
		rc = open_named(w, &e);
	finish(w);
	if (rc != EC_OK)
		return complain(&e);
	printf("winpopd: %s is good\n", w->conf->path);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct winpopd w = { .started_s = (uint64_t)clock_wall_s() };
	struct args args;
	struct err e = { 0 };
	file_fill_standard();
	int status = parse_args(argc, argv, &args);
	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	umask(027);
	(void)tls_heap_start(); /* without it TLS costs more memory: not a reason to stay away */
	if (conf_load(args.config, &w.conf, &e) != EC_OK)
		return complain(&e);
	w.sink = log_open(w.conf->log_to, "winpopd", (int)w.conf->logging);
	w.log.sink = w.sink;
	w.started = conf_ref(w.conf);
	if (args.check) {
		status = check_only(&w);
	} else if (start(&w, &e) == EC_OK) {
		serve(&w);
		finish(&w);
		log_event(&w.log, LV_NOTE, "stopped");
		status = EXIT_SUCCESS;
	} else {
		log_event(&w.log, LV_CRIT, "start-failed", KV("class", ec_name(e.class)),
			  KV("text", e.text));
		status = complain(&e);
		finish(&w);
	}
	log_close(&w.sink);
	conf_unref(&w.started);
	conf_unref(&w.conf);
	return status;
}
