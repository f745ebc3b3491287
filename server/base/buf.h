/* buf.h - bytes that grow at the end and are eaten at the front.
 *
 * Zero-initialised is empty and owns no memory; an emptied buffer gives its memory back with
 * buf_trim. Out of memory ends the process; whoever feeds foreign bytes bounds them first. Thread:
 * one at a time.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *mem;
	size_t off, len, cap; /* live bytes are mem[off .. off+len) */
};

/* Never NULL, so that memchr and friends may be called on an empty buffer. */
static inline const char *buf_at(const struct buf *b)
{
	return b->mem ? b->mem + b->off : "";
}
void buf_add(struct buf *b, const void *p, size_t len);
void buf_addz(struct buf *b, const char *z);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
char *buf_room(struct buf *b, size_t want); /* space for `want` bytes after the live ones ... */
void buf_grew(struct buf *b, size_t n);     /* ... of which n are now live */
void buf_eat(struct buf *b, size_t n);      /* drop n from the front */
void buf_trim(struct buf *b);               /* free memory if empty */
void buf_wipe(struct buf *b);  /* overwrite, then free: for buffers that held secrets */
void buf_drop(struct buf *b);  /* free; zero value again */
char *buf_take(struct buf *b); /* hands over a malloc'ed NUL-terminated string; b is empty again */
