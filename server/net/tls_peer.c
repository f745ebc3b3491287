/* tls_peer.c - what a finished handshake says about the peer: a name, and what binds
 * a sign-in to this channel.
 *
 * The name of a client certificate may stand for a password (SASL EXTERNAL), so only what cannot be
 * read in two ways counts: no NUL inside, not two common names.
 */
#include <assert.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/net/conn.h"
#include "server/net/tls_own.h"

#define EXPORTER "EXPORTER-Channel-Binding" /* RFC 9266 section 2 */
#define EXPORTER_BYTES 32

/* Signed "a@example.com\0.attacker.example", read as a C string: the oldest trick there is. */
static char *checked_copy(const unsigned char *p, int len)
{
	if (len <= 0 || memchr(p, '\0', len))
		return NULL;
	return strndup((const char *)p, len);
}

static const GENERAL_NAME *first_email(const GENERAL_NAMES *names)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type == GEN_EMAIL)
			return n;
	}
	return NULL;
}

static char *common_name(const X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	char *name;
	int len;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return NULL;
	len = ASN1_STRING_to_UTF8(&text,
				  X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	name = checked_copy(text, len);
	OPENSSL_free(text);
	return name;
}

char *tls_peer_name(const SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	GENERAL_NAMES *names;
	const GENERAL_NAME *mail;
	char *name;

	if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
		return NULL;
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	mail = first_email(names);
	if (mail) /* and if it is a bad one, CN is no way round */
		name = checked_copy(ASN1_STRING_get0_data(mail->d.rfc822Name),
				    ASN1_STRING_length(mail->d.rfc822Name));
	else
		name = common_name(cert);
	GENERAL_NAMES_free(names);
	return name;
}

const char *tls_binding_name(SSL *ssl)
{
	if (SSL_version(ssl) >= TLS1_3_VERSION)
		return "tls-exporter";
	/* Without the extended master secret (RFC 7627) tls-unique binds nothing, so there is none. */
	return SSL_get_extms_support(ssl) == 1 ? "tls-unique" : NULL;
}

/* RFC 5929 section 3.1: the first Finished message of the handshake. In a full handshake that is the
 * client's, in an abbreviated one ours. */
static size_t first_finished(const SSL *ssl, unsigned char *to, size_t max)
{
	if (SSL_session_reused(ssl))
		return SSL_get_finished(ssl, to, max);
	return SSL_get_peer_finished(ssl, to, max);
}

void tls_binding(SSL *ssl, struct conn_binding *out)
{
	static_assert(sizeof(out->octets) >= EVP_MAX_MD_SIZE, "a Finished message has no room");
	if (!tls_binding_name(ssl))
		return;
	if (SSL_version(ssl) < TLS1_3_VERSION)
		out->len = first_finished(ssl, out->octets, sizeof(out->octets));
	else if (SSL_export_keying_material(ssl, out->octets, EXPORTER_BYTES, EXPORTER,
					    strlen(EXPORTER), NULL, 0, 1) == 1)
		out->len = EXPORTER_BYTES;
}

/* RFC 5929 section 4.1: our certificate, under the hash of its signature; MD5 and SHA-1 make room for
 * SHA-256. Where the signature has no hash of its own (Ed25519), nothing is defined. */
void tls_endpoint(const X509 *mine, struct tls_shared *out)
{
	const EVP_MD *md;
	unsigned len = 0;
	int hash;

	if (!X509_get_signature_info((X509 *)mine, &hash, NULL, NULL, NULL) || hash == NID_undef)
		return;
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	md = EVP_get_digestbynid(hash);
	if (md && X509_digest(mine, md, out->endpoint, &len))
		out->endpoint_len = len;
}
