/* floortls.c - OpenSSL over two buffers instead of a socket.
 *
 * OpenSSL reads a record in two calls and writes each as soon as it is made. Here it reads from what one read() brought, and writes
 * into a buffer that one write() sends: ticket and greeting together, a long message in steps of a dozen records. The buffers belong
 * to the thread, so an idle connection has none.
 */
#include "tests/bench/floor.h"

#include <err.h>
#include <string.h>

static int wire_read(BIO *bio, char *into, int room)
{
	struct wire *w = BIO_get_data(bio);
	size_t left = w->in_len - w->in_at, n = left < (size_t)room ? left : (size_t)room;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(into, w->in + w->in_at, n);
	w->in_at += n;
	return (int)n;
}

/* Never full: who writes looks at out_len before he encrypts more. */
static int wire_write(BIO *bio, const char *from, int len)
{
	struct wire *w = BIO_get_data(bio);

	if (w->out_len + (size_t)len > WIRE_OUT)
		errx(1, "the wire is full");
	memcpy(w->out + w->out_len, from, (size_t)len);
	w->out_len += (size_t)len;
	return len;
}

static long wire_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio, (void)num, (void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");

	if (m == NULL || !BIO_meth_set_read(m, wire_read) || !BIO_meth_set_write(m, wire_write) ||
	    !BIO_meth_set_ctrl(m, wire_ctrl))
		errx(1, "BIO_meth_new");
	return m;
}

/* One ticket for each session is what a client needs; nothing is remembered here for it. The cipher is our choice: SHA-256 has
 * instructions of its own where the key schedule of the other one, SHA-384, has none, and AES has fewer rounds. */
void floor_tls_open(struct floor_tls *tls, const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") ||
	    !SSL_CTX_set1_groups_list(ctx, "X25519:P-256") ||
	    SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		errx(1, "certificate %s, key %s", cert, key);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	*tls = (struct floor_tls){ ctx, wire_method() };
}

SSL *floor_tls_new(const struct floor_tls *tls, struct wire *w)
{
	SSL *ssl = SSL_new(tls->ctx);
	BIO *bio = BIO_new(tls->method);

	if (ssl == NULL || bio == NULL)
		errx(1, "SSL_new");
	BIO_set_init(bio, 1);
	BIO_set_data(bio, w);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	return ssl;
}
