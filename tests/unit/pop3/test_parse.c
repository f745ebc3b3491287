/* test_parse.c - lines and requests, fed whole, byte by byte and split at every position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "server/pop3/parse.h"

#define MAX 8

/* Lines found in the text, '|' behind each, '!' for one too long. */
static void cut(const char *text, size_t len, size_t first, size_t step, char *out)
{
	size_t skipped = 0, at = 0, have = first;

	for (out[0] = '\0';;) {
		struct p3_slice line;
		size_t used = 0;
		enum p3_found f = p3_find_line(&skipped, text + at, have - at, MAX, &line, &used);

		assert_true(used <= have - at);
		at += used;
		if (f == P3_LINE_WHOLE)
			strncat(out, line.p, line.len);
		if (f != P3_LINE_PART)
			strcat(out, f == P3_LINE_LONG ? "!" : "|");
		else if (have == len)
			break;
		else
			have = have + step > len ? len : have + step;
	}
}

static void lines(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "NOOP\r\n", "NOOP|" },
		{ "NOOP\n", "NOOP|" },
		{ "\r\n\n", "||" },
		{ "a\r\r\n", "a\r|" },
		{ "a\rb\r\n", "a\rb|" },
		{ "12345678\r\n", "12345678|" },
		{ "12345678\n", "12345678|" },
		{ "123456789\r\nok\r\n", "!ok|" },
		{ "123456789\nok\r\n", "!ok|" },
		{ "1234567890123456789012345678901234567890\r\nok\r\nhalf", "!ok|" },
		{ "12345678\r\r\nx\n", "!x|" },
	};
	char whole[64], part[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		cut(cases[i].text, len, len, 1, whole);
		assert_string_equal(whole, cases[i].want);
		cut(cases[i].text, len, 0, 1, part);
		assert_string_equal(part, cases[i].want);
		for (size_t at = 0; at <= len; at++) {
			cut(cases[i].text, len, at, len, part);
			assert_string_equal(part, cases[i].want);
		}
	}
}

static void requests(void **state)
{
	static const struct {
		const char *line, *verb;
		bool good;
		unsigned argc;
		const char *arg0, *arg1;
	} cases[] = {
		{ "STAT", "STAT", true, 0, NULL, NULL },
		{ "STAT ", "STAT", true, 0, NULL, NULL },
		{ "STAT   ", "STAT", true, 0, NULL, NULL },
		{ "RETR 1", "RETR", true, 1, "1", NULL },
		{ "RETR 1 ", "RETR", true, 1, "1", NULL },
		{ "RETR  1", "RETR", false, 0, NULL, NULL },
		{ "TOP 1 2", "TOP", true, 2, "1", "2" },
		{ "TOP 1  2", "TOP", false, 0, NULL, NULL },
		{ "TOP 1 2 3", "TOP", true, 3, "1", "2" },
		{ "TOP 1 2 3 4 5 6", "TOP", true, 3, "1", "2" },
		{ " RETR 1", "", true, 2, "RETR", "1" },
		{ "", "", true, 0, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct p3_req r;
		p3_split((struct p3_slice){ cases[i].line, strlen(cases[i].line) }, &r);
		assert_true(p3_is(r.verb, cases[i].verb));
		assert_int_equal(p3_split_args(&r), cases[i].good);
		if (!cases[i].good)
			continue;
		assert_int_equal(r.argc, cases[i].argc);
		assert_true(!cases[i].arg0 || p3_is(r.arg[0], cases[i].arg0));
		assert_true(!cases[i].arg1 || p3_is(r.arg[1], cases[i].arg1));
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t n;
	} cases[] = {
		{ "0", true, 0 },
		{ "1", true, 1 },
		{ "007", true, 7 },
		{ "4294967296", true, 4294967296 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", true, UINT64_MAX },
		{ "18446744073709551619", true, UINT64_MAX },
		{ "99999999999999999999999999999999", true, UINT64_MAX },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ "1x", false, 0 },
		{ " 1", false, 0 },
		{ "0x1", false, 0 },
		{ "1.", false, 0 },
		{ "\xd9\xa1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t n = 0;
		struct p3_slice s = { cases[i].text, strlen(cases[i].text) };
		assert_int_equal(p3_number(s, &n), cases[i].good);
		assert_int_equal(n, cases[i].n);
	}
}

static void names_in_any_case(void **state)
{
	(void)state;
	assert_true(p3_is((struct p3_slice){ "rEtR", 4 }, "RETR"));
	assert_false(p3_is((struct p3_slice){ "RETRX", 5 }, "RETR"));
	assert_false(p3_is((struct p3_slice){ "RET", 3 }, "RETR"));
	assert_false(p3_is((struct p3_slice){ "RET\0", 4 }, "RET"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(requests),
		cmocka_unit_test(numbers),
		cmocka_unit_test(names_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
