/* tally.c - the steps between index and ledger, in the only order that survives a kill at each of them.
 *
 *	join another account:	index dirty | line out of the old ledger | index names the new one | line into that
 *	deliver:		index dirty | line with the message, loose | [ name ] | line exact | index clean
 *	remove:			index dirty | line all loose | [ unlink ] | line exact | index clean
 *
 * A dirty index is scanned by whoever comes next, and the scan sets the line right before it says clean. Rejected: a lock over
 * the whole delivery (linking may wait for the file system's journal, and an account may have a thousand mailboxes), and sums
 * that are only ever added to (each crash would leave its mark for good).
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/amount.h"
#include "server/base/clock.h"
#include "server/store/tally.h"

static void passed_over(const struct tally *t, const struct err *why)
{
	char text[NAME_TEXT_MAX + 1];

	log_event(t->env->log, LV_WARN, "quota-uncounted",
		  KV("mailbox", name_text(t->mailbox, text)), KV("why", why->text));
}

static void begin(struct tally *t, const struct scan_env *env, struct index_hold *h,
		  const struct name *mailbox)
{
	t->env = env;
	t->h = h;
	t->mailbox = mailbox;
	t->key = account_of_mailbox(mailbox);
	t->counted = h->clean;
	t->own = tally_sums(&h->head);
	t->ledger.fd = -1;
	t->in_ledger = false;
	t->owner_due = false;
}

void tally_drop(struct tally *t)
{
	ledger_drop(&t->ledger);
	t->in_ledger = false;
}

static uint64_t named(const struct index_hold *h)
{
	return h->intact ? h->head.ledger : 0;
}

/* Without a lock on the index there are no sums to rely on. */
static enum ec no_index(const struct tally *t, struct err *e)
{
	struct stat st;

	if (fstat(t->h->dir, &st) == 0 && st.st_nlink == 0)
		return err_set(e, EC_ABSENT, "the mailbox was removed meanwhile");
	return err_set(e, EC_TEMP,
		       "the mailbox's index cannot be written, so its quota is not known");
}

static enum ec scan(struct tally *t, struct err *e)
{
	struct buf records = { 0 };
	enum ec rc = scan_settle(t->h, t->env, t->mailbox, &records, e);

	buf_drop(&records);
	/* A long scan lets the index go in between. */
	if (rc == EC_OK && (t->h->fd < 0 || !t->h->writable))
		rc = no_index(t, e);
	t->counted = rc == EC_OK;
	t->own = tally_sums(&t->h->head);
	return rc;
}

/* Out of the ledger it was in, if that is another. */
static enum ec leave(struct tally *t, uint64_t account, struct err *e)
{
	struct index_hold *h = t->h;
	uint64_t old = named(h);

	if (old == 0 || old == account)
		return EC_OK;
	index_begin(h);
	enum ec rc = ledger_tell(t->env->root, t->env->boot, old, &t->key, NULL, e);
	if (rc == EC_OK)
		h->head.ledger = 0;
	else
		h->clean = false;
	return rc;
}

static void set_ledger(struct index_hold *h, uint64_t account)
{
	if (named(h) == account)
		return;
	if (!h->intact)
		index_begin(h);
	h->head.ledger = account;
	index_begin(h);
}

/* text: the account's name if its ledger shall be made. */
static enum ec join(struct tally *t, uint64_t account, const char *text, struct err *e)
{
	enum ec rc = leave(t, account, e);

	if (rc != EC_OK)
		return rc;
	rc = ledger_take(&t->ledger, t->env->root, t->env->boot, account, text, e);
	if (rc == EC_OK && !t->counted) {
		/* Company that we did not know of; a scan is too long for a ledger's lock. */
		ledger_drop(&t->ledger);
		rc = scan(t, e);
		return rc != EC_OK ? rc : join(t, account, text, e);
	}
	t->in_ledger = rc == EC_OK;
	if (rc == EC_OK || rc == EC_ABSENT)
		set_ledger(t->h, rc == EC_OK ? account : 0);
	return rc == EC_ABSENT ? EC_OK : rc;
}

static enum ec join_named(struct tally *t, const char *account, bool must, bool make, struct err *e)
{
	uint64_t to;

	if (!t->counted && (must || make || named(t->h) != 0)) {
		enum ec rc = scan(t, e);
		if (rc != EC_OK)
			return rc;
	}
	if (!account)
		to = named(t->h);
	else
		to = make ? account_key(account).word[0] : t->key.word[0];
	return to == 0 ? EC_OK : join(t, to, make ? account : NULL, e);
}

static bool same_key(struct account_key a, struct account_key b)
{
	return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}

enum ec tally_join(struct tally *t, const struct scan_env *env, struct index_hold *h,
		   const struct name *mailbox, const char *account, bool must, struct err *e)
{
	struct err why;

	begin(t, env, h, mailbox);
	if (!account && named(h) == 0)
		return EC_OK;
	if (h->fd < 0 || !h->writable)
		return must ? no_index(t, e) : EC_OK;
	/* The account's own mailbox makes no ledger: it needs one when it gets company, who makes it. */
	bool make = account && account[0] && !same_key(account_key(account), t->key);
	enum ec rc = join_named(t, account, must, make, must ? e : &why);
	if (rc == EC_OK || must)
		return rc;
	passed_over(t, &why);
	if (make || named(h) != 0)
		h->clean = false;
	return EC_OK;
}

static bool exceeds(struct quota_usage u, const struct quota_limit *l)
{
	return (l->octets > 0 && u.octets > l->octets) ||
	       (l->messages > 0 && u.messages > l->messages);
}

static enum ec is_full(const struct charge *c, const char *mailbox, uint64_t octets, struct err *e)
{
	char used[AMOUNT_TEXT_MAX], limit[AMOUNT_TEXT_MAX], more[AMOUNT_TEXT_MAX];
	const char *account = c->account[0] ? c->account : mailbox;

	if (c->limit.octets > 0 && c->after.octets > c->limit.octets)
		return err_set(
			e, EC_QUOTA, "%s is full: %s of %s used, no room for %s (account %s)",
			mailbox, amount_about(c->before.octets, used),
			amount_about(c->limit.octets, limit), amount_about(octets, more), account);
	return err_set(e, EC_QUOTA, "%s is full: it holds %ju of %ju messages (account %s)",
		       mailbox, (uintmax_t)c->before.messages, (uintmax_t)c->limit.messages,
		       account);
}

enum ec tally_decide(struct charge *charge, const struct name *mailbox, struct quota_usage others,
		     struct quota_usage loose, struct quota_usage own, uint64_t octets,
		     struct err *e)
{
	const struct quota_usage more = { octets, 1 };
	struct quota_usage sure = usage_add(usage_add(usage_less(others, loose), own), more);
	char text[NAME_TEXT_MAX + 1];

	charge->before = usage_add(others, own);
	charge->after = usage_add(charge->before, more);
	if (!exceeds(charge->after, &charge->limit))
		return EC_OK;
	name_text(mailbox, text);
	if (exceeds(sure, &charge->limit))
		return is_full(charge, text, octets, e);
	return err_set(e, EC_TEMP, "%s may be full, but account %s is changing just now; try again",
		       text, charge->account[0] ? charge->account : text);
}

/* The mailbox's line, and what the account's others hold. Without a ledger it is alone. */
static enum ec look(struct tally *t, struct ledger_line *line, struct quota_usage *others,
		    struct quota_usage *loose, struct err *e)
{
	*line = (struct ledger_line){ .key = t->key };
	*others = *loose = (struct quota_usage){ 0 };
	if (!t->in_ledger)
		return EC_OK;
	enum ec rc = ledger_find(&t->ledger, &t->key, line, e);
	if (rc != EC_OK && rc != EC_ABSENT)
		return rc;
	*others = usage_less(t->ledger.head.holds, line->holds);
	*loose = usage_less(t->ledger.head.loose, line->loose);
	return EC_OK;
}

/* The line as it shall be from now on; settled: by somebody who knows that it belongs here. */
static enum ec put(struct tally *t, struct ledger_line *line, struct quota_usage more, bool settled,
		   struct err *e)
{
	if (settled || line->state != LINE_LIVE)
		line->settled_s = clock_wall_s();
	line->holds = usage_add(t->own, more);
	line->loose = more;
	return ledger_set(&t->ledger, line, e);
}

/* EC_OK: the message fits, and the change of the index has begun. */
static enum ec decide(struct tally *t, struct charge *charge, struct quota_usage others,
		      struct quota_usage loose, uint64_t octets, struct err *e)
{
	bool limited = charge && quota_limits(&charge->limit);

	t->owner_due =
		t->in_ledger && t->ledger.head.owner_due && t->key.word[0] != t->ledger.account;
	if (limited && t->owner_due)
		return err_set(e, EC_BUSY, "account %s is being counted; try again",
			       charge->account);
	enum ec rc = charge && t->counted
			     ? tally_decide(charge, t->mailbox, others, loose, t->own, octets, e)
			     : EC_OK;
	if (rc == EC_OK && !t->h->changing)
		index_begin(t->h);
	/* What is not dirty while it is changed may be taken for clean afterwards. */
	if (rc == EC_OK && limited && !t->h->changing)
		rc = err_set(e, EC_TEMP, "the mailbox's index cannot be written");
	return rc;
}

static enum ec take_room(struct tally *t, struct charge *charge, uint64_t octets, struct err *e)
{
	struct quota_usage others, loose, more = { octets, 1 };
	struct ledger_line line;
	struct err ledger_err;
	enum ec rc = look(t, &line, &others, &loose, e);

	if (rc != EC_OK)
		return rc;
	enum ec fits = decide(t, charge, others, loose, octets, e);
	if (fits != EC_OK)
		more = (struct quota_usage){ 0 };
	if (t->in_ledger)
		rc = put(t, &line, more, charge != NULL, &ledger_err);
	if (rc != EC_OK)
		t->h->clean = false;
	if (rc != EC_OK && fits == EC_OK && e)
		*e = ledger_err;
	return fits != EC_OK ? fits : rc;
}

enum ec tally_room(struct tally *t, struct charge *charge, uint64_t octets, struct err *e)
{
	bool limited = charge && quota_limits(&charge->limit);
	struct err why;
	enum ec rc = take_room(t, charge, octets, limited ? e : &why);

	ledger_pause(&t->ledger);
	if (rc == EC_OK || limited)
		return rc;
	passed_over(t, &why);
	tally_drop(t);
	if (!t->h->changing)
		index_begin(t->h);
	t->h->clean = false;
	return EC_OK;
}

static enum ec loosen(struct tally *t, struct err *e)
{
	struct ledger_line line;
	enum ec rc = ledger_find(&t->ledger, &t->key, &line, e);

	if (rc == EC_ABSENT && !t->counted)
		return EC_OK; /* the scan that must follow adds it */
	if (rc != EC_OK && rc != EC_ABSENT)
		return rc;
	if (rc == EC_ABSENT)
		line.settled_s = clock_wall_s();
	if (t->counted)
		line.holds = t->own;
	line.loose = line.holds;
	return ledger_set(&t->ledger, &line, e);
}

void tally_loosen(struct tally *t, const struct scan_env *env, struct index_hold *h,
		  const struct name *mailbox, uint64_t account)
{
	struct err why;

	begin(t, env, h, mailbox);
	if (named(h) != 0)
		account = named(h);
	if (account == 0)
		return;
	enum ec rc = ledger_take(&t->ledger, env->root, env->boot, account, NULL, &why);
	t->in_ledger = rc == EC_OK;
	if (rc == EC_OK)
		rc = loosen(t, &why);
	ledger_pause(&t->ledger);
	if (rc == EC_OK || rc == EC_ABSENT)
		return;
	passed_over(t, &why);
	tally_drop(t);
	h->clean = false;
}

/* Only what is there yet is changed: a line that is not was dropped with its mailbox meanwhile. */
static enum ec end(struct tally *t, const struct quota_usage *holds, struct err *e)
{
	struct ledger_line line;
	enum ec rc = ledger_again(&t->ledger, e);

	if (rc == EC_OK)
		rc = ledger_find(&t->ledger, &t->key, &line, e);
	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	if (!holds)
		return ledger_remove(&t->ledger, &t->key, e);
	line.holds = *holds;
	line.loose = (struct quota_usage){ 0 };
	return ledger_set(&t->ledger, &line, e);
}

void tally_end(struct tally *t, const struct quota_usage *holds)
{
	struct err why;

	if (!t->in_ledger)
		return;
	if (end(t, holds, &why) != EC_OK) {
		passed_over(t, &why);
		t->h->clean = false;
	}
	tally_drop(t);
}

enum ec tally_settle(struct tally *t, struct err *e)
{
	struct ledger_line line;
	enum ec rc = EC_OK;

	if (!t->in_ledger)
		return EC_OK;
	rc = ledger_find(&t->ledger, &t->key, &line, e);
	if (rc == EC_OK || rc == EC_ABSENT)
		rc = put(t, &line, (struct quota_usage){ 0 }, true, e);
	t->owner_due = t->ledger.head.owner_due;
	t->h->clean = t->h->clean && rc == EC_OK;
	return rc;
}

/* There is no such mailbox, or it counts elsewhere. */
static enum ec owner_is_not(const struct scan_env *env, const struct account_key *key,
			    struct err *e)
{
	struct ledger l;
	enum ec rc = ledger_take(&l, env->root, env->boot, key->word[0], NULL, e);

	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	rc = ledger_owner_is_in(&l, e);
	ledger_drop(&l);
	return rc;
}

enum ec tally_owner(const struct scan_env *env, const char *account, struct err *e)
{
	struct account_key key = account_key(account);
	struct index_hold h;
	struct tally t;
	struct name owner;
	int dir;

	if (name_parse(&owner, account, strlen(account), NAME_FILE, NULL) != EC_OK ||
	    !same_key(account_of_mailbox(&owner), key))
		return owner_is_not(env, &key, e);
	enum ec rc = mailroot_dir(env->root, &owner, &dir, e);
	if (rc != EC_OK)
		return rc == EC_ABSENT ? owner_is_not(env, &key, e) : rc;
	index_take(&h, env->root, dir, env->boot);
	if (named(&h) != 0 && named(&h) != key.word[0]) {
		rc = owner_is_not(env, &key, e);
	} else {
		rc = tally_join(&t, env, &h, &owner, "", true, e);
		if (rc == EC_OK)
			rc = tally_settle(&t, e);
		tally_drop(&t);
	}
	index_end_unchanged(&h);
	index_drop(&h);
	close(dir);
	return rc == EC_ABSENT ? EC_OK : rc;
}
