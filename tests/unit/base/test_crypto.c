/* test_crypto.c - published vectors, every kind of tampering, many threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/b64.h"
#include "server/base/crypto.h"

static void is_hex(const unsigned char *p, size_t len, const char *hex)
{
	char text[128];

	assert_int_equal(hex_encode(text, p, len), strlen(hex));
	assert_memory_equal(text, hex, strlen(hex));
}

static void hashes(void **state)
{
	unsigned char out[32];

	(void)state;
	sha256(out, "abc", 3);
	is_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_bytes(HASH_SHA1, out, "abc", 3); /* RFC 3174 section 7.3 */
	is_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	hash_bytes(HASH_SHA256, out, "abc", 3);
	is_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(out, NULL, 0);
	is_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	md5(out, "message digest", 14);
	is_hex(out, 16, "f96b697d7cb7938d525a2f31aaf161d0");
	md5(out, "<1896.697170952@dbc.mtview.ca.us>tanstaaf", 41); /* RFC 1939 section 7 */
	is_hex(out, 16, "c4c9334bac560ecc979e58001b3e22fb");
}

static void hmac_vectors_of_rfc_4231(void **state)
{
	unsigned char key[131], out[32];

	(void)state;
	hmac_sha256(out, "Jefe", 4, "what do ya want for nothing?", 28);
	is_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xAA, sizeof(key)); /* longer than a block */
	hmac_sha256(out, key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First",
		    54);
	is_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_vectors_of_rfc_2202(void **state)
{
	unsigned char key[80], out[20];

	(void)state;
	hmac(HASH_SHA1, out, "Jefe", 4, "what do ya want for nothing?", 28);
	is_hex(out, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	memset(key, 0xAA, sizeof(key));
	hmac(HASH_SHA1, out, key, sizeof(key),
	     "Test Using Larger Than Block-Size Key - Hash Key First", 54);
	is_hex(out, 20, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

#define TEXT(z) z, sizeof(z) - 1

/* RFC 6070, RFC 7914 section 11, and the salted passwords behind the examples of RFC 5802 and
 * RFC 7677. Of vectors longer than a block, the
 * first block. */
static void pbkdf2_vectors(void **state)
{
	static const struct {
		enum hash hash;
		const char *pass;
		size_t pass_len;
		const char *salt;
		size_t salt_len;
		unsigned rounds;
		const char *want;
	} rows[] = {
		{ HASH_SHA1, TEXT("password"), TEXT("salt"), 1,
		  "0c60c80f961f0e71f3a9b524af6012062fe037a6" },
		{ HASH_SHA1, TEXT("password"), TEXT("salt"), 2,
		  "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957" },
		{ HASH_SHA1, TEXT("password"), TEXT("salt"), 4096,
		  "4b007901b765489abead49d926f721d065a429c1" },
		{ HASH_SHA1, TEXT("passwordPASSWORDpassword"),
		  TEXT("saltSALTsaltSALTsaltSALTsaltSALTsalt"), 4096,
		  "3d2eec4fe41c849b80c8d83662c0e44a8b291a96" },
		{ HASH_SHA1, TEXT("pass\0word"), TEXT("sa\0lt"), 4096,
		  "56fa6aa75548099dcc37d7f03425e0c3" },
		{ HASH_SHA1, TEXT("pencil"),
		  TEXT("\x41\x25\xc2\x47\xe4\x3a\xb1\xe9\x3c\x6d\xff\x76"), 4096,
		  "1d96ee3a529b5a5f9e47c01f229a2cb8a6e15f7d" },
		{ HASH_SHA256, TEXT("pencil"),
		  TEXT("\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81"), 4096,
		  "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d" },
		{ HASH_SHA256, TEXT("passwd"), TEXT("salt"), 1,
		  "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc" },
		{ HASH_SHA256, TEXT("Password"), TEXT("NaCl"), 80000,
		  "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56" },
	};
	unsigned char out[HASH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pbkdf2(rows[i].hash, out, rows[i].pass, rows[i].pass_len, rows[i].salt,
		       rows[i].salt_len, rows[i].rounds);
		is_hex(out, strlen(rows[i].want) / 2, rows[i].want);
	}
}

/* An empty key must be an empty key and not the one before. */
static void hmac_of_nothing(void **state)
{
	unsigned char out[32];

	(void)state;
	hmac_sha256(out, "before", 6, "x", 1);
	hmac_sha256(out, NULL, 0, NULL, 0);
	is_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* Case 14 of the GCM paper: 256-bit zero key, zero nonce, one zero block. */
static void gcm_vector(void **state)
{
	static const unsigned char zero[32];
	unsigned char out[32];

	(void)state;
	aead_seal(out, zero, zero, NULL, 0, zero, 16);
	is_hex(out, 32, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
	aead_seal(out, zero, zero, NULL, 0, NULL, 0); /* case 13 */
	is_hex(out, 16, "530f8afbc74536b9a963b4f1c4cb738b");
}

static void opens_only_what_was_sealed(void **state)
{
	unsigned char key[AEAD_KEY], nonce[AEAD_NONCE], sealed[20 + AEAD_TAG], plain[20];
	static const char text[] = "correct horse batter", aad[] = "kim@example.com";

	(void)state;
	random_bytes(key, sizeof(key));
	random_bytes(nonce, sizeof(nonce));
	aead_seal(sealed, key, nonce, aad, sizeof(aad), text, 20);
	assert_true(aead_open(plain, key, nonce, aad, sizeof(aad), sealed, sizeof(sealed)));
	assert_memory_equal(plain, text, 20);

	for (size_t i = 0; i < sizeof(sealed) * 8; i++) { /* every single bit */
		sealed[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_false(
			aead_open(plain, key, nonce, aad, sizeof(aad), sealed, sizeof(sealed)));
		sealed[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (size_t len = 0; len < sizeof(sealed); len++) /* every truncation */
		assert_false(aead_open(plain, key, nonce, aad, sizeof(aad), sealed, len));
	assert_false(aead_open(plain, key, nonce, "lee@example.com", sizeof(aad), sealed,
			       sizeof(sealed)));
	assert_false(aead_open(plain, key, nonce, aad, sizeof(aad) - 1, sealed, sizeof(sealed)));
	nonce[0] ^= 1;
	assert_false(aead_open(plain, key, nonce, aad, sizeof(aad), sealed, sizeof(sealed)));
	nonce[0] ^= 1;
	for (int turn = 0; turn < 3; turn++) { /* a key that was just used, and one that was not */
		key[31] ^= 1;
		assert_false(
			aead_open(plain, key, nonce, aad, sizeof(aad), sealed, sizeof(sealed)));
		key[31] ^= 1;
		assert_true(aead_open(plain, key, nonce, aad, sizeof(aad), sealed, sizeof(sealed)));
		assert_memory_equal(plain, text, 20);
	}
}

/* What failed to open must not be left behind in the clear. */
static void failed_open_shows_nothing(void **state)
{
	unsigned char key[AEAD_KEY] = { 1 }, nonce[AEAD_NONCE] = { 2 }, sealed[16 + AEAD_TAG];
	unsigned char plain[16];

	(void)state;
	aead_seal(sealed, key, nonce, NULL, 0, "sixteen octets!!", 16);
	sealed[16] ^= 1; /* the tag: decryption itself still works */
	assert_false(aead_open(plain, key, nonce, NULL, 0, sealed, sizeof(sealed)));
	for (size_t i = 0; i < sizeof(plain); i++)
		assert_int_equal(plain[i], 0);
}

static void *work(void *arg)
{
	unsigned char key[AEAD_KEY] = { 0 }, nonce[AEAD_NONCE] = { 0 }, out[64], back[64], sum[32];
	uintptr_t wrong = 0;

	memcpy(key, &arg, sizeof(arg));
	for (unsigned i = 0; i < 2000; i++) {
		memcpy(nonce, &i, sizeof(i));
		aead_seal(out, key, nonce, &i, sizeof(i), key, sizeof(key));
		wrong += !aead_open(back, key, nonce, &i, sizeof(i), out, sizeof(key) + AEAD_TAG);
		wrong += memcmp(back, key, sizeof(key)) != 0;
		md5(sum, "abc", 3);
		wrong += sum[0] != 0x90;
		hmac_sha256(sum, "Jefe", 4, "what do ya want for nothing?", 28);
		wrong += sum[0] != 0x5b;
		hmac(HASH_SHA1, sum, "Jefe", 4, "what do ya want for nothing?", 28);
		wrong += sum[0] != 0xef;
		pbkdf2(HASH_SHA1, sum, "password", 8, "salt", 4, 1);
		wrong += sum[0] != 0x0c;
	}
	return (void *)wrong;
}

static void threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[8];
	void *wrong;

	(void)state;
	for (uintptr_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

static void random_differs(void **state)
{
	(void)state;
	assert_true(random_u64() != random_u64());
	random_bytes(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_do_not_disturb_each_other), /* first: it races to fetch */
		cmocka_unit_test(hashes),
		cmocka_unit_test(hmac_vectors_of_rfc_4231),
		cmocka_unit_test(hmac_vectors_of_rfc_2202),
		cmocka_unit_test(pbkdf2_vectors),
		cmocka_unit_test(hmac_of_nothing),
		cmocka_unit_test(gcm_vector),
		cmocka_unit_test(opens_only_what_was_sealed),
		cmocka_unit_test(failed_open_shows_nothing),
		cmocka_unit_test(random_differs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
