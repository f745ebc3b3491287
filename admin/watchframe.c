/* watchframe.c - what the live view shows: figures in, one screen out.
 *
 * Plain ANSI: home, each line followed by "erase to its end", then "erase what is below". Nothing is asked of the
 * terminal and nothing scrolls, so a window may change its size at any moment: the next frame fits again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/amount.h"
#include "admin/watch.h"

#define LABEL_WIDTH 20
#define GAUGE_WIDTH 20

/* ---- figures ---- */

void watch_look(struct watch *w, uint64_t now_ms)
{
	w->before_ms = w->now_ms;
	w->now_ms = now_ms;
	w->looks++;
	for (unsigned i = 0; i < w->n; i++)
		w->figures[i].before = w->figures[i].now;
}

static const struct watch_figure *find(const struct watch *w, const char *name, bool event)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->figures[i].event == event && strcmp(w->figures[i].name, name) == 0)
			return &w->figures[i];
	}
	return NULL;
}

/* An event that is seen for the first time has happened since the look before. */
void watch_figure(struct watch *w, const char *name, bool event, uint64_t value)
{
	struct watch_figure *f = (struct watch_figure *)find(w, name, event);

	if (!f && w->n < WATCH_FIGURES_MAX && strlen(name) < WATCH_NAME_MAX) {
		f = &w->figures[w->n++];
		*f = (struct watch_figure){ .event = event };
		strcpy(f->name, name);
		f->before = w->looks > 1 && event ? 0 : value;
	}
	if (f)
		f->now = value;
}

static uint64_t now_of(const struct watch *w, const char *name, bool event)
{
	const struct watch_figure *f = find(w, name, event);

	return f ? f->now : 0;
}

/* Less than before: the service was started anew. */
static uint64_t came(const struct watch_figure *f)
{
	return !f ? 0 : f->now >= f->before ? f->now - f->before : f->now;
}

static double per_second(const struct watch *w, uint64_t n)
{
	uint64_t ms = w->now_ms - w->before_ms;

	return w->looks > 1 && ms > 0 ? (double)n * 1000 / (double)ms : 0;
}

/* ---- lines ---- */

struct frame {
	const struct watch *w;
	struct buf *out;
	unsigned columns, left; /* rows */
};

/* What does not fit is cut off, between characters; and no octet of a text does anything to the terminal. */
static void put_line(struct frame *f, const char *text)
{
	unsigned room = f->columns;

	if (f->left == 0)
		return;
	for (const char *p = text; *p; p++) {
		bool begins = ((unsigned char)*p & 0xC0) != 0x80;
		bool control = (unsigned char)*p < 0x20 || *p == 0x7F;
		if (begins && room-- == 0)
			break;
		buf_add(f->out, control ? "?" : p, 1);
	}
	/* No line's end behind the last row: the screen would scroll. */
	buf_addz(f->out, --f->left > 0 ? "\033[K\r\n" : "\033[K");
}

static void put_figures(struct frame *f, const char *label, const char *now, uint64_t fresh,
			uint64_t total)
{
	char line[120];

	snprintf(line, sizeof(line), "%-*s %10s %12.1f %14ju", LABEL_WIDTH, label, now,
		 per_second(f->w, fresh), (uintmax_t)total);
	put_line(f, line);
}

/* now: the number that stands for the present, or NULL; total: the one that only grows, an event or not. */
static void put_row(struct frame *f, const char *label, const char *now, const char *total,
		    bool event)
{
	const struct watch_figure *t = find(f->w, total, event);
	char digits[24] = "";

	if (now)
		snprintf(digits, sizeof(digits), "%ju", (uintmax_t)now_of(f->w, now, false));
	put_figures(f, label, digits, came(t), t ? t->now : 0);
}

/* Faults of ours, and of what we lean on; what a client did wrong is not among them. */
static bool is_error(const char *event)
{
	static const char *const endings[] = { "-trouble",     "-fault",      "-down",
					       "-damaged",     "-unreadable", "-broken",
					       "-unavailable", "-failed",     "-uncounted" };
	static const char *const others[] = { "signin-failed", "connection-broken" };
	const char *end = strrchr(event, '-');

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(event, others[i]) == 0)
			return false;
	}
	for (size_t i = 0; end && i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (strcmp(end, endings[i]) == 0)
			return true;
	}
	return false;
}

static void put_errors(struct frame *f)
{
	uint64_t fresh = 0, total = 0;

	for (unsigned i = 0; i < f->w->n; i++) {
		const struct watch_figure *one = &f->w->figures[i];
		if (!one->event || !is_error(one->name))
			continue;
		fresh += came(one);
		total += one->now;
	}
	put_figures(f, "errors", "", fresh, total);
}

static void put_queues(struct frame *f)
{
	const struct watch *w = f->w;
	char line[160];

	snprintf(line, sizeof(line),
		 "%-*s sign-in %ju   mailboxes %ju   delivery %ju   waiting to be served %ju",
		 LABEL_WIDTH, "queues", (uintmax_t)now_of(w, "signin_queue", false),
		 (uintmax_t)now_of(w, "mailbox_queue", false),
		 (uintmax_t)now_of(w, "deliver_queue", false), (uintmax_t)now_of(w, "held", false));
	put_line(f, line);
}

static void put_disk(struct frame *f)
{
	const struct watch *w = f->w;
	char gauge[GAUGE_WIDTH + 1] = "", all[AMOUNT_TEXT_MAX], room[AMOUNT_TEXT_MAX], line[400];

	if (w->disk_octets == 0)
		return;
	double used = 1 - (double)w->disk_free / (double)w->disk_octets;
	for (unsigned i = 0; i < GAUGE_WIDTH; i++)
		gauge[i] = i < used * GAUGE_WIDTH ? '#' : '.';
	snprintf(line, sizeof(line), "%-*s [%s] %.0f%% of %s used, %s free   %s", LABEL_WIDTH,
		 "disk of the mail", gauge, used * 100, amount_about(w->disk_octets, all),
		 amount_about(w->disk_free, room), w->mailroot);
	put_line(f, line);
}

/* ---- events ---- */

static int by_need(const void *a, const void *b)
{
	const struct watch_figure *x = *(const struct watch_figure *const *)a;
	const struct watch_figure *y = *(const struct watch_figure *const *)b;

	if (came(x) != came(y))
		return came(x) < came(y) ? 1 : -1;
	if (x->now != y->now)
		return x->now < y->now ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void put_events(struct frame *f)
{
	const struct watch_figure *events[WATCH_FIGURES_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < f->w->n; i++) {
		if (f->w->figures[i].event)
			events[n++] = &f->w->figures[i];
	}
	qsort(events, n, sizeof(*events), by_need);
	put_line(f, "");
	put_line(f, "what happens most");
	for (unsigned i = 0; i < n && f->left > 2; i++)
		put_figures(f, events[i]->name, is_error(events[i]->name) ? "!" : "",
			    came(events[i]), events[i]->now);
}

static void put_service(struct frame *f)
{
	char line[120];

	snprintf(line, sizeof(line), "%-*s %10s %12s %14s", LABEL_WIDTH, "", "now", "per second",
		 "since start");
	put_line(f, line);
	put_row(f, "POP3 sessions", "sessions", "sessions_total", false);
	put_row(f, "  signed in", "signed_in", "signin", true);
	put_row(f, "  refused sign-ins", NULL, "signin-failed", true);
	put_row(f, "  turned away", NULL, "denied", false);
	put_row(f, "deliveries", "lmtp_sessions", "delivered", false);
	put_row(f, "  refused", NULL, "refused", false);
	put_row(f, "MTA questions", "mta_sessions", "lookups", false);
	put_errors(f);
	put_line(f, "");
	put_queues(f);
	put_disk(f);
	put_events(f);
}

void watch_frame(const struct watch *w, unsigned columns, unsigned rows, struct buf *out)
{
	struct frame f = { .w = w, .out = out, .columns = columns, .left = rows };
	char line[200];

	buf_addz(out, "\033[H");
	snprintf(line, sizeof(line), "%s  %s   (q ends)", w->clock, w->title);
	put_line(&f, line);
	put_line(&f, w->trouble);
	if (w->looks > 0)
		put_service(&f);
	buf_addz(out, "\033[J");
}
