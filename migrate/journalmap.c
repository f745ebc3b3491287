/* journalmap.c - a hash table of accounts, open addressing, never more than half full.
 *
 * An entry is its strings behind one another, as long as they are: a struct journal_entry each would be five times as much.
 * Nothing is ever taken out - GONE is a state too - so there are no graves to step over.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "migrate/journalmap.h"
#include "server/base/mem.h"

#define FIRST_ROOM 1024 /* a power of two */

struct known {
	uint64_t hash;
	uint8_t state, new_password, registered;
	char text[]; /* domain, local, mark, key, changed, each with its NUL */
};

struct journal_map {
	struct known **slots;
	size_t room, n;
};

static uint64_t hash_text(uint64_t hash, const char *z)
{
	do
		hash = (hash ^ (unsigned char)*z) * UINT64_C(0x100000001b3);
	while (*z++);
	return hash;
}

static uint64_t hash_name(const struct name *n)
{
	uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), n->domain);

	hash = hash_text(hash, n->local);
	return hash ^ hash >> 32; /* the low bits choose the slot */
}

static const char *behind(const char *z)
{
	return z + strlen(z) + 1;
}

static bool is_of(const struct known *k, uint64_t hash, const struct name *n)
{
	return k->hash == hash && strcmp(k->text, n->domain) == 0 &&
	       strcmp(behind(k->text), n->local) == 0;
}

static char *put_text(char *to, const char *z)
{
	return stpcpy(to, z) + 1;
}

static struct known *known_new(uint64_t hash, const struct name *n, const struct journal_entry *w)
{
	size_t len = strlen(n->domain) + strlen(n->local) + strlen(w->mark) + strlen(w->key) +
		     strlen(w->changed) + 5;
	struct known *k = mem_new(sizeof(*k) + len);

	*k = (struct known){ .hash = hash,
			     .state = (uint8_t)w->state,
			     .new_password = w->new_password,
			     .registered = w->registered };
	char *to = put_text(k->text, n->domain);
	to = put_text(to, n->local);
	to = put_text(to, w->mark);
	to = put_text(to, w->key);
	put_text(to, w->changed);
	return k;
}

struct journal_map *journal_map_new(void)
{
	struct journal_map *m = mem_new(sizeof(*m));

	m->room = FIRST_ROOM;
	m->slots = mem_new(m->room * sizeof(struct known *));
	return m;
}

void journal_map_free(struct journal_map **m)
{
	if (!*m)
		return;
	for (size_t i = 0; i < (*m)->room; i++)
		free((*m)->slots[i]);
	free((*m)->slots);
	free(*m);
	*m = NULL;
}

size_t journal_map_count(const struct journal_map *m)
{
	return m->n;
}

/* Where it is, or would be. */
static struct known **slot_of(const struct journal_map *m, uint64_t hash, const struct name *n)
{
	size_t at = hash & (m->room - 1);

	while (m->slots[at] && !is_of(m->slots[at], hash, n))
		at = (at + 1) & (m->room - 1);
	return &m->slots[at];
}

static void grow(struct journal_map *m)
{
	struct known **old = m->slots;
	size_t old_room = m->room;

	m->room *= 2;
	m->slots = mem_new(m->room * sizeof(struct known *));
	for (size_t i = 0; i < old_room; i++) {
		if (!old[i])
			continue;
		size_t at = old[i]->hash & (m->room - 1);
		while (m->slots[at])
			at = (at + 1) & (m->room - 1);
		m->slots[at] = old[i];
	}
	free(old);
}

void journal_map_put(struct journal_map *m, const struct name *n, const struct journal_entry *what)
{
	uint64_t hash = hash_name(n);

	if (m->n >= m->room / 2)
		grow(m);
	struct known **slot = slot_of(m, hash, n);
	if (!*slot)
		m->n++;
	free(*slot);
	*slot = known_new(hash, n, what);
}

static void tell(const struct known *k, struct name *n, struct journal_entry *out)
{
	const char *local = behind(k->text), *mark = behind(local), *key = behind(mark);

	strcpy(n->domain, k->text);
	strcpy(n->local, local);
	*out = (struct journal_entry){ .state = k->state,
				       .new_password = k->new_password,
				       .registered = k->registered };
	strcpy(out->mark, mark);
	strcpy(out->key, key);
	strcpy(out->changed, behind(key));
}

void journal_map_get(const struct journal_map *m, const struct name *n, struct journal_entry *out)
{
	const struct known *k = *slot_of(m, hash_name(n), n);
	struct name same;

	*out = (struct journal_entry){ .state = JOURNAL_NONE };
	if (k)
		tell(k, &same, out);
}

static int compare(const void *a, const void *b)
{
	const struct known *x = *(struct known *const *)a, *y = *(struct known *const *)b;
	int order = strcmp(x->text, y->text);

	return order ? order : strcmp(behind(x->text), behind(y->text));
}

void journal_map_each(const struct journal_map *m,
		      bool (*fn)(void *ctx, const struct name *, const struct journal_entry *),
		      void *ctx)
{
	struct known **all = mem_new((m->n + 1) * sizeof(*all));
	struct journal_entry what;
	struct name n;
	size_t got = 0;
	bool on = true;

	for (size_t i = 0; i < m->room; i++)
		if (m->slots[i])
			all[got++] = m->slots[i];
	qsort(all, got, sizeof(*all), compare);
	for (size_t i = 0; i < got && on; i++) {
		tell(all[i], &n, &what);
		on = fn(ctx, &n, &what);
	}
	free(all);
}
