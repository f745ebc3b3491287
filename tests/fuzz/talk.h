/* talk.h - for targets that talk: the input comes whole or in pieces, questions are answered at once or later, and what is said
 * must be the same.
 *
 * A target's struct run begins with a struct talk. The first octet of the input is the seed: it chooses the cuts, and whatever
 * else the target likes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/base/buf.h"

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

struct talk {
	unsigned seed;
	bool later; /* in pieces, and answered later */
	bool over;  /* the other side has hung up: no more input */
	struct arena *mem;
	struct buf in, out;
};

/* serve takes what it can of t->in. */
static inline void talk_feed(struct talk *t, const uint8_t *p, size_t len,
			     void (*serve)(struct talk *))
{
	for (size_t at = 0; at < len && !t->over;) {
		size_t n = t->later ? 1 + (t->seed + at) % 13 : len;

		n = n < len - at ? n : len - at;
		buf_add(&t->in, p + at, n);
		serve(t);
		at += n;
	}
}

static inline void talk_same(struct buf *a, struct buf *b)
{
	MUST(a->len == b->len && memcmp(buf_at(a), buf_at(b), a->len) == 0);
	buf_drop(a);
	buf_drop(b);
}

/* run: a session in t->mem, fed by talk_feed, from its beginning to its end. */
static inline void talk_twice(struct talk *whole, struct talk *pieces, const uint8_t *p, size_t len,
			      void (*run)(struct talk *, const uint8_t *p, size_t len))
{
	struct talk *both[] = { whole, pieces };

	if (len == 0)
		return;
	pieces->later = true;
	for (int i = 0; i < 2; i++) {
		both[i]->seed = *p;
		both[i]->mem = arena_new("fuzz", 1024);
		run(both[i], p + 1, len - 1);
		arena_drop(&both[i]->mem);
		buf_drop(&both[i]->in);
	}
	talk_same(&whole->out, &pieces->out);
}
