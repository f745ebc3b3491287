/* progress.c - see progress.h.
 *
 *	plan [#######.............] 3600/10000  36%  900/s  0:07 left
 *	[#########................] 3600/10000  36%  290/s  0:22 left  4 failed
 *	[#########................] 3600/10000  waiting: the directory is away: ...
 *
 * A bar is drawn over itself: carriage return, text, "erase to the end of the line". No cursor is moved between lines and
 * nothing is asked of the terminal, so it can stand behind ssh, in screen, or in a window that is made smaller meanwhile: the
 * width is looked at each time.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "admin/progress.h"

#define DRAW_MS 100
#define LINE_MS 5000
#define RATE_MS 1000 /* a speed taken over less says nothing */
#define COLUMNS_DEFAULT 80
#define BAR_SHARE 3 /* the bar itself gets a third of the width */

struct progress {
	FILE *to;
	bool terminal, lines;
	bool drawn, waiting, planning;
	uint64_t began_ms, shown_ms;
};

struct progress *progress_new(FILE *to, bool lines)
{
	struct progress *p = mem_new(sizeof(*p));
	uint64_t now = clock_mono_ms();

	*p = (struct progress){ .to = to,
				.terminal = isatty(fileno(to)),
				.lines = lines,
				.began_ms = now,
				.shown_ms = now };
	return p;
}

/* ---- the bar ---- */

static void put_gauge(struct buf *b, unsigned width, size_t done, size_t total)
{
	unsigned full = total > 0 ? (unsigned)((double)width * (double)done / (double)total) : 0;

	buf_addz(b, "[");
	for (unsigned i = 0; i < width; i++)
		buf_addz(b, i < full ? "#" : ".");
	buf_addz(b, "] ");
}

static void put_speed(struct buf *b, size_t done, size_t total, uint64_t spent_ms)
{
	if (spent_ms < RATE_MS || done == 0)
		return;
	uint64_t left_s = (total - done) * spent_ms / done / 1000;
	buf_fmt(b, "  %ju/s  %ju:%02ju left", (uintmax_t)(done * 1000 / spent_ms),
		(uintmax_t)(left_s / 60), (uintmax_t)(left_s % 60));
}

/* What does not fit is cut off, between characters; and no octet of a text does anything to the terminal. */
static void put_cut(struct buf *out, unsigned columns, const struct buf *text)
{
	const char *p = buf_at(text);

	for (size_t i = 0; i < text->len; i++) {
		bool begins = ((unsigned char)p[i] & 0xC0) != 0x80;
		bool control = (unsigned char)p[i] < 0x20 || p[i] == 0x7F;
		if (begins && columns-- == 0)
			return;
		buf_add(out, control ? "?" : &p[i], 1);
	}
}

void progress_bar(struct buf *out, unsigned columns, const struct mig_progress *now,
		  uint64_t spent_ms)
{
	struct buf b = { 0 };

	buf_addz(&b, now->planning ? "plan " : "");
	put_gauge(&b, columns / BAR_SHARE, now->done, now->total);
	buf_fmt(&b, "%zu/%zu", now->done, now->total);
	if (now->waiting) {
		buf_fmt(&b, "  waiting: %s", now->why.text);
	} else if (now->total > 0) {
		buf_fmt(&b, "  %zu%%", now->done * 100 / now->total);
		put_speed(&b, now->done, now->total, spent_ms);
		if (now->failed > 0)
			buf_fmt(&b, "  %zu failed", now->failed);
	}
	put_cut(out, columns, &b);
	buf_drop(&b);
}

/* One column stays free: a terminal that is full to its edge goes on to the next line. */
static unsigned columns_of(const struct progress *p)
{
	struct winsize ws;

	if (ioctl(fileno(p->to), TIOCGWINSZ, &ws) < 0 || ws.ws_col < 2)
		return COLUMNS_DEFAULT - 1;
	return ws.ws_col - 1U;
}

static void draw(struct progress *p, const struct mig_progress *now, uint64_t spent_ms)
{
	struct buf b = { 0 };

	buf_addz(&b, "\r");
	progress_bar(&b, columns_of(p), now, spent_ms);
	buf_addz(&b, "\033[K");
	fwrite(buf_at(&b), 1, b.len, p->to);
	fflush(p->to);
	buf_drop(&b);
	p->drawn = true;
}

static void erase(struct progress *p)
{
	if (!p->drawn)
		return;
	fputs("\r\033[K", p->to);
	fflush(p->to);
	p->drawn = false;
}

/* ---- lines ---- */

/* Once when it begins and once when it ends: whoever reads a log wants to know when. */
static void tell_waiting(struct progress *p, const struct mig_progress *now)
{
	if (now->waiting == p->waiting)
		return;
	p->waiting = now->waiting;
	if (now->waiting)
		progress_say(p, "waiting: %s", now->why.text);
	else
		progress_say(p, "no longer waiting");
}

static void tell(struct progress *p, const struct mig_progress *now)
{
	progress_say(p, "%s%zu of %zu, %zu failed", now->planning ? "plan: " : "", now->done,
		     now->total, now->failed);
}

void progress_show(struct progress *p, const struct mig_progress *now)
{
	uint64_t at = clock_mono_ms();

	if (p->planning && !now->planning) /* another speed */
		p->began_ms = at;
	p->planning = now->planning;
	if (!p->terminal && p->lines)
		tell_waiting(p, now);
	if (at - p->shown_ms < (p->terminal ? DRAW_MS : LINE_MS))
		return;
	p->shown_ms = at;
	if (p->terminal)
		draw(p, now, at - p->began_ms);
	else if (p->lines)
		tell(p, now);
}

void progress_say(struct progress *p, const char *fmt, ...)
{
	struct buf text = { 0 }, line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	erase(p);
	buf_addz(&line, "winpop: ");
	put_cut(&line, UINT32_MAX, &text);
	buf_addz(&line, "\n");
	fwrite(buf_at(&line), 1, line.len, p->to);
	fflush(p->to);
	buf_drop(&text);
	buf_drop(&line);
}

void progress_end(struct progress **p)
{
	if (!*p)
		return;
	erase(*p);
	free(*p);
	*p = NULL;
}
