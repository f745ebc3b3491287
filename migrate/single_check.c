/* single_check.c - would its owner get in, if people signed in by the directory now?
 *
 * Only an account that was made here is signed in to: its password is known, and a try that fails is nobody's lock-out but ours.
 */
#include <string.h>
#include "migrate/inhand.h"

static enum single_end works(struct inhand *h)
{
	h->s->worked = true;
	return SINGLE_SILENT;
}

/* What the address leads to is proved, wherever the entry was moved since. */
static enum ec sign_in(struct inhand *h, struct err *e)
{
	const struct account who = { .name = *h->name };
	enum ec rc = h->s->from->ops->reveal(h->s->from, &who, SECRET_CLEAR, &h->secret, e);

	if (rc == EC_OK)
		rc = inhand_sign_in(h, e);
	/* The sign-in's "denied" is a wrong password, not a right that is missing. */
	return rc == EC_DENIED ? EC_REFUSED : rc;
}

static enum ec be_enabled(struct inhand *h, struct err *e)
{
	if (h->seen.there.enabled)
		return EC_OK;
	return err_set(e, EC_REFUSED, "%s is disabled, or may not sign in here", h->seen.there.key);
}

static enum single_end check(struct inhand *h)
{
	struct accounts *to = h->s->to;
	struct err *why = &h->out->row.why;
	enum ec rc = to->ops->find(to, h->name, &h->seen.there, why);

	if (rc == EC_OK) {
		strcpy(h->out->key, h->seen.there.key);
		strcpy(h->out->logon, h->seen.there.logon);
		rc = inhand_lead(h, why);
	}
	if (rc == EC_OK)
		rc = h->past.state == JOURNAL_MADE && !h->past.new_password ? sign_in(h, why)
									    : be_enabled(h, why);
	return rc == EC_OK ? works(h) : inhand_judge(h, MIG_FAILED, rc);
}

enum single_end single_check(struct single *s, const struct name *n, struct single_row *out)
{
	const struct account_wish wish = { .name = *n };
	struct inhand h;

	inhand_begin(&h, s, &wish, out);
	enum single_end end = check(&h);
	inhand_end(&h);
	return end;
}
