/* watch.h - the running service, live on a terminal.
 *
 * wp_watch owns the screen until somebody presses q or Ctrl-C, and gives it back as it was, whatever ends it but SIGKILL.
 * What is on the screen is made by watch_frame, which is pure.
 * Thread: one.
 */
#pragma once
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/conf/conf.h"

struct wp;
struct wp_args;

#define WATCH_FIGURES_MAX 160
#define WATCH_NAME_MAX 48

struct watch_figure { /* a number or a counter of the service */
	char name[WATCH_NAME_MAX];
	bool event;
	uint64_t now, before; /* at the last two looks */
};
struct watch {
	struct watch_figure figures[WATCH_FIGURES_MAX];
	unsigned n;
	char title[120];   /* what and whose it is */
	char trouble[240]; /* why there is no answer; "" = there is one */
	unsigned looks;    /* that were answered; from the second on there are rates */
	uint64_t now_ms, before_ms;
	char mailroot[256];
	uint64_t disk_octets, disk_free; /* disk_octets 0: not known */
	char clock[16];
};

/* A look begins: what was now is before. */
void watch_look(struct watch *w, uint64_t now_ms);
void watch_figure(struct watch *w, const char *name, bool event, uint64_t value);
/* The screen: at most so many rows, each at most so wide, with what draws it over the one before. */
void watch_frame(const struct watch *w, unsigned columns, unsigned rows, struct buf *out);

/* Row of a command's switches, and what it does with its value. EC_USAGE: standard input or output is no terminal, or it was
 * asked for JSON. EC_DENIED: not from a shell. */
#define WATCH_SWITCH                                                                               \
	{                                                                                          \
		.name = "watch", .value = "[N]", .optional = true,                                 \
		.help = "Shows the service live, every 2 seconds, or every N; q ends"              \
	}
enum ec wp_watch(struct wp *w, const struct wp_args *a, const char *seconds, struct err *e);
/* "" is the usual time. */
enum ec watch_seconds(const char *text, unsigned *out, struct err *e);
