/* test_history.c - what was done is there again, newest first, whoever writes beside us and whatever else is in the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/mem.h"
#include "admin/history.h"

#define WRITERS 4
#define LINES 300

struct place {
	char dir[40], now[64], old[64];
};
static struct place at;

static int begin(void **state)
{
	(void)state;
	strcpy(at.dir, "/tmp/winpop-history-XXXXXX");
	assert_non_null(mkdtemp(at.dir));
	snprintf(at.now, sizeof(at.now), "%s/.history", at.dir);
	snprintf(at.old, sizeof(at.old), "%s/.history.1", at.dir);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(at.now);
	unlink(at.old);
	return rmdir(at.dir);
}

static void note(const char *command, const char *target)
{
	const struct history_act act = {
		.name = "kim@example.com", .from = "192.0.2.7", .command = command, .target = target
	};
	struct err e;

	assert_int_equal(history_note(at.dir, &act, &e), EC_OK);
}

static void append(const char *file, const void *p, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0640);

	assert_int_equal(write(fd, p, len), len);
	close(fd);
}

/* ---- reading into one text: "command target, command target" ---- */

struct heard {
	char text[600];
	unsigned n;
	struct history_line last; /* not its strings */
	const char *only;
};

static bool wants(void *ctx, const char *target)
{
	struct heard *h = ctx;

	return !h->only || strcmp(h->only, target) == 0;
}

static void hear(void *ctx, const struct history_line *line)
{
	struct heard *h = ctx;
	size_t len = strlen(h->text);

	h->n++;
	snprintf(h->text + len, sizeof(h->text) - len, "%s%s %s", len ? ", " : "", line->command,
		 line->target);
}

static enum ec read_back(struct heard *h, const char *before, uint64_t limit,
			 char more[HISTORY_CURSOR_MAX], struct err *e)
{
	const char *only = h->only;
	struct history_query q = { .about = h->only,
				   .before = before,
				   .limit = limit,
				   .wants = wants,
				   .show = hear,
				   .ctx = h };

	*h = (struct heard){ .only = only };
	return history_read(at.dir, &q, more, e);
}

static const char *all_of(struct heard *h)
{
	char more[HISTORY_CURSOR_MAX];
	struct err e;

	assert_int_equal(read_back(h, NULL, 100000, more, &e), EC_OK);
	assert_string_equal(more, "");
	return h->text;
}

/* ---- tests ---- */

static void nothing_was_done_yet(void **state)
{
	struct heard h = { 0 };

	(void)state;
	assert_string_equal(all_of(&h), "");
}

static void newest_comes_first_in_pages(void **state)
{
	char more[HISTORY_CURSOR_MAX], next[HISTORY_CURSOR_MAX];
	struct heard h = { 0 };
	struct err e;

	(void)state;
	for (int i = 1; i <= 5; i++)
		note("lock", (const char[]){ (char)('0' + i), '\0' });
	assert_string_equal(all_of(&h), "lock 5, lock 4, lock 3, lock 2, lock 1");
	assert_int_equal(read_back(&h, NULL, 2, more, &e), EC_OK);
	assert_string_equal(h.text, "lock 5, lock 4");
	note("lock", "6"); /* what comes meanwhile does not move the pages */
	assert_int_equal(read_back(&h, more, 2, next, &e), EC_OK);
	assert_string_equal(h.text, "lock 3, lock 2");
	assert_int_equal(read_back(&h, next, 2, more, &e), EC_OK);
	assert_string_equal(h.text, "lock 1");
	assert_string_equal(more, "");
	h.only = "4";
	assert_string_equal(all_of(&h), "lock 4");
}

static void before_a_time(void **state)
{
	static const char lines[] =
		"{\"time\":\"2026-11-20T10:00:00.000Z\",\"command\":\"add\",\"target\":\"a\"}\n"
		"{\"time\":\"2026-11-21T10:00:00.000Z\",\"command\":\"add\",\"target\":\"b\"}\n";
	static const struct {
		const char *before, *text;
	} rows[] = {
		{ "2026", "" },
		{ "2026-11-20", "" },
		{ "2026-11-21", "add a" },
		{ "2026-11-21T10:00", "add a" },
		{ "2026-11-21T10:01", "add b, add a" },
		{ "2026-11-21T10:00:00.001Z", "add b, add a" },
		{ "2027", "add b, add a" },
	};
	static const char *const wrong[] = { "",   "now",   "2026-1-1", "2026-11-21T10:00:00.001Z0",
					     "c1", "c1.2x", "-5",       "20" };
	char more[HISTORY_CURSOR_MAX];
	struct heard h = { 0 };
	struct err e;

	(void)state;
	append(at.now, lines, sizeof(lines) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_back(&h, rows[i].before, 10, more, &e), EC_OK);
		assert_string_equal(h.text, rows[i].text);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(read_back(&h, wrong[i], 10, more, &e), EC_USAGE);
	assert_int_equal(read_back(&h, "c1.2", 10, more, &e), EC_ABSENT);
}

static void who_it_was(void **state)
{
	static const struct {
		struct history_act act;
		const char *who, *from;
	} rows[] = {
		{ { .uid = 0 }, "\"who\":\"root\"", "\"from\":\"shell\"" },
		{ { .uid = 0, .sudo_user = "pat" }, "\"who\":\"pat\"", "\"uid\":0" },
		{ { .uid = 54321 }, "\"who\":\"54321\"", "\"uid\":54321" },
		{ { .name = "kim", .from = "::1", .sudo_user = "x" },
		  "\"who\":\"kim\"",
		  "\"from\":\"::1\"" },
		{ { .as = "Administrator" }, "\"who\":\"root\"", "\"as\":\"Administrator\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct history_act act = rows[i].act;
		char text[1000] = "";
		struct err e;

		act.command = "lock";
		act.target = "\xFF\n\""; /* foreign octets make no line, and no second one */
		act.result = EC_LOCKED;
		assert_int_equal(history_note(at.dir, &act, &e), EC_OK);
		int fd = open(at.now, O_RDONLY);
		assert_true(read(fd, text, sizeof(text) - 1) > 0);
		close(fd);
		assert_non_null(strstr(text, rows[i].who));
		assert_non_null(strstr(text, rows[i].from));
		assert_non_null(strstr(text, "\"target\":\"?\""));
		assert_non_null(strstr(text, "\"result\":\"locked\""));
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
		unlink(at.now);
	}
}

static void half_a_line_costs_itself_alone(void **state)
{
	static const char junk[] = "\n\n[1]\n\"x\"\n{}\n\0\xFF\n";
	struct heard h = { 0 };

	(void)state;
	note("add", "a");
	append(at.now, "{\"time\":\"2026", 13);
	note("add", "b");
	append(at.now, junk, sizeof(junk) - 1);
	note("add", "c");
	assert_string_equal(all_of(&h), "add c, add b, add a");
}

/* A file of the full size, whose last line is ours. */
static void fill(void)
{
	size_t len = HISTORY_BYTES_MAX;
	char *p = mem_new(len);

	memset(p, 'x', len);
	p[len - 1] = '\n';
	append(at.now, p, len);
	free(p);
	note("add", "last"); /* begins the new file */
}

static void a_full_file_is_kept_once(void **state)
{
	char more[HISTORY_CURSOR_MAX];
	struct heard h = { 0 };
	struct stat st;
	struct err e;

	(void)state;
	note("add", "first");
	fill();
	note("add", "new");
	assert_int_equal(stat(at.old, &st), 0);
	assert_true(st.st_size > HISTORY_BYTES_MAX);
	assert_int_equal(stat(at.now, &st), 0);
	assert_true(st.st_size < 1000);
	assert_string_equal(all_of(&h), "add new, add last, add first");
	assert_int_equal(read_back(&h, NULL, 2, more, &e), EC_OK);
	assert_int_equal(read_back(&h, more, 2, more, &e), EC_OK);
	assert_string_equal(h.text, "add first");
}

static void write_many(unsigned writer)
{
	for (unsigned i = 0; i < LINES; i++) {
		char target[40];
		snprintf(target, sizeof(target), "%u.%u", writer, i);
		note("add", target);
	}
}

/* They also meet at the turn of the file, which must happen once. */
static void many_write_at_once(void **state)
{
	struct heard h = { 0 };
	size_t len = HISTORY_BYTES_MAX - 5000;
	char *p = mem_new(len);

	(void)state;
	memset(p, 'x', len);
	p[len - 1] = '\n';
	append(at.now, p, len);
	free(p);
	for (unsigned i = 0; i < WRITERS; i++) {
		if (fork() == 0) {
			write_many(i);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	all_of(&h);
	assert_int_equal(h.n, WRITERS * LINES);
}

static void nothing_is_followed(void **state)
{
	const struct history_act act = { .command = "lock" };
	char more[HISTORY_CURSOR_MAX];
	struct heard h = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(symlink("/etc/hostname", at.now), 0);
	assert_int_not_equal(history_note(at.dir, &act, &e), EC_OK);
	assert_int_not_equal(read_back(&h, NULL, 10, more, &e), EC_OK);
	unlink(at.now);
	assert_int_equal(mkfifo(at.now, 0600), 0);
	assert_int_not_equal(history_note(at.dir, &act, &e), EC_OK);
}

static void root_writes_as_the_owner(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(at.dir, 1, 1), 0);
	note("lock", "a");
	assert_int_equal(stat(at.now, &st), 0);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 1);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(chown(at.dir, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_was_done_yet, begin, end),
		cmocka_unit_test_setup_teardown(newest_comes_first_in_pages, begin, end),
		cmocka_unit_test_setup_teardown(before_a_time, begin, end),
		cmocka_unit_test_setup_teardown(who_it_was, begin, end),
		cmocka_unit_test_setup_teardown(half_a_line_costs_itself_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_full_file_is_kept_once, begin, end),
		cmocka_unit_test_setup_teardown(many_write_at_once, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_followed, begin, end),
		cmocka_unit_test_setup_teardown(root_writes_as_the_owner, begin, end),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
