/* listing.c - all domains, or all mailboxes of a domain, in order of their names.
 *
 * Servers send entries as they find them; sorting them there needs an overlay that few have. So the listing is collected first,
 * in one arena and without what the texts do not need, which is also what lets its reader use the directory meanwhile:
 * the connection is free again.
 */
#include <stdlib.h>
#include <string.h>
#include "ldap/escape.h"
#include "ldap/listed.h"
#include "server/base/arena.h"

struct gathering {
	struct listing *to;
	const struct name *domain; /* NULL: domains are gathered */
};

static void add_row(struct listing *l, const struct listed_entry *found)
{
	struct listing_row *row = arena_alloc(l->mem, sizeof(*row));
	char text[NAME_TEXT_MAX + 1];

	*row = (struct listing_row){ .next = l->first,
				     .locked = found->entry.locked,
				     .held = found->entry.held,
				     .quota_damaged = found->entry.quota_damaged,
				     .expire_days = found->entry.expire_days,
				     .marks = found->marks,
				     .fault = found->fault,
				     .name = arena_strz(l->mem,
							name_text(&found->entry.name, text)),
				     .quota = arena_strz(l->mem, found->entry.quota),
				     .address = arena_strz(l->mem, found->address),
				     .dn = arena_strz(l->mem, found->dn) };
	l->first = row;
	l->n++;
}

static bool take_entry(void *ctx, struct dir_entry *en)
{
	struct gathering *g = ctx;
	struct listed_entry found;

	if (!listed_read(en, &found))
		return true;
	const struct name *n = &found.entry.name;
	if (g->domain ? !name_is_domain(n) && strcmp(n->domain, g->domain->domain) == 0
		      : name_is_domain(n))
		add_row(g->to, &found);
	return true;
}

/* By name, then by entry, so that the order is the same each time. */
static int compare(const void *a, const void *b)
{
	const struct listing_row *x = *(struct listing_row *const *)a;
	const struct listing_row *y = *(struct listing_row *const *)b;
	int by_name = strcmp(x->name, y->name);

	return by_name ? by_name : strcmp(x->dn, y->dn);
}

static void sort(struct listing *l)
{
	size_t i = 0;

	l->rows = arena_alloc(l->mem, (l->n + 1) * sizeof(l->rows[0]));
	for (struct listing_row *row = l->first; row; row = row->next)
		l->rows[i++] = row;
	qsort(l->rows, l->n, sizeof(l->rows[0]), compare);
}

/* The presence term is what an index can answer; few have one for the ends of values. */
static void make_filter(struct buf *b, const struct name *domain)
{
	if (!domain) {
		buf_addz(b, "(" DOMAIN_ATTR "=*)");
	} else {
		buf_addz(b, "(&(" ADDRESS_ATTR "=*)(" ADDRESS_ATTR "=*@");
		filter_value(b, domain->domain, strlen(domain->domain));
		buf_addz(b, "))");
	}
	buf_add(b, "", 1);
}

enum ec listing_get(struct dir *d, struct dir_conn *c, const struct name *domain,
		    struct listing *out, struct err *e)
{
	struct gathering g = { .to = out, .domain = domain };
	const struct dir_root *root;
	struct buf filter = { 0 };

	listing_drop(out);
	out->mem = arena_new("listing", 4096);
	enum ec rc = dir_root_get(d, c, &root, e);
	if (rc != EC_OK)
		return rc;
	make_filter(&filter, domain);
	const struct dir_query q = { .base = domain ? root->base : listed_domains(root),
				     .scope = LDAP_SCOPE_SUBTREE,
				     .filter = buf_at(&filter),
				     .attrs = listed_attrs };
	rc = dir_conn_search(c, &q, take_entry, &g, e);
	buf_drop(&filter);
	if (rc == EC_ABSENT && q.base == root->base)
		rc = listed_no_base(root, e);
	else if (rc == EC_ABSENT) /* no place for domains yet, so no domain */
		rc = EC_OK;
	if (rc == EC_OK)
		sort(out);
	return rc;
}

void listing_drop(struct listing *l)
{
	arena_drop(&l->mem);
	*l = (struct listing){ 0 };
}
