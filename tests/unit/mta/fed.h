/* fed.h - an engine fed whole, byte by byte and split at every position; what it says is kept.
 *
 * The answerer knows two ways: at once, from inside ask(), or later, when the engine has said that it waits.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/mta/engine.h"

struct fed {
	struct arena *mem;
	struct buf in, out;
	bool later;
	enum mta_verdict last;
	enum mta_verdict (*feed)(struct fed *, const char *p, size_t len, size_t *eaten);
	/* Answers what is asked; false: nothing is. */
	bool (*answer)(struct fed *);
};

static inline void fed_put(void *ctx, const void *p, size_t len)
{
	struct fed *f = ctx;

	buf_add(&f->out, p, len);
}

static inline void fed_serve(struct fed *f)
{
	size_t eaten;

	do {
		f->last = f->feed(f, buf_at(&f->in), f->in.len, &eaten);
		assert_true(eaten <= f->in.len);
		buf_eat(&f->in, eaten);
		while (f->last != MTA_BYE && f->answer(f))
			eaten = 1;
	} while (f->last == MTA_NEXT && eaten > 0);
}

static inline void fed_send(struct fed *f, const void *p, size_t len)
{
	buf_add(&f->in, p, len);
	if (f->last == MTA_NEXT)
		fed_serve(f);
}

/* The first piece, then steps. */
static inline void fed_pieces(struct fed *f, const char *p, size_t len, size_t first, size_t step)
{
	for (size_t at = 0, n = first; at < len; at += n, n = step) {
		n = n < len - at ? n : len - at;
		if (n > 0)
			fed_send(f, p + at, n);
	}
}

static inline const char *fed_out(struct fed *f)
{
	*buf_room(&f->out, 1) = '\0';
	return buf_at(&f->out);
}

static inline void fed_drop(struct fed *f)
{
	buf_drop(&f->in);
	buf_drop(&f->out);
	arena_drop(&f->mem);
}
