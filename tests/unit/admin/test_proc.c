/* test_proc.c - pieces of work in processes of their own: their answers, their ends, and what they have of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/console/proc.h"

#define LOOK_MS 2

/* One piece of work, from its beginning to its end. */
struct rig {
	struct loop *loop;
	struct procs *procs;
	struct timer *look;
	struct proc_end end;
	char answer[64], lines[256];
	bool over;
};

/* What the keeper does at SIGCHLD. */
static void look(void *ctx)
{
	struct rig *r = ctx;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		assert_true(procs_ended(r->procs, pid, status));
	if (r->over)
		loop_stop(r->loop);
	else
		timer_set(r->loop, &r->look, LOOK_MS, look, r);
}

static void done(void *ctx, const struct proc_end *end)
{
	struct rig *r = ctx;

	r->over = true;
	r->end = *end;
	if (end->len < sizeof(r->answer))
		memcpy(r->answer, end->answer, end->len);
}

static void take_line(void *ctx, const char *line, size_t len)
{
	struct rig *r = ctx;
	size_t used = strlen(r->lines);

	snprintf(r->lines + used, sizeof(r->lines) - used, "[%.*s]", (int)len, line);
}

static void work(struct rig *r, int (*run)(void *, int), bool lines, unsigned limit_ms)
{
	const struct log log = { .sink = log_open(LOG_TO_STDERR, "test", 0) };
	struct log_sink *sink = log.sink;
	const struct proc_work w = { .run = run,
				     .line = lines ? take_line : NULL,
				     .done = done,
				     .ctx = r,
				     .limit_ms = limit_ms };
	struct proc *proc;

	*r = (struct rig){ 0 };
	assert_int_equal(loop_new(0, &r->loop, NULL), EC_OK);
	r->procs = procs_new(r->loop, &log);
	assert_int_equal(proc_start(r->procs, &w, &proc, NULL), EC_OK);
	timer_set(r->loop, &r->look, LOOK_MS, look, r);
	loop_run(r->loop);
	procs_free(&r->procs);
	timer_cancel(&r->look);
	loop_free(&r->loop);
	log_close(&sink);
}

static int says(void *ctx, int out)
{
	(void)ctx;
	dprintf(out, "an answer");
	return 7;
}

static void an_answer_and_a_status(void **state)
{
	struct rig r;

	(void)state;
	work(&r, says, false, 0);
	assert_int_equal(r.end.status, 7);
	assert_string_equal(r.answer, "an answer");
	assert_false(r.end.out_of_time || r.end.too_long);
}

static int complains(void *ctx, int out)
{
	(void)ctx;
	dprintf(2, "one\ntwo");
	dprintf(out, "x");
	return 0;
}

static void lines_come_one_by_one(void **state)
{
	struct rig r;

	(void)state;
	work(&r, complains, true, 0);
	assert_string_equal(r.lines, "[one][two]");
	assert_string_equal(r.answer, "x");
}

static int says_too_much(void *ctx, int out)
{
	static const char block[1 << 16];

	(void)ctx;
	for (size_t n = 0; n <= PROC_ANSWER_MAX; n += sizeof(block)) {
		if (send(out, block, sizeof(block), MSG_NOSIGNAL) < 0)
			return 1;
	}
	return 0;
}

static void too_much_is_nothing(void **state)
{
	struct rig r;

	(void)state;
	work(&r, says_too_much, false, 0);
	assert_true(r.end.too_long && !r.end.out_of_time);
	assert_int_equal(r.end.status, -1);
	assert_int_equal(r.end.len, 0);
}

static int never_ends(void *ctx, int out)
{
	(void)ctx, (void)out;
	pause();
	return 0;
}

static void whoever_takes_too_long_is_ended(void **state)
{
	struct rig r;

	(void)state;
	work(&r, never_ends, false, 20);
	assert_true(r.end.out_of_time && !r.end.too_long);
	assert_int_equal(r.end.status, -1);
}

static int is_killed(void *ctx, int out)
{
	(void)ctx;
	dprintf(out, "half an");
	raise(SIGKILL);
	return 0;
}

static void a_violent_end_is_no_status(void **state)
{
	struct rig r;

	(void)state;
	work(&r, is_killed, false, 0);
	assert_int_equal(r.end.status, -1);
	assert_false(r.end.out_of_time || r.end.too_long);
}

/* Of all descriptors it has its own four, and the last of them is for no program that it runs; signals are as in a shell. */
static int looks_around(void *ctx, int out)
{
	unsigned n = 0;
	sigset_t mask;

	(void)ctx;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	bool plain = sigisemptyset(&mask) && signal(SIGPIPE, SIG_DFL) == SIG_DFL &&
		     getpgrp() == getpid();

	dprintf(out, "%u %d %d", n, fcntl(out, F_GETFD) == FD_CLOEXEC, plain);
	return 0;
}

static void it_has_nothing_of_ours(void **state)
{
	struct rig r;
	int ours = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(ours > 2);
	signal(SIGPIPE, SIG_IGN);
	work(&r, looks_around, false, 0);
	signal(SIGPIPE, SIG_DFL);
	close(ours);
	assert_string_equal(r.answer, "4 1 1");
}

/* What it has started may hold its answer open until nobody listens: it is over all the same. */
static int leaves_somebody(void *ctx, int out)
{
	char end;

	(void)ctx;
	dprintf(out, "mine");
	if (fork() == 0)
		_exit(recv(out, &end, 1, 0) == 0 ? 0 : 1);
	return 0;
}

static void what_it_leaves_is_not_waited_for(void **state)
{
	struct rig r;

	(void)state;
	work(&r, leaves_somebody, false, 0);
	assert_int_equal(r.end.status, 0);
	assert_string_equal(r.answer, "mine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_and_a_status),
		cmocka_unit_test(lines_come_one_by_one),
		cmocka_unit_test(too_much_is_nothing),
		cmocka_unit_test(whoever_takes_too_long_is_ended),
		cmocka_unit_test(a_violent_end_is_no_status),
		cmocka_unit_test(it_has_nothing_of_ours),
		cmocka_unit_test(what_it_leaves_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
