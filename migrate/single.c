/* single.c - what happens to one account, in an order that may end anywhere.
 *
 *	reveal, inspect --- free ------> INTENT, create, inspect -----+
 *	            |                       ^                           |
 *	            |                       | remove                    v
 *	            +------ ours -----------+ not proved yet            address leads to it, sign-in, register, MADE
 *	            |                       +-- MADE ------------------ ^   | MADE, and wrong password: set it, sign in again
 *	            |                                                       | does not work, and not MADE before: remove, GONE
 *	            +------ others' --> conflict, or: enabled, address leads to it, LINKED, register
 *
 * A random mark in the entry, written to the journal before, is how an account of ours is known again: not by its name, which may be
 * somebody's by now. Only what has our mark is ever given a password or removed. A mark outlives failures: the answer to a create that
 * was cut off may still be on its way from one copy of the directory to the next, so what tries again uses the same mark.
 *
 * Nobody else's account is signed in to: a wrong try counts towards its lock-out.
 */
#include <string.h>
#include "migrate/carry.h"
#include "migrate/inhand.h"
#include "migrate/judge.h"
#include "migrate/newpass.h"

#define LOOK_AGAIN_MS 250

void single_init(struct single *s, const struct mig_setup *setup, struct journal *journal)
{
	*s = (struct single){ .from = setup->from,
			      .to = setup->to,
			      .boxes = setup->boxes,
			      .entries = setup->entries,
			      .journal = journal,
			      .link = setup->link,
			      .new_passwords = setup->new_passwords,
			      .look_again_ms = LOOK_AGAIN_MS };
	pthread_mutex_init(&s->handing, NULL);
}

void single_done(struct single *s)
{
	pthread_mutex_destroy(&s->handing);
}

/* ---- ends ---- */

static enum mig_what blame(enum ec rc)
{
	switch (rc) {
	case EC_EXISTS: return MIG_CONFLICT;
	case EC_USAGE: return MIG_NAME;
	default: return MIG_FAILED;
	}
}

/* Of calls that are given a new password. */
static enum mig_what blame_password(enum ec rc)
{
	return rc == EC_REFUSED ? MIG_POLICY : blame(rc);
}

/* A mark of an earlier attempt may be in an entry that a copy of the directory does not show yet: not to see it proves nothing. */
static bool is_gone_for_certain(const struct inhand *h)
{
	return h->drawn || h->removed;
}

/* Takes away what may be there by us. The row's reason stays the first one, unless the directory is away now, or does not let us:
 * then the intent stays, and all of it is tried again from the mark. */
static enum single_end retreat(struct inhand *h, enum mig_what what)
{
	struct err now;
	enum ec rc = inhand_remove(h, &now);

	if (inhand_passes(rc) || rc == EC_DENIED)
		return inhand_judge_as(h, MIG_FAILED, &now);
	if (rc == EC_OK && is_gone_for_certain(h) &&
	    inhand_note(h, &(struct journal_entry){ .state = JOURNAL_GONE }, &now) != EC_OK)
		return inhand_halt(h, &now);
	h->out->row.new_password = false;
	return inhand_row(h, what);
}

/* An account of ours that cannot be told to work. One that did before is left as it is. */
static enum single_end give_up(struct inhand *h, enum mig_what what, enum ec rc, bool everybodys)
{
	enum single_end end = SINGLE_LATER;

	if (!inhand_passes(rc))
		end = h->past.state == JOURNAL_MADE ? inhand_row(h, what) : retreat(h, what);
	return everybodys && end == SINGLE_ROW ? SINGLE_HALT : end;
}

/* "Denied" means a wrong password here, nothing about rights. */
static enum single_end not_let_in(struct inhand *h, enum ec rc)
{
	return give_up(h, MIG_FAILED, rc, rc != EC_DENIED && inhand_is_everybodys(h, rc));
}

/* ---- passwords ---- */

/* Written down before it is set: whoever has it must have been told. */
static enum ec make_new_password(struct inhand *h, struct err *e)
{
	newpass_make(&h->secret);
	pthread_mutex_lock(&h->s->handing);
	enum ec rc = newpass_note(h->s->new_passwords, h->name, &h->secret, e);
	pthread_mutex_unlock(&h->s->handing);
	h->out->row.new_password = rc == EC_OK;
	return rc;
}

static bool may_hand_out(const struct inhand *h)
{
	return h->s->new_passwords >= 0 && !h->out->row.new_password;
}

static enum ec set_password(struct inhand *h, struct err *e)
{
	return h->s->to->ops->set_password(h->s->to, h->name, &h->secret, e);
}

/* ---- an account of ours ---- */

static enum single_end settle(struct inhand *h, enum mig_what what)
{
	struct journal_entry made = { .state = JOURNAL_MADE,
				      .new_password = h->out->row.new_password };
	struct err *why = &h->out->row.why;

	if (h->s->entries) {
		enum ec rc = carry_mailbox(h->s->boxes, h->s->entries, h->name, NULL, why);
		if (rc != EC_OK)
			return give_up(h, MIG_FAILED, rc, inhand_is_everybodys(h, rc));
	}
	strcpy(made.mark, h->past.mark);
	strcpy(made.key, h->seen.there.key);
	strcpy(made.changed, h->seen.changed);
	if (inhand_note(h, &made, why) != EC_OK)
		return inhand_halt(h, why);
	h->s->worked = true;
	return inhand_row(h, what);
}

/* Between setting a password and writing down when, the time that is known is wrong: were it left there, our own change would be
 * taken for one by the owner. */
static enum ec note_changed(struct inhand *h, const char *when, struct err *e)
{
	struct journal_entry made = h->past;

	strcpy(made.changed, when);
	return inhand_note(h, &made, e);
}

static enum ec set_or_hand_out(struct inhand *h, bool *own_trouble, struct err *e)
{
	enum ec rc = set_password(h, e);

	if (rc != EC_REFUSED || !may_hand_out(h))
		return rc;
	rc = make_new_password(h, e);
	*own_trouble = rc != EC_OK;
	return rc == EC_OK ? set_password(h, e) : rc;
}

/* Half of it may have been done all the same: when it was set tells. "Denied" is about this account alone: an administrator's by now,
 * protected from the service. */
static enum single_end not_changed(struct inhand *h, const char *when, enum ec rc)
{
	struct err now;
	enum ec looked = inhand_look(h, &now);

	if (inhand_passes(looked))
		return inhand_judge_as(h, MIG_FAILED, &now);
	if (looked == EC_OK && strcmp(h->seen.changed, when) == 0 &&
	    note_changed(h, when, &now) != EC_OK)
		return inhand_halt(h, &now);
	return give_up(h, blame_password(rc), rc, rc != EC_DENIED && inhand_is_everybodys(h, rc));
}

static enum single_end change_password(struct inhand *h)
{
	struct err *why = &h->out->row.why;
	bool own_trouble = false;
	char when[ACCOUNT_STAMP_MAX + 1];

	strcpy(when, h->past.changed);
	if (note_changed(h, CHANGING, why) != EC_OK)
		return inhand_halt(h, why);
	enum ec rc = set_or_hand_out(h, &own_trouble, why);
	if (rc == EC_OK)
		return SINGLE_SILENT;
	if (own_trouble)
		return inhand_own_trouble(h);
	return inhand_passes(rc) ? SINGLE_LATER : not_changed(h, when, rc);
}

/* The password changed in the password file since, or an attempt to set it was cut off. */
static enum single_end renew(struct inhand *h)
{
	struct err *why = &h->out->row.why;
	enum single_end end = change_password(h);

	if (end != SINGLE_SILENT)
		return end;
	enum ec rc = inhand_sign_in(h, why);
	if (rc != EC_OK)
		return not_let_in(h, rc);
	rc = inhand_look(h, why); /* when it was set */
	if (rc != EC_OK)
		return give_up(h, blame(rc), rc, inhand_is_everybodys(h, rc));
	return settle(h, MIG_RENEW);
}

/* He may sign in to his computer with it by now. */
static enum single_end keep_owners(struct inhand *h)
{
	err_set(&h->out->row.why, EC_REFUSED,
		"the password of %s was changed in the directory since: it keeps that one",
		h->seen.there.key);
	return inhand_row(h, MIG_CONFLICT);
}

/* A password that was handed out is known to its owner alone: there is nothing to sign in with. */
static enum single_end keep_new(struct inhand *h)
{
	h->out->row.new_password = true;
	if (h->seen.there.enabled)
		return settle(h, MIG_DONE);
	err_set(&h->out->row.why, EC_REFUSED, "%s is disabled: enable it", h->seen.there.key);
	return inhand_row(h, MIG_FAILED);
}

/* Made a moment ago, or MADE. */
static enum single_end prove(struct inhand *h)
{
	bool again = h->past.state == JOURNAL_MADE;
	struct err *why = &h->out->row.why;
	enum ec rc = inhand_lead(h, why);

	if (rc != EC_OK)
		return give_up(h, blame(rc), rc, inhand_is_everybodys(h, rc));
	if (again && h->past.new_password)
		return keep_new(h);
	if (again && inhand_is_half_set(h))
		return renew(h);
	rc = inhand_sign_in(h, why);
	if (again && rc == EC_DENIED && why->detail != REFUSAL_LOCKED_OUT)
		return inhand_changed_since(h) ? keep_owners(h) : renew(h);
	return rc == EC_OK ? settle(h, again ? MIG_DONE : MIG_CREATE) : not_let_in(h, rc);
}

/* ---- nobody's place ---- */

static enum ec note_intent(struct inhand *h, struct err *e)
{
	struct journal_entry intent = { .state = JOURNAL_INTENT };

	if (h->past.state == JOURNAL_INTENT)
		return EC_OK;
	h->drawn = h->past.state != JOURNAL_MADE;
	if (h->drawn)
		inhand_make_mark(intent.mark);
	else
		strcpy(intent.mark, h->past.mark);
	return inhand_note(h, &intent, e);
}

static enum ec create(struct inhand *h, struct err *e)
{
	struct account_wish wish = *h->wish;

	wish.mark = h->past.mark;
	return h->s->to->ops->create(h->s->to, &wish, &h->secret, NULL, e);
}

/* It was made, says the directory. Ours it is if it has the mark. An administrator whose service may not read marks, or does not see
 * what it makes, must know that before ten thousand accounts are made that nobody can undo. The intent stays: whenever it can be
 * seen, the next attempt knows it. */
static enum single_end meet(struct inhand *h)
{
	struct err *why = &h->out->row.why;
	char who[NAME_TEXT_MAX + 1];
	enum ec rc = inhand_look_long(h, why);

	if (rc != EC_OK)
		return give_up(h, blame(rc), rc, inhand_is_everybodys(h, rc));
	if (inhand_is_ours(h))
		return prove(h);
	if (!h->seen.taken)
		rc = err_set(
			why, EC_BROKEN,
			"%s was made and is not found again: let the service see what it makes "
			"(its rights, a filter in the settings), then try again",
			name_text(h->name, who));
	else if (!*h->seen.mark)
		rc = err_set(why, EC_BROKEN,
			     "%s was made, but has no mark that can be read: let the service read "
			     "what it writes, then try again",
			     h->seen.there.key);
	else
		rc = err_set(why, EC_EXISTS, "somebody else made %s at the same moment",
			     h->seen.there.key);
	return inhand_judge(h, rc == EC_EXISTS ? MIG_CONFLICT : MIG_FAILED, rc);
}

static enum single_end make_anew(struct inhand *h);

/* Somebody was faster; or it was us, an attempt ago, and then a copy of the directory that lags may not show it yet: so the intent
 * stays. */
static enum single_end meet_other(struct inhand *h)
{
	struct err now;
	enum ec rc = inhand_look_long(h, &now);

	if (rc != EC_OK)
		return inhand_judge_as(h, blame(rc), &now);
	return inhand_is_ours(h) ? make_anew(h) : inhand_row(h, MIG_CONFLICT);
}

static enum single_end make(struct inhand *h)
{
	struct err *why = &h->out->row.why;

	if (note_intent(h, why) != EC_OK)
		return inhand_halt(h, why);
	enum ec rc = create(h, why);
	if (rc == EC_REFUSED && may_hand_out(h)) {
		if (make_new_password(h, why) != EC_OK)
			return inhand_own_trouble(h);
		rc = create(h, why);
	}
	h->made = rc == EC_OK;
	if (h->made)
		return meet(h);
	if (rc == EC_EXISTS)
		return meet_other(h);
	return give_up(h, blame_password(rc), rc, inhand_is_everybodys(h, rc));
}

/* One that was begun and never proved may lack anything: what a directory needs several requests for - entry, password, NT hash - may
 * have ended between any two, and a sign-in shows but one of them. Nobody uses it yet, so it is made from the beginning, once. */
static enum single_end make_anew(struct inhand *h)
{
	struct err *why = &h->out->row.why;
	bool again = h->removed;
	enum ec rc = inhand_remove(h, why);

	if (rc == EC_OK && again)
		rc = err_set(why, EC_TEMP, "%s is there again after it was removed", h->out->key);
	if (rc != EC_OK)
		return inhand_judge(h, MIG_FAILED, rc);
	return make(h);
}

/* ---- somebody else's ---- */

/* The journal says that a registration is ours before it is one, and takes it back if somebody else was faster. */
static enum ec note_link(struct inhand *h, bool registered, struct err *e)
{
	struct journal_entry linked = { .state = JOURNAL_LINKED, .registered = registered };

	strcpy(linked.key, h->seen.there.key);
	return inhand_note(h, &linked, e);
}

static enum single_end link_registered(struct inhand *h, enum mig_what what, bool ours)
{
	struct err *why = &h->out->row.why, now;
	bool there, added;
	enum ec rc = carry_is_there(h->s->entries, h->name, &there, why);

	if (rc != EC_OK)
		return inhand_judge(h, MIG_FAILED, rc);
	if (note_link(h, ours || !there, &now) != EC_OK)
		return inhand_halt(h, &now);
	rc = carry_mailbox(h->s->boxes, h->s->entries, h->name, &added, why);
	if (note_link(h, ours || added, &now) != EC_OK)
		return inhand_halt(h, &now);
	if (rc != EC_OK)
		return inhand_judge_change(h, rc);
	if (added)
		h->s->changed = true;
	return inhand_row(h, what);
}

static enum single_end take_over(struct inhand *h, bool again)
{
	enum mig_what what = again ? MIG_DONE : MIG_LINK;
	bool ours = again && h->past.registered;

	if (h->s->entries)
		return link_registered(h, what, ours);
	if (note_link(h, ours, &h->out->row.why) != EC_OK)
		return inhand_halt(h, &h->out->row.why);
	return inhand_row(h, what);
}

static enum single_end meet_stranger(struct inhand *h, enum mig_what what)
{
	struct err *why = &h->out->row.why;

	if (what != MIG_LINK && what != MIG_DONE)
		return inhand_row(h, what);
	enum ec rc = inhand_lead(h, why);
	return rc == EC_OK ? take_over(h, what == MIG_DONE) : inhand_judge(h, blame(rc), rc);
}

/* ---- the contract ---- */

static enum single_end carry_over(struct inhand *h)
{
	const struct account who = { .name = *h->name };
	struct err *why = &h->out->row.why;
	enum ec rc = h->s->from->ops->reveal(h->s->from, &who, SECRET_CLEAR, &h->secret, why);

	if (rc != EC_OK) /* a record that is damaged, or gone with its mailbox: its own trouble */
		return inhand_passes(rc) ? SINGLE_LATER : inhand_row(h, MIG_FAILED);
	rc = inhand_look(h, why);
	if (rc != EC_OK)
		return inhand_judge(h, blame(rc), rc);
	enum mig_what what = judge(&h->past, &h->seen, h->s->link, h->s->new_passwords >= 0, why);
	if (!h->seen.taken)
		return make(h);
	if (!inhand_is_ours(h))
		return meet_stranger(h, what);
	return h->past.state == JOURNAL_MADE ? prove(h) : make_anew(h);
}

enum single_end single_do(struct single *s, const struct account_wish *wish, struct single_row *out)
{
	struct inhand h;

	inhand_begin(&h, s, wish, out);
	enum single_end end = carry_over(&h);
	inhand_end(&h);
	return end;
}
