/* test_penalty.c - the arithmetic of waiting; time is a parameter, so nothing waits here. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include "server/auth/penalty.h"

#define BASE 1000
#define NOW 5000000

static unsigned fail_at(struct penalty *p, const char *peer, const char *account, uint64_t now)
{
	return penalty_fail(p, BASE, peer, account, now).delay_ms;
}

/* One at a time, each begun when the one before was answered. */
static void waits_double_up_to_the_limit(void **state)
{
	static const unsigned want[] = { 1000, 2000, 4000, 8000, 15000, 15000, 15000 };
	struct penalty *p = penalty_new();
	uint64_t now = NOW;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(fail_at(p, NULL, "kim@example.com", now), want[i]);
		now += want[i];
	}
	penalty_unref(&p);
	assert_null(p);
}

static void parallel_failures_queue_up(void **state)
{
	struct penalty *p = penalty_new();

	(void)state;
	assert_int_equal(fail_at(p, "192.0.2.7", "a@x", NOW), 1000);
	assert_int_equal(fail_at(p, "192.0.2.7", "b@x", NOW), 3000);
	assert_int_equal(fail_at(p, "192.0.2.7", "c@x", NOW), 7000);
	assert_int_equal(fail_at(p, "192.0.2.7", "d@x", NOW), 15000);
	for (int i = 0; i < 10; i++)
		fail_at(p, "192.0.2.7", "e@x", NOW);
	assert_int_equal(fail_at(p, "192.0.2.7", "f@x", NOW), PENALTY_PEER_WAIT_MAX_MS);
	penalty_unref(&p);
}

static void an_account_never_waits_longer_than_its_limit(void **state)
{
	struct penalty *p = penalty_new();
	char peer[32];

	(void)state;
	for (int i = 1; i < 200; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%d", i);
		assert_in_range(fail_at(p, peer, "kim@example.com", NOW), 1,
				PENALTY_ACCOUNT_WAIT_MAX_MS);
	}
	penalty_unref(&p);
}

static void addresses_count_by_network(void **state)
{
	static const struct {
		const char *first, *second;
		bool same;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "192.0.2.7", "::ffff:192.0.2.7", true },
		{ "2001:db8::1", "2001:db8::2", true },
		{ "2001:db8::1", "2001:db8:0:0:ffff::9", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "127.0.0.1", "127.0.0.1", false },
		{ "::1", "::1", false },
		{ "::ffff:127.0.0.2", "::ffff:127.0.0.2", false },
		{ "local", "local", false },
		{ "", "", false },
		{ NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct penalty *p = penalty_new();

		assert_int_equal(fail_at(p, rows[i].first, "a@x", NOW), 1000);
		assert_int_equal(fail_at(p, rows[i].second, "b@x", NOW),
				 rows[i].same ? 3000 : 1000);
		penalty_unref(&p);
	}
}

static void failures_expire(void **state)
{
	struct penalty *p = penalty_new();

	(void)state;
	fail_at(p, NULL, "kim@example.com", NOW); /* due 1000 later */
	assert_int_equal(fail_at(p, NULL, "kim@example.com", NOW + 1000 + PENALTY_EXPIRY_MS), 2000);
	assert_int_equal(fail_at(p, NULL, "kim@example.com", NOW + 3001 + 2 * PENALTY_EXPIRY_MS),
			 1000);
	penalty_unref(&p);
}

static void success_forgives_the_account_only(void **state)
{
	struct penalty *p = penalty_new();

	(void)state;
	fail_at(p, "192.0.2.7", "kim@example.com", NOW);
	penalty_forgive(p, "kim@example.com");
	penalty_forgive(p, "never@example.com");
	assert_int_equal(fail_at(p, NULL, "kim@example.com", NOW), 1000);
	assert_int_equal(fail_at(p, "192.0.2.7", "sam@example.com", NOW), 3000);
	penalty_unref(&p);
}

static void a_base_of_zero_never_waits(void **state)
{
	struct penalty *p = penalty_new();

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(penalty_fail(p, 0, "192.0.2.7", "kim@x", NOW).delay_ms, 0);
	penalty_unref(&p);
}

static void bursts_are_told_once_a_minute(void **state)
{
	struct penalty *p = penalty_new();
	unsigned by_peer = 0, by_account = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * PENALTY_BURST; i++) {
		struct penalty_verdict v = penalty_fail(p, BASE, "192.0.2.7", "kim@x", NOW + i);

		by_peer += v.peer_burst;
		by_account += v.account_burst;
		assert_int_equal(v.peer_burst, i + 1 == PENALTY_BURST);
	}
	assert_int_equal(by_peer, 1);
	assert_int_equal(by_account, 1);
	for (unsigned i = 0; i < PENALTY_BURST; i++)
		by_peer += penalty_fail(p, BASE, "192.0.2.7", "kim@x", NOW + 60000 + i).peer_burst;
	assert_int_equal(by_peer, 2);
	penalty_unref(&p);
}

/* Invented names fill their own table, not that of the addresses; the table does not grow. */
static void a_flood_of_names_does_not_free_its_sender(void **state)
{
	struct penalty *p = penalty_new();
	char account[32];
	unsigned last = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(account, sizeof(account), "u%d@x", i);
		last = fail_at(p, "192.0.2.7", account, NOW);
	}
	assert_int_equal(last, PENALTY_PEER_WAIT_MAX_MS);
	penalty_unref(&p);
}

static void *many_failures(void *p)
{
	for (int i = 0; i < 1000; i++)
		penalty_fail(p, 1, "192.0.2.7", "kim@x", NOW);
	return NULL;
}

static void threads_get_different_places(void **state)
{
	struct penalty *p = penalty_new(), *other = penalty_ref(p);
	pthread_t t[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, many_failures, p);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	penalty_unref(&other);
	assert_int_equal(penalty_fail(p, 1, "192.0.2.7", "kim@x", NOW).delay_ms,
			 PENALTY_PEER_WAIT_MAX_MS);
	penalty_unref(&p);
	penalty_unref(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_limit),
		cmocka_unit_test(parallel_failures_queue_up),
		cmocka_unit_test(an_account_never_waits_longer_than_its_limit),
		cmocka_unit_test(addresses_count_by_network),
		cmocka_unit_test(failures_expire),
		cmocka_unit_test(success_forgives_the_account_only),
		cmocka_unit_test(a_base_of_zero_never_waits),
		cmocka_unit_test(bursts_are_told_once_a_minute),
		cmocka_unit_test(a_flood_of_names_does_not_free_its_sender),
		cmocka_unit_test(threads_get_different_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
