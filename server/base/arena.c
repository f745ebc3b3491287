/* arena.c - bump allocation in chunks that double.
 *
 * The arena itself lives in its first chunk, so that a small lifetime costs one malloc. Dropping
 * wipes what was handed out: arenas hold command lines, and those hold passwords. A general pool
 * with free lists was rejected: nothing here outlives its neighbours.
 */
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/mem.h"
#include "server/base/secret.h"

struct chunk {
	struct chunk *prev;
	size_t size, used;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	const char *what; /* for whoever looks with a debugger */
	struct chunk *top;
	size_t used;
};

#define CHUNK_MAX 65536 /* doubling stops here; a larger single piece gets a chunk of its own */

static size_t round_up(size_t n)
{
	if (n > SIZE_MAX / 2)
		die("out of memory");
	return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

/* arena_alloc promises zeros. */
static struct chunk *chunk_new(struct chunk *prev, size_t size)
{
	struct chunk *c = mem_new(sizeof(*c) + size);

	c->prev = prev;
	c->size = size;
	return c;
}

struct arena *arena_new(const char *what, size_t first_bytes)
{
	size_t own = round_up(sizeof(struct arena));
	struct chunk *c = chunk_new(NULL, own + round_up(first_bytes));
	struct arena *a = (struct arena *)c->bytes;

	c->used = own;
	a->what = what;
	a->top = c;
	return a;
}

static size_t next_size(const struct chunk *top, size_t need)
{
	size_t size = top->size < CHUNK_MAX / 2 ? top->size * 2 : CHUNK_MAX;

	return size < need ? need : size;
}

void *arena_alloc(struct arena *a, size_t n_bytes)
{
	size_t need = round_up(n_bytes ? n_bytes : 1);

	if (a->top->size - a->top->used < need)
		a->top = chunk_new(a->top, next_size(a->top, need));

	void *p = a->top->bytes + a->top->used;
	a->top->used += need;
	a->used += need;
	return p;
}

char *arena_str(struct arena *a, const char *p, size_t len)
{
	char *s = arena_alloc(a, len + 1);

	if (len > 0)
		memcpy(s, p, len);
	return s;
}

char *arena_strz(struct arena *a, const char *z)
{
	return z ? arena_str(a, z, strlen(z)) : NULL;
}

/* By way of a buffer of ours: vasprintf(3) would leave its first try in the free list. */
char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);

	char *s = arena_str(a, buf_at(&b), b.len);
	buf_wipe(&b);
	return s;
}

size_t arena_used_bytes(const struct arena *a)
{
	return a->used;
}

void arena_drop(struct arena **a)
{
	if (!*a)
		return;
	struct chunk *c = (*a)->top;

	*a = NULL;
	while (c) { /* the first chunk goes last and takes the arena with it */
		struct chunk *prev = c->prev;
		wipe(c->bytes, c->used);
		free(c);
		c = prev;
	}
}
