/* test_throttle.c - who counts as one, and that the count comes back to nothing. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/un.h>
#include "server/net/throttle.h"
#include "tests/unit/net/rig.h"

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
};

static struct address at(const char *text)
{
	struct address a = { 0 };
	struct sockaddr_in *v4 = (void *)&a.sa;
	struct sockaddr_in6 *v6 = (void *)&a.sa;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		a.len = sizeof(*v4);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		v6->sin6_family = AF_INET6;
		a.len = sizeof(*v6);
	}
	return a;
}

static bool enter(struct throttle *t, const char *text)
{
	struct address a = at(text);

	return throttle_enter(t, (struct sockaddr *)&a.sa, a.len);
}

static void leave(struct throttle *t, const char *text)
{
	struct address a = at(text);

	throttle_leave(t, (struct sockaddr *)&a.sa, a.len);
}

static void addresses_that_count_as_one(void **state)
{
	static const struct {
		const char *first, *second;
		bool same;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "192.0.2.7", "::ffff:192.0.2.7", true },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct throttle *t = throttle_new(1);

		assert_true(enter(t, cases[i].first));
		assert_int_equal(enter(t, cases[i].second), !cases[i].same);
		leave(t, cases[i].first);
		if (!cases[i].same)
			leave(t, cases[i].second);
		assert_true(enter(t, cases[i].second));
		assert_false(enter(t, cases[i].second));
		throttle_free(&t);
		assert_null(t);
	}
}

static void loopback_unix_and_zero_are_not_counted(void **state)
{
	static const char *const free_ones[] = { "127.0.0.1", "127.9.9.9", "::1",
						 "::ffff:127.0.0.1" };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct throttle *t = throttle_new(1), *off = throttle_new(0);

	(void)state;
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++)
			assert_true(enter(t, free_ones[i]));
		assert_true(throttle_enter(t, (struct sockaddr *)&un, sizeof(un)));
		assert_true(enter(off, "192.0.2.7"));
	}
	throttle_free(&t);
	throttle_free(&off);
	throttle_free(&off);
}

#define MANY 20000

static void many_addresses_each_have_their_own_count(void **state)
{
	struct throttle *t = throttle_new(2);
	char text[64];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			snprintf(text, sizeof(text), "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
			assert_int_equal(enter(t, text), round < 2);
		}
	}
	for (unsigned i = 0; i < 2 * MANY; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x:%x::1", (i / 2) >> 16, (i / 2) & 0xffff);
		leave(t, text);
	}
	leave(t, "2001:db8::1"); /* one too many does no harm */
	assert_true(enter(t, "2001:db8::1"));
	assert_true(enter(t, "2001:db8::1"));
	assert_false(enter(t, "2001:db8::1"));
	throttle_free(&t);
}

static void *in_and_out(void *arg)
{
	for (unsigned i = 0; i < 20000; i++)
		if (enter(arg, "192.0.2.7"))
			leave(arg, "192.0.2.7");
	return NULL;
}

static void threads_share_one_count(void **state)
{
	struct throttle *t = throttle_new(3);
	pthread_t threads[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, in_and_out, t);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++)
		assert_true(enter(t, "192.0.2.7"));
	assert_false(enter(t, "192.0.2.7"));
	throttle_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_that_count_as_one),
		cmocka_unit_test(loopback_unix_and_zero_are_not_counted),
		cmocka_unit_test(many_addresses_each_have_their_own_count),
		cmocka_unit_test(threads_share_one_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
