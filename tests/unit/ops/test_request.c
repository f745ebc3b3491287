/* test_request.c - request lines to reply lines, and what the audit says about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include "server/base/buf.h"
#include "server/ops/request.h"

static enum ec handle(void *ctx, const json_t *request, json_t *reply, struct err *e)
{
	const char *what = json_string_value(json_object_get(request, "do"));

	(void)ctx;
	if (strcmp(what, "kick") == 0)
		return err_set(e, EC_ABSENT, "no session");
	if (strcmp(what, "odd") == 0)
		return err_set(e, EC_BROKEN, "octets \xFF of a file");
	json_object_set_new(reply, "n", json_integer(1));
	return EC_OK;
}

static void collect(void *ctx, const char *line)
{
	buf_addz(ctx, line);
	buf_addz(ctx, "\n");
}

static void expect(const char *line, const char *reply, const char *audit)
{
	struct log_sink *sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	struct log log = { .sink = sink };
	struct request_server server = { handle, NULL, &log };
	struct audit_peer by = { .uid = 1000, .pid = 77 };
	struct buf lines = { 0 };

	log_capture(sink, collect, &lines);
	char *got = request_answer(&server, &by, line, strlen(line));

	*buf_room(&lines, 1) = '\0';
	assert_string_equal(got, reply);
	if (audit)
		assert_non_null(strstr(buf_at(&lines), audit));
	else
		assert_int_equal(lines.len, 0);
	free(got);
	buf_drop(&lines);
	log_close(&sink);
}

static void test_reading_leaves_no_trace(void **state)
{
	(void)state;
	expect("{\"do\":\"status\"}", "{\"ok\":true,\"n\":1}\n", NULL);
	expect("nonsense",
	       "{\"ok\":false,\"class\":\"usage\",\"text\":\"not JSON: "
	       "'[' or '{' expected near 'nonsense'\"}\n",
	       NULL);
}

static void test_changes_are_audited(void **state)
{
	(void)state;
	expect("{\"do\":\"reload\"}", "{\"ok\":true,\"n\":1}\n",
	       "event=admin command=\"reload\" uid=1000 pid=77 result=\"ok\"");
	expect("{\"do\":\"kick\",\"who\":\"kim@a\"}",
	       "{\"ok\":false,\"class\":\"absent\",\"text\":\"no session\"}\n",
	       "command=\"kick\" target=\"kim@a\" uid=1000 pid=77 result=\"absent\" "
	       "text=\"no session\"");
	expect("{\"do\":\"reload\",\"by\":\"pat@a\",\"from\":\"192.0.2.7\"}",
	       "{\"ok\":true,\"n\":1}\n",
	       "uid=1000 pid=77 by=\"pat@a\" from=\"192.0.2.7\" result=\"ok\"");
}

/* One event is one line, whatever is asked for. */
static void test_foreign_words_are_escaped(void **state)
{
	(void)state;
	expect("{\"do\":\"x\\nevent=fake\"}", "{\"ok\":true,\"n\":1}\n",
	       "command=\"x\\x0aevent=fake\"");
}

static void test_texts_that_json_cannot_hold(void **state)
{
	(void)state;
	expect("{\"do\":\"odd\"}",
	       "{\"ok\":false,\"class\":\"broken\",\"text\":\"the text of this error is not "
	       "UTF-8\"}\n",
	       "result=\"broken\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_leaves_no_trace),
		cmocka_unit_test(test_changes_are_audited),
		cmocka_unit_test(test_foreign_words_are_escaped),
		cmocka_unit_test(test_texts_that_json_cannot_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
