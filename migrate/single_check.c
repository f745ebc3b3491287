/* single_check.c - would its owner get in, if people signed in by the directory now?
 *
 * Only an account that was made here is signed in to: its password is known, and a try that fails is nobody's lock-out but ours.
 */
#include "migrate/inhand.h"

static enum single_end works(struct inhand *h)
{
	h->s->worked = true;
	return SINGLE_SILENT;
}

static enum ec be_enabled(struct inhand *h, struct err *e)
{
	if (h->seen.there.enabled)
		return EC_OK;
	return err_set(e, EC_REFUSED, "%s is disabled, or may not sign in here", h->seen.there.key);
}

/* An owner who has changed it in the directory knows what it is. */
static enum ec sign_in(struct inhand *h, struct err *e)
{
	const struct account who = { .name = *h->name };
	enum ec rc = h->s->from->ops->reveal(h->s->from, &who, SECRET_CLEAR, &h->secret, e);

	if (rc == EC_OK)
		rc = inhand_sign_in(h, e);
	if (rc == EC_DENIED && inhand_changed_since(h))
		return be_enabled(h, e);
	/* The sign-in's "denied" is a wrong password, not a right that is missing. */
	return rc == EC_DENIED ? EC_REFUSED : rc;
}

static enum ec be_there(struct inhand *h, struct err *e)
{
	char who[NAME_TEXT_MAX + 1];
	enum ec rc = inhand_look(h, e);

	if (rc != EC_OK || h->seen.taken)
		return rc;
	return err_set(e, EC_ABSENT, "the directory has no account for %s",
		       name_text(h->name, who));
}

static enum single_end check(struct inhand *h)
{
	struct err *why = &h->out->row.why;
	bool is_known = h->past.state == JOURNAL_MADE && !h->past.new_password;
	enum ec rc = be_there(h, why);

	if (rc == EC_OK)
		rc = inhand_lead(h, why);
	if (rc == EC_OK)
		rc = is_known ? sign_in(h, why) : be_enabled(h, why);
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
