/* outq.c - a queue of pieces.
 *
 * Octets gather in chunks that the loop recycles: a reply costs a memcpy, no malloc. Pieces of files
 * are read at most once in the usual case; when the kernel takes only a part of what was read, the
 * rest is read again from the page cache on the next turn, which is cheaper than keeping it for
 * every slow reader.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/net/outq.h"
#include "server/net/turn.h"

struct piece {
	struct piece *next;
	uint64_t off, len; /* what is left: in octets[] or in the file */
	int fd;            /* -1: octets */
	bool by_hand;      /* a file that sendfile does not like */
	void (*done)(void *ctx);
	void *ctx;
	char octets[];
};

#define PIECE_ROOM (CHUNK_BYTES - sizeof(struct piece))

static void append(struct outq *q, struct piece *p)
{
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
}

static struct piece *tail_with_room(struct outq *q, struct loop *l)
{
	struct piece *p = q->last;

	if (p && p->fd < 0 && p->off + p->len < PIECE_ROOM)
		return p;
	p = loop_chunk_get(l);
	*p = (struct piece){ .fd = -1 };
	append(q, p);
	return p;
}

void outq_add(struct outq *q, struct loop *l, const void *from, size_t len)
{
	const char *at = from;

	q->n_bytes += len;
	while (len > 0) {
		struct piece *p = tail_with_room(q, l);
		size_t n = PIECE_ROOM - (p->off + p->len);

		if (n > len)
			n = len;
		memcpy(p->octets + p->off + p->len, at, n);
		p->len += n;
		at += n;
		len -= n;
	}
}

void outq_add_file(struct outq *q, int fd, uint64_t off, uint64_t len, void (*done)(void *ctx),
		   void *ctx)
{
	struct piece *p = mem_new(sizeof(*p));

	assert(fd >= 0);
	p->fd = fd;
	p->off = off;
	p->len = len;
	p->done = done;
	p->ctx = ctx;
	append(q, p);
	q->n_bytes += len;
}

/* Off the queue first, then done(): it may look at the queue, or add to it. */
static void drop_first(struct outq *q, struct loop *l)
{
	struct piece *p = q->first;

	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	if (p->fd < 0) {
		loop_chunk_put(l, p);
		return;
	}
	if (p->done)
		p->done(p->ctx);
	free(p);
}

void outq_sent(struct outq *q, struct loop *l, uint64_t n)
{
	assert(n <= q->n_bytes);
	q->n_bytes -= n;
	while (q->first && q->first->len <= n) {
		n -= q->first->len;
		drop_first(q, l);
	}
	if (n > 0 && q->first) { /* a done() may have dropped the queue */
		q->first->off += n;
		q->first->len -= n;
	}
}

void outq_drop(struct outq *q, struct loop *l)
{
	q->n_bytes = 0;
	while (q->first)
		drop_first(q, l);
}

static bool is_large(const struct piece *p)
{
	return p->fd >= 0 && !p->by_hand && p->len > OUTQ_SMALL_FILE;
}

bool outq_large_file(const struct outq *q, struct outq_file *out)
{
	const struct piece *p = q->first;

	if (!p || !is_large(p))
		return false;
	*out = (struct outq_file){ .fd = p->fd, .off = p->off, .len = p->len };
	return true;
}

void outq_no_sendfile(struct outq *q)
{
	q->first->by_hand = true;
}

static bool read_whole(const struct piece *p, char *to, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(p->fd, to + have, len - have, p->off + have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = 0;
			return false;
		}
		have += n;
	}
	return true;
}

bool outq_vectors(const struct outq *q, struct iovec iov[OUTQ_IOV], int *n_iov, size_t *total,
		  char *scratch, size_t max)
{
	*n_iov = 0;
	*total = 0;
	for (struct piece *p = q->first; p && !is_large(p); p = p->next) {
		size_t n = p->len < max - *total ? p->len : max - *total;

		if (*n_iov == OUTQ_IOV || *total == max)
			break;
		if (n == 0)
			continue;
		iov[*n_iov].iov_len = n;
		iov[*n_iov].iov_base = p->octets + p->off;
		if (p->fd >= 0) {
			if (!read_whole(p, scratch, n))
				return false;
			iov[*n_iov].iov_base = scratch;
			scratch += n;
		}
		*total += n;
		(*n_iov)++;
	}
	return true;
}

bool outq_copy(const struct outq *q, bool past_large, char *to, size_t max, size_t *total)
{
	*total = 0;
	for (const struct piece *p = q->first; p && *total < max; p = p->next) {
		size_t n = p->len < max - *total ? p->len : max - *total;

		if (is_large(p) && !past_large)
			break;
		if (p->fd < 0)
			memcpy(to + *total, p->octets + p->off, n);
		else if (!read_whole(p, to + *total, n))
			return false;
		*total += n;
	}
	return true;
}
