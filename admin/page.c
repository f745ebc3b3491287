/* page.c - a piece of a listing, in one pass and in whatever order the catalog lists.
 *
 * Of all names that match, the smallest that are not before `from` are kept, one more than the page holds: so that
 * we know where the next one begins. A listing comes nearly sorted, so once the page is full a name costs a comparison. A catalog
 * that can tell names without looking at what they stand for (names) is asked about those of the page alone.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>
#include "server/base/mem.h"
#include "server/base/utf8.h"
#include "admin/page.h"

#define FOLDED_MAX (2 * NAME_DOMAIN_MAX + 8) /* no lower case letter takes twice the octets */

struct picking {
	bool domains, whole; /* whole: entries came with the names */
	locale_t letters;    /* (locale_t)0: ASCII's alone */
	const char *from;
	char from_room[NAME_DOMAIN_MAX + 1], match[FOLDED_MAX];
	uint64_t limit;
	struct page_at *at;
	struct entry **rows; /* of a catalog that does not tell all at once: names */
	size_t n, cap;
};

enum ec page_limit(const char *text, uint64_t *out, struct err *e)
{
	char *end;

	*out = PAGE_LIMIT;
	if (!text)
		return EC_OK;
	*out = strtoul(text, &end, 10);
	if (*text >= '1' && *text <= '9' && !*end && *out <= PAGE_LIMIT_MAX)
		return EC_OK;
	return err_set(e, EC_USAGE, "/limit is a number from 1 to %d, not \"%.40s\"",
		       PAGE_LIMIT_MAX, text);
}

enum ec page_read(const char *from, const char *limit, const char *match, struct page *out,
		  struct err *e)
{
	*out = (struct page){ .asked = from || limit || match, .from = from, .match = match };
	return page_limit(limit, &out->limit, e);
}

void page_tell(struct out *o, const struct page_at *at)
{
	out_field_u(o, "total", at->total);
	out_field_u(o, "before", at->before);
	if (*at->more)
		out_field(o, "more", at->more);
}

/* ---- letters ---- */

static wint_t decode(const char *p, size_t len)
{
	static const unsigned char lead[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	wint_t c = (unsigned char)p[0] & lead[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3F);
	return c;
}

static char *encode(char *to, wint_t c)
{
	unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xC0, 0xE0, 0xF0 };

	*to++ = (char)(lead[more] | c >> 6 * more);
	while (more-- > 0)
		*to++ = (char)(0x80 | (c >> 6 * more & 0x3F));
	return to;
}

/* In lower case, as far as this system knows letters. What does not fit is left out: no name is that long. */
static void fold(const struct picking *p, const char *z, char out[FOLDED_MAX])
{
	char *to = out;
	size_t left = strlen(z), step;

	for (; left > 0 && to < out + FOLDED_MAX - 5; z += step, left -= step) {
		step = utf8_step(z, left);
		wint_t c = step ? decode(z, step) : (unsigned char)*z;

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		else if (c >= 0x80 && p->letters)
			c = towlower_l(c, p->letters);
		to = encode(to, c);
		step += step == 0;
	}
	*to = '\0';
}

static bool matches(const struct picking *p, const char *key)
{
	char folded[FOLDED_MAX];

	if (!*p->match)
		return true;
	fold(p, key, folded);
	return strstr(folded, p->match) != NULL;
}

/* ---- picking ---- */

static const char *key_of(const struct picking *p, const struct name *n)
{
	return p->domains ? n->domain : n->local;
}

/* Where it belongs: behind all that are not greater. */
static size_t place_of(const struct picking *p, const char *key)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(key_of(p, &p->rows[mid]->name), key) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct entry *row_for(struct picking *p, size_t at)
{
	struct entry *row;

	if (at == p->cap)
		return NULL;
	if (p->n == p->cap)
		row = p->rows[p->n - 1];
	else
		row = p->rows[p->n++] = mem_new(sizeof(*row));
	memmove(p->rows + at + 1, p->rows + at, (p->n - 1 - at) * sizeof(*p->rows));
	return p->rows[at] = row;
}

static bool pick(struct picking *p, const struct entry *entry)
{
	const char *key = key_of(p, &entry->name);

	if (!matches(p, key))
		return true;
	p->at->total++;
	if (strcmp(key, p->from) < 0) {
		p->at->before++;
		return true;
	}
	struct entry *row = row_for(p, place_of(p, key));
	if (row)
		*row = *entry;
	return true;
}

static bool pick_name(void *ctx, const struct name *n)
{
	return pick(ctx, &(struct entry){ .name = *n, .expire_days = EXPIRE_UNSET });
}

static bool pick_entry(void *ctx, const struct entry *en)
{
	return pick(ctx, en);
}

/* ---- showing ---- */

static enum ec show(struct picking *p, struct catalog *cat,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	enum ec rc = EC_OK;

	for (size_t i = 0; i < p->n && i < p->limit; i++) {
		struct entry *row = p->rows[i];
		struct name n = row->name;
		struct err why;
		enum ec one = p->whole ? EC_OK : cat->ops->find(cat, &n, row, &why);

		if (one == EC_ABSENT) /* removed since it was listed */
			continue;
		if (one != EC_OK && rc == EC_OK) /* the others are shown all the same */
			rc = err_set(e, one, "%s", why.text);
		if (!fn(ctx, row))
			break;
	}
	if (p->n > p->limit)
		name_text(&p->rows[p->limit]->name, p->at->more);
	return rc;
}

static void begin(struct picking *p, const struct page *wish)
{
	p->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	p->limit = wish->limit;
	p->cap = (size_t)wish->limit + 1;
	p->rows = mem_new(p->cap * sizeof(*p->rows));
	fold(p, wish->match ? wish->match : "", p->match);
	/* An address is as good as a name: it is what an answer says. */
	const char *from = wish->from ? wish->from : "";
	size_t len = p->domains ? strlen(from) : strcspn(from, "@");
	snprintf(p->from_room, sizeof(p->from_room), "%.*s", (int)len, from);
	for (char *c = p->from_room; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	p->from = p->from_room;
}

static void end(struct picking *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->rows[i]);
	free(p->rows);
	if (p->letters)
		freelocale(p->letters);
}

enum ec page_each(struct catalog *cat, const struct name *domain, const struct page *wish,
		  bool (*fn)(void *ctx, const struct entry *), void *ctx, struct page_at *at,
		  struct err *e)
{
	struct picking p = { .domains = !domain, .whole = !cat->ops->names, .at = at };
	struct err why;

	*at = (struct page_at){ 0 };
	begin(&p, wish);
	enum ec listed = p.whole ? cat->ops->each(cat, domain, pick_entry, &p, &why)
				 : cat->ops->names(cat, domain, pick_name, &p, &why);
	enum ec rc = show(&p, cat, fn, ctx, e);
	if (listed != EC_OK)
		rc = err_set(e, listed, "%s", why.text);
	end(&p);
	return rc;
}
