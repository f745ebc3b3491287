/* test_run.c - other programs: what they say, how they end, and that no shell is in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/run.h"

#define SH "/bin/sh", "-c"

static const struct {
	const char *argv[5];
	enum ec want;
	const char *out, *said;
} cases[] = {
	{ { "/bin/echo", "a b", "$HOME;`id`" }, EC_OK, "a b $HOME;`id`\n", "" },
	{ { SH, "echo out; echo err >&2" }, EC_OK, "out\n", "" },
	{ { SH, "echo out; echo first >&2; echo last >&2; exit 3" }, EC_REFUSED, "out\n", "last" },
	{ { SH, "echo only; exit 1" }, EC_REFUSED, "only\n", "only" },
	{ { SH, "exit 1" }, EC_REFUSED, "", "/bin/sh failed" },
	{ { SH, "kill -9 $$" }, EC_BROKEN, "", "/bin/sh was killed by signal 9" },
	{ { "/nowhere/program" }, EC_ABSENT, "", "cannot run /nowhere/program" },
	{ { SH, "read x; echo ${x:-nothing}" }, EC_OK, "nothing\n", "" }, /* nothing to read */
	{ { SH, "echo $LC_ALL" }, EC_OK, "C\n", "" },
};

static void a_program_is_run_and_heard(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *mem = arena_new("test", 1024);
		struct err e = { 0 };
		const char *out;
		assert_int_equal(run_program(mem, cases[i].argv, &out, &e), cases[i].want);
		assert_string_equal(out, cases[i].out);
		if (cases[i].want != EC_OK)
			assert_non_null(strstr(e.text, cases[i].said));
		arena_drop(&mem);
	}
}

/* More than a pipe holds, on both streams. */
static void nobody_waits_for_the_other(void **state)
{
	static const char *const argv[] = {
		SH,
		"dd if=/dev/zero bs=1024 count=300 2>&1 >&2 | cat >/dev/null; "
		"dd if=/dev/zero bs=1024 count=300 2>/dev/null | tr '\\0' x; echo >&2 done",
		NULL
	};
	struct arena *mem = arena_new("test", 1024);
	const char *out;

	(void)state;
	assert_int_equal(run_program(mem, argv, &out, NULL), EC_OK);
	assert_int_equal(strlen(out), 300 * 1024);
	arena_drop(&mem);
}

static void too_much_is_an_error(void **state)
{
	static const char *const argv[] = {
		SH, "dd if=/dev/zero bs=1024 count=1200 2>/dev/null | tr '\\0' x", NULL
	};
	struct arena *mem = arena_new("test", 1024);
	struct err e;
	const char *out;

	(void)state;
	assert_int_equal(run_program(mem, argv, &out, &e), EC_BROKEN);
	arena_drop(&mem);
}

static void programs_are_found(void **state)
{
	struct arena *mem = arena_new("test", 1024);

	(void)state;
	assert_non_null(run_find(mem, "sh"));
	assert_null(run_find(mem, "no-program-has-this-name"));
	setenv("PATH", "relative:/nowhere", 1); /* administrators' places are looked at anyway */
	const char *sh = run_find(mem, "sh");
	assert_non_null(sh);
	assert_int_equal(sh[0], '/');
	arena_drop(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_run_and_heard),
		cmocka_unit_test(nobody_waits_for_the_other),
		cmocka_unit_test(too_much_is_an_error),
		cmocka_unit_test(programs_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
