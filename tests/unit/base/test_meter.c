/* test_meter.c - nothing that threads count at the same time is lost, and each time falls into its bucket. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include "server/base/log.h"
#include "server/base/meter.h"

#define THREADS 8
#define ROUNDS 20000

static void *count(void *ctx)
{
	struct meters *m = ctx;

	for (unsigned i = 0; i < ROUNDS; i++) {
		meter_add(m, METER_RETRIEVED_OCTETS, 3);
		meter_span(m, SPAN_DELIVERY, i);
	}
	return NULL;
}

static void test_nothing_is_lost(void **state)
{
	struct meters *m = meters_new();
	pthread_t thread[THREADS];
	struct meter_spread s;
	uint64_t n = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count, m), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(meter_sum(m, METER_RETRIEVED_OCTETS), 3 * THREADS * ROUNDS);
	meter_spread(m, SPAN_DELIVERY, &s);
	for (unsigned i = 0; i <= METER_BOUNDS; i++)
		n += s.n[i];
	assert_int_equal(n, THREADS * ROUNDS);
	assert_int_equal(s.us, (uint64_t)THREADS * ROUNDS * (ROUNDS - 1) / 2);
	meters_free(&m);
	assert_null(m);
	meters_free(&m);
}

/* A time that is a bound belongs to it. */
static void test_buckets(void **state)
{
	struct meters *m = meters_new();
	struct meter_spread s;

	(void)state;
	for (unsigned i = 0; i < METER_BOUNDS; i++) {
		assert_true(i == 0 || meter_bound_us[i] > meter_bound_us[i - 1]);
		meter_span(m, SPAN_SIGNIN, meter_bound_us[i]);
		meter_span(m, SPAN_SIGNIN, meter_bound_us[i] + 1);
	}
	meter_spread(m, SPAN_SIGNIN, &s);
	assert_int_equal(s.n[0], 1);
	for (unsigned i = 1; i < METER_BOUNDS; i++)
		assert_int_equal(s.n[i], 2);
	assert_int_equal(s.n[METER_BOUNDS], 1);
	meter_spread(m, SPAN_DIRECTORY, &s);
	assert_int_equal(s.us, 0);
	meters_free(&m);
}

/* Every cell is one family's alone. */
static void test_signins_do_not_mix(void **state)
{
	struct meters *m = meters_new();
	unsigned n = 0;

	(void)state;
	for (unsigned mech = 0; mech < METER_MECHS; mech++) {
		assert_int_equal(meter_mech_of(meter_mech_name(mech)), mech);
		for (unsigned result = 0; result < METER_RESULTS; result++)
			meter_signin(m, METER_SMTP_SIGNINS, meter_mech_name(mech), result);
	}
	for (unsigned i = 0; i < METER_COUNTS; i++)
		n += meter_sum(m, i) == 1;
	assert_int_equal(n, METER_MECHS * METER_RESULTS);
	assert_int_equal(meter_sum(m, METER_SMTP_SIGNINS - 1), 0);
	assert_int_equal(meter_sum(m, METER_TLS_OK), 0);
	assert_int_equal(meter_mech_of(NULL), MECH_IS_OTHER);
	assert_int_equal(meter_mech_of("PLAIN\",evil=\""), MECH_IS_OTHER);
	assert_int_equal(meter_mech_of("plain"), MECH_IS_OTHER);
	meters_free(&m);
}

static void test_results(void **state)
{
	(void)state;
	for (unsigned i = 0; i < METER_RESULTS; i++)
		assert_true(strlen(meter_result_name(i)) > 1);
	assert_int_equal(meter_result_of(EC_OK), SIGNIN_OK);
	assert_int_equal(meter_result_of(EC_DENIED), SIGNIN_WRONG);
	assert_int_equal(meter_result_of(EC_LOCKED), SIGNIN_IN_USE);
	for (unsigned class = 1; class < EC_COUNT; class ++)
		assert_int_not_equal(meter_result_of(class), SIGNIN_OK);
}

static void test_silent_logs_count_nothing(void **state)
{
	struct log_sink *sink = log_open(LOG_TO_STDERR, "test", 0);
	const struct log silent = { 0 }, log = { .sink = sink };

	(void)state;
	assert_null(log_meters(NULL));
	assert_null(log_meters(&silent));
	meter_add(NULL, METER_REMOVED, 1);
	meter_span(NULL, SPAN_SIGNIN, 1);
	log_event(&log, LV_WARN, "not-written");
	assert_int_equal(meter_sum(log_meters(&log), METER_LOGGED + LV_WARN), 1);
	assert_int_equal(meter_sum(NULL, METER_LOGGED + LV_WARN), 0);
	log_close(&sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost),           cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_signins_do_not_mix),        cmocka_unit_test(test_results),
		cmocka_unit_test(test_silent_logs_count_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
