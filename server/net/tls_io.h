/* tls_io.h - TLS on one connection; conn.c decides when, this does it.
 *
 * Ciphertext on its way out gathers in a buffer that all connections of the loop share (`wire`), and
 * leaves by tls_io_push in one system call: five records of a message, a session ticket and the
 * greeting, the last reply and close_notify. What the kernel does not take is kept by the connection.
 * So a call that may have produced ciphertext is followed by a push before anything else happens on
 * the loop; a finished handshake and tls_io_discard put it aside themselves and can wait.
 *
 * Thread: the loop's. Owner: the connection. Failure: TLS_FAIL, and tls_io_error says why.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/net/conn.h"

struct tls;
struct tls_io;
enum tls_did {
	TLS_DONE,
	TLS_AGAIN, /* wants octets that are not here yet */
	TLS_FULL,  /* the kernel takes no more just now */
	TLS_ENDED, /* the peer ended */
	TLS_FAIL
};

struct tls_io *tls_io_new(struct tls *t, int fd, char *wire, size_t wire_max);
void tls_io_free(struct tls_io **io);
/* The socket has something: the next call may receive once. Without it nothing is received. */
void tls_io_readable(struct tls_io *io);
enum tls_did tls_io_handshake(struct tls_io *io);
enum tls_did tls_io_read(struct tls_io *io, char *to, size_t max, size_t *n);
bool tls_io_pending(const struct tls_io *io); /* received, not yet read: no event will tell */
void tls_io_discard(struct tls_io *io);       /* whatever has been received */
/* TLS_DONE took all, TLS_FULL took *n: call again with what follows, at least as much as was tried. */
enum tls_did tls_io_write(struct tls_io *io, const char *p, size_t len, size_t *n);
enum tls_did tls_io_push(struct tls_io *io); /* DONE, FULL, FAIL */
size_t tls_io_queued(const struct tls_io *io);
/* The kernel encrypts: files may go by sendfile. */
bool tls_io_in_kernel(const struct tls_io *io);
enum tls_did tls_io_sendfile(struct tls_io *io, int fd, uint64_t off, size_t len, size_t *n);
void tls_io_bye(struct tls_io *io); /* close_notify; once */
void tls_io_info(const struct tls_io *io, struct conn_tls_info *out);
void tls_io_binding(const struct tls_io *io, struct conn_binding *out);
const char *tls_io_error(const struct tls_io *io);
