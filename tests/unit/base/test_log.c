/* test_log.c - what a line looks like, that it is always one, and that counts are exact. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/log.h"
#include "server/base/utf8.h"

struct caught {
	char line[8192];
	unsigned n;
};

static void catch (void *ctx, const char *line)
{
	struct caught *c = ctx;

	assert_true(strlen(line) < sizeof(c->line));
	strcpy(c->line, line);
	c->n++;
	errno = EBADF; /* as a write may do */
}

struct fixture {
	struct log_sink *sink;
	struct caught got;
	struct log log;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(f->sink, catch, &f->got);
	f->log = (struct log){ .sink = f->sink, .sid = "a1", .peer = "192.0.2.7" };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	log_close(&f->sink);
	assert_null(f->sink);
	log_close(&f->sink);
	free(f);
	return 0;
}

static void line_has_the_promised_form(void **state)
{
	struct fixture *f = *state;

	errno = ENOSPC;
	log_event(&f->log, LV_INFO, "signin", KV("account", "kim@example.com"), KV("none", NULL),
		  KV_U("ms", 12), KV_I("delta", -3), KV_U("big", UINT64_MAX),
		  KV_B("raw", "a\0b", 3), KV_B("empty", NULL, 0));
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(f->got.line,
			    "event=signin sid=a1 peer=192.0.2.7 account=\"kim@example.com\" ms=12 "
			    "delta=-3 big=18446744073709551615 raw=\"a\\x00b\" empty=\"\"");
	struct log plain = { .sink = f->sink }, strange = { .sink = f->sink, .sid = "a b\n" };
	log_event(&plain, LV_CRIT, "stop");
	assert_string_equal(f->got.line, "event=stop");
	log_event(&strange, LV_CRIT, "stop");
	assert_string_equal(f->got.line, "event=stop sid=\"a b\\x0a\"");
}

static void foreign_octets_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "zo\xC3\xAB", "zo\xC3\xAB" },
		{ "\" event=fake", "\\\" event=fake" },
		{ "a\\", "a\\\\" },
		{ "a\nevent=fake\r", "a\\x0aevent=fake\\x0d" },
		{ "\x1B[2J\x7F", "\\x1b[2J\\x7f" },
		{ "\xC2\x9B"
		  "2J",
		  "\\xc2\\x9b"
		  "2J" },
		{ "\xFF\xC3", "\\xff\\xc3" },
		{ "\xED\xA0\x80", "\\xed\\xa0\\x80" },
		{ "100%s%n", "100%s%n" },
	};
	struct fixture *f = *state;
	char want[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		log_event(&f->log, LV_INFO, "x", KV("v", rows[i].in));
		snprintf(want, sizeof(want), "event=x sid=a1 peer=192.0.2.7 v=\"%s\"", rows[i].out);
		assert_string_equal(f->got.line, want);
	}
}

static void all_octets_give_one_clean_line(void **state)
{
	struct fixture *f = *state;
	char all[256];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (char)i;
	for (size_t from = 0; from < 256; from++) {
		log_event(&f->log, LV_INFO, "x", KV_B("v", all + from, 256 - from));
		assert_false(has_control(f->got.line, strlen(f->got.line)));
		assert_true(utf8_valid(f->got.line, strlen(f->got.line)));
	}
}

static void long_values_are_cut_and_marked(void **state)
{
	struct fixture *f = *state;
	char big[5000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	log_event(&f->log, LV_INFO, "x", KV("v", big), KV_U("after", 1));
	assert_non_null(strstr(f->got.line, "xxx\"... after=1"));
	assert_true(strlen(f->got.line) < 700);
}

/* More fields than a line holds: those that fit stand whole, the end says that some are missing. */
static void full_line_is_marked(void **state)
{
	struct fixture *f = *state;
	char big[600];

	for (size_t len = 1; len < sizeof(big); len++) {
		memset(big, 'x', len);
		big[len] = '\0';
		log_event(&f->log, LV_INFO, "x", KV("a", big), KV("b", big), KV("c", big),
			  KV("d", big), KV("e", big), KV("f", big), KV("g", big), KV("h", big),
			  KV("i", big), KV("j", big));
		size_t n = strlen(f->got.line);
		assert_true(n < 4000);
		if (len > 400) { /* the mark stands behind a whole value, cut or not */
			assert_string_equal(f->got.line + n - 4, " ...");
			assert_true(f->got.line[n - 5] == '"' || f->got.line[n - 5] == '.');
		}
		if (len < 300)
			assert_non_null(strstr(f->got.line, " j="));
	}
}

static void level_decides_what_is_shown(void **state)
{
	struct fixture *f = *state;
	struct log silent = { 0 };

	for (int level = 0; level <= LV_TRACE; level++) {
		log_set_level(f->sink, level);
		for (enum lv lv = LV_CRIT; lv <= LV_NOTE; lv++) {
			bool shown = lv == LV_NOTE ? level > 0 : (int)lv <= level;
			unsigned was = f->got.n;
			log_event(&f->log, lv, "x");
			assert_int_equal(f->got.n - was, shown);
			assert_int_equal(log_on(&f->log, lv), shown);
		}
	}
	log_event(NULL, LV_CRIT, "nobody");
	log_event(&silent, LV_CRIT, "nobody");
	assert_false(log_on(NULL, LV_CRIT));
	assert_false(log_on(&silent, LV_CRIT));
}

struct tally {
	const char *name;
	uint64_t n, names, all;
};

static void add_up(void *ctx, const char *event, uint64_t n)
{
	struct tally *t = ctx;

	t->names++;
	t->all += n;
	if (strcmp(event, t->name) == 0)
		t->n += n;
}

static uint64_t count_of(struct log_sink *s, const char *event)
{
	struct tally t = { .name = event };

	log_each_count(s, add_up, &t);
	return t.n;
}

/* Also when nothing is shown, and also when two files spell the same word. */
static void events_are_counted_by_what_they_say(void **state)
{
	struct fixture *f = *state;
	char same[] = "twice";

	log_set_level(f->sink, 0);
	log_event(&f->log, LV_TRACE, "twice");
	log_event(&f->log, LV_TRACE, same);
	log_event(&f->log, LV_CRIT, "once");
	assert_int_equal(f->got.n, 0);
	assert_int_equal(count_of(f->sink, "twice"), 2);
	assert_int_equal(count_of(f->sink, "once"), 1);
	struct tally t = { .name = "twice" };
	log_each_count(f->sink, add_up, &t);
	assert_int_equal(t.names, 2);
	assert_int_equal(count_of(f->sink, "never"), 0);
}

static void more_names_than_slots_are_still_counted(void **state)
{
	static char names[600][8];
	struct fixture *f = *state;
	struct tally t = { .name = "other" };

	log_set_level(f->sink, 0);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(names[i], sizeof(names[i]), "e%u", i);
		log_event(&f->log, LV_INFO, names[i]);
		log_event(&f->log, LV_INFO, names[i]);
	}
	log_each_count(f->sink, add_up, &t);
	assert_int_equal(t.all, 1200);
	assert_int_equal(t.n, 2 * (600 - 512));
	assert_int_equal(t.names, 512 + 1);
}

#define N_THREADS 8
#define N_ROUNDS 5000

static void *hammer(void *ctx)
{
	static const char *const words[] = { "alpha", "beta", "gamma", "delta" };
	struct log *log = ctx;

	for (unsigned i = 0; i < N_ROUNDS; i++)
		log_event(log, LV_TRACE, words[i % 4], KV_U("i", i));
	return NULL;
}

static void counts_are_exact_under_threads(void **state)
{
	struct fixture *f = *state;
	struct tally t = { .name = "gamma" };
	pthread_t threads[N_THREADS];

	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &f->log), 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	log_each_count(f->sink, add_up, &t);
	assert_int_equal(t.names, 4);
	assert_int_equal(t.n, N_THREADS * N_ROUNDS / 4);
	assert_int_equal(t.all, N_THREADS * N_ROUNDS);
}

/* ---- the real stderr, turned to a file ---- */

struct redirect {
	FILE *file;
	int stderr_was;
};

static struct redirect redirect(void)
{
	struct redirect r = { tmpfile(), dup(STDERR_FILENO) };

	/* O_APPEND, as a log file has: writers share the end. */
	fcntl(fileno(r.file), F_SETFL, O_APPEND);
	dup2(fileno(r.file), STDERR_FILENO);
	return r;
}

static void restore(struct redirect *r)
{
	dup2(r->stderr_was, STDERR_FILENO);
	close(r->stderr_was);
	rewind(r->file);
}

static void *write_lines(void *ctx)
{
	struct log *log = ctx;

	for (unsigned i = 0; i < 500; i++)
		log_event(log, LV_INFO, "line", KV("text", "abcdefghijklmnopqrstuvwxyz"),
			  KV_U("i", i));
	return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
	struct log_sink *s = log_open(LOG_TO_JOURNAL, "test", LV_INFO);
	struct log log = { .sink = s };
	struct redirect r = redirect();
	pthread_t threads[4];
	char line[256], want[256];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_lines, &log);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	restore(&r);
	for (unsigned i; fgets(line, sizeof(line), r.file); n++) {
		assert_int_equal(sscanf(line, "<6>event=line text=\"%*[a-z]\" i=%u\n", &i), 1);
		snprintf(want, sizeof(want),
			 "<6>event=line text=\"abcdefghijklmnopqrstuvwxyz\" i=%u\n", i);
		assert_string_equal(line, want);
	}
	assert_int_equal(n, 2000);
	fclose(r.file);
	log_close(&s);
}

/* What a sink writes first, under a JOURNAL_STREAM that names stderr itself, another file, or is
 * not set. */
enum journal { IS_STDERR, IS_ANOTHER, IS_UNSET };

static void first_line(enum log_to to, enum journal journal, char out[256])
{
	struct redirect r = redirect();
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino + (journal == IS_ANOTHER));
	if (journal != IS_UNSET)
		setenv("JOURNAL_STREAM", stream, 1);
	struct log_sink *s = log_open(to, "test", LV_INFO);
	struct log log = { .sink = s };
	log_event(&log, LV_WARN, "x");
	log_close(&s);
	unsetenv("JOURNAL_STREAM");
	restore(&r);
	assert_non_null(fgets(out, 256, r.file));
	fclose(r.file);
}

static void prefix_suits_the_reader(void **state)
{
	char line[256];
	unsigned year;

	(void)state;
	first_line(LOG_TO_JOURNAL, IS_UNSET, line);
	assert_string_equal(line, "<4>event=x\n");
	first_line(LOG_TO_STDERR, IS_STDERR, line);
	assert_string_equal(line, "<4>event=x\n");
	for (enum journal j = IS_ANOTHER; j <= IS_UNSET; j++) {
		first_line(LOG_TO_STDERR, j, line);
		assert_int_equal(sscanf(line, "%4u-%*2u-%*2uT", &year), 1);
		assert_int_equal(line[23], 'Z');
		assert_string_equal(line + 24, " warn event=x\n");
	}
}

static void unwritable_stderr_is_survived(void **state)
{
	struct log_sink *s = log_open(LOG_TO_STDERR, "test", LV_INFO);
	struct log log = { .sink = s };
	int was = dup(STDERR_FILENO);

	(void)state;
	close(STDERR_FILENO);
	log_event(&log, LV_CRIT, "x");
	dup2(was, STDERR_FILENO);
	close(was);
	assert_int_equal(count_of(s, "x"), 1);
	log_close(&s);
}

#define WITH_SINK(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SINK(line_has_the_promised_form),
		WITH_SINK(foreign_octets_are_escaped),
		WITH_SINK(all_octets_give_one_clean_line),
		WITH_SINK(long_values_are_cut_and_marked),
		WITH_SINK(full_line_is_marked),
		WITH_SINK(level_decides_what_is_shown),
		WITH_SINK(events_are_counted_by_what_they_say),
		WITH_SINK(more_names_than_slots_are_still_counted),
		WITH_SINK(counts_are_exact_under_threads),
		cmocka_unit_test(lines_of_threads_never_mix),
		cmocka_unit_test(prefix_suits_the_reader),
		cmocka_unit_test(unwritable_stderr_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
