/* secure.c - TLS of our own under libldap.
 *
 * libldap has TLS built in, by GnuTLS here and by OpenSSL elsewhere. It cannot tell what is wrong with a certificate ("unknown
 * error code"), checks another name than the one asked for when that is "localhost", and its handshake has a busy loop. The
 * layers of its socket buffer are open, so ours goes in where its own would.
 */
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "ldap/secure.h"
#include "ldap/sock.h"
#include "server/base/mem.h"

static enum ec tls_failed(struct err *e, enum ec class, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(e, class, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

/* ---- authorities ---- */

static enum ec new_ctx(const char *ca, SSL_CTX **out, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		die("out of memory");
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_load_verify_file(ctx, ca) != 1) {
		SSL_CTX_free(ctx);
		ERR_clear_error();
		return err_set(e, EC_BROKEN,
			       "cannot read certificates of authorities from %s (directory_ca)",
			       ca);
	}
	*out = ctx;
	return EC_OK;
}

/* The mutex is held while the file is read: whoever waits for it needs what comes out. */
struct dir_trust {
	pthread_mutex_t lock;
	SSL_CTX *ctx;
	struct stat file; /* that ctx was made of */
};

struct dir_trust *dir_trust_new(void)
{
	struct dir_trust *t = mem_new(sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void dir_trust_free(struct dir_trust **t)
{
	if (!*t)
		return;
	SSL_CTX_free((*t)->ctx);
	pthread_mutex_destroy(&(*t)->lock);
	free(*t);
	*t = NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A file that cannot be read now, or any more, is an error also when its content is still known. */
static enum ec renew_locked(struct dir_trust *t, const char *ca, struct err *e)
{
	struct stat now = { 0 };
	SSL_CTX *ctx;

	if (stat(ca, &now) == 0 && t->ctx && same_file(&now, &t->file))
		return EC_OK;
	enum ec rc = new_ctx(ca, &ctx, e);
	if (rc != EC_OK)
		return rc;
	SSL_CTX_free(t->ctx);
	t->ctx = ctx;
	t->file = now;
	return EC_OK;
}

static enum ec get_ctx(struct dir_trust *t, const char *ca, SSL_CTX **out, struct err *e)
{
	if (!t)
		return new_ctx(ca, out, e);
	pthread_mutex_lock(&t->lock);
	enum ec rc = renew_locked(t, ca, e);
	if (rc == EC_OK) {
		SSL_CTX_up_ref(t->ctx);
		*out = t->ctx;
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}

/* ---- handshake ---- */

static bool is_address(const char *host)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);

	ASN1_OCTET_STRING_free(ip);
	return ip != NULL;
}

/* Server Name Indication is for names only (RFC 6066 section 3). */
static bool expect_host(SSL *ssl, const char *host)
{
	if (*host == '\0') /* which OpenSSL takes for "any" */
		return false;
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* -1: it failed. 0: no answer in time. 1: done. */
static int shake_hands(SSL *ssl, int fd, uint64_t deadline_ms)
{
	for (;;) {
		ERR_clear_error();
		int rc = SSL_connect(ssl);
		if (rc == 1)
			return 1;
		int want = SSL_get_error(ssl, rc);
		if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE)
			return -1;
		if (!dir_sock_wait(fd, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms))
			return 0;
	}
}

static const char *hint_of(long verdict)
{
	switch (verdict) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "; nobody in directory_ca vouches for it";
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "; directory_servers must use a name that is in it";
	default: return "";
	}
}

static enum ec handshake(SSL *ssl, int fd, const char *host, uint64_t deadline_ms, struct err *e)
{
	char what[160];
	int done = shake_hands(ssl, fd, deadline_ms);
	long verdict = SSL_get_verify_result(ssl);

	if (done > 0)
		return EC_OK;
	if (done == 0)
		return err_set(e, EC_TEMP, "directory server %s does not answer with TLS", host);
	if (verdict != X509_V_OK) {
		ERR_clear_error();
		return err_set(e, EC_BROKEN,
			       "the certificate of directory server %s is not good: %s%s", host,
			       X509_verify_cert_error_string(verdict), hint_of(verdict));
	}
	snprintf(what, sizeof(what), "TLS with directory server %.80s failed", host);
	return tls_failed(e, EC_TEMP, what);
}

/* ---- the layer ---- */

static int layer_setup(Sockbuf_IO_Desc *d, void *ssl)
{
	d->sbiod_pvt = ssl;
	return 0;
}

static int layer_remove(Sockbuf_IO_Desc *d)
{
	SSL_free(d->sbiod_pvt);
	d->sbiod_pvt = NULL;
	return 0;
}

/* What is decrypted already will not make the descriptor readable. */
static int layer_ctrl(Sockbuf_IO_Desc *d, int option, void *arg)
{
	if (option == LBER_SB_OPT_DATA_READY && SSL_pending(d->sbiod_pvt) > 0)
		return 1;
	return LBER_SBIOD_CTRL_NEXT(d, option, arg);
}

/* libldap wants errno, as from read and write. */
static ber_slen_t layer_result(SSL *ssl, int rc)
{
	if (rc > 0)
		return rc;
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: errno = EWOULDBLOCK; break;
	default: errno = ECONNRESET; break;
	}
	return -1;
}

static ber_slen_t layer_read(Sockbuf_IO_Desc *d, void *p, ber_len_t len)
{
	ERR_clear_error();
	return layer_result(d->sbiod_pvt,
			    SSL_read(d->sbiod_pvt, p, (int)(len < INT_MAX ? len : INT_MAX)));
}

static ber_slen_t layer_write(Sockbuf_IO_Desc *d, void *p, ber_len_t len)
{
	ERR_clear_error();
	return layer_result(d->sbiod_pvt,
			    SSL_write(d->sbiod_pvt, p, (int)(len < INT_MAX ? len : INT_MAX)));
}

static int layer_close(Sockbuf_IO_Desc *d)
{
	ERR_clear_error();
	SSL_shutdown(d->sbiod_pvt); /* says goodbye, does not wait for an answer */
	ERR_clear_error();
	return 0;
}

static const Sockbuf_IO layer = {
	.sbi_setup = layer_setup,
	.sbi_remove = layer_remove,
	.sbi_ctrl = layer_ctrl,
	.sbi_read = layer_read,
	.sbi_write = layer_write,
	.sbi_close = layer_close,
};

enum ec dir_secure(Sockbuf *sb, int fd, const char *host, const char *ca, struct dir_trust *trust,
		   uint64_t deadline_ms, struct err *e)
{
	SSL_CTX *ctx;
	enum ec rc = get_ctx(trust, ca, &ctx, e);

	if (rc != EC_OK)
		return rc;
	SSL *ssl = SSL_new(ctx);
	SSL_CTX_free(ctx); /* ssl holds it */
	if (!ssl || SSL_set_fd(ssl, fd) != 1)
		die("out of memory");
	rc = expect_host(ssl, host)
		     ? handshake(ssl, fd, host, deadline_ms, e)
		     : err_set(e, EC_BROKEN, "\"%.80s\" is no name that a certificate could have",
			       host);
	if (rc == EC_OK &&
	    ber_sockbuf_add_io(sb, (Sockbuf_IO *)&layer, LBER_SBIOD_LEVEL_TRANSPORT, ssl) != 0)
		die("out of memory");
	if (rc != EC_OK)
		SSL_free(ssl);
	return rc;
}
