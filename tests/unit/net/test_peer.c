/* test_peer.c - addresses as text, and which of them are ours. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/un.h>
#include "tests/unit/net/rig.h"

static void addresses_have_a_text(void **state)
{
	static const struct {
		int family;
		const char *given, *text;
		bool loopback;
	} cases[] = {
		{ AF_INET, "192.0.2.7", "192.0.2.7", false },
		{ AF_INET, "127.9.9.9", "127.9.9.9", true },
		{ AF_INET6, "2001:db8::1", "2001:db8::1", false },
		{ AF_INET6, "::1", "::1", true },
		{ AF_INET6, "::ffff:192.0.2.7", "192.0.2.7", false },
		{ AF_INET6, "::ffff:127.0.0.1", "127.0.0.1", true },
	};
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char text[PEER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_in v4 = { .sin_family = AF_INET };
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
		bool is4 = cases[i].family == AF_INET;
		struct sockaddr *sa = is4 ? (void *)&v4 : (void *)&v6;
		socklen_t len = is4 ? sizeof(v4) : sizeof(v6);

		inet_pton(cases[i].family, cases[i].given,
			  is4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr);
		peer_text(sa, len, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(peer_is_loopback(sa, len), cases[i].loopback);
		peer_text(sa, 1, text); /* cut off: never read beyond */
		assert_string_equal(text, "unknown");
	}
	peer_text((struct sockaddr *)&un, sizeof(un.sun_family), text);
	assert_string_equal(text, "local");
	assert_true(peer_is_loopback((struct sockaddr *)&un, sizeof(un.sun_family)));
}

static void networks_are_customers(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
		{ "2001:db8::1", "192.0.2.7", false },
		{ "local", "local", true },
		{ "", "local", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(peer_same_network(cases[i].a, cases[i].b), cases[i].same);
		assert_int_equal(peer_same_network(cases[i].b, cases[i].a), cases[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_a_text),
		cmocka_unit_test(networks_are_customers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
