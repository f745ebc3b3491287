/* utf16: what Windows keeps passwords in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/utf16.h"

static void converts(void **state)
{
	static const struct {
		const char *in;
		const char *out;
		size_t len;
	} cases[] = {
		{ "", "", 0 },
		{ "Pa", "P\0a\0", 4 },
		{ "\xC3\xBC", "\xFC\x00", 2 },
		{ "\xE2\x82\xAC", "\xAC\x20", 2 },
		{ "\xEF\xBF\xBD", "\xFD\xFF", 2 },
		{ "\xF0\x90\x80\x80", "\x00\xD8\x00\xDC", 4 }, /* the first that needs a pair */
		{ "\xF0\x9F\x98\x80", "\x3D\xD8\x00\xDE", 4 },
		{ "\xF4\x8F\xBF\xBF", "\xFF\xDB\xFF\xDF", 4 }, /* the last there is */
	};
	unsigned char out[32];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(utf16_from_utf8(out, &len, cases[i].in, strlen(cases[i].in)));
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(out, cases[i].out, len);
	}
	assert_true(utf16_from_utf8(out, &len, "a\0b", 3));
	assert_memory_equal(out, "a\0\0\0b\0", 6);
}

static void refuses_what_is_not_utf8(void **state)
{
	static const char *const cases[] = { "\x80", "a\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80",
					     "\xC0\xAF" };
	unsigned char out[32];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_false(utf16_from_utf8(out, &len, cases[i], strlen(cases[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converts),
		cmocka_unit_test(refuses_what_is_not_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
