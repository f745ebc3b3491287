/* promise.c - an open table of numbers, found by the texts they stand for.
 *
 * Texts are folded when they are asked for instead of being kept folded: a slot is 24 bytes, and its hash, kept there, is compared
 * first, so that nearly every comparison of texts is the one that finds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "migrate/promise.h"
#include "server/accounts/accounts.h"
#include "server/base/mem.h"
#include "server/base/utf16.h"

#define FOLDED_MAX (2 * ACCOUNT_KEY_MAX)

struct slot {
	uint64_t hash;
	const char *text; /* NULL: free */
	size_t who;
};

struct promises {
	size_t n, n_slots; /* a power of two */
	struct slot *slots;
};

struct folded {
	size_t len;
	unsigned char bytes[FOLDED_MAX];
};

/* What is no UTF-8 stays as it is. */
static void fold(const char *text, struct folded *out)
{
	size_t len = strnlen(text, ACCOUNT_KEY_MAX);

	if (utf16_from_utf8(out->bytes, &out->len, text, len)) {
		utf16_upcase(out->bytes, out->len);
	} else {
		memcpy(out->bytes, text, len);
		out->len = len;
	}
}

/* FNV-1a */
static uint64_t hash_of(const struct folded *f)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < f->len; i++)
		h = (h ^ f->bytes[i]) * 1099511628211u;
	return h;
}

static bool is_text(const struct slot *s, uint64_t hash, const struct folded *f)
{
	struct folded other;

	if (s->hash != hash)
		return false;
	fold(s->text, &other);
	return other.len == f->len && memcmp(other.bytes, f->bytes, f->len) == 0;
}

/* Where it is, or the free slot where it would be. */
static struct slot *find(const struct promises *p, uint64_t hash, const struct folded *f)
{
	size_t at = hash & (p->n_slots - 1);

	while (p->slots[at].text && !is_text(&p->slots[at], hash, f))
		at = (at + 1) & (p->n_slots - 1);
	return &p->slots[at];
}

static void put(struct promises *p, const struct slot *s)
{
	size_t at = s->hash & (p->n_slots - 1);

	while (p->slots[at].text)
		at = (at + 1) & (p->n_slots - 1);
	p->slots[at] = *s;
}

static void grow(struct promises *p)
{
	struct promises larger = { .n = p->n, .n_slots = p->n_slots * 2 };

	larger.slots = mem_new(larger.n_slots * sizeof(struct slot));
	for (size_t i = 0; i < p->n_slots; i++)
		if (p->slots[i].text)
			put(&larger, &p->slots[i]);
	free(p->slots);
	*p = larger;
}

struct promises *promises_new(void)
{
	struct promises *p = mem_new(sizeof(*p));

	p->n_slots = 4;
	p->slots = mem_new(p->n_slots * sizeof(struct slot));
	return p;
}

void promises_free(struct promises **pp)
{
	struct promises *p = *pp;

	*pp = NULL;
	if (p)
		free(p->slots);
	free(p);
}

size_t promises_make(struct promises *p, const char *text, size_t who)
{
	struct folded f;

	fold(text, &f);
	uint64_t hash = hash_of(&f);
	const struct slot *s = find(p, hash, &f);
	if (s->text)
		return s->who;
	if (p->n * 2 >= p->n_slots)
		grow(p);
	put(p, &(struct slot){ .hash = hash, .text = text, .who = who });
	p->n++;
	return PROMISE_NOBODY;
}

size_t promises_whose(const struct promises *p, const char *text)
{
	struct folded f;

	fold(text, &f);
	const struct slot *s = find(p, hash_of(&f), &f);
	return s->text ? s->who : PROMISE_NOBODY;
}
