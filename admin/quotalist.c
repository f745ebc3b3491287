/* quotalist.c - `winpop stat /quota`: the quota accounts there is something to say about.
 *
 * Twice through the mailboxes: first to learn which accounts are shared, then to show each with its number of mailboxes, in the
 * order of theirs. So a million accounts that are only their own mailbox cost no memory. Accounts that are no such mailbox follow.
 */
#include "admin/quota.h"
#include "admin/shares.h"

struct quotas {
	struct wp *w;
	struct shares *shares; /* not shown yet */
	bool limits;
	enum ec rc; /* of the first that could not be read; its text is in e */
	struct err *e;
};

static void failed(struct quotas *q, const struct err *why)
{
	if (q->rc == EC_OK)
		q->rc = err_set(q->e, why->class, "%s", why->text);
}

static void show(struct quotas *q, const char *account, uint64_t mailboxes)
{
	struct standing s;
	struct err why;
	bool known = quota_standing(q->w, account, &s, &why) == EC_OK;

	if (!known)
		failed(q, &why);
	if (known && mailboxes == 1 && (s.from == LIMIT_NONE || s.from == LIMIT_ADMIN))
		return;
	out_record(q->w->out);
	out_field(q->w->out, "quota_account", account);
	quota_put(q->w->out, known ? &s : NULL);
	out_field_u(q->w->out, "mailboxes", mailboxes);
	out_end(q->w->out);
}

/* ---- learning ---- */

static bool note_box(void *ctx, const struct entry *en)
{
	struct quotas *q = ctx;

	if (!en->quota_damaged && !quota_is_own(en) && scope_has_account(q->w->only, en->quota))
		shares_at(q->shares, en->quota)->mailboxes++;
	return true;
}

static bool note_limit(void *ctx, const char *account, const struct quota_limit *limit)
{
	struct quotas *q = ctx;

	(void)limit;
	shares_at(q->shares, account);
	return true;
}

/* ---- showing ---- */

static bool show_box(void *ctx, const struct entry *en)
{
	struct quotas *q = ctx;
	char account[NAME_TEXT_MAX + 1];

	if (en->quota_damaged || !quota_is_own(en))
		return true;
	quota_charged(en, account);
	struct share *share = shares_find(q->shares, account);
	if (share || q->limits)
		show(q, account, 1 + (share ? share->mailboxes : 0));
	if (share)
		share->shown = true;
	return true;
}

static bool show_rest(void *ctx, struct share *share)
{
	struct quotas *q = ctx;

	if (!share->shown)
		show(q, share->account, share->mailboxes);
	return true;
}

/* ---- all of them ---- */

typedef bool box_fn(void *ctx, const struct entry *);
struct walk {
	struct quotas *q;
	box_fn *fn;
};

static bool walk_domain(void *ctx, const struct entry *domain)
{
	struct walk *walk = ctx;
	struct catalog *cat = walk->q->w->backends.catalog;
	struct err why;
	enum ec rc = cat->ops->each(cat, &domain->name, walk->fn, walk->q, &why);

	if (rc != EC_OK && rc != EC_ABSENT)
		failed(walk->q, &why);
	return true;
}

static void each_box(struct quotas *q, box_fn *fn)
{
	struct catalog *cat = q->w->backends.catalog;
	struct walk walk = { q, fn };
	struct err why;

	if (cat->ops->each(cat, NULL, walk_domain, &walk, &why) != EC_OK)
		failed(q, &why);
}

enum ec quota_list(struct wp *w, struct err *e)
{
	struct quotas q = { .w = w, .shares = shares_new(), .limits = quota_anywhere(w), .e = e };
	struct err why;

	if (quota_limits_each(w, note_limit, &q, &why) != EC_OK)
		failed(&q, &why);
	each_box(&q, note_box);
	out_list(w->out, "quota_accounts");
	each_box(&q, show_box);
	shares_each(q.shares, show_rest, &q);
	out_end(w->out);
	shares_free(&q.shares);
	w->partly = q.rc != EC_OK;
	return q.rc;
}
