/* tls_self.c - see tls_self.h.
 *
 * It is a server's and no authority's: Thunderbird refuses an authority's certificate from a server, and a key that could sign
 * others would be worth more to a thief, once somebody has told his computer to trust it. Clocks of clients may be behind, so
 * it is valid from an hour ago.
 */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "server/base/err.h"
#include "server/net/tls_self.h"

#define SERIAL_BYTES 16
#define CLOCK_S 3600

static void must(bool good)
{
	if (!good)
		die("OpenSSL cannot make a certificate");
}

/* ---- what it says ---- */

static void set_serial(X509 *x)
{
	unsigned char bytes[SERIAL_BYTES];

	must(RAND_bytes(bytes, sizeof(bytes)) == 1);
	bytes[0] = (bytes[0] & 0x7F) |
		   0x40; /* positive, and of this length: RFC 5280 section 4.1.2.2 */
	BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	must(n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
	BN_free(n);
}

static void set_subject(X509 *x, const char *name)
{
	X509_NAME *who = X509_get_subject_name(x);

	/* RFC 5280 appendix A.1: ub-common-name is 64. A longer one is in the alternative names all the same. */
	must(X509_NAME_add_entry_by_txt(who, "CN", MBSTRING_UTF8, (const unsigned char *)name,
					strlen(name) > 64 ? 64 : -1, -1, 0) == 1);
	must(X509_set_issuer_name(x, who) == 1);
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(x, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

/* Names are put in as values, not as the text of a configuration, in which some of their signs would mean something. */
static GENERAL_NAME *alternative(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];
	GENERAL_NAME *made = GENERAL_NAME_new();
	int len = inet_pton(AF_INET, name, address) == 1    ? (int)sizeof(struct in_addr)
		  : inet_pton(AF_INET6, name, address) == 1 ? (int)sizeof(struct in6_addr)
							    : 0;
	ASN1_STRING *text = ASN1_STRING_type_new(len > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

	must(made && text);
	must(ASN1_STRING_set(text, len > 0 ? (const void *)address : name, len > 0 ? len : -1) ==
	     1);
	GENERAL_NAME_set0_value(made, len > 0 ? GEN_IPADD : GEN_DNS, text);
	return made;
}

static void add_names(X509 *x, const char *const names[], size_t n)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();

	must(all);
	for (size_t i = 0; i < n; i++)
		must(sk_GENERAL_NAME_push(all, alternative(names[i])) > 0);
	must(X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, X509V3_ADD_APPEND) == 1);
	GENERAL_NAMES_free(all);
}

static X509 *certificate(EVP_PKEY *key, const char *const names[], size_t n, unsigned days)
{
	X509 *x = X509_new();

	must(x && X509_set_version(x, X509_VERSION_3) == 1);
	set_serial(x);
	must(X509_gmtime_adj(X509_getm_notBefore(x), -CLOCK_S) &&
	     X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, NULL));
	set_subject(x, names[0]);
	must(X509_set_pubkey(x, key) == 1);
	add_extension(x, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(x, NID_key_usage, "critical,digitalSignature");
	add_extension(x, NID_ext_key_usage, "serverAuth");
	add_extension(x, NID_subject_key_identifier, "hash");
	add_names(x, names, n);
	must(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

/* ---- as text ---- */

static const char *cert_text(struct arena *mem, X509 *x)
{
	BIO *to = BIO_new(BIO_s_mem());
	char *text;

	must(to && PEM_write_bio_X509(to, x) == 1);
	long len = BIO_get_mem_data(to, &text);
	const char *out = arena_str(mem, text, (size_t)len);
	BIO_free(to);
	return out;
}

/* Secure memory wipes itself. */
static void key_text(EVP_PKEY *key, struct secret *out)
{
	BIO *to = BIO_new(BIO_s_secmem());
	char *text;

	must(to && PEM_write_bio_PKCS8PrivateKey(to, key, NULL, NULL, 0, NULL, NULL) == 1);
	long len = BIO_get_mem_data(to, &text);
	secret_set(out, text, (size_t)len);
	wipe(text, (size_t)len);
	BIO_free(to);
}

static void fingerprint(X509 *x, char out[32 * 3])
{
	unsigned char print[EVP_MAX_MD_SIZE];
	unsigned len;

	must(X509_digest(x, EVP_sha256(), print, &len) == 1 && len == 32);
	for (unsigned i = 0; i < len; i++)
		snprintf(out + 3 * (size_t)i, 4 - (i + 1 == len), i + 1 < len ? "%02X:" : "%02X",
			 print[i]);
}

void tls_self_make(struct arena *mem, const char *const names[], size_t n, unsigned days,
		   struct tls_self *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	must(key);
	X509 *x = certificate(key, names, n, days);
	*out = (struct tls_self){ .cert = cert_text(mem, x) };
	key_text(key, &out->key);
	fingerprint(x, out->print);
	X509_free(x);
	EVP_PKEY_free(key);
}
