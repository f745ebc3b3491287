/* watch.c - the terminal: taken, drawn on, given back.
 *
 * No curses: one screen of lines that is drawn anew every few seconds needs none of it, and so it works on any
 * terminal that knows ANSI. Keys and signals are waited for together (signalfd), so that there is no handler and no
 * moment in which a signal could leave the terminal as it should not stay. Ctrl-C is a key here.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "admin/cmd.h"
#include "admin/service.h"
#include "admin/watch.h"

#define SECONDS_USUAL 2
#define SECONDS_MAX 3600
#define CTRL_C '\003'
#define CTRL_D '\004'

struct screen {
	struct termios was;
	sigset_t mask;
	int signals;
};

enum ec watch_seconds(const char *text, unsigned *out, struct err *e)
{
	char *end;
	unsigned long n = *text ? strtoul(text, &end, 10) : SECONDS_USUAL;

	*out = (unsigned)n;
	if (!*text || (*text >= '1' && *text <= '9' && !*end && n <= SECONDS_MAX))
		return EC_OK;
	return err_set(e, EC_USAGE, "/watch takes seconds from 1 to %d, not \"%.40s\"", SECONDS_MAX,
		       text);
}

/* ---- the terminal ---- */

static enum ec screen_take(struct screen *s, struct err *e)
{
	struct termios raw;
	sigset_t ours;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &s->was) < 0)
		return err_set(e, EC_USAGE,
			       "/watch needs a terminal; programs ask for winpop "
			       "status --json as often as they like");
	sigemptyset(&ours);
	for (size_t i = 0; i < 4; i++)
		sigaddset(&ours, (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGWINCH }[i]);
	sigprocmask(SIG_BLOCK, &ours, &s->mask);
	s->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0) {
		sigprocmask(SIG_SETMASK, &s->mask, NULL);
		return err_sys(e, "cannot watch for signals");
	}
	raw = s->was;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	/* The other screen, so that what was on this one comes back; no cursor. */
	static const char begin[] = "\033[?1049h\033[?25l";
	file_write_all(STDOUT_FILENO, begin, sizeof(begin) - 1);
	return EC_OK;
}

static void screen_give_back(struct screen *s)
{
	static const char end[] = "\033[?25h\033[?1049l";

	file_write_all(STDOUT_FILENO, end, sizeof(end) - 1);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &s->was);
	close(s->signals);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

static bool draw(const struct watch *w)
{
	struct winsize size = { 0 };
	struct buf b = { 0 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	watch_frame(w, size.ws_col ? size.ws_col : 80, size.ws_row ? size.ws_row : 24, &b);
	int rc = file_write_all(STDOUT_FILENO, buf_at(&b), b.len);
	buf_drop(&b);
	return rc == 0;
}

/* ---- looking ---- */

static void take_number(void *ctx, const char *name, uint64_t value)
{
	watch_figure(ctx, name, false, value);
}

static void take_event(void *ctx, const char *name, uint64_t value)
{
	watch_figure(ctx, name, true, value);
}

static void look_at_disk(struct watch *w, const struct conf *c)
{
	struct statvfs fs;

	snprintf(w->mailroot, sizeof(w->mailroot), "%s", c->mailroot);
	w->disk_octets = 0;
	if (statvfs(c->mailroot, &fs) < 0)
		return;
	/* What root alone may use is no room for mail. */
	w->disk_free = (uint64_t)fs.f_bavail * fs.f_frsize;
	w->disk_octets = w->disk_free + (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
}

static void look(struct watch *w, const struct conf *c, unsigned seconds)
{
	time_t now = time(NULL);
	struct tm tm;
	struct err why = { .text = "" };
	char version[40] = "";

	strftime(w->clock, sizeof(w->clock), "%H:%M:%S", localtime_r(&now, &tm));
	look_at_disk(w, c);
	/* A service that is down now may be up at the next look. */
	struct watch fresh = *w;
	watch_look(&fresh, clock_mono_ms());
	const struct service_told told = { take_number, take_event, &fresh };
	if (service_figures(c, &told, version, sizeof(version), &why) == EC_OK)
		*w = fresh;
	snprintf(w->trouble, sizeof(w->trouble), "%s", why.text);
	if (*version)
		snprintf(w->title, sizeof(w->title), "winpopd %s, every %u s", version, seconds);
}

/* False: end. */
static bool key(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	for (ssize_t i = 0; i < n; i++) {
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == CTRL_C || keys[i] == CTRL_D)
			return false;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

/* False: end. */
static bool caught(const struct screen *s)
{
	struct signalfd_siginfo one;

	while (read(s->signals, &one, sizeof(one)) == sizeof(one)) {
		if (one.ssi_signo != SIGWINCH)
			return false;
	}
	return true;
}

/* Until it is time for the next look; drawn anew where the window changed. False: end. */
static bool rest(const struct screen *s, const struct watch *w, uint64_t until_ms)
{
	for (;;) {
		struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				      { .fd = s->signals, .events = POLLIN } };
		uint64_t now = clock_mono_ms();

		if (now >= until_ms)
			return true;
		if (poll(p, 2, (int)(until_ms - now)) < 0 && errno != EINTR)
			return false;
		if ((p[0].revents && !key()) || (p[1].revents && (!caught(s) || !draw(w))))
			return false;
	}
}

static enum ec run(const struct conf *c, unsigned seconds, struct err *e)
{
	struct watch *w = mem_new(sizeof(*w));
	struct screen s;
	enum ec rc = screen_take(&s, e);

	if (rc == EC_OK) {
		uint64_t next_ms;
		do {
			next_ms = clock_mono_ms() + (uint64_t)seconds * 1000;
			look(w, c, seconds);
		} while (draw(w) && rest(&s, w, next_ms));
		screen_give_back(&s);
	}
	free(w);
	return rc;
}

enum ec wp_watch(struct wp *w, const struct wp_args *a, const char *seconds, struct err *e)
{
	unsigned n;

	if (w->by)
		return err_set(e, EC_DENIED, "/watch is for a terminal on the host itself");
	if (a->argc > 0)
		return err_set(e, EC_USAGE, "/watch is about the whole service: leave out %.40s",
			       a->argv[0]);
	if (a->json || a->csv)
		return err_set(e, EC_USAGE,
			       "/watch is for people: ask for winpop status --json as "
			       "often as you like");
	enum ec rc = watch_seconds(seconds, &n, e);
	return rc == EC_OK ? run(w->conf, n, e) : rc;
}
