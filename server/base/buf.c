/* buf.c - growing bytes.
 *
 * Growth doubles, so adding costs constant time on average. It copies and wipes instead of calling
 * realloc, which would leave the old bytes - perhaps a password line - in the free list. Space
 * eaten at the front is reused once it is at least as large as what is live: then the move costs no
 * more than the eating did.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/base/mem.h"
#include "server/base/err.h"
#include "server/base/secret.h"

#define FIRST_CAP 256

static void move_to_front(struct buf *b)
{
	memmove(b->mem, b->mem + b->off, b->len);
	b->off = 0;
}

static void grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;

	while (cap < need) {
		if (cap > SIZE_MAX / 2)
			die("out of memory");
		cap *= 2;
	}
	char *mem = malloc(cap);
	if (!mem)
		die("out of memory");
	if (b->len > 0)
		memcpy(mem, b->mem + b->off, b->len);

	size_t len = b->len;
	buf_wipe(b);
	*b = (struct buf){ .mem = mem, .len = len, .cap = cap };
}

char *buf_room(struct buf *b, size_t want)
{
	if (want > SIZE_MAX - b->len)
		die("out of memory");
	if (b->cap - b->off - b->len < want || !b->mem) {
		if (b->off >= b->len && b->mem && b->cap - b->len >= want)
			move_to_front(b);
		else
			grow(b, b->len + want);
	}
	return b->mem + b->off + b->len;
}

void buf_grew(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->off - b->len);
	b->len += n;
}

void buf_add(struct buf *b, const void *p, size_t len)
{
	if (len == 0)
		return;
	memcpy(buf_room(b, len), p, len);
	b->len += len;
}

void buf_addz(struct buf *b, const char *z)
{
	buf_add(b, z, strlen(z));
}

/* Formats into the room there is; a text that wants more tells how much, and is done again. */
void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = 64;
	int n;

	for (;;) {
		va_list again;
		char *to = buf_room(b, room);
		va_copy(again, ap);
		n = vsnprintf(to, room, fmt, again);
		va_end(again);
		assert(n >= 0);
		if ((size_t)n < room)
			break;
		room = (size_t)n + 1;
	}
	b->len += (size_t)n;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_eat(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	b->off = b->len ? b->off + n : 0;
}

void buf_trim(struct buf *b)
{
	if (b->len == 0)
		buf_drop(b);
}

void buf_wipe(struct buf *b)
{
	wipe(b->mem, b->cap);
	buf_drop(b);
}

void buf_drop(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){ 0 };
}

char *buf_take(struct buf *b)
{
	*buf_room(b, 1) = '\0';
	if (b->off > 0)
		memmove(b->mem, b->mem + b->off, b->len + 1);
	char *z = b->mem;
	*b = (struct buf){ 0 };
	return z;
}
