/* pki.c - see pki.h. */
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/net/tls.h"
#include "tests/unit/net/pki.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void add_cn(X509_NAME *name, const char *cn, int len)
{
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, len,
					-1, 0));
}

static void add_general_name(GENERAL_NAMES *names, int type, const char *text, int len)
{
	GENERAL_NAME *gn = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	must(ASN1_STRING_set(s, text, len ? len : (int)strlen(text)));
	GENERAL_NAME_set0_value(gn, type, s);
	sk_GENERAL_NAME_push(names, gn);
}

static void add_names(X509 *x, const struct pki_want *w)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	if (w->dns)
		add_general_name(names, GEN_DNS, w->dns, 0);
	if (w->email)
		add_general_name(names, GEN_EMAIL, w->email, w->email_len);
	if (sk_GENERAL_NAME_num(names))
		must(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0));
	GENERAL_NAMES_free(names);
}

static void mark_authority(X509 *x)
{
	BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

	bc->ca = 0xff;
	must(X509_add1_ext_i2d(x, NID_basic_constraints, bc, 1, 0));
	BASIC_CONSTRAINTS_free(bc);
}

struct pki_cert pki_make(const struct pki_want *w, const struct pki_cert *by)
{
	struct pki_cert c = { .crt = X509_new(),
			      .key = w->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256") };
	X509_NAME *name = X509_get_subject_name(c.crt);
	uint64_t serial;

	RAND_bytes((unsigned char *)&serial, sizeof(serial));
	must(c.key && X509_set_version(c.crt, X509_VERSION_3));
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(c.crt), serial >> 1);
	X509_gmtime_adj(X509_getm_notBefore(c.crt), -3600);
	X509_gmtime_adj(X509_getm_notAfter(c.crt), 86400);
	X509_set_pubkey(c.crt, c.key);
	if (w->cn)
		add_cn(name, w->cn, w->cn_len ? w->cn_len : -1);
	if (w->cn2)
		add_cn(name, w->cn2, -1);
	add_names(c.crt, w);
	X509_set_issuer_name(c.crt, by ? X509_get_subject_name(by->crt) : name);
	if (!by)
		mark_authority(c.crt);
	must(X509_sign(c.crt, by ? by->key : c.key,
		       EVP_get_digestbyname(w->hash ? w->hash : "SHA256")));
	return c;
}

void pki_drop(struct pki_cert *c)
{
	X509_free(c->crt);
	EVP_PKEY_free(c->key);
}

void pki_write(const struct pki_cert *c, const char *crt_path, const char *key_path)
{
	FILE *f = fopen(crt_path, "w");

	must(f && PEM_write_X509(f, c->crt));
	fclose(f);
	if (!key_path)
		return;
	f = fopen(key_path, "w");
	must(f && PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL));
	fclose(f);
}

void pki_write_ocsp(const struct pki_cert *c, const struct pki_cert *ca, enum pki_answer a,
		    const char *path)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	const X509 *about = a == PKI_OTHER_CERT ? ca->crt : c->crt;
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, about, ca->crt);
	int life = a == PKI_EXPIRED ? -3600 : 3600;
	ASN1_TIME *from = X509_gmtime_adj(NULL, -7200), *to = X509_gmtime_adj(NULL, life);
	OCSP_RESPONSE *resp;
	FILE *f = fopen(path, "w");
	unsigned char *der = NULL;
	int len;

	must(OCSP_basic_add1_status(basic, id,
				    a == PKI_REVOKED ? V_OCSP_CERTSTATUS_REVOKED
						     : V_OCSP_CERTSTATUS_GOOD,
				    OCSP_REVOKED_STATUS_NOSTATUS, a == PKI_REVOKED ? from : NULL,
				    from, to) != NULL);
	must(OCSP_basic_sign(basic, ca->crt, ca->key, EVP_sha256(), NULL, 0));
	resp = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	len = i2d_OCSP_RESPONSE(resp, &der);
	must(f && len > 0 && fwrite(der, 1, len, f) == (size_t)len);
	fclose(f);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(resp);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
}

struct tls *pki_tls(void)
{
	struct pki_cert c = pki_make(&(struct pki_want){ .cn = "localhost" }, NULL);
	char crt[] = "/tmp/winpop-crt-XXXXXX", key[] = "/tmp/winpop-key-XXXXXX";
	struct conf conf = { .tls_cert = crt, .tls_key = key, .tls_min = "1.2" };
	struct tls *t = NULL;

	close(mkstemp(crt));
	close(mkstemp(key));
	pki_write(&c, crt, key);
	must(tls_new(&conf, NULL, &(struct log){ 0 }, &t, NULL) == EC_OK);
	unlink(crt);
	unlink(key);
	pki_drop(&c);
	return t;
}
