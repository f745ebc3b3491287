/* inhand.c - one place for what the directory's answers mean, so that the three who ask cannot differ. */
#include <assert.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "migrate/inhand.h"
#include "migrate/judge.h"
#include "server/base/b64.h"
#include "server/base/crypto.h"

#define MARK_PREFIX "winpop-migration-"
#define MARK_BYTES 16
#define LOOKS_MOST 13 /* three seconds */
#define VAIN_MOST 3
#define KEPT_MOST 10

void inhand_begin(struct inhand *h, struct single *s, const struct account_wish *wish,
		  struct single_row *out)
{
	memset(h, 0, sizeof(*h));
	h->s = s;
	h->wish = wish;
	h->name = &wish->name;
	h->out = out;
	out->row = (struct mig_row){
		.name = wish->name, .what = MIG_FAILED, .logon = out->logon, .key = out->key
	};
	out->logon[0] = out->key[0] = '\0';
	if (wish->logon)
		strncat(out->logon, wish->logon, sizeof(out->logon) - 1);
	if (s->journal) /* to check, there need not have been a migration */
		journal_get(s->journal, h->name, &h->past);
}

void inhand_end(struct inhand *h)
{
	struct mig_row *row = &h->out->row;

	secret_drop(&h->secret);
	row->altered = *row->logon && strcasecmp(row->logon, h->name->local) != 0;
}

/* ---- steps ---- */

void inhand_make_mark(char out[ACCOUNT_MARK_MAX + 1])
{
	unsigned char dice[MARK_BYTES];
	const size_t at = sizeof(MARK_PREFIX) - 1;

	static_assert(sizeof(MARK_PREFIX) + 2 * MARK_BYTES <= ACCOUNT_MARK_MAX + 1,
		      "a mark must fit");
	random_bytes(dice, sizeof(dice));
	strcpy(out, MARK_PREFIX);
	hex_encode(out + at, dice, sizeof(dice));
	out[at + 2 * sizeof(dice)] = '\0';
}

static bool says_so_already(const struct journal_entry *a, const struct journal_entry *b)
{
	return a->state == b->state && a->new_password == b->new_password &&
	       a->registered == b->registered && strcmp(a->mark, b->mark) == 0 &&
	       strcmp(a->key, b->key) == 0 && strcmp(a->changed, b->changed) == 0;
}

enum ec inhand_note(struct inhand *h, const struct journal_entry *what, struct err *e)
{
	enum ec rc = EC_OK;

	if (!says_so_already(&h->past, what))
		rc = journal_put(h->s->journal, h->name, what, e);
	if (rc == EC_OK)
		h->past = *what;
	return rc;
}

enum ec inhand_look(struct inhand *h, struct err *e)
{
	struct account_wish wish = *h->wish;
	struct single_row *out = h->out;

	if (*h->past.mark)
		wish.mark = h->past.mark;
	memset(&h->seen, 0, sizeof(h->seen));
	enum ec rc = h->s->to->ops->inspect(h->s->to, &wish, NULL, &h->seen, e);
	if (rc != EC_OK)
		return rc;
	out->key[0] = '\0';
	if (h->seen.taken) {
		strcpy(out->key, h->seen.there.key);
		strcpy(out->logon, h->seen.there.logon);
	} else if (*h->seen.logon) {
		strcpy(out->logon, h->seen.logon);
	}
	return EC_OK;
}

static bool may_wait(const struct inhand *h, unsigned tries)
{
	return tries < LOOKS_MOST && h->s->n_vain < VAIN_MOST;
}

/* A copy of the directory may lag behind the one that made it. Where that never helps, it is not waited for again and again. */
enum ec inhand_look_long(struct inhand *h, struct err *e)
{
	const struct timespec pause = { .tv_nsec = h->s->look_again_ms * 1000000L };
	enum ec rc = inhand_look(h, e);

	for (unsigned tries = 1; rc == EC_OK && !h->seen.taken && may_wait(h, tries); tries++) {
		nanosleep(&pause, NULL);
		rc = inhand_look(h, e);
	}
	if (rc == EC_OK && !h->seen.taken)
		h->s->n_vain++;
	return rc;
}

bool inhand_is_ours(const struct inhand *h)
{
	return judge_is_ours(&h->past, &h->seen);
}

enum ec inhand_lead(struct inhand *h, struct err *e)
{
	char who[NAME_TEXT_MAX + 1], other[NAME_TEXT_MAX + 1];
	struct accounts *to = h->s->to;

	name_text(h->name, who);
	enum ec rc = to->ops->resolve(to, who, strlen(who), &h->led, e);
	if (rc != EC_OK)
		return rc;
	if (strcmp(h->led.key, h->seen.there.key) != 0)
		return err_set(e, EC_EXISTS, "%s leads to %s, not to %s", who, h->led.key,
			       h->seen.there.key);
	if (!name_equal(&h->led.name, h->name))
		return err_set(e, EC_EXISTS, "%s leads to the mailbox %s of %s", who,
			       name_text(&h->led.name, other), h->led.key);
	return EC_OK;
}

enum ec inhand_sign_in(struct inhand *h, struct err *e)
{
	struct accounts *to = h->s->to;
	char who[NAME_TEXT_MAX + 1];
	struct err why;
	enum ec rc = to->ops->verify(to, &h->led, &h->secret, &why);

	if (rc == EC_OK)
		return EC_OK;
	err_set(e, rc, "signing in as %s failed: %s", name_text(h->name, who), why.text);
	e->detail = why.detail;
	return rc;
}

bool inhand_changed_since(const struct inhand *h)
{
	return h->past.state == JOURNAL_MADE && *h->past.changed && *h->seen.changed &&
	       !inhand_is_half_set(h) && strcmp(h->past.changed, h->seen.changed) != 0;
}

bool inhand_is_half_set(const struct inhand *h)
{
	return strcmp(h->past.changed, CHANGING) == 0;
}

/* What was seen is not looked for again: another copy of the directory might not have it yet, and it would be forgotten. For the
 * same reason "no such entry" is no success here, but a cause to look again. */
enum ec inhand_remove(struct inhand *h, struct err *e)
{
	struct accounts *to = h->s->to;
	enum ec rc = EC_OK;

	if (!inhand_is_ours(h))
		rc = h->made ? inhand_look_long(h, e) : inhand_look(h, e);
	if (rc == EC_OK && h->made && !h->seen.taken)
		rc = err_set(e, EC_TEMP, "what was made is not to be seen yet");
	if (rc != EC_OK || !inhand_is_ours(h))
		return rc;
	rc = to->ops->remove(to, &h->seen.there, e);
	if (rc == EC_ABSENT)
		return err_set(e, EC_TEMP, "%s was there and is gone", h->seen.there.key);
	if (rc == EC_OK) {
		h->seen = (struct prospect){ 0 };
		h->removed = true;
	}
	return rc;
}

/* ---- ends ---- */

bool inhand_passes(enum ec rc)
{
	return rc == EC_TEMP || rc == EC_BUSY;
}

/* Rights do not differ from account to account. What is set wrong, or missing, shows at the first one; later it is something about
 * this one. */
bool inhand_is_everybodys(const struct inhand *h, enum ec rc)
{
	return rc == EC_DENIED || (rc == EC_BROKEN && !h->s->worked);
}

enum single_end inhand_row(struct inhand *h, enum mig_what what)
{
	bool good = what == MIG_CREATE || what == MIG_LINK || what == MIG_DONE ||
		    what == MIG_RENEW || what == MIG_UNDONE;

	h->out->row.what = what;
	if (good)
		h->out->row.why = (struct err){ .class = EC_OK };
	return SINGLE_ROW;
}

enum single_end inhand_halt(struct inhand *h, const struct err *why)
{
	if (why != &h->out->row.why)
		h->out->row.why = *why;
	return SINGLE_HALT;
}

enum single_end inhand_judge(struct inhand *h, enum mig_what what, enum ec rc)
{
	if (inhand_passes(rc))
		return SINGLE_LATER;
	inhand_row(h, what);
	return inhand_is_everybodys(h, rc) ? SINGLE_HALT : SINGLE_ROW;
}

enum single_end inhand_judge_as(struct inhand *h, enum mig_what what, const struct err *why)
{
	h->out->row.why = *why;
	return inhand_judge(h, what, why->class);
}

enum single_end inhand_judge_change(struct inhand *h, enum ec rc)
{
	struct err *why = &h->out->row.why;
	struct err last = *why;

	if (rc != EC_DENIED)
		return inhand_judge(h, MIG_FAILED, rc);
	if (h->s->changed || h->s->n_kept++ < KEPT_MOST)
		return inhand_row(h, MIG_FAILED);
	err_set(why, EC_DENIED,
		"none of the first %d accounts may be changed by the service: give it the right "
		"to, "
		"then try again (%s)",
		KEPT_MOST, last.text);
	return inhand_halt(h, why);
}

enum single_end inhand_own_trouble(struct inhand *h)
{
	return inhand_passes(h->out->row.why.class) ? SINGLE_LATER : SINGLE_HALT;
}
