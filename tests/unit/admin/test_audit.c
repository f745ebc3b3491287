/* test_audit.c - the `admin` event: who, what, how it ended; and never a password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/args.h"
#include "admin/audit.h"

static void keep_line(void *ctx, const char *line)
{
	strncpy(ctx, line, 999);
}

static void event_line(char line[1000], const struct wp_args *a, const struct audit *who,
		       const struct err *failed)
{
	struct log_sink *sink = log_open(LOG_TO_STDERR, "winpop", LV_INFO);
	struct log log = { .sink = sink };
	struct wp w = { .target = "kim@example.com" };

	memset(line, 0, 1000);
	log_capture(sink, keep_line, line);
	audit_event(&log, who, &w, a, failed);
	log_close(&sink);
}

static void tells_who_what_and_how_it_ended(void **state)
{
	const struct err failed = { .class = EC_ABSENT, .text = "there is no mailbox" };
	struct wp_args a = { .cmd = &wp_lock };
	char line[1000];

	(void)state;
	event_line(line, &a, &(struct audit){ .uid = 0, .sudo_user = "pat" }, NULL);
	assert_non_null(strstr(line, "event=admin"));
	assert_non_null(strstr(line, "command=\"lock\""));
	assert_non_null(strstr(line, "target=\"kim@example.com\""));
	assert_non_null(strstr(line, "uid=0"));
	assert_non_null(strstr(line, "sudo_user=\"pat\""));
	assert_non_null(strstr(line, "result=\"ok\""));
	event_line(line, &a, &(struct audit){ .uid = 1000 }, &failed);
	assert_null(strstr(line, "sudo_user"));
	assert_non_null(strstr(line, "result=\"absent\""));
	assert_non_null(strstr(line, "text=\"there is no mailbox\""));
}

static void tells_who_asked_another_front_end(void **state)
{
	const struct wp_caller pat = { .name = "pat@example.com", .from = "192.0.2.7" };
	const struct audit who = audit_who(&pat);
	struct wp_args a = { .cmd = &wp_lock };
	char line[1000];

	(void)state;
	event_line(line, &a, &who, NULL);
	assert_non_null(strstr(line, "by=\"pat@example.com\" from=\"192.0.2.7\""));
	assert_null(strstr(line, "sudo_user"));
}

static void holds_no_password(void **state)
{
	char *words[] = { strdup("winpop"), strdup("changepwd"), strdup("kim@example.com"),
			  strdup("topsecret"), NULL };
	struct wp_args a;
	char line[1000];

	(void)state;
	assert_int_equal(args_parse(4, words, &a, NULL), EC_OK);
	event_line(line, &a, &(struct audit){ 0 }, NULL);
	assert_non_null(strstr(line, "command=\"changepwd\""));
	assert_null(strstr(line, "secret"));
	secret_drop(&a.secret);
	for (int i = 0; words[i]; i++)
		free(words[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_who_what_and_how_it_ended),
		cmocka_unit_test(tells_who_asked_another_front_end),
		cmocka_unit_test(holds_no_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
