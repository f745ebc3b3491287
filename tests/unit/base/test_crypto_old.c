/* test_crypto_old.c - published vectors of the old algorithms. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "server/base/b64.h"
#include "server/base/crypto.h"

static void is_hex(const unsigned char *p, size_t len, const char *hex)
{
	char text[64];

	assert_int_equal(hex_encode(text, p, len), strlen(hex));
	assert_memory_equal(text, hex, strlen(hex));
}

static void md4_vectors_of_rfc_1320(void **state)
{
	static const char *const rows[][2] = {
		{ "", "31d6cfe0d16ae931b73c59d7e0c089c0" },
		{ "a", "bde52cb31de33e46245e05fbdbd6fb24" },
		{ "abc", "a448017aaf21d8525fc10ae87aa6729d" },
		{ "message digest", "d9130a8164549fe818874806e1c7014b" },
		{ "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
		  "0",
		  "e33b4ddc9c38f2199c3e7b164fcc0536" },
	};
	unsigned char out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		md4(out, rows[i][0], strlen(rows[i][0]));
		is_hex(out, 16, rows[i][1]);
	}
}

static void hmac_vectors_of_rfc_2202(void **state)
{
	unsigned char key[80], out[16];

	(void)state;
	memset(key, 0x0B, 16);
	hmac_md5(out, key, 16, "Hi There", 8);
	is_hex(out, 16, "9294727a3638bb1c13f48ef8158bfc9d");
	hmac_md5(out, "Jefe", 4, "what do ya want for nothing?", 28);
	is_hex(out, 16, "750c783e6ab0b503eaa86e310a5db738");
	memset(key, 0xAA, sizeof(key)); /* longer than a block */
	hmac_md5(out, key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First",
		 54);
	is_hex(out, 16, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
	hmac_md5(out, NULL, 0, NULL, 0);
	is_hex(out, 16, "74e6f7298a9c2d168935f58c001bad88");
}

/* NIST SP 500-20: a variable key of 56 bits here, its 64 there, and one text. */
static void des_vectors(void **state)
{
	static const struct {
		const char *key, *in, *want;
	} rows[] = {
		{ "00000000000000", "0000000000000000", "8ca64de9c1b123a7" },
		{ "80000000000000", "0000000000000000", "95a8d72813daa94d" },
		{ "00000000000001", "0000000000000000", "869efd7f9f265a09" },
		{ "00000000000000", "8000000000000000", "95f8a5e5dd31d900" },
	};
	unsigned char key[DES_KEY], in[DES_BLOCK], out[DES_BLOCK];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(hex_decode(key, rows[i].key, 2 * DES_KEY));
		assert_true(hex_decode(in, rows[i].in, 2 * DES_BLOCK));
		des_encrypt(out, key, in);
		is_hex(out, DES_BLOCK, rows[i].want);
	}
}

/* Every bit of the key counts. */
static void des_uses_the_whole_key(void **state)
{
	unsigned char key[DES_KEY] = { 0 }, zero[DES_BLOCK] = { 0 }, plain[DES_BLOCK];
	unsigned char out[DES_BLOCK];

	(void)state;
	des_encrypt(plain, key, zero);
	for (unsigned bit = 0; bit < 8 * DES_KEY; bit++) {
		key[bit / 8] ^= (unsigned char)(1 << bit % 8);
		des_encrypt(out, key, zero);
		assert_memory_not_equal(out, plain, DES_BLOCK);
		key[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(md4_vectors_of_rfc_1320),
		cmocka_unit_test(hmac_vectors_of_rfc_2202),
		cmocka_unit_test(des_vectors),
		cmocka_unit_test(des_uses_the_whole_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
