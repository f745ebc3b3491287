/* test_watch.c - the live view: what is on the screen, and that it fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/watch.h"

static struct watch w;

static void look(uint64_t ms, uint64_t sessions, uint64_t signins, uint64_t delivered,
		 uint64_t faults)
{
	watch_look(&w, ms);
	watch_figure(&w, "sessions", false, sessions);
	watch_figure(&w, "sessions_total", false, sessions * 10);
	watch_figure(&w, "delivered", false, delivered);
	watch_figure(&w, "signin_queue", false, 7);
	watch_figure(&w, "signin", true, signins);
	if (faults > 0)
		watch_figure(&w, "mta-fault", true, faults);
	watch_figure(&w, "signin-failed", true, 3);
}

static int begin(void **state)
{
	(void)state;
	w = (struct watch){ .title = "winpopd 1",
			    .clock = "12:00:00",
			    .mailroot = "/mail",
			    .disk_octets = 1u << 30,
			    .disk_free = 1u << 28 };
	return 0;
}

static char *frame(unsigned columns, unsigned rows)
{
	struct buf b = { 0 };

	watch_frame(&w, columns, rows, &b);
	return buf_take(&b);
}

/* The line that begins with label has these words. */
static void has(const char *text, const char *label, const char *words)
{
	const char *at = strstr(text, label);

	assert_non_null(at);
	char line[300] = "", wanted[300];
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\033"), at);
	snprintf(wanted, sizeof(wanted), "%s", words);
	for (char *word = strtok(wanted, " "); word; word = strtok(NULL, " "))
		if (!strstr(line, word))
			fail_msg("no %s in \"%s\"", word, line);
}

static void rates_are_differences(void **state)
{
	(void)state;
	look(1000, 5, 100, 10, 0);
	char *text = frame(100, 40);
	has(text, "POP3 sessions", " 5 0.0 50");
	has(text, "  signed in", "0.0 100");
	free(text);
	look(3000, 9, 150, 11, 4);
	text = frame(100, 40);
	has(text, "POP3 sessions", " 9 20.0 90");
	has(text, "  signed in", "25.0 150");
	has(text, "deliveries", "0.5 11");
	has(text, "errors", "2.0 4"); /* not the refused sign-ins */
	has(text, "mta-fault", "! 2.0 4");
	has(text, "queues", "sign-in 7");
	has(text, "disk of the mail", "75% /mail [###############.....]");
	free(text);
	look(4000, 1, 30, 2, 4); /* started anew */
	text = frame(100, 40);
	has(text, "  signed in", "30.0 30");
	free(text);
}

static void no_service_is_said(void **state)
{
	(void)state;
	strcpy(w.trouble, "winpopd is not running\033[2J");
	char *text = frame(80, 24);
	assert_non_null(strstr(text, "winpopd is not running?[2J"));
	assert_null(strstr(text, "queues"));
	free(text);
}

/* Of text, without what steers the terminal: rows and the longest of them. */
static void measure(const char *text, unsigned *rows, unsigned *widest)
{
	unsigned width = 0;

	*rows = 1;
	*widest = 0;
	for (const char *p = text; *p; p++) {
		if (*p == '\033')
			p += strcspn(p, "HKJ");
		else if (*p == '\n')
			width = 0, ++*rows;
		else if (*p != '\r' && ((unsigned char)*p & 0xC0) != 0x80 && ++width > *widest)
			*widest = width;
	}
}

static void it_fits_any_window(void **state)
{
	(void)state;
	look(1000, 5, 100, 10, 1);
	for (unsigned i = 0; i < 300; i++) { /* more events than there is room for */
		char name[20];
		snprintf(name, sizeof(name), "event-%u", i);
		watch_figure(&w, name, true, i);
	}
	strcpy(w.mailroot, "/m\xC3\xA4il/of/a/long/name/that/goes/on");
	for (unsigned columns = 1; columns < 130; columns += 3) {
		for (unsigned rows = 1; rows < 60; rows++) {
			unsigned n, widest;
			char *text = frame(columns, rows);
			measure(text, &n, &widest);
			assert_true(n <= rows);
			assert_true(widest <= columns);
			free(text);
		}
	}
}

static void seconds(void **state)
{
	static const struct {
		const char *text;
		unsigned n; /* 0: refused */
	} rows[] = { { "", 2 },  { "1", 1 },  { "3600", 3600 },     { "3601", 0 },
		     { "0", 0 }, { "1s", 0 }, { "example.com", 0 }, { "-1", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned n;
		struct err e;
		enum ec rc = watch_seconds(rows[i].text, &n, &e);
		assert_int_equal(rc, rows[i].n ? EC_OK : EC_USAGE);
		if (rc == EC_OK)
			assert_int_equal(n, rows[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rates_are_differences, begin),
		cmocka_unit_test_setup(no_service_is_said, begin),
		cmocka_unit_test_setup(it_fits_any_window, begin),
		cmocka_unit_test(seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
