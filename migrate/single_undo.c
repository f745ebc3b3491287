/* single_undo.c - takes one account back: what the journal says is ours, and the directory confirms by the mark.
 *
 * Both must say so. A mark that is gone was taken off by somebody who wants to keep the account.
 */
#include <string.h>
#include "migrate/carry.h"
#include "migrate/inhand.h"

static enum single_end gone(struct inhand *h, enum single_end end)
{
	struct err *why = &h->out->row.why;

	if (inhand_note(h, &(struct journal_entry){ .state = JOURNAL_GONE }, why) != EC_OK)
		return inhand_halt(h, why);
	h->s->worked = true;
	inhand_row(h, MIG_UNDONE);
	return end;
}

static enum single_end leave_alone(struct inhand *h)
{
	err_set(&h->out->row.why, EC_REFUSED, "%s is left as it is: it %s", h->seen.there.key,
		*h->seen.mark ? "has a mark of somebody else" : "no longer has the mark of winpop");
	return inhand_row(h, MIG_FAILED);
}

/* What is there was to be changed. */
static enum single_end taken_back(struct inhand *h, enum ec rc)
{
	if (rc != EC_OK)
		return inhand_judge_change(h, rc);
	h->s->changed = true;
	return gone(h, SINGLE_ROW);
}

/* An intent that came to nothing is nothing to tell. */
static enum single_end undo_made(struct inhand *h)
{
	bool intent = h->past.state == JOURNAL_INTENT;
	struct err *why = &h->out->row.why;
	enum ec rc = inhand_look_long(h, why);

	if (rc != EC_OK)
		return inhand_judge(h, MIG_FAILED, rc);
	if (!h->seen.taken)
		return gone(h, intent ? SINGLE_SILENT : SINGLE_ROW);
	if (!inhand_is_ours(h))
		return intent && *h->seen.mark ? gone(h, SINGLE_SILENT) : leave_alone(h);
	return taken_back(h, inhand_remove(h, why));
}

/* Not registered, says one answer; or not on the copy of the directory that gave it. */
static enum ec must_be_absent(struct inhand *h, struct err *e)
{
	bool there;
	enum ec rc = carry_is_there(h->s->entries, h->name, &there, e);

	if (rc != EC_OK || !there)
		return rc;
	return err_set(e, EC_TEMP, "%s is registered on some servers only", h->past.key);
}

/* By its address; so that must lead to the account that was taken over, or the registration is of another. */
static enum ec unlist(struct inhand *h, struct err *e)
{
	struct catalog *entries = h->s->entries;

	if (!entries || !entries->ops->unlist)
		return err_set(e, EC_REFUSED,
			       "%s was registered as a mailbox in the directory: say /register to "
			       "take that back too",
			       h->past.key);
	enum ec rc = inhand_look(h, e);
	if (rc != EC_OK || !h->seen.taken) /* with its entry the registration is gone */
		return rc;
	if (strcmp(h->seen.there.key, h->past.key) != 0)
		return err_set(e, EC_REFUSED, "the mailbox is registered for %s by now",
			       h->seen.there.key);
	rc = inhand_lead(h, e);
	if (rc != EC_OK)
		return rc;
	rc = entries->ops->unlist(entries, h->name, e);
	return rc == EC_ABSENT ? must_be_absent(h, e) : rc;
}

static enum single_end undo_linked(struct inhand *h)
{
	struct err *why = &h->out->row.why;

	strcpy(h->out->key, h->past.key);
	return h->past.registered ? taken_back(h, unlist(h, why)) : gone(h, SINGLE_ROW);
}

static enum single_end undo(struct inhand *h)
{
	switch (h->past.state) {
	case JOURNAL_INTENT:
	case JOURNAL_MADE: return undo_made(h);
	case JOURNAL_LINKED: return undo_linked(h);
	default: return SINGLE_SILENT;
	}
}

enum single_end single_undo(struct single *s, const struct name *n, struct single_row *out)
{
	const struct account_wish wish = { .name = *n };
	struct inhand h;

	inhand_begin(&h, s, &wish, out);
	enum single_end end = undo(&h);
	inhand_end(&h);
	return end;
}
