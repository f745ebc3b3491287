/* indexread.c - a piece at a time; a record that is cut off by the piece's end begins the next one.
 *
 * The file may shrink or change under us, whatever its lock says: what is read is copied first and judged then. Mapping it was
 * rejected: a file that became shorter would end the process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/store/indexread.h"

#define PIECE_BYTES 65536 /* stays in the processor's cache; holds any record many times over */

void index_read_file(struct index_reader *r, const struct index_hold *h, uint64_t end)
{
	struct stat st;

	*r = (struct index_reader){ .fd = -1, .base = INDEX_HEAD_LEN, .end = INDEX_HEAD_LEN };
	if (h->fd < 0 || fstat(h->fd, &st) < 0 || st.st_size <= INDEX_HEAD_LEN ||
	    (uint64_t)st.st_size > INDEX_BYTES_MAX)
		return;
	r->fd = h->fd;
	r->end = end < (uint64_t)st.st_size ? end : (uint64_t)st.st_size;
	r->p = r->room = mem_new(PIECE_BYTES);
}

void index_read_memory(struct index_reader *r, const struct buf *records)
{
	*r = (struct index_reader){ .p = buf_at(records),
				    .len = records->len,
				    .base = INDEX_HEAD_LEN,
				    .end = INDEX_HEAD_LEN + records->len,
				    .fd = -1 };
}

/* More octets behind those at hand; false if there are none. */
static bool refill(struct index_reader *r)
{
	uint64_t at = r->base + r->len;

	if (r->fd < 0 || at >= r->end)
		return false;
	memmove(r->room, r->room + r->pos, r->len - r->pos);
	r->base += r->pos;
	r->len -= r->pos;
	r->pos = 0;
	size_t want = PIECE_BYTES - r->len;
	if (want > r->end - at)
		want = (size_t)(r->end - at);
	ssize_t n;
	while ((n = pread(r->fd, r->room + r->len, want, (off_t)at)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return false;
	r->len += (size_t)n;
	return true;
}

bool index_read_next(struct index_reader *r, struct index_rec *out)
{
	while (r->pos == r->len || !index_next(r->p, r->len, &r->pos, out)) {
		if (r->len - r->pos >= INDEX_REC_MAX || !refill(r))
			return false;
	}
	out->at += r->base - INDEX_HEAD_LEN;
	return true;
}

bool index_read_all(const struct index_reader *r)
{
	return r->base + r->pos == r->end;
}

uint64_t index_read_octets(const struct index_reader *r)
{
	return r->end - INDEX_HEAD_LEN;
}

void index_read_close(struct index_reader *r)
{
	free(r->room);
	*r = (struct index_reader){ .fd = -1 };
}
