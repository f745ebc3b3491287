/* tls_io.c - TLS on one connection: OpenSSL between two buffers.
 *
 * Our own BIO, not a socket BIO, so that system calls are counted: on the way in one recv per event
 * into OpenSSL's read-ahead buffer (which it gives back when it is empty), and none to be told
 * EAGAIN; on the way out records gather and leave together. Only when the kernel does the encryption
 * does OpenSSL write to the socket itself: it must, to tell the kernel which record is not data.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/mem.h"
#include "server/net/tls_io.h"
#include "server/net/tls_own.h"
#include "server/net/turn.h"

#define LEFT_MAX                                                                                   \
	(2 * SCRATCH_WIRE) /* a turn's records, parked, and the small change of the protocol */

struct tls_io {
	struct tls *tls;
	SSL *ssl;
	int fd, why_errno;
	bool may_recv; /* an event said so, and it was not used yet */
	bool ended, said_bye;
	bool in_kernel;
	char *wire; /* the loop's: holds ours between a call and its push */
	size_t wire_max, n_wire;
	struct buf left; /* what the kernel did not take */
	char *peer_name;
	const char *why; /* points to text, or to a constant */
	char *text;
};

/* ---- the way to the socket ---- */

static int wire_read(BIO *b, char *to, int len)
{
	struct tls_io *io = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (io->ended)
		return 0;
	n = io->may_recv ? recv(io->fd, to, len, 0) : -1;
	if (n < 0 && (!io->may_recv || errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	else if (n < 0)
		io->why_errno = errno;
	io->may_recv = false;
	io->ended = n == 0;
	return n;
}

/* Others may use the loop's buffer before our next push. */
static void park(struct tls_io *io)
{
	buf_add(&io->left, io->wire, io->n_wire);
	io->n_wire = 0;
}

static int wire_write(BIO *b, const char *from, int len)
{
	struct tls_io *io = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (io->left.len == 0 && io->n_wire + len <= io->wire_max) {
		memcpy(io->wire + io->n_wire, from, len);
		io->n_wire += len;
		return len;
	}
	park(io);
	/* What we say never comes to so much. A peer that reads nothing and asks for new keys without end is owed an
	 * answer each time (RFC 8446 section 4.6.3); it may do that with somebody else's memory. */
	if (io->left.len > LEFT_MAX) {
		io->why_errno = ENOBUFS;
		return -1;
	}
	buf_add(&io->left, from, len);
	return len;
}

static long wire_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	struct tls_io *io = BIO_get_data(b);

	(void)num, (void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH: return 1; /* tls_io_push does, once for all */
	case BIO_CTRL_EOF: return io->ended;
	default: return 0;
	}
}

BIO_METHOD *tls_wire_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "winpop wire");

	if (!m || !BIO_meth_set_read(m, wire_read) || !BIO_meth_set_write(m, wire_write) ||
	    !BIO_meth_set_ctrl(m, wire_ctrl))
		die("out of memory");
	return m;
}

/* Sends from p; what the kernel does not take stays. -1: broken. */
static ssize_t send_some(struct tls_io *io, const char *p, size_t len)
{
	ssize_t n;

	do
		n = send(io->fd, p, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		io->why_errno = errno;
	return n;
}

enum tls_did tls_io_push(struct tls_io *io)
{
	ssize_t n;

	if (io->left.len) {
		n = send_some(io, buf_at(&io->left), io->left.len);
		if (n > 0)
			buf_eat(&io->left, n);
		buf_trim(&io->left);
	} else if (io->n_wire) {
		n = send_some(io, io->wire, io->n_wire);
		if (n >= 0 && (size_t)n < io->n_wire)
			buf_add(&io->left, io->wire + n, io->n_wire - n);
		io->n_wire = 0;
	} else {
		return TLS_DONE;
	}
	if (n < 0)
		return TLS_FAIL;
	return io->left.len ? TLS_FULL : TLS_DONE;
}

size_t tls_io_queued(const struct tls_io *io)
{
	return io->left.len + io->n_wire;
}

/* ---- life ---- */

/* TCP_ULP on a socket that is not connected fails either way; ENOTCONN says that "tls" is there. */
bool tls_kernel_can(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool can;

	if (fd < 0)
		return false;
	can = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) == 0 || errno == ENOTCONN;
	close(fd);
	return can;
}

static BIO *wire_bio(struct tls_io *io)
{
	BIO *b = BIO_new(io->tls->wire);

	if (!b)
		die("out of memory");
	BIO_set_data(b, io);
	BIO_set_init(b, 1);
	return b;
}

struct tls_io *tls_io_new(struct tls *t, int fd, char *wire, size_t wire_max)
{
	struct tls_io *io = mem_new(sizeof(*io));
	BIO *in, *out;

	io->tls = tls_ref(t);
	io->fd = fd;
	io->wire = wire;
	io->wire_max = wire_max;
	io->ssl = SSL_new(t->cert.ctx);
	in = wire_bio(io);
	out = t->kernel ? BIO_new_socket(fd, BIO_NOCLOSE) : in;
	if (!io->ssl || !out)
		die("out of memory");
	SSL_set_bio(io->ssl, in, out);
	SSL_set_accept_state(io->ssl);
	return io;
}

void tls_io_free(struct tls_io **iop)
{
	struct tls_io *io = *iop;

	if (!io)
		return;
	*iop = NULL;
	SSL_free(io->ssl);
	buf_drop(&io->left);
	tls_unref(&io->tls);
	free(io->peer_name);
	free(io->text);
	free(io);
}

void tls_io_readable(struct tls_io *io)
{
	io->may_recv = true;
}

/* ---- what OpenSSL says ---- */

/* SSL_get_error looks at the thread's errors, and whoever uses OpenSSL leaves some. Hardly ever: looking is much cheaper than
 * clearing. */
static void forget_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

static enum tls_did failed(struct tls_io *io, const char *why)
{
	io->why = why;
	return TLS_FAIL;
}

static enum tls_did failed_ssl(struct tls_io *io)
{
	char text[TLS_WHY_MAX];

	free(io->text);
	io->text = mem_strz(tls_why(text));
	return failed(io, io->text);
}

static enum tls_did outcome(struct tls_io *io, int rc)
{
	switch (SSL_get_error(io->ssl, rc)) {
	case SSL_ERROR_NONE: return TLS_DONE;
	case SSL_ERROR_WANT_READ: return TLS_AGAIN;
	case SSL_ERROR_WANT_WRITE: return TLS_FULL; /* only when the kernel encrypts */
	case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
	case SSL_ERROR_SYSCALL: return failed(io, NULL); /* the socket's own: why_errno */
	default: return failed_ssl(io);
	}
}

const char *tls_io_error(const struct tls_io *io)
{
	if (io->why)
		return io->why;
	return io->why_errno ? strerrordesc_np(io->why_errno) : "the connection broke";
}

enum tls_did tls_io_handshake(struct tls_io *io)
{
	enum tls_did did;
	int rc;

	forget_errors();
	rc = SSL_do_handshake(io->ssl);
	did = rc == 1 ? TLS_DONE : outcome(io, rc);
	if (did == TLS_FAIL && io->ended)
		return TLS_ENDED;
	if (did == TLS_DONE) {
		io->in_kernel = BIO_get_ktls_send(SSL_get_wbio(io->ssl));
		io->peer_name = tls_peer_name(io->ssl);
		park(io);
	}
	return did;
}

enum tls_did tls_io_read(struct tls_io *io, char *to, size_t max, size_t *n)
{
	enum tls_did did;
	size_t got;
	int rc;

	*n = 0;
	do {
		forget_errors();
		rc = SSL_read_ex(io->ssl, to + *n, max - *n, &got);
		did = rc == 1 ? TLS_DONE : outcome(io, rc);
		if (did == TLS_DONE)
			*n += got;
	} while (did == TLS_DONE && *n < max && (io->may_recv || SSL_has_pending(io->ssl)));
	return did;
}

bool tls_io_pending(const struct tls_io *io)
{
	return SSL_has_pending(io->ssl);
}

void tls_io_discard(struct tls_io *io)
{
	char sink[512];
	size_t n;

	io->may_recv = false;
	while (tls_io_read(io, sink, sizeof(sink), &n) == TLS_DONE)
		;
	OPENSSL_cleanse(sink, sizeof(sink));
	park(io);
}

enum tls_did tls_io_write(struct tls_io *io, const char *p, size_t len, size_t *n)
{
	enum tls_did did = TLS_DONE;
	size_t took;
	int rc;

	*n = 0;
	while (did == TLS_DONE && *n < len) {
		forget_errors();
		/* One record, but told of all: the next one finds its buffer still there. */
		rc = SSL_write_ex(io->ssl, p + *n, len - *n, &took);
		did = rc == 1 ? TLS_DONE : outcome(io, rc);
		if (did == TLS_DONE)
			*n += took;
	}
	if (did == TLS_AGAIN || did == TLS_ENDED)
		return failed(io, "the peer broke the protocol");
	return did;
}

bool tls_io_in_kernel(const struct tls_io *io)
{
	return io->in_kernel;
}

enum tls_did tls_io_sendfile(struct tls_io *io, int fd, uint64_t off, size_t len, size_t *n)
{
	ossl_ssize_t sent;

	*n = 0;
	forget_errors();
	sent = SSL_sendfile(io->ssl, fd, off, len, 0);
	if (sent > 0) {
		*n = sent;
		return (size_t)sent < len ? TLS_FULL : TLS_DONE;
	}
	if (sent == 0)
		return failed(io, "a file became shorter while it was sent");
	return outcome(io, sent);
}

void tls_io_bye(struct tls_io *io)
{
	if (io->said_bye || !SSL_is_init_finished(io->ssl))
		return;
	io->said_bye = true;
	forget_errors();
	SSL_shutdown(io->ssl);
}

void tls_io_info(const struct tls_io *io, struct conn_tls_info *out)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(io->ssl);
	const struct tls_shared *cert = SSL_CTX_get_app_data(SSL_get_SSL_CTX(io->ssl));

	out->on = true;
	out->resumed = SSL_session_reused(io->ssl);
	out->ktls_send = io->in_kernel;
	out->version = SSL_get_version(io->ssl);
	out->cipher = SSL_CIPHER_get_name(cipher);
	out->bits = SSL_CIPHER_get_bits(cipher, NULL);
	out->sni = SSL_get_servername(io->ssl, TLSEXT_NAMETYPE_host_name);
	out->peer_name = io->peer_name;
	out->binding_name = tls_binding_name(io->ssl);
	out->endpoint = cert->endpoint;
	out->endpoint_len = cert->endpoint_len;
}

void tls_io_binding(const struct tls_io *io, struct conn_binding *out)
{
	tls_binding(io->ssl, out);
}
