/* test_apop.c - the time stamp and the response of APOP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/auth/apop.h"
#include "server/auth/mech.h"

#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static void a_stamp_is_what_the_narrowest_client_takes(void **state)
{
	static const char *const hosts[] = { "mail.example.com", "h", "m_1", "a b<c>@d=e\xff", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char *z = apop_stamp(hosts[i]);
		size_t left = strspn(z + 1, SAFE), right;

		assert_int_equal(z[0], '<');
		assert_int_equal(left, 32);
		assert_int_equal(z[1 + left], '@');
		right = strspn(z + 2 + left, SAFE);
		assert_int_equal(right, strlen(hosts[i]));
		assert_string_equal(z + 2 + left + right, ">");
		free(z);
	}
}

static void no_two_stamps_are_equal(void **state)
{
	char *a = apop_stamp("h"), *b = apop_stamp("h");

	(void)state;
	assert_string_not_equal(a, b);
	free(a);
	free(b);
}

static void a_host_without_end_is_cut(void **state)
{
	char host[1000];
	char *z;

	(void)state;
	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = 0;
	z = apop_stamp(host);
	assert_true(strlen(z) < 300);
	free(z);
}

static void responses(void **state)
{
	static const struct {
		const char *user;
		size_t len;
		const char *digest, *want;
	} rows[] = {
		{ "kim@x", 5, "0123456789abcdef0123456789abcdef",
		  "kim@x 0123456789abcdef0123456789abcdef" },
		{ "kim@x", 5, "0123456789ABCDEF0123456789abcdeF",
		  "kim@x 0123456789abcdef0123456789abcdef" },
		{ "kim@x", 5, "0123456789abcdef0123456789abcde", NULL },
		{ "kim@x", 5, "0123456789abcdef0123456789abcdef0", NULL },
		{ "kim@x", 5, "0123456789abcdef0123456789abcdeg", NULL },
		{ "kim@x", 5, "", NULL },
		{ "kim\0x", 5, "0123456789abcdef0123456789abcdef", NULL },
		{ "", 0, "0123456789abcdef0123456789abcdef", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = { 0 };
		bool ok = apop_response(rows[i].user, rows[i].len, rows[i].digest, &b);

		assert_int_equal(ok, rows[i].want != NULL);
		if (ok)
			assert_string_equal(buf_at(&b), rows[i].want);
		buf_drop(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_is_what_the_narrowest_client_takes),
		cmocka_unit_test(no_two_stamps_are_equal),
		cmocka_unit_test(a_host_without_end_is_cut),
		cmocka_unit_test(responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
