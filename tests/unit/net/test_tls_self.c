/* test_tls_self.c - the certificate is one that OpenSSL takes for each of its names, and for no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <cmocka.h>
#include "server/net/tls_self.h"

static const char *const names[] = { "mail.example.com", "10.1.2.3", "fd00::7",
				     "xn--bcher-kva.example" };
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static X509 *read_cert(const char *pem)
{
	BIO *from = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(from, NULL, NULL, NULL);

	BIO_free(from);
	assert_non_null(x);
	return x;
}

static EVP_PKEY *read_key(const struct secret *pem)
{
	BIO *from = BIO_new_mem_buf(pem->bytes, (int)pem->len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, NULL, NULL);

	BIO_free(from);
	assert_non_null(key);
	return key;
}

static int good_for(X509 *x, const char *name)
{
	return X509_check_ip_asc(x, name, 0) == 1 || X509_check_host(x, name, 0, 0, NULL) == 1;
}

static void says_what_it_is_asked_to(void **state)
{
	struct arena *mem = arena_new("test", 4096);
	struct tls_self made;

	(void)state;
	tls_self_make(mem, names, N_NAMES, 30, &made);
	X509 *x = read_cert(made.cert);
	EVP_PKEY *key = read_key(&made.key);
	assert_int_equal(X509_check_private_key(x, key), 1);
	assert_int_equal(X509_verify(x, key), 1);
	for (size_t i = 0; i < N_NAMES; i++)
		assert_true(good_for(x, names[i]));
	assert_false(good_for(x, "other.example.com"));
	assert_false(good_for(x, "10.1.2.4"));
	assert_int_equal(X509_check_ca(x), 0);
	assert_true(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
	time_t in_29_days = time(NULL) + 29 * 86400, in_31_days = time(NULL) + 31 * 86400;
	assert_true(X509_cmp_time(X509_get0_notAfter(x), &in_29_days) > 0);
	assert_true(X509_cmp_time(X509_get0_notAfter(x), &in_31_days) < 0);
	assert_int_equal(strlen(made.print), 95);
	X509_free(x);
	EVP_PKEY_free(key);
	secret_drop(&made.key);
	arena_drop(&mem);
}

/* As a client does whom somebody has told to trust it. */
static void is_trusted_when_told_to_be(void **state)
{
	struct arena *mem = arena_new("test", 4096);
	struct tls_self made;

	(void)state;
	tls_self_make(mem, names, N_NAMES, 30, &made);
	X509 *x = read_cert(made.cert);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE_add_cert(store, x);
	X509_STORE_CTX_init(ctx, store, x, NULL);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set1_host(param, names[0], 0);
	int good = X509_verify_cert(ctx);
	if (good != 1)
		fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(x);
	secret_drop(&made.key);
	arena_drop(&mem);
}

static void no_two_are_the_same(void **state)
{
	struct arena *mem = arena_new("test", 4096);
	struct tls_self one, two;

	(void)state;
	tls_self_make(mem, names, 1, 30, &one);
	tls_self_make(mem, names, 1, 30, &two);
	assert_string_not_equal(one.cert, two.cert);
	assert_false(secret_equal(&one.key, &two.key));
	secret_drop(&one.key);
	secret_drop(&two.key);
	arena_drop(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_it_is_asked_to),
		cmocka_unit_test(is_trusted_when_told_to_be),
		cmocka_unit_test(no_two_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
