/* test_utf8.c - every character there is, and what only looks like one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "server/base/utf8.h"

static size_t encode(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	size_t n = c < 0x10000 ? 3 : 4;
	out[0] = (char)((n == 3 ? 0xE0 : 0xF0) | c >> 6 * (n - 1));
	for (size_t i = 1; i < n; i++)
		out[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 63));
	return n;
}

static void every_code_point(void **state)
{
	char p[4];

	(void)state;
	for (uint32_t c = 0; c < 0x120000; c++) {
		size_t n = encode(p, c);
		bool fits = c < 0x110000 && (c < 0xD800 || c > 0xDFFF);
		if (utf8_step(p, n) != (fits ? n : 0) || utf8_valid(p, n) != fits)
			fail_msg("U+%04X", c);
		for (size_t cut = 1; cut < n; cut++)
			assert_int_equal(utf8_step(p, cut), 0);
	}
}

static void malformed(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xC0\x80",
		"\xC1\xBF",
		"\xE0\x9F\xBF",
		"\xED\xA0\x80",
		"\xF0\x8F\xBF\xBF",
		"\xF4\x90\x80\x80",
		"\xF5\x80\x80\x80",
		"\xFF",
		"\xFE",
		"a\xC3",
		"\xC3(",
		"\xE2\x82",
		"\xE2(\xA1",
		"\xE2\x82(",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\0b", 3));
}

static void simple_questions(void **state)
{
	(void)state;
	assert_true(ascii_only("", 0));
	assert_true(ascii_only("a~\x7F", 3));
	assert_false(ascii_only("a\x80", 2));
	for (unsigned c = 0; c < 256; c++) {
		char z = (char)c;
		assert_int_equal(has_control(&z, 1), c < 32 || c == 127);
	}
	assert_true(has_control("ab\0", 3));
	assert_false(has_control("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(malformed),
		cmocka_unit_test(simple_questions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
