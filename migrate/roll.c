/* roll.c - names in an arena, one after the other, and an array that points at them.
 *
 * A catalog goes on behind a damaged entry and tells of the first at its end, by an error that may as well be its own: that half of
 * the names were not read. Taking one for the other would pass over mailboxes without a word. So whoever was listed is looked at
 * once more, one by one, and if none of them is what the catalog complained of, the list is no list.
 */
#include <stdlib.h>
#include <string.h>
#include "migrate/roll.h"
#include "server/base/arena.h"
#include "server/base/mem.h"

struct item {
	const char *local, *domain; /* the domain's text is shared */
	const struct err *damage;
};

struct roll {
	struct arena *mem;
	struct item *items;
	size_t n, room;
	const char *domain; /* the last one added */
};

static struct roll *roll_new(void)
{
	struct roll *r = mem_new(sizeof(*r));

	r->mem = arena_new("roll", 4096);
	r->domain = "";
	return r;
}

void roll_free(struct roll **rp)
{
	struct roll *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	arena_drop(&r->mem);
	free(r->items);
	free(r);
}

static void grow(struct roll *r)
{
	struct item *items;

	if (r->n < r->room)
		return;
	r->room = r->room ? r->room * 2 : 64;
	items = mem_new(r->room * sizeof(*items));
	if (r->n > 0)
		memcpy(items, r->items, r->n * sizeof(*items));
	free(r->items);
	r->items = items;
}

static void add(struct roll *r, const struct name *n)
{
	grow(r);
	if (strcmp(r->domain, n->domain) != 0)
		r->domain = arena_strz(r->mem, n->domain);
	r->items[r->n++] =
		(struct item){ .local = arena_strz(r->mem, n->local), .domain = r->domain };
}

static void note_damage(struct roll *r, size_t i, const struct err *why)
{
	struct err *copy = arena_alloc(r->mem, sizeof(*copy));

	*copy = *why;
	r->items[i].damage = copy;
}

static int by_name(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int by_domain = strcmp(a->domain, b->domain);

	return by_domain ? by_domain : strcmp(a->local, b->local);
}

/* A directory that is there twice, in two letter cases, is one mailbox to all who look for it by name. */
static void sort(struct roll *r)
{
	size_t n = 0;

	if (r->n > 0)
		qsort(r->items, r->n, sizeof(r->items[0]), by_name);
	for (size_t i = 0; i < r->n; i++)
		if (n == 0 || by_name(&r->items[n - 1], &r->items[i]) != 0)
			r->items[n++] = r->items[i];
	r->n = n;
}

/* ---- of the mailboxes ---- */

static bool add_entry(void *ctx, const struct entry *found)
{
	add(ctx, &found->name);
	return true;
}

/* Is what the catalog complained of one of those it listed? */
static bool find_damaged(struct roll *r, size_t from, struct catalog *boxes,
			 const struct err *complaint)
{
	bool explained = false;

	for (size_t i = from; i < r->n; i++) {
		struct name n = roll_name(r, i);
		struct entry found;
		struct err why;
		enum ec rc = boxes->ops->find(boxes, &n, &found, &why);

		if (rc == EC_OK || rc == EC_ABSENT) /* removed meanwhile: its account will say so */
			continue;
		note_damage(r, i, &why);
		explained |= rc == complaint->class && strcmp(why.text, complaint->text) == 0;
	}
	return explained;
}

static enum ec add_all(struct roll *r, struct catalog *boxes, const struct name *domain,
		       struct err *e)
{
	size_t from = r->n;
	struct err why;
	enum ec rc = boxes->ops->each(boxes, domain, add_entry, r, &why);

	if (rc != EC_OK && find_damaged(r, from, boxes, &why))
		return EC_OK;
	return rc == EC_OK ? EC_OK : err_set(e, rc, "%s", why.text);
}

/* A domain that was removed meanwhile has none. */
static enum ec add_every_domain(struct roll *r, struct catalog *boxes, struct err *e)
{
	struct roll *domains = roll_new();
	enum ec rc = add_all(domains, boxes, NULL, e);

	for (size_t i = 0; i < domains->n && rc == EC_OK; i++) {
		struct name domain = roll_name(domains, i);

		rc = add_all(r, boxes, &domain, e);
		if (rc == EC_ABSENT)
			rc = EC_OK;
	}
	roll_free(&domains);
	return rc;
}

static enum ec add_one(struct roll *r, struct catalog *boxes, const struct name *n, struct err *e)
{
	struct entry found;
	struct err why;
	enum ec rc = boxes->ops->find(boxes, n, &found, &why);

	if (rc == EC_ABSENT)
		return err_set(e, rc, "%s", why.text);
	add(r, n);
	if (rc != EC_OK)
		note_damage(r, 0, &why);
	return EC_OK;
}

enum ec roll_of_catalog(struct catalog *boxes, const struct name *scope, struct roll **out,
			struct err *e)
{
	struct roll *r = roll_new();
	enum ec rc;

	if (!scope)
		rc = add_every_domain(r, boxes, e);
	else if (name_is_domain(scope))
		rc = add_all(r, boxes, scope, e);
	else
		rc = add_one(r, boxes, scope, e);
	if (rc != EC_OK)
		roll_free(&r);
	else
		sort(r);
	*out = r;
	return rc;
}

/* ---- of the journal ---- */

struct part {
	struct roll *r;
	const struct name *scope;
};

static bool is_in(const struct name *n, const struct name *scope)
{
	return !scope || (strcmp(n->domain, scope->domain) == 0 &&
			  (name_is_domain(scope) || strcmp(n->local, scope->local) == 0));
}

static bool add_undoable(void *ctx, const struct name *n, const struct journal_entry *known)
{
	const struct part *p = ctx;

	if (known->state != JOURNAL_NONE && known->state != JOURNAL_GONE && is_in(n, p->scope))
		add(p->r, n);
	return true;
}

void roll_of_journal(struct journal *j, const struct name *scope, struct roll **out)
{
	struct part p = { .r = roll_new(), .scope = scope };

	if (j)
		journal_each(j, add_undoable, &p);
	sort(p.r);
	*out = p.r;
}

/* ---- what is in it ---- */

size_t roll_count(const struct roll *r)
{
	return r->n;
}

struct name roll_name(const struct roll *r, size_t i)
{
	struct name n = { 0 };

	strcpy(n.local, r->items[i].local);
	strcpy(n.domain, r->items[i].domain);
	return n;
}

const char *roll_local(const struct roll *r, size_t i)
{
	return r->items[i].local;
}

const struct err *roll_damage(const struct roll *r, size_t i)
{
	return r->items[i].damage;
}
