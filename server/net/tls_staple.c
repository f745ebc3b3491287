/* tls_staple.c - an OCSP response from a file, given to clients that ask.
 *
 * A response that is not about this certificate, says anything but "good", or has run out would make
 * a client refuse us: then none at all is better. It may run out while we serve it; so its end is
 * looked at each time.
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/net/tls_own.h"

#define RESPONSE_MAX (64u << 10)
#define SKEW_S 300 /* the responder's clock may be ahead of ours */

struct tls_staple {
	int64_t end_s; /* wall clock */
	size_t len;
	unsigned char der[];
};

static int on_status(SSL *ssl, void *arg)
{
	const struct tls_staple *s = arg;
	unsigned char *copy;

	(void)ssl;
	if (clock_wall_s() >= s->end_s)
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(s->der, s->len); /* OpenSSL frees it */
	if (!copy)
		die("out of memory");
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, s->len);
	return SSL_TLSEXT_ERR_OK;
}

static bool is_about(const OCSP_SINGLERESP *one, X509 *cert)
{
	ASN1_INTEGER *serial = NULL;

	OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(one));
	return serial && ASN1_INTEGER_cmp(serial, X509_get_serialNumber(cert)) == 0;
}

static int64_t seconds_of(const ASN1_GENERALIZEDTIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : INT64_MAX;
}

/* NULL: fine, and *end_s is when it runs out. */
static const char *check(OCSP_BASICRESP *basic, X509 *cert, int64_t *end_s)
{
	ASN1_GENERALIZEDTIME *from = NULL, *to = NULL;
	OCSP_SINGLERESP *one = NULL;
	int i, n = OCSP_resp_count(basic);

	for (i = 0; i < n; i++) {
		one = OCSP_resp_get0(basic, i);
		if (is_about(one, cert))
			break;
	}
	if (i >= n)
		return "it is about another certificate";
	if (OCSP_single_get0_status(one, NULL, NULL, &from, &to) != V_OCSP_CERTSTATUS_GOOD)
		return "it does not call the certificate good";
	if (OCSP_check_validity(from, to, SKEW_S, -1) != 1)
		return "it is expired or not valid yet";
	*end_s = seconds_of(to);
	return NULL;
}

static const char *check_der(const char *der, size_t len, X509 *cert, int64_t *end_s)
{
	const unsigned char *at = (const unsigned char *)der;
	OCSP_RESPONSE *resp = d2i_OCSP_RESPONSE(NULL, &at, len);
	OCSP_BASICRESP *basic = NULL;
	const char *bad = "it is no OCSP response in DER form";

	if (resp && OCSP_response_status(resp) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		bad = "the responder refused to answer";
	else if (resp)
		basic = OCSP_response_get1_basic(resp);
	if (basic)
		bad = check(basic, cert, end_s);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(resp);
	ERR_clear_error();
	return bad;
}

static struct tls_staple *keep(SSL_CTX *ctx, const char *der, size_t len, int64_t end_s)
{
	struct tls_staple *s = mem_new(sizeof(*s) + len);

	s->end_s = end_s;
	s->len = len;
	memcpy(s->der, der, len);
	SSL_CTX_set_tlsext_status_cb(ctx, on_status);
	SSL_CTX_set_tlsext_status_arg(ctx, s);
	return s;
}

struct tls_staple *tls_staple_load(SSL_CTX *ctx, const char *path, const struct log *log)
{
	struct arena *mem = arena_new("ocsp", 4096);
	struct tls_staple *s = NULL;
	struct err e = { 0 };
	const char *bad = e.text;
	int64_t end_s = 0;
	size_t len;
	char *der;

	if (file_read_at(mem, AT_FDCWD, path, RESPONSE_MAX, &der, &len, &e) == EC_OK)
		bad = check_der(der, len, SSL_CTX_get0_certificate(ctx), &end_s);
	if (bad)
		log_event(log, LV_WARN, "ocsp-not-stapled", KV("file", path), KV("why", bad));
	else
		s = keep(ctx, der, len, end_s);
	arena_drop(&mem);
	return s;
}

void tls_staple_free(struct tls_staple **s)
{
	free(*s);
	*s = NULL;
}
