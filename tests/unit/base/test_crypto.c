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
	key[31] ^= 1;
	assert_false(aead_open(plain, key, nonce, aad, sizeof(aad), sealed, sizeof(sealed)));
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
		cmocka_unit_test(hmac_of_nothing),
		cmocka_unit_test(gcm_vector),
		cmocka_unit_test(opens_only_what_was_sealed),
		cmocka_unit_test(failed_open_shows_nothing),
		cmocka_unit_test(random_differs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
