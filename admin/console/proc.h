/* proc.h - a piece of work done in a process of its own, whose answer is collected here.
 *
 * What commands do may wait, changes who the process is, and may end badly: none of that happens to the keeper. The work sees
 * the memory of the moment it was begun in and hands back octets; its standard error may be read by lines meanwhile.
 * Thread: the loop's. Owner: a proc is gone when its `done` has returned.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/net/loop.h"

#define PROC_ANSWER_MAX (16u << 20)

struct proc;
struct procs;

struct proc_end {
	int status; /* what `run` returned, 0..255; -1: it was killed, or its answer is too long */
	bool out_of_time; /* it was ended, because it took too long */
	bool too_long;    /* it was ended, because its answer was above PROC_ANSWER_MAX */
	const char *answer;
	size_t len;
};
struct proc_work {
	int (*run)(void *ctx, int out); /* there; out is a socket */
	void (*line)(void *ctx, const char *line,
		     size_t len); /* here; NULL: standard error is ours */
	void (*done)(void *ctx, const struct proc_end *end); /* here; ctx is its to free */
	void *ctx;
	unsigned limit_ms; /* then SIGTERM, and a while later SIGKILL; 0: none */
};

struct procs *procs_new(struct loop *loop, const struct log *log);
/* Kills what still runs; nobody's `done` is called. */
void procs_free(struct procs **p);
enum ec proc_start(struct procs *p, const struct proc_work *work, struct proc **out, struct err *e);
void proc_signal(struct proc *p, int sig);
/* What waitpid(2) says of a child of this process. False: not one of ours. */
bool procs_ended(struct procs *p, int pid, int status);
