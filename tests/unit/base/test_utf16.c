/* test_utf16.c - both ways, what is malformed, and capitals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "server/base/utf16.h"

#define TEXT(z) z, sizeof(z) - 1

static void is(const void *got, size_t got_len, const char *want, size_t len)
{
	assert_int_equal(got_len, len);
	assert_memory_equal(got, want, len);
}

static void goes_there_and_back(void **state)
{
	static const struct {
		const char *utf8;
		const char *utf16;
		size_t len;
	} rows[] = {
		{ "", TEXT("") },
		{ "Az", TEXT("A\0z\0") },
		{ "\xEF\xBF\xBD", TEXT("\xFD\xFF") },
		{ "\x7F\xC2\x80", TEXT("\x7F\0\x80\0") },
		{ "\xDF\xBF\xE0\xA0\x80", TEXT("\xFF\x07\x00\x08") },
		{ "\xE2\x82\xAC", TEXT("\xAC\x20") },
		{ "\xED\x9F\xBF\xEE\x80\x80",
		  TEXT("\xFF\xD7\x00\xE0") }, /* around the surrogates */
		{ "\xEF\xBF\xBF", TEXT("\xFF\xFF") },
		{ "\xF0\x90\x80\x80", TEXT("\x00\xD8\x00\xDC") },
		{ "\xF0\x9F\x98\x80", TEXT("\x3D\xD8\x00\xDE") },
		{ "\xF4\x8F\xBF\xBF", TEXT("\xFF\xDB\xFF\xDF") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char wide[16];
		char narrow[16];
		size_t len;

		assert_true(utf16_from_utf8(wide, &len, rows[i].utf8, strlen(rows[i].utf8)));
		is(wide, len, rows[i].utf16, rows[i].len);
		assert_true(utf16_to_utf8(narrow, &len, rows[i].utf16, rows[i].len));
		is(narrow, len, rows[i].utf8, strlen(rows[i].utf8));
	}
}

static void refuses_what_is_malformed(void **state)
{
	static const struct {
		const char *p;
		size_t len;
	} wide[] = {
		{ TEXT("A") },                        /* half a unit */
		{ TEXT("A\0z") },                     /* and a half */
		{ TEXT("\x00\xD8") },                 /* high surrogate at the end */
		{ TEXT("\x00\xD8z\0") },              /* and before a letter */
		{ TEXT("\x00\xD8\x00\xD8\x00\xDC") }, /* and before another */
		{ TEXT("\x00\xDC") },                 /* low surrogate alone */
		{ TEXT("\x00\xDC\x00\xD8") },         /* the wrong way round */
		{ TEXT("\x3D\xD8\x00") },             /* cut inside a pair */
		{ TEXT("\x3D\xD8\x00\xE0") },         /* one past the low ones */
	};
	static const char *const narrow[] = { "\xFF", "\xC3", "\xED\xA0\x80", "\xC0\x80",
					      "\xF4\x90\x80\x80" };

	unsigned char out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		assert_false(utf16_to_utf8((char *)out, &len, wide[i].p, wide[i].len));
	for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++)
		assert_false(utf16_from_utf8(out, &len, narrow[i], strlen(narrow[i])));
}

static void every_character_survives(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x10000; c++) {
		const unsigned char in[2] = { (unsigned char)c, (unsigned char)(c >> 8) };
		bool surrogate = c >= 0xD800 && c < 0xE000;
		unsigned char wide[6];
		char narrow[3];
		size_t len;

		assert_true(utf16_to_utf8(narrow, &len, in, 2) == !surrogate);
		if (surrogate)
			continue;
		assert_true(utf16_from_utf8(wide, &len, narrow, len));
		is(wide, len, (const char *)in, 2);
	}
}

static void capitals(void **state)
{
	static const char *const rows[][2] = {
		{ "kim.lee-7@EXAMPLE", "KIM.LEE-7@EXAMPLE" },
		{ "müller", "MÜLLER" },
		{ "àþÿ÷", "ÀÞŸ÷" },
		{ "łódź čžš ıſŉ", "ŁÓDŹ ČŽŠ ıſŉ" },
		{ "straße", "STRAßE" }, /* one unit stays one unit */
		{ "ștefăniță", "ȘTEFĂNIȚĂ" },
		{ "άέήίόύώσοφς", "ΆΈΉΊΌΎΏΣΟΦς" },
		{ "иван їґё", "ИВАН ЇҐЁ" },
		{ "արամ", "ԱՐԱՄ" },
		{ "nguyễn ơư", "NGUYỄN ƠƯ" },
		{ "ａｚ", "ＡＺ" },
		{ "µ", "µ" },
		{ "李 \xF0\x9F\x98\x80", "李 \xF0\x9F\x98\x80" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char wide[64];
		char narrow[96];
		size_t len;

		assert_true(utf16_from_utf8(wide, &len, rows[i][0], strlen(rows[i][0])));
		utf16_upcase(wide, len);
		assert_true(utf16_to_utf8(narrow, &len, wide, len));
		is(narrow, len, rows[i][1], strlen(rows[i][1]));
	}
}

/* A capital is nobody's small letter, so doing it twice changes nothing. */
static void capitals_stay(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x10000; c++) {
		unsigned char once[2] = { (unsigned char)c, (unsigned char)(c >> 8) }, twice[2];

		utf16_upcase(once, 2);
		memcpy(twice, once, 2);
		utf16_upcase(twice, 2);
		assert_memory_equal(once, twice, 2);
	}
	utf16_upcase((char[]){ 'a' }, 1); /* half a unit is left alone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_there_and_back),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(every_character_survives),
		cmocka_unit_test(capitals),
		cmocka_unit_test(capitals_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
