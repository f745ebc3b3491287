/* table.c - sessions by reference: an array of slots, the free ones chained through it.
 *
 * A slot's generation goes up when it is emptied, so a reference that is one life late misses. It
 * wraps after four thousand million lives of one slot; a job does not live that long. Generation 0
 * is never given out: a zeroed struct ref misses too.
 */
#include <stdint.h>
#include <stdlib.h>
#include "server/base/err.h"
#include "server/base/mem.h"
#include "server/net/work.h"

#define NO_SLOT UINT32_MAX

struct slot {
	void *p; /* NULL: free */
	uint32_t gen, next_free;
};

struct table {
	struct slot *slots;
	uint32_t n_slots, n_used, first_free;
};

struct table *table_new(void)
{
	struct table *t = mem_new(sizeof(*t));

	t->first_free = NO_SLOT;
	return t;
}

void table_free(struct table **tp)
{
	struct table *t = *tp;

	if (!t)
		return;
	*tp = NULL;
	free(t->slots);
	free(t);
}

static void grow(struct table *t)
{
	uint32_t n = t->n_slots ? t->n_slots * 2 : 64;
	struct slot *s = realloc(t->slots, n * sizeof(*s));

	if (!s)
		die("out of memory");
	t->slots = s;
	for (uint32_t i = n; i-- > t->n_slots;) {
		s[i] = (struct slot){ .gen = 1, .next_free = t->first_free };
		t->first_free = i;
	}
	t->n_slots = n;
}

struct ref table_add(struct table *t, void *p)
{
	struct slot *s;
	uint32_t at;

	if (t->first_free == NO_SLOT)
		grow(t);
	at = t->first_free;
	s = &t->slots[at];
	t->first_free = s->next_free;
	s->p = p;
	t->n_used++;
	return (struct ref){ .slot = at, .gen = s->gen };
}

static struct slot *find(const struct table *t, struct ref r)
{
	struct slot *s = r.slot < t->n_slots ? &t->slots[r.slot] : NULL;

	return s && s->p && s->gen == r.gen ? s : NULL;
}

void *table_get(const struct table *t, struct ref r)
{
	struct slot *s = find(t, r);

	return s ? s->p : NULL;
}

void table_remove(struct table *t, struct ref r)
{
	struct slot *s = find(t, r);

	if (!s)
		return;
	s->p = NULL;
	s->gen += s->gen == UINT32_MAX ? 2 : 1;
	s->next_free = t->first_free;
	t->first_free = r.slot;
	t->n_used--;
}

unsigned table_count(const struct table *t)
{
	return t->n_used;
}

/* By index, because fn may add (and so move the array) as well as remove. */
void table_each(struct table *t, void (*fn)(void *ctx, void *p), void *ctx)
{
	for (uint32_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].p)
			fn(ctx, t->slots[i].p);
}

bool table_some(const struct table *t, uint32_t *slot, uint32_t n_slots,
		void (*fn)(void *ctx, void *p), void *ctx)
{
	uint32_t left = *slot < t->n_slots ? t->n_slots - *slot : 0;
	uint32_t end = *slot + (n_slots < left ? n_slots : left);

	for (; *slot < end; ++*slot)
		if (t->slots[*slot].p)
			fn(ctx, t->slots[*slot].p);
	return n_slots < left;
}
