/* test_progress.c - what a bar looks like, and who gets one. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/buf.h"
#include "admin/progress.h"

#define AWAY "the directory is away"

static const struct {
	struct mig_progress now;
	unsigned columns;
	uint64_t spent_ms;
	const char *bar;
} rows[] = {
	{ { .total = 0 }, 60, 0, "[....................] 0/0" },
	{ { .total = 100 }, 60, 0, "[....................] 0/100  0%" },
	{ { .done = 50, .total = 100 },
	  60,
	  10000,
	  "[##########..........] 50/100  50%  5/s  0:10 left" },
	{ { .done = 100, .total = 100 },
	  60,
	  10000,
	  "[####################] 100/100  100%  10/s  0:00 left" },
	/* too early to tell a speed */
	{ { .done = 5, .total = 100 }, 60, 900, "[#...................] 5/100  5%" },
	{ { .done = 5, .total = 100, .failed = 2 },
	  60,
	  900,
	  "[#...................] 5/100  5%  2 failed" },
	{ { .planning = true, .done = 5, .total = 100 },
	  60,
	  900,
	  "plan [#...................] 5/100  5%" },
	{ { .done = 10, .total = 100000 },
	  60,
	  10000,
	  "[....................] 10/100000  0%  1/s  1666:30 left" },
	{ { .done = 5, .total = 100, .waiting = true, .why = { .text = AWAY } },
	  60,
	  9000,
	  "[#...................] 5/100  waiting: " AWAY },
	/* cut at the edge, between characters, and nothing that a terminal obeys */
	{ { .done = 5, .total = 100, .waiting = true, .why = { .text = AWAY } },
	  30,
	  9000,
	  "[..........] 5/100  waiting: t" },
	{ { .total = 9, .waiting = true, .why = { .text = "\xC3\xB6\xC3\xB6\xC3\xB6" } },
	  27,
	  0,
	  "[.........] 0/9  waiting: \xC3\xB6" },
	{ { .total = 9, .waiting = true, .why = { .text = "a\033[2J\nb" } },
	  60,
	  0,
	  "[....................] 0/9  waiting: a?[2J?b" },
	{ { .done = 1, .total = 2 }, 6, 0, "[#.] 1" },
	{ { .done = 1, .total = 2 }, 0, 0, "" },
};

static void bar_says_how_far_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = { 0 };
		progress_bar(&b, rows[i].columns, &rows[i].now, rows[i].spent_ms);
		char *text = buf_take(&b);
		assert_string_equal(text, rows[i].bar);
		free(text);
	}
}

static char *told_to_a_file(bool lines, const struct mig_progress *now)
{
	char *text;
	size_t len;
	FILE *f = tmpfile();
	struct progress *p = progress_new(f, lines);

	progress_show(p, now);
	progress_say(p, "one %s", "sentence");
	progress_end(&p);
	assert_null(p);
	len = (size_t)ftell(f);
	rewind(f);
	text = calloc(1, len + 1);
	assert_int_equal(fread(text, 1, len, f), len);
	fclose(f);
	return text;
}

/* The first line comes after some seconds; that it waits is told at once. */
static void no_bar_outside_a_terminal(void **state)
{
	const struct mig_progress quick = { .done = 1, .total = 2 };
	const struct mig_progress waits = { .total = 2, .waiting = true, .why = { .text = AWAY } };
	char *text = told_to_a_file(true, &quick);

	(void)state;
	assert_string_equal(text, "winpop: one sentence\n");
	free(text);
	text = told_to_a_file(true, &waits);
	assert_string_equal(text, "winpop: waiting: " AWAY "\nwinpop: one sentence\n");
	free(text);
	text = told_to_a_file(false, &waits);
	assert_string_equal(text, "winpop: one sentence\n");
	free(text);
}

static void a_terminal_is_left_clean(void **state)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 31 };
	const struct mig_progress now = { .done = 1, .total = 2 };
	int ours, theirs;
	char shown[400] = "";
	size_t len = 0;

	(void)state;
	assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &size), 0);
	FILE *f = fdopen(theirs, "w");
	struct progress *p = progress_new(f, false);
	while (len == 0) { /* the first is not drawn before its time */
		int waiting = 0;
		progress_show(p, &now);
		ioctl(ours, FIONREAD, &waiting);
		len = (size_t)waiting;
	}
	progress_end(&p);
	for (len = 0; len < 4 || strcmp(shown + len - 4, "\r\033[K") != 0;) {
		ssize_t n = read(ours, shown + len, sizeof(shown) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_non_null(strstr(shown, "\r[#####.....] 1/2  50%"));
	fclose(f);
	close(ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bar_says_how_far_it_is),
		cmocka_unit_test(no_bar_outside_a_terminal),
		cmocka_unit_test(a_terminal_is_left_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
