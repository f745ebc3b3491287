/* tls_cert.c - policy, and a certificate with its key under it.
 *
 * Every certificate has a context of its own with the whole policy, so that choosing one by name
 * (tls_names.c) is a switch of contexts and cannot lose a setting on the way.
 *
 * AES-128 goes first: it is the fastest where there is hardware for it, and a client without such
 * hardware says so by preferring ChaCha20 (SSL_OP_PRIORITIZE_CHACHA).
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/net/tls_own.h"

#define CIPHERS_1_2 "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20"
#define CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256"
#define CA_FILE_MAX (4u << 20)

const char *tls_why(char text[TLS_WHY_MAX])
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	if (ERR_SYSTEM_ERROR(code))
		reason = strerrordesc_np(ERR_GET_REASON(code));
	snprintf(text, TLS_WHY_MAX, "%s", reason ? reason : "unknown error");
	ERR_clear_error();
	return text;
}

/* RFC 7301 section 3.2: a client that offers protocols and not ours is told so, fatally. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *arg)
{
	const unsigned char *ours = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, ours, ours[0] + 1U, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Never ask on a terminal that nobody sits at. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

static void set_policy(SSL_CTX *ctx, const struct conf *c, const char *alpn)
{
	bool only_1_3 = c->tls_min && strcmp(c->tls_min, "1.3") == 0;

	if (!SSL_CTX_set_min_proto_version(ctx, only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) ||
	    !SSL_CTX_set_ciphersuites(ctx, CIPHERS_1_3) || !SSL_CTX_set1_groups_list(ctx, GROUPS))
		die("OpenSSL lacks ciphers that every version of it has");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_ENABLE_KTLS |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* The chain is what the file has: else it would be looked for in each handshake, among the authorities of clients. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1); /* a mail client opens one connection at a time */
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, (void *)alpn);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
}

/* Sessions may be resumed only under the authorities they were verified with. */
static enum ec set_session_context(SSL_CTX *ctx, const char *ca, struct err *e)
{
	struct arena *mem = arena_new("ca", 4096);
	unsigned char id[32];
	size_t len = 0;
	char *pem = NULL;
	enum ec rc = EC_OK;

	if (*ca)
		rc = file_read_at(mem, AT_FDCWD, ca, CA_FILE_MAX, &pem, &len, e);
	sha256(id, pem ? pem : "", len);
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id));
	arena_drop(&mem);
	return rc;
}

static enum ec set_client_ca(SSL_CTX *ctx, const char *ca, struct err *e)
{
	char why[TLS_WHY_MAX];
	STACK_OF(X509_NAME) * names;

	if (!*ca)
		return EC_OK;
	names = SSL_load_client_CA_file(ca);
	if (!names || !SSL_CTX_load_verify_file(ctx, ca)) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return err_set(e, EC_BROKEN, "no certificates of authorities in %s: %s", ca,
			       tls_why(why));
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL); /* asked for, not insisted on */
	return EC_OK;
}

static enum ec set_pair(SSL_CTX *ctx, const char *crt, const char *key, struct err *e)
{
	char why[TLS_WHY_MAX];

	if (SSL_CTX_use_certificate_chain_file(ctx, crt) != 1)
		return err_set(e, EC_BROKEN, "cannot use certificate %s: %s", crt, tls_why(why));
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1)
		return EC_OK;
	switch (ERR_GET_REASON(ERR_peek_last_error())) {
	case X509_R_KEY_VALUES_MISMATCH:
	case X509_R_KEY_TYPE_MISMATCH:
	case SSL_R_NO_CERTIFICATE_ASSIGNED: /* one is RSA, the other is not */
		ERR_clear_error();
		return err_set(e, EC_BROKEN, "key %s does not belong to certificate %s", key, crt);
	default: return err_set(e, EC_BROKEN, "cannot use key %s: %s", key, tls_why(why));
	}
}

enum ec tls_cert_load(const struct tls_make *m, const char *crt, const char *key, const char *ocsp,
		      struct tls_cert *out, struct err *e)
{
	const char *ca = m->client_ca ? m->client_ca : "";
	struct tls_cert c = { .ctx = SSL_CTX_new(TLS_server_method()) };
	enum ec rc;

	if (!c.ctx)
		die("out of memory");
	c.shared = mem_new(sizeof(*c.shared));
	SSL_CTX_set_app_data(c.ctx, c.shared);
	ERR_clear_error();
	set_policy(c.ctx, m->conf, m->alpn);
	tls_tickets_use(m->tickets, &c);
	rc = set_pair(c.ctx, crt, key, e);
	if (rc == EC_OK)
		rc = set_client_ca(c.ctx, ca, e);
	if (rc == EC_OK)
		rc = set_session_context(c.ctx, ca, e);
	if (rc == EC_OK)
		tls_endpoint(SSL_CTX_get0_certificate(c.ctx), c.shared);
	if (rc == EC_OK && *ocsp)
		c.staple = tls_staple_load(c.ctx, ocsp, m->log);
	if (rc != EC_OK)
		tls_cert_drop(&c);
	*out = c;
	return rc;
}

void tls_cert_drop(struct tls_cert *c)
{
	SSL_CTX_free(c->ctx);
	c->ctx = NULL;
	free(c->shared);
	c->shared = NULL;
	tls_staple_free(&c->staple);
}

bool tls_cert_same(const struct tls_cert *a, const struct tls_cert *b)
{
	return X509_cmp(SSL_CTX_get0_certificate(a->ctx), SSL_CTX_get0_certificate(b->ctx)) == 0;
}
