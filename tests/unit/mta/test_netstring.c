/* test_netstring.c - lengths, ends and everything that is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "server/mta/netstring.h"

#define MAX 12

static const struct {
	const char *text;
	enum netstring is;
	const char *carries;
	size_t used;
} cases[] = {
	{ "", NETSTRING_PART },
	{ "5", NETSTRING_PART },
	{ "5:", NETSTRING_PART },
	{ "5:hell", NETSTRING_PART },
	{ "5:hello", NETSTRING_PART },
	{ "5:hello,", NETSTRING_WHOLE, "hello", 8 },
	{ "5:hello,5:again,", NETSTRING_WHOLE, "hello", 8 },
	{ "0:,", NETSTRING_WHOLE, "", 3 },
	{ "3:a,b,", NETSTRING_WHOLE, "a,b", 6 },
	{ "12:abcdefghijkl,", NETSTRING_WHOLE, "abcdefghijkl", 16 },
	{ "13", NETSTRING_BAD },
	{ "13:abcdefghijklm,", NETSTRING_BAD },
	{ "99999999999999999999999999:", NETSTRING_BAD },
	{ "05:hello,", NETSTRING_BAD },
	{ "00:,", NETSTRING_BAD },
	{ "5;hello,", NETSTRING_BAD },
	{ "5:hello;", NETSTRING_BAD },
	{ "5:helloo,", NETSTRING_BAD },
	{ ":hello,", NETSTRING_BAD },
	{ "-1:,", NETSTRING_BAD },
	{ " 5:hello,", NETSTRING_BAD },
	{ "x", NETSTRING_BAD },
	{ "GET / HTTP/1.0\r\n", NETSTRING_BAD },
};

static void test_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mta_text out = { NULL, 0 };
		size_t used = 0;

		assert_int_equal(
			netstring_parse(cases[i].text, strlen(cases[i].text), MAX, &out, &used),
			cases[i].is);
		if (cases[i].is != NETSTRING_WHOLE)
			continue;
		assert_int_equal(used, cases[i].used);
		assert_int_equal(out.len, strlen(cases[i].carries));
		assert_memory_equal(out.p, cases[i].carries, out.len);
	}
}

/* A piece of a good one is never bad, a piece behind a bad one never good again. */
static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum netstring last = NETSTRING_PART;

		for (size_t len = 0; len <= strlen(cases[i].text); len++) {
			struct mta_text out;
			size_t used;
			enum netstring now = netstring_parse(cases[i].text, len, MAX, &out, &used);

			if (last != NETSTRING_PART)
				assert_int_equal(now, last);
			last = now;
		}
		assert_int_equal(last, cases[i].is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
