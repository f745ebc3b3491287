/* figures.c - the table, where its numbers come from, and what is healthy. */
#include <fcntl.h>
#include <jansson.h>
#include <stddef.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/main/figures.h"

#define SERVERS_TOLD 16

struct now {
	uint64_t uptime, sessions, signed_in, strangers, sessions_total, served, held, ready,
		denied, lmtp_sessions, lmtp_total, delivered, refused, signin_queue, mailbox_queue,
		deliver_queue, signin_oldest_ms, mailbox_oldest_ms, deliver_oldest_ms, retired,
		mta_sessions, mta_total, lookups, smtp_signins, smtp_refused, servers_up,
		servers_down, healthy, started;
};

/* Rows of one family stand together; help is in the first. */
static const struct figure {
	const char *key; /* in `winpop status`; NULL: not there */
	const char *family, *label, *value;
	size_t at; /* in struct now */
	enum metric type;
	unsigned per; /* one of it is so many; 0: one */
	const char *help;
} figures[] = {
#define AT(field) offsetof(struct now, field)
	{ "uptime", NULL, NULL, NULL, AT(uptime) },
	{ "sessions", NULL, NULL, NULL, AT(sessions) },
	{ "signed_in", "winpop_sessions", "state", "signed_in", AT(signed_in), METRIC_GAUGE, 0,
	  "POP3 sessions now" },
	{ NULL, "winpop_sessions", "state", "not_signed_in", AT(strangers) },
	{ "sessions_total", "winpop_sessions_begun", NULL, NULL, AT(sessions_total), METRIC_COUNTER,
	  0, "POP3 connections since the start" },
	{ "served", "winpop_sockets", "state", "served", AT(served), METRIC_GAUGE, 0,
	  "POP3 connections by socketmax and its kin: served, silent until one ends, room kept "
	  "ready" },
	{ "held", "winpop_sockets", "state", "held", AT(held) },
	{ "ready", "winpop_sockets", "state", "ready", AT(ready) },
	{ "denied", NULL, NULL, NULL, AT(denied) },
	{ "lmtp_sessions", "winpop_lmtp_sessions", NULL, NULL, AT(lmtp_sessions), METRIC_GAUGE, 0,
	  "LMTP sessions now" },
	{ "lmtp_total", "winpop_lmtp_sessions_begun", NULL, NULL, AT(lmtp_total), METRIC_COUNTER, 0,
	  "LMTP connections since the start" },
	{ "delivered", NULL, NULL, NULL, AT(delivered) },
	{ "refused", NULL, NULL, NULL, AT(refused) },
	{ "signin_queue", "winpop_queue_jobs", "queue", "signin", AT(signin_queue), METRIC_GAUGE, 0,
	  "Jobs that wait for a worker" },
	{ "mailbox_queue", "winpop_queue_jobs", "queue", "mailbox", AT(mailbox_queue) },
	{ "deliver_queue", "winpop_queue_jobs", "queue", "deliver", AT(deliver_queue) },
	{ NULL, "winpop_queue_oldest_seconds", "queue", "signin", AT(signin_oldest_ms),
	  METRIC_GAUGE, 1000, "For how long the oldest of them has waited" },
	{ NULL, "winpop_queue_oldest_seconds", "queue", "mailbox", AT(mailbox_oldest_ms),
	  METRIC_GAUGE, 1000 },
	{ NULL, "winpop_queue_oldest_seconds", "queue", "deliver", AT(deliver_oldest_ms),
	  METRIC_GAUGE, 1000 },
	{ "retired", "winpop_backends_retired", NULL, NULL, AT(retired), METRIC_GAUGE, 0,
	  "Sets of backends that settings of before a reload opened, and sessions still hold" },
	{ "mta_sessions", "winpop_mta_sessions", NULL, NULL, AT(mta_sessions), METRIC_GAUGE, 0,
	  "Connections of MTAs to maps_socket and auth_socket now" },
	{ "mta_total", "winpop_mta_sessions_begun", NULL, NULL, AT(mta_total), METRIC_COUNTER, 0,
	  "Connections of MTAs since the start" },
	{ "lookups", "winpop_lookups", NULL, NULL, AT(lookups), METRIC_COUNTER, 0,
	  "Questions of MTAs answered" },
	{ "smtp_signins", NULL, NULL, NULL, AT(smtp_signins) },
	{ "smtp_refused", NULL, NULL, NULL, AT(smtp_refused) },
	{ NULL, "winpop_directory_servers", "state", "up", AT(servers_up), METRIC_GAUGE, 0,
	  "Directory servers that are known" },
	{ NULL, "winpop_directory_servers", "state", "down", AT(servers_down) },
	{ NULL, "winpop_healthy", NULL, NULL, AT(healthy), METRIC_GAUGE, 0,
	  "1 if clients should be sent here, as /health says" },
	{ NULL, "process_start_time_seconds", NULL, NULL, AT(started), METRIC_GAUGE, 0,
	  "When the service was started, in seconds since 1970" },
};

static uint64_t value_of(const struct now *now, const struct figure *f)
{
	return *(const uint64_t *)((const char *)now + f->at);
}

/* Returns how many there are. */
static unsigned count_servers(const struct winpopd *w, unsigned *up)
{
	struct dir_server_now server[SERVERS_TOLD];
	struct dir *dir = w->backing->backends.dir;
	unsigned n = dir ? dir_now(dir, server, SERVERS_TOLD) : 0;

	*up = 0;
	if (n > SERVERS_TOLD)
		n = SERVERS_TOLD;
	for (unsigned i = 0; i < n; i++)
		*up += server[i].up;
	return n;
}

static void look_at_sessions(const struct winpopd *w, struct now *to)
{
	struct pop3_now p;
	struct lmtp_now l;
	struct mta_now m;

	pop3_now(w->pop3, &p);
	lmtp_now(w->lmtp, &l);
	mta_now(w->mta, &m);
	to->sessions = p.sessions;
	to->signed_in = p.signed_in;
	to->strangers = p.sessions > p.signed_in ? p.sessions - p.signed_in : 0;
	to->sessions_total = p.total;
	to->served = p.slots.served;
	to->held = p.slots.held;
	to->ready = p.slots.ready;
	to->denied = p.slots.denied;
	to->lmtp_sessions = l.sessions;
	to->lmtp_total = l.total;
	to->delivered = l.delivered;
	to->refused = l.refused;
	to->mta_sessions = m.sessions;
	to->mta_total = m.total;
	to->lookups = m.lookups;
	to->smtp_signins = m.signins;
	to->smtp_refused = m.failed;
}

static void look(const struct winpopd *w, struct now *to)
{
	struct err e;
	unsigned up, n = count_servers(w, &up);

	*to = (struct now){ 0 };
	look_at_sessions(w, to);
	to->started = w->started_s;
	to->uptime = (uint64_t)clock_wall_s() - w->started_s;
	to->signin_queue = work_waiting(w->signin_work);
	to->mailbox_queue = work_waiting(w->mailbox_work);
	to->deliver_queue = work_waiting(w->deliver_work);
	to->signin_oldest_ms = work_oldest_ms(w->signin_work);
	to->mailbox_oldest_ms = work_oldest_ms(w->mailbox_work);
	to->deliver_oldest_ms = work_oldest_ms(w->deliver_work);
	to->retired = backing_retired(w);
	to->servers_up = up;
	to->servers_down = n - up;
	to->healthy = figures_health(w, &e);
}

/* ---- for winpop status ---- */

static void put_event(void *ctx, const char *event, uint64_t n)
{
	json_object_set_new(ctx, event, json_integer((json_int_t)n));
}

void figures_status(struct winpopd *w, json_t *reply)
{
	json_t *events = json_object();
	struct now now;

	look(w, &now);
	json_object_set_new(reply, "pid", json_integer(getpid()));
	json_object_set_new(reply, "version", json_string(WINPOP_VERSION));
	json_object_set_new(reply, "authentication", json_string(backing_method(w->backing)));
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (figures[i].key)
			put_event(reply, figures[i].key, value_of(&now, &figures[i]));
	}
	log_each_count(w->sink, put_event, events);
	json_object_set_new(reply, "events", events);
}

/* ---- for metrics ---- */

static void put_figures(struct metrics *m, const struct now *now)
{
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		const struct figure *f = &figures[i];

		if (!f->family)
			continue;
		if (f->help)
			metrics_family(m, f->family, f->type, f->help);
		metrics_row(m, (double)value_of(now, f) / (f->per ? f->per : 1), f->label, f->value,
			    NULL);
	}
}

char *figures_metrics(struct winpopd *w, enum metrics_form form)
{
	struct metrics m;
	struct now now;

	look(w, &now);
	metrics_begin(&m, form);
	metrics_family(&m, "winpop_build_info", METRIC_GAUGE, "What this is, as labels");
	metrics_row_n(&m, 1, "version", WINPOP_VERSION, "authentication",
		      backing_method(w->backing), NULL);
	put_figures(&m, &now);
	metrics_counted(&m, w->sink);
	metrics_process(&m);
	return metrics_end(&m);
}

/* ---- health ---- */

/* Away, and those who come are not remembered: nobody would get in. */
static bool directory_is_missed(const struct winpopd *w)
{
	const struct conf *c = w->conf;
	bool remembers = c->authentication == AUTHN_AD ? c->cache_s > 0 : c->directory_memory_s > 0;
	unsigned up, n = count_servers(w, &up);

	return n > 0 && up == 0 && !remembers;
}

bool figures_health(const struct winpopd *w, struct err *why)
{
	if (w->stopping) {
		err_set(why, EC_TEMP, "the service is stopping\n");
		return false;
	}
	if (faccessat(AT_FDCWD, w->conf->mailroot, R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
		err_sys(why, "the mail root %s cannot be used", w->conf->mailroot);
		return false;
	}
	if (directory_is_missed(w)) {
		err_set(why, EC_TEMP, "the directory is away\n");
		return false;
	}
	return true;
}
