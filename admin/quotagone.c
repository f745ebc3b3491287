/* quotagone.c - the limits of accounts that went with their mailboxes.
 *
 * Whoever gets the name next must not find a limit that nobody gave him. But an account may be that of a whole domain, and its
 * mailbox a template that served its turn: while other mailboxes count against it, of whatever domain, its limit stays.
 */
#include <string.h>
#include <strings.h>
#include "admin/quota.h"
#include "admin/shares.h"

struct gone {
	struct wp *w;
	const struct name *name;
	struct shares
		*shares; /* accounts that have a limit in the table, and who counts against them */
	bool any;
};

static bool note_limit(void *ctx, const char *account, const struct quota_limit *limit)
{
	struct gone *g = ctx;
	const char *at = strrchr(account, '@');

	(void)limit;
	if (at && strcasecmp(at + 1, g->name->domain) == 0)
		g->any = shares_at(g->shares, account);
	return true;
}

static enum ec note_own_limit(struct gone *g, struct err *e)
{
	const struct quota_limit none = { 0 };
	const char *account = wp_text(g->w, g->name);
	struct quota_limit limit;
	enum limit_from from;
	enum ec rc = limits_find(g->w->backends.limits, account, &none, &limit, &from, e);

	if (rc == EC_OK && from == LIMIT_TABLE)
		g->any = shares_at(g->shares, account);
	return rc;
}

static bool count_box(void *ctx, const struct entry *en)
{
	struct gone *g = ctx;
	char room[NAME_TEXT_MAX + 1];
	struct share *share = shares_find(g->shares, quota_charged(en, room));

	if (share)
		share->mailboxes++;
	return true;
}

static bool count_domain(void *ctx, const struct entry *domain)
{
	struct gone *g = ctx;
	struct catalog *cat = g->w->everyone;

	/* What cannot be read is counted as far as it is shown. */
	cat->ops->each(cat, &domain->name, count_box, g, NULL);
	return true;
}

static bool forget(void *ctx, struct share *share)
{
	struct gone *g = ctx;
	enum limit_from kept;
	struct err why;

	if (share->mailboxes > 0 && !scope_is_whole(g->w->only))
		return true; /* how many there are elsewhere is not his to know */
	if (share->mailboxes > 0)
		out_note(g->w->out, "the limit of %s stays: mailboxes that count against it: %ju",
			 share->account, (uintmax_t)share->mailboxes);
	else if (limits_set(g->w->backends.limits, share->account, NULL, &kept, &why) != EC_OK)
		out_note(g->w->out, "its limit is left (winpop setquota %s default): %s",
			 share->account, why.text);
	return true;
}

void quota_gone(struct wp *w, const struct name *n)
{
	struct gone g = { .w = w, .name = n, .shares = shares_new() };
	struct catalog *cat = w->everyone;
	struct err why;
	enum ec rc = name_is_domain(n) ? limits_each(w->backends.limits, note_limit, &g, &why)
				       : note_own_limit(&g, &why);

	if (rc != EC_OK)
		out_note(w->out, "limits may be left (winpop stat /quota): %s", why.text);
	if (g.any)
		cat->ops->each(cat, NULL, count_domain, &g, NULL);
	shares_each(g.shares, forget, &g);
	shares_free(&g.shares);
}
