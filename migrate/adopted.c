/* adopted.c - a sorted list, as text and back.
 *
 * Reading trusts nothing: the file lies in a mailbox, where a damaged disk or a foreign program may have been. A record that is not
 * exactly what we write is damage as a whole, for half of it would bring messages back that were deleted.
 */
#include <stdlib.h>
#include <string.h>
#include "migrate/adopted.h"
#include "server/base/arena.h"
#include "server/base/b64.h"
#include "server/base/mem.h"
#include "server/store/uidl.h"

#define HEAD "winpop-adopted 1 "
#define HEX_LEN (2 * ADOPTED_SUM)
#define OCTETS_DIGITS_MAX 18

struct adopted {
	struct arena *mem;
	const char *from;
	struct adopted_item *items;
	size_t n, cap, n_sorted;
};

struct adopted *adopted_new(const char *from)
{
	struct adopted *a = mem_new(sizeof(*a));

	a->mem = arena_new("adopted", 4096);
	a->from = arena_strz(a->mem, from);
	return a;
}

void adopted_free(struct adopted **a)
{
	if (!*a)
		return;
	arena_drop(&(*a)->mem);
	free((*a)->items);
	free(*a);
	*a = NULL;
}

const char *adopted_from(const struct adopted *a)
{
	return a->from;
}

size_t adopted_count(const struct adopted *a)
{
	return a->n;
}

const struct adopted_item *adopted_at(const struct adopted *a, size_t i)
{
	return &a->items[i];
}

static void append(struct adopted *a, const struct adopted_item *item)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 64;
		a->items = reallocarray(a->items, a->cap, sizeof(*a->items));
		if (!a->items)
			die("out of memory");
	}
	a->items[a->n++] = *item;
}

void adopted_add(struct adopted *a, const struct adopted_item *item)
{
	struct adopted_item mine = *item;

	mine.name = arena_strz(a->mem, item->name);
	mine.here =
		strcmp(item->here, item->name) == 0 ? mine.name : arena_strz(a->mem, item->here);
	append(a, &mine);
}

/* ---- asking ---- */

static int by_name(const void *x, const void *y)
{
	const struct adopted_item *a = x, *b = y;

	return strcmp(a->name, b->name);
}

static int by_all(const void *x, const void *y)
{
	const struct adopted_item *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	if (order == 0)
		order = (a->octets > b->octets) - (a->octets < b->octets);
	return order ? order : memcmp(a->sum, b->sum, ADOPTED_SUM);
}

void adopted_settle(struct adopted *a)
{
	if (a->n_sorted < a->n)
		qsort(a->items, a->n, sizeof(*a->items), by_all);
	a->n_sorted = a->n;
}

static bool look_up(const struct adopted *a, const struct adopted_item *item,
		    int (*order)(const void *, const void *))
{
	return a->n_sorted > 0 &&
	       bsearch(item, a->items, a->n_sorted, sizeof(*a->items), order) != NULL;
}

bool adopted_has_name(const struct adopted *a, const char *name)
{
	return look_up(a, &(struct adopted_item){ .name = name }, by_name);
}

bool adopted_has(const struct adopted *a, const struct adopted_item *item)
{
	return look_up(a, item, by_all);
}

/* ---- writing ---- */

static void put_escaped(struct buf *out, const char *z)
{
	for (; *z; z++) {
		unsigned char c = (unsigned char)*z;
		if (c <= ' ' || c >= 0x7F || c == '%')
			buf_fmt(out, "%%%02X", c);
		else
			buf_add(out, z, 1);
	}
}

void adopted_form(struct adopted *a, struct buf *out)
{
	buf_addz(out, HEAD);
	put_escaped(out, a->from);
	buf_addz(out, "\n");
	for (size_t i = 0; i < a->n; i++) {
		const struct adopted_item *it = &a->items[i];
		char hex[HEX_LEN];
		hex_encode(hex, it->sum, ADOPTED_SUM);
		buf_add(out, hex, HEX_LEN);
		buf_fmt(out, " %ju ", (uintmax_t)it->octets);
		put_escaped(out, it->name);
		buf_addz(out, " ");
		put_escaped(out, it->here);
		buf_addz(out, "\n");
	}
	buf_fmt(out, "end %zu\n", a->n);
}

/* ---- reading ---- */

/* What is left of a text, taken piece by piece. */
struct rest {
	const char *p, *end;
};

/* Up to stop, which is eaten; NULL if it does not come within this line. */
static const char *take_until(struct rest *r, char stop, size_t *len)
{
	const char *start = r->p, *at = memchr(r->p, stop, (size_t)(r->end - r->p));

	if (!at || (stop != '\n' && memchr(start, '\n', (size_t)(at - start))))
		return NULL;
	*len = (size_t)(at - start);
	r->p = at + 1;
	return start;
}

/* As put_escaped writes it, and in no other way; NULL if it is not. */
static const char *take_escaped(struct arena *mem, struct rest *r, char stop)
{
	size_t len, n = 0;
	const char *p = take_until(r, stop, &len);

	if (!p || len == 0)
		return NULL;
	char *out = arena_str(mem, p, len);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];
		if (c <= ' ' || c >= 0x7F)
			return NULL;
		if (c == '%') {
			if (len - i < 3 || !hex_decode(&c, p + i + 1, 2) || c == '\0')
				return NULL;
			i += 2;
		}
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return out;
}

static bool take_number(struct rest *r, char stop, uint64_t *out)
{
	size_t len;
	const char *p = take_until(r, stop, &len);

	if (!p || len == 0 || len > OCTETS_DIGITS_MAX)
		return false;
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(p[i] - '0');
	}
	return true;
}

static bool take_item(struct arena *mem, struct rest *r, struct adopted_item *out)
{
	size_t len;
	const char *hex = take_until(r, ' ', &len);

	if (!hex || len != HEX_LEN || !hex_decode(out->sum, hex, HEX_LEN) ||
	    !take_number(r, ' ', &out->octets))
		return false;
	out->name = take_escaped(mem, r, ' ');
	out->here = out->name ? take_escaped(mem, r, '\n') : NULL;
	return out->here && is_message_name(out->name) && is_message_name(out->here);
}

static bool starts_with(const struct rest *r, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(r->end - r->p) >= len && memcmp(r->p, word, len) == 0;
}

static bool parse(struct adopted *a, struct rest *r)
{
	struct adopted_item item;
	uint64_t n;

	if (!starts_with(r, HEAD))
		return false;
	r->p += strlen(HEAD);
	a->from = take_escaped(a->mem, r, '\n');
	if (!a->from)
		return false;
	while (!starts_with(r, "end ")) {
		if (!take_item(a->mem, r, &item))
			return false;
		append(a, &item);
	}
	r->p += strlen("end ");
	return take_number(r, '\n', &n) && n == a->n && r->p == r->end;
}

enum ec adopted_parse(const char *text, size_t len, struct adopted **out, struct err *e)
{
	struct adopted *a = adopted_new("");
	struct rest r = { text, text + len };

	if (!parse(a, &r)) {
		adopted_free(&a);
		return err_set(
			e, EC_BROKEN,
			"the record of what was adopted (file %s) is damaged: remove it, then "
			"adopt with /merge",
			ADOPTED_FILE);
	}
	adopted_settle(a);
	*out = a;
	return EC_OK;
}
