/* pki.h - certificates and OCSP responses made on the spot, for the tests of TLS. */
#pragma once
#include <openssl/x509.h>
#include <stdbool.h>

struct pki_cert {
	X509 *crt;
	EVP_PKEY *key;
};

struct pki_want {
	const char *cn;
	int cn_len;        /* 0: a C string */
	const char *cn2;   /* a second common name */
	const char *email; /* rfc822Name */
	int email_len;
	const char *dns;
	bool rsa;
	const char *hash; /* of the signature; NULL: SHA256 */
};

/* by NULL: signed by itself, and an authority. */
struct pki_cert pki_make(const struct pki_want *w, const struct pki_cert *by);
void pki_drop(struct pki_cert *c);
void pki_write(const struct pki_cert *c, const char *crt_path, const char *key_path);

enum pki_answer { PKI_GOOD, PKI_REVOKED, PKI_EXPIRED, PKI_OTHER_CERT };
void pki_write_ocsp(const struct pki_cert *c, const struct pki_cert *ca, enum pki_answer a,
		    const char *path);

/* A context with a certificate that nobody has to trust. */
struct tls;
struct tls *pki_tls(void);
