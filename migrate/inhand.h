/* inhand.h - the account that is in hand, and the steps that carrying over, undoing and checking share. Private to migrate/.
 *
 * Thread: one at a time. Owner: wish and row are lent; the secret is wiped by inhand_end.
 */
#pragma once
#include "migrate/single.h"

struct inhand {
	struct single *s;
	const struct account_wish *wish;
	const struct name *name;   /* the wish's */
	struct single_row *out;    /* row.why is where steps leave their reasons */
	struct journal_entry past; /* what the journal says, kept up by inhand_note */
	struct prospect seen;      /* by inhand_look */
	struct account led;        /* by inhand_lead: whom the address leads to */
	struct secret secret;
	bool made;    /* a moment ago, the directory said so */
	bool drawn;   /* its mark was made in this attempt: nothing older has it */
	bool removed; /* what had its mark was, in this attempt */
};

void inhand_begin(struct inhand *h, struct single *s, const struct account_wish *wish,
		  struct single_row *out);
void inhand_end(struct inhand *h);

/* ---- steps; each leaves in e why it did not work ---- */

void inhand_make_mark(char out[ACCOUNT_MARK_MAX + 1]);
enum ec inhand_note(struct inhand *h, const struct journal_entry *what, struct err *e);
/* inspect, also by the mark that is ours; fills in the row's key and logon name */
enum ec inhand_look(struct inhand *h, struct err *e);
/* What should be there may not show at once. */
enum ec inhand_look_long(struct inhand *h, struct err *e);
bool inhand_is_ours(const struct inhand *h); /* has our mark */
/* Its password was set in the directory after we did. */
bool inhand_changed_since(const struct inhand *h);
#define CHANGING "?" /* instead of when it was set: it is about to be */
/* An attempt ended while it was set: what is kept beside it may be missing, or that of another one. */
bool inhand_is_half_set(const struct inhand *h);
/* What its owner types must lead to what was seen, and to this mailbox. EC_EXISTS: elsewhere. */
enum ec inhand_lead(struct inhand *h, struct err *e);
/* As whom inhand_lead found. Its words are the row's: "wrong password" alone would say nothing. */
enum ec inhand_sign_in(struct inhand *h, struct err *e);
/* Removes what has our mark, if it was seen or is seen now. EC_OK: nothing of ours is there. */
enum ec inhand_remove(struct inhand *h, struct err *e);

/* ---- ends ---- */

bool inhand_passes(enum ec rc); /* EC_TEMP, EC_BUSY */
bool inhand_is_everybodys(const struct inhand *h, enum ec rc);
enum single_end inhand_row(struct inhand *h, enum mig_what what);
enum single_end inhand_halt(struct inhand *h, const struct err *why);
/* Of the directory's answers: LATER, HALT or a row. */
enum single_end inhand_judge(struct inhand *h, enum mig_what what, enum ec rc);
enum single_end inhand_judge_as(struct inhand *h, enum mig_what what, const struct err *why);
/* Of answers to changing, or removing, what is there already. */
enum single_end inhand_judge_change(struct inhand *h, enum ec rc);
/* Of our own files: LATER or HALT. */
enum single_end inhand_own_trouble(struct inhand *h);
