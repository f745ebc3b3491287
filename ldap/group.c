/* group.c - nested groups.
 *
 * AD walks them itself (LDAP_MATCHING_RULE_IN_CHAIN, MS-ADTS section 3.1.1.3.4.4.3): one question. Elsewhere we walk upward, from the
 * person to the groups that hold it, to the groups that hold those: a person is in few groups, a group has many people. Each round
 * is two questions whatever the number of groups: is one of these in the group, and which groups hold them. A group that was seen is
 * not looked at again, so a circle ends.
 */
#include <string.h>
#include <strings.h>
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/group.h"
#include "server/base/arena.h"

#define GROUPS_MOST 1000 /* somebody is in; beyond is a mistake in the directory */

static bool seen_one(void *ctx, struct dir_entry *en)
{
	(void)en;
	*(bool *)ctx = true;
	return false;
}

static const char *const no_attrs[] = { LDAP_NO_ATTRS, NULL };

/* Is there an entry `dn` that the filter, NUL-terminated in b, fits? */
static enum ec fits(struct dir_conn *c, const char *dn, const struct buf *b, bool *out,
		    struct err *e)
{
	const struct dir_query q = { .base = dn,
				     .scope = LDAP_SCOPE_BASE,
				     .filter = buf_at(b),
				     .attrs = no_attrs,
				     .most = 1 };

	*out = false;
	return dir_conn_search(c, &q, seen_one, out, e);
}

enum ec group_chain(struct dir_conn *c, const char *const *groups, const char *dn, bool *out,
		    struct err *e)
{
	struct buf b = { 0 };

	buf_addz(&b, "(|");
	for (unsigned i = 0; groups[i]; i++)
		filter_equals(&b, "memberOf:1.2.840.113556.1.4.1941:", groups[i],
			      strlen(groups[i]));
	buf_addz(&b, ")");
	buf_add(&b, "", 1);
	enum ec rc = fits(c, dn, &b, out, e);
	buf_drop(&b);
	return rc;
}

/* ---- the walk ---- */

struct walk {
	struct arena *mem;
	const char **names; /* [0] the person, then groups, in the order they were met */
	unsigned n;
	unsigned from; /* those before were asked about */
	bool too_many;
};

static bool met(const struct walk *w, const char *dn)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (strcasecmp(w->names[i], dn) == 0)
			return true;
	}
	return false;
}

static bool meet(void *ctx, struct dir_entry *en)
{
	struct walk *w = ctx;
	const char *dn = dir_entry_dn(en);

	if (met(w, dn))
		return true;
	if (w->n == GROUPS_MOST) {
		w->too_many = true;
		return false;
	}
	w->names[w->n++] = arena_strz(w->mem, dn);
	return true;
}

/* (|(member=DN)(uniqueMember=DN)...): holds one of those from `from` on; the person's uid too in the first round. */
static void holders(struct buf *b, const struct walk *w, const char *uid)
{
	static const char *const attrs[] = { "member", "uniqueMember" };

	buf_addz(b, "(|");
	for (unsigned i = w->from; i < w->n; i++) {
		for (unsigned k = 0; k < 2; k++)
			filter_equals(b, attrs[k], w->names[i], strlen(w->names[i]));
	}
	if (w->from == 0 && *uid)
		filter_equals(b, "memberUid", uid, strlen(uid));
	buf_addz(b, ")");
	buf_add(b, "", 1);
}

static enum ec next_round(struct dir_conn *c, const char *context, const struct buf *filter,
			  struct walk *w, struct err *e)
{
	const struct dir_query q = { .base = context,
				     .scope = LDAP_SCOPE_SUBTREE,
				     .filter = buf_at(filter),
				     .attrs = no_attrs };

	w->from = w->n;
	enum ec rc = dir_conn_search(c, &q, meet, w, e);
	if (rc == EC_OK && w->too_many)
		return err_set(e, EC_BROKEN, "%s is in more than %d groups", w->names[0],
			       GROUPS_MOST);
	return rc;
}

static enum ec walk_up(struct dir_conn *c, const char *context, const char *group, const char *uid,
		       struct walk *w, bool *out, struct err *e)
{
	enum ec rc = EC_OK;

	*out = false;
	while (rc == EC_OK && !*out && w->from < w->n) {
		struct buf filter = { 0 };
		holders(&filter, w, uid);
		rc = fits(c, group, &filter, out, e);
		if (rc == EC_OK && !*out)
			rc = next_round(c, context, &filter, w, e);
		buf_drop(&filter);
	}
	return rc;
}

static enum ec walk(struct dir *d, struct dir_conn *c, const char *group, const struct account *who,
		    bool *out, struct err *e)
{
	const struct dir_root *root;
	enum ec rc = dir_root_get(d, c, &root, e);

	if (rc != EC_OK)
		return rc;
	struct arena *mem = arena_new("groups", 4096);
	const char **names = arena_alloc(mem, sizeof(*names) * GROUPS_MOST);
	struct walk w = { .mem = mem, .names = names, .n = 1 };
	names[0] = who->key;
	rc = walk_up(c, root->context, group, who->logon, &w, out, e);
	arena_drop(&mem);
	return rc;
}

enum ec group_has(struct dir *d, struct dir_conn *c, const char *group, const struct account *who,
		  bool *out, struct err *e)
{
	const char *const groups[] = { group, NULL };

	if (d->flavour->nested_group_rule)
		return group_chain(c, groups, who->key, out, e);
	enum ec rc = walk(d, c, group, who, out, e);
	return rc == EC_ABSENT ? err_set(e, EC_BROKEN, "the group %s does not exist", group) : rc;
}
