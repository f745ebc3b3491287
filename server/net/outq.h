/* outq.h - what a connection has yet to send: octets and ranges of files, in order.
 *
 * Small files do not go out by sendfile: they are read into the loop's scratch buffer, so that a
 * whole message - reply line, text, final dot - and the ones pipelined behind it leave in one system
 * call and in full segments. Large ones stand alone, for sendfile.
 * Thread: the loop's. Owner: embedded in its connection.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "server/net/loop.h"

/* Below this a copy is cheaper than the two system calls that sendfile adds. */
#define OUTQ_SMALL_FILE (32u << 10)
#define OUTQ_IOV 24

struct piece;
struct outq {
	struct piece *first, *last;
	uint64_t n_bytes; /* in all pieces */
};

void outq_add(struct outq *q, struct loop *l, const void *p, size_t len);
void outq_add_file(struct outq *q, int fd, uint64_t off, uint64_t len, void (*done)(void *ctx),
		   void *ctx);
/* n octets have left: done() is called for every file among them. */
void outq_sent(struct outq *q, struct loop *l, uint64_t n);
void outq_drop(struct outq *q, struct loop *l);

/* Is a large file first in line? */
struct outq_file {
	int fd;
	uint64_t off, len;
};
bool outq_large_file(const struct outq *q, struct outq_file *out);
void outq_no_sendfile(struct outq *q); /* the file system cannot: read the first file instead */

/* Octets from the front, up to the next large file, as vectors; at most `max` in all. Files are read
 * into `scratch`. false: a file ended before its range did, or cannot be read (errno; 0 = it ended). */
bool outq_vectors(const struct outq *q, struct iovec iov[OUTQ_IOV], int *n_iov, size_t *total,
		  char *scratch, size_t max);
/* The same copied to `to`: for TLS, and then across large files as well (past_large), unless they go by sendfile. */
bool outq_copy(const struct outq *q, bool past_large, char *to, size_t max, size_t *total);
