/* flag.c - one piece of code for both flags, so that they cannot come to behave differently. */
#include "admin/flag.h"

static bool own(const struct entry *en, enum entry_flag flag)
{
	return flag == ENTRY_LOCKED ? en->locked : en->held;
}

static bool above(const struct entry *en, enum entry_flag flag)
{
	return flag == ENTRY_LOCKED ? en->domain_locked : en->domain_held;
}

static enum ec put(struct wp *w, const struct flag_kind *k, const struct name *n, bool on,
		   struct err *e)
{
	enum ec rc = w->backends.catalog->ops->set_flag(w->backends.catalog, n, k->flag, on, e);

	if (rc == EC_OK) {
		out_field(w->out, name_is_domain(n) ? "domain" : "mailbox", wp_text(w, n));
		out_field(w->out, k->key, on ? k->on : k->off);
	}
	return rc;
}

enum ec flag_set(struct wp *w, const struct flag_kind *k, const struct name *n, struct err *e)
{
	return put(w, k, n, true, e);
}

struct counting {
	enum entry_flag flag;
	uint64_t n;
};

static bool count_own(void *ctx, const struct entry *en)
{
	struct counting *c = ctx;

	c->n += own(en, c->flag);
	return true;
}

static enum ec clear_domain(struct wp *w, const struct flag_kind *k, const struct name *n,
			    struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	struct counting c = { .flag = k->flag };
	enum ec rc = put(w, k, n, false, e);

	if (rc == EC_OK && cat->ops->each(cat, n, count_own, &c, NULL) == EC_OK && c.n > 0)
		out_note(w->out, "mailboxes that stay %s by their own %s: %ju", k->on, k->noun,
			 (uintmax_t)c.n);
	return rc;
}

static enum ec clear_mailbox(struct wp *w, const struct flag_kind *k, const struct name *n,
			     struct err *e)
{
	struct entry found;
	enum ec rc = wp_find(w, n, &found, e);

	if (rc != EC_OK)
		return rc;
	if (!above(&found, k->flag))
		return put(w, k, n, false, e);
	wp_hint(w, EC_REFUSED, "%s the whole domain: winpop %s %s", k->verb, k->undo, n->domain);
	return err_set(e, EC_REFUSED, "%s is %s as a part of its domain", wp_text(w, n), k->on);
}

enum ec flag_clear(struct wp *w, const struct flag_kind *k, const struct name *n, struct err *e)
{
	return name_is_domain(n) ? clear_domain(w, k, n, e) : clear_mailbox(w, k, n, e);
}
