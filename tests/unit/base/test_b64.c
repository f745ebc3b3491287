/* test_b64.c - RFC 4648 vectors, every length, and everything a strict decoder must refuse. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/b64.h"

static void vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = strlen(cases[i].plain), n;
		char coded[16];
		unsigned char plain[16];
		assert_int_equal(b64_encode(coded, cases[i].plain, len), B64_ENC_LEN(len));
		assert_memory_equal(coded, cases[i].coded, B64_ENC_LEN(len));
		assert_true(b64_decode(plain, &n, coded, B64_ENC_LEN(len)));
		assert_int_equal(n, len);
		assert_memory_equal(plain, cases[i].plain, len);
	}
}

/* Buffers of the exact promised size, so that a sanitizer sees one octet too many. */
static void every_length_goes_there_and_back(void **state)
{
	(void)state;
	for (size_t len = 0; len < 260; len++) {
		unsigned char *in = malloc(len + 1), *out;
		char *coded = malloc(B64_ENC_LEN(len) + 1);
		size_t n;
		for (size_t i = 0; i < len; i++)
			in[i] = (unsigned char)(i * 37 + len);
		size_t c = b64_encode(coded, in, len);
		out = malloc(B64_DEC_MAX(c) + 1);
		assert_true(b64_decode(out, &n, coded, c));
		assert_int_equal(n, len);
		assert_memory_equal(out, in, len);
		for (size_t cut = 1; cut < 4 && cut <= c; cut++)
			assert_false(b64_decode(out, &n, coded, c - cut));
		free(in);
		free(out);
		free(coded);
	}
}

static void refuses(void **state)
{
	static const char *const bad[] = {
		"Zg",       "Zg=",  "Z",          "====", "Z===",     "Zg==Zg==",
		"Zm8=Zm9v", "Zh==", "Zm9=",       "Z g=", "Zm9v\r\n", "Zm-v",
		"Zm_v",     "Zg=A", "\xC3\xA9==", "=g==", "Zm9v====",
	};
	unsigned char out[64];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (b64_decode(out, &n, bad[i], strlen(bad[i])))
			fail_msg("accepted \"%s\"", bad[i]);
	}
	assert_false(b64_decode(out, &n, "Zm9\0", 4));
}

/* Each of the 256 octets in each place: accepted exactly if it is of the alphabet. */
static void alphabet_is_exact(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char out[3];
	size_t n;

	(void)state;
	for (unsigned place = 0; place < 4; place++) {
		for (unsigned c = 0; c < 256; c++) {
			char four[4] = { 'A', 'A', 'A', 'A' };
			four[place] = (char)c;
			bool fits = c && strchr(alphabet, (int)c);
			if (c == '=' && place == 3)
				fits = true; /* padding: AAA= */
			assert_int_equal(b64_decode(out, &n, four, 4), fits);
		}
	}
}

static void hex_both_ways(void **state)
{
	unsigned char in[256], out[256];
	char text[512];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		in[i] = (unsigned char)i;
	assert_int_equal(hex_encode(text, in, 256), 512);
	assert_memory_equal(text, "000102", 6);
	assert_memory_equal(text + 506, "fdfeff", 6);
	assert_true(hex_decode(out, text, 512));
	assert_memory_equal(in, out, 256);
	assert_true(hex_decode(out, "FfA0", 4));
	assert_int_equal(out[0], 255);
	assert_false(hex_decode(out, "abc", 3));
	assert_false(hex_decode(out, "0g", 2));
	assert_false(hex_decode(out, "0 ", 2));
	assert_true(hex_decode(out, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_4648),
		cmocka_unit_test(every_length_goes_there_and_back),
		cmocka_unit_test(refuses),
		cmocka_unit_test(alphabet_is_exact),
		cmocka_unit_test(hex_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
