/* test_metrics.c - what the two text forms look like, and that a histogram adds up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/meter.h"
#include "server/ops/metrics.h"

static char *write_some(enum metrics_form form)
{
	struct metrics m;

	metrics_begin(&m, form);
	metrics_family(&m, "x_things", METRIC_COUNTER, "Things");
	metrics_row_n(&m, UINT64_MAX, NULL);
	metrics_family(&m, "x_now", METRIC_GAUGE, "Now");
	metrics_row(&m, 0.25, "a", "b", "c", "q\"\\\n", NULL);
	return metrics_end(&m);
}

static void test_both_forms(void **state)
{
	static const char *const want[] = {
		[METRICS_OPEN] = "# HELP x_things Things.\n# TYPE x_things counter\n"
				 "x_things_total 18446744073709551615\n"
				 "# HELP x_now Now.\n# TYPE x_now gauge\n"
				 "x_now{a=\"b\",c=\"q\\\"\\\\\\n\"} 0.25\n# EOF\n",
		[METRICS_CLASSIC] = "# HELP x_things_total Things.\n# TYPE x_things_total counter\n"
				    "x_things_total 18446744073709551615\n"
				    "# HELP x_now Now.\n# TYPE x_now gauge\n"
				    "x_now{a=\"b\",c=\"q\\\"\\\\\\n\"} 0.25\n",
	};

	(void)state;
	for (unsigned form = METRICS_OPEN; form <= METRICS_CLASSIC; form++) {
		char *text = write_some(form);
		assert_string_equal(text, want[form]);
		free(text);
	}
}

static void test_which_form(void **state)
{
	static const struct {
		const char *accept;
		enum metrics_form form;
	} rows[] = {
		{ NULL, METRICS_CLASSIC },
		{ "", METRICS_CLASSIC },
		{ "*/*", METRICS_CLASSIC },
		{ "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", METRICS_CLASSIC },
		{ "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", METRICS_OPEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(metrics_form_for(rows[i].accept), rows[i].form);
}

static void has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at || (at > text && at[-1] != '\n'))
		fail_msg("no line %s in\n%s", line, text);
}

static void test_what_was_counted(void **state)
{
	struct log_sink *sink = log_open(LOG_TO_STDERR, "test", 0);
	const struct log log = { .sink = sink };
	struct meters *from = log_meters(&log);
	struct metrics m;

	(void)state;
	log_event(&log, LV_INFO, "signin");
	meter_signin(from, METER_SIGNINS, "CRAM-MD5", SIGNIN_IN_USE);
	meter_add(from, METER_DELIVERIES + EC_TEMP, 4);
	meter_add(from, METER_DELIVERIES + EC_EXISTS, 2);
	for (unsigned i = 0; i < 5; i++)
		meter_span(from, SPAN_RETRIEVAL, i * 30000);
	meter_span(from, SPAN_RETRIEVAL, 60000000);
	metrics_begin(&m, METRICS_OPEN);
	metrics_counted(&m, sink);
	char *text = metrics_end(&m);
	has(text, "winpop_events_total{event=\"signin\"} 1\n");
	has(text, "winpop_log_events_total{level=\"info\"} 1\n");
	has(text, "winpop_signins_total{mechanism=\"CRAM-MD5\",result=\"in_use\"} 1\n");
	has(text, "winpop_signins_total{mechanism=\"USER\",result=\"wrong\"} 0\n");
	assert_null(strstr(text, "mechanism=\"USER\",result=\"in_use\""));
	has(text, "winpop_deliveries_total{result=\"temp\"} 4\n");
	has(text, "winpop_deliveries_total{result=\"other\"} 2\n");
	has(text, "winpop_retrieval_seconds_bucket{le=\"5e-05\"} 1\n");
	has(text, "winpop_retrieval_seconds_bucket{le=\"0.025\"} 1\n");
	has(text, "winpop_retrieval_seconds_bucket{le=\"0.05\"} 2\n");
	has(text, "winpop_retrieval_seconds_bucket{le=\"0.1\"} 4\n");
	has(text, "winpop_retrieval_seconds_bucket{le=\"30\"} 5\n");
	has(text, "winpop_retrieval_seconds_bucket{le=\"+Inf\"} 6\n");
	has(text, "winpop_retrieval_seconds_count 6\n");
	has(text, "winpop_retrieval_seconds_sum 60.3\n");
	free(text);
	log_close(&sink);
}

static void test_process(void **state)
{
	struct metrics m;

	(void)state;
	metrics_begin(&m, METRICS_CLASSIC);
	metrics_process(&m);
	char *text = metrics_end(&m);
	has(text, "# TYPE process_cpu_seconds_total counter\n");
	assert_non_null(strstr(text, "\nprocess_resident_memory_bytes "));
	assert_true(strtod(strstr(text, "\nprocess_open_fds ") + 18, NULL) >= 3);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_forms),
		cmocka_unit_test(test_which_form),
		cmocka_unit_test(test_what_was_counted),
		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
