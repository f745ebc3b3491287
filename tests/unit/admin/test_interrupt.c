/* test_interrupt.c - the first Ctrl-C is a question, the second a blow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/interrupt.h"

static void told_once(void **state)
{
	static const int kinds[] = { SIGINT, SIGTERM, SIGHUP };

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct interrupt i = { 0 };
		interrupt_hold(&i);
		assert_false(interrupt_came(&i));
		kill(getpid(), kinds[k]);
		assert_true(interrupt_came(&i));
		assert_false(interrupt_came(&i));
		interrupt_drop(&i);
	}
}

static int end_of(void (*child)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		child();
		_exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void two(void)
{
	struct interrupt i = { 0 };

	signal(SIGINT, SIG_DFL);
	interrupt_hold(&i);
	kill(getpid(), SIGINT);
	if (!interrupt_came(&i))
		_exit(1);
	kill(getpid(), SIGINT);
}

static void one_too_late(void)
{
	struct interrupt i = { 0 };

	signal(SIGTERM, SIG_DFL);
	interrupt_hold(&i);
	kill(getpid(), SIGTERM);
	interrupt_drop(&i);
}

static void one_after_the_end(void)
{
	struct interrupt i = { 0 };

	signal(SIGHUP, SIG_DFL);
	interrupt_hold(&i);
	interrupt_drop(&i);
	kill(getpid(), SIGHUP);
}

static void the_second_one_strikes(void **state)
{
	int status = end_of(two);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void one_that_came_when_all_was_done_does_nothing(void **state)
{
	int status = end_of(one_too_late);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void afterwards_all_is_as_before(void **state)
{
	int status = end_of(one_after_the_end);
	struct interrupt never = { 0 };

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGHUP);
	interrupt_drop(&never);
	assert_false(interrupt_came(&never));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_once),
		cmocka_unit_test(the_second_one_strikes),
		cmocka_unit_test(one_that_came_when_all_was_done_does_nothing),
		cmocka_unit_test(afterwards_all_is_as_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
