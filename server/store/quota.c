/* quota.c - the store's answers about quota accounts (quota.h). The work is in tally.c and ledger.c; here is who asks.
 *
 * Each visit takes the mailbox's index and inside it the ledger, so what is answered was true at one moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "server/store/dirlist.h"
#include "server/store/files.h"
#include "server/store/tally.h"

/* A mailbox's directory and its index, held. */
struct visit {
	struct files *f;
	const struct name *mailbox;
	int dir;
	struct index_hold h;
};

static enum ec visit(struct visit *v, struct store *s, const struct name *mailbox, struct err *e)
{
	v->f = files_of(s);
	v->mailbox = mailbox;
	enum ec rc = mailroot_dir(v->f->env.root, mailbox, &v->dir, e);
	if (rc == EC_OK)
		index_take(&v->h, v->f->env.root, v->dir, v->f->env.boot);
	return rc;
}

static void leave(struct visit *v)
{
	index_drop(&v->h);
	close(v->dir);
}

static enum ec make_clean(struct visit *v, struct err *e)
{
	struct buf records = { 0 };
	enum ec rc = v->h.clean ? EC_OK : scan_settle(&v->h, &v->f->env, v->mailbox, &records, e);

	buf_drop(&records);
	return rc;
}

static struct account_key key_of(const char *account, const struct name *mailbox)
{
	return account && account[0] ? account_key(account) : account_of_mailbox(mailbox);
}

/* What the account's ledger holds for others than this mailbox, and for it. EC_ABSENT: there is no ledger. */
struct company {
	struct quota_usage others, loose, line;
	bool owner_due;
};

static enum ec look(const struct files *f, const struct name *mailbox, const char *account,
		    struct company *out, struct err *e)
{
	struct account_key to = key_of(account, mailbox), key = account_of_mailbox(mailbox);
	struct ledger l;
	struct ledger_line line;
	enum ec rc = ledger_take(&l, f->env.root, f->env.boot, to.word[0], NULL, e);

	*out = (struct company){ 0 };
	if (rc != EC_OK)
		return rc;
	rc = ledger_find(&l, &key, &line, e);
	if (rc == EC_OK || rc == EC_ABSENT)
		*out = (struct company){ .others = usage_less(l.head.holds, line.holds),
					 .loose = usage_less(l.head.loose, line.loose),
					 .line = line.holds,
					 .owner_due = l.head.owner_due };
	ledger_drop(&l);
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* What a ledger's head says, without a lock; its sum tells a torn one. */
static bool glance_at_ledger(const struct files *f, uint64_t account, struct quota_usage *out)
{
	unsigned char raw[LEDGER_HEAD_LEN];
	char name[LEDGER_NAME_MAX];
	struct ledger_head head;

	ledger_name(account, name);
	int fd = quota_open(f->env.root, name, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : pread(fd, raw, sizeof(raw), 0);
	if (fd >= 0)
		close(fd);
	if (got <= 0 || !ledger_head_parse(raw, (size_t)got, &head) || head.owner_due ||
	    head.account != account || head.boot != f->env.boot)
		return false;
	*out = head.holds;
	return true;
}

static bool glance_at_index(const struct files *f, const struct name *mailbox,
			    struct index_head *out)
{
	int dir;

	if (mailroot_dir(f->env.root, mailbox, &dir, NULL) != EC_OK)
		return false;
	bool good = index_glance(dir, f->env.boot, out);
	close(dir);
	return good;
}

/* Nearly all mail has room, far and wide: that much is seen without locks, by half the system calls. A glance may be wrong, as
 * whatever is asked before a delivery may; but nothing is refused by it. */
static bool fits_at_a_glance(const struct files *f, const struct name *mailbox,
			     struct charge *charge, uint64_t octets)
{
	struct account_key to = key_of(charge->account, mailbox), own = account_of_mailbox(mailbox);
	struct quota_usage holds;
	struct index_head head;

	if (memcmp(&to, &own, sizeof(to)) == 0) {
		if (!glance_at_index(f, mailbox, &head))
			return false;
		holds = tally_sums(&head);
		if (head.ledger != 0 && !glance_at_ledger(f, to.word[0], &holds))
			return false;
	} else if (!glance_at_ledger(f, to.word[0], &holds)) {
		return false;
	}
	return tally_decide(charge, mailbox, (struct quota_usage){ 0 }, (struct quota_usage){ 0 },
			    holds, octets, NULL) == EC_OK;
}

/* Where something is not known, deliver will find out. An account without a ledger is this mailbox alone, or will be. */
static enum ec quota_fits(struct store *s, const struct name *mailbox, struct charge *charge,
			  uint64_t octets, struct err *e)
{
	struct visit v;
	struct company c;

	/* No message is empty. */
	octets = octets > 0 ? octets : 1;
	if (fits_at_a_glance(files_of(s), mailbox, charge, octets))
		return EC_OK;
	enum ec rc = visit(&v, s, mailbox, e);
	if (rc != EC_OK)
		return rc;
	charge->before = charge->after = (struct quota_usage){ 0 };
	enum ec there = look(v.f, mailbox, charge->account, &c, NULL);
	if ((v.h.clean || v.h.due) && (there == EC_OK || there == EC_ABSENT) && !c.owner_due)
		rc = tally_decide(charge, mailbox, c.others, c.loose, tally_sums(&v.h.head), octets,
				  e);
	leave(&v);
	return rc;
}

static enum ec settle(struct visit *v, const char *account, struct tally *t, struct err *e)
{
	enum ec rc = tally_join(t, &v->f->env, &v->h, v->mailbox, account ? account : "", true, e);

	if (rc == EC_OK)
		rc = tally_settle(t, e);
	tally_drop(t);
	index_end_unchanged(&v->h);
	return rc;
}

static enum ec quota_settle(struct store *s, const struct name *mailbox, const char *account,
			    struct err *e)
{
	struct visit v;
	struct tally t;
	enum ec rc = visit(&v, s, mailbox, e);

	if (rc != EC_OK)
		return rc;
	rc = settle(&v, account, &t, e);
	leave(&v);
	return rc == EC_OK && t.owner_due ? tally_owner(&v.f->env, account, e) : rc;
}

/* An account that has no ledger: what the mailbox of its name holds, if that counts nowhere else. */
static enum ec usage_alone(struct store *s, const char *account, struct quota_usage *out,
			   struct err *e)
{
	struct account_key key = account_key(account);
	struct name owner;
	struct visit v;

	if (name_parse(&owner, account, strlen(account), NAME_FILE, NULL) != EC_OK)
		return EC_OK;
	enum ec rc = visit(&v, s, &owner, e);
	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	rc = make_clean(&v, e);
	if (rc == EC_OK && (v.h.head.ledger == 0 || v.h.head.ledger == key.word[0]))
		*out = tally_sums(&v.h.head);
	leave(&v);
	return rc;
}

static enum ec quota_usage(struct store *s, const char *account, struct quota_usage *out,
			   struct err *e)
{
	struct files *f = files_of(s);
	uint64_t id = account_key(account).word[0];
	struct ledger l;

	*out = (struct quota_usage){ 0 };
	enum ec rc = ledger_take(&l, f->env.root, f->env.boot, id, NULL, e);
	if (rc == EC_OK && l.head.owner_due) {
		ledger_drop(&l);
		rc = tally_owner(&f->env, account, e);
		if (rc == EC_OK)
			rc = ledger_take(&l, f->env.root, f->env.boot, id, NULL, e);
	}
	if (rc == EC_ABSENT)
		return usage_alone(s, account, out, e);
	if (rc == EC_OK) {
		*out = l.head.holds;
		ledger_drop(&l);
	}
	return rc;
}

static enum ec compare(struct visit *v, const char *account, const struct index_head *head,
		       struct quota_recount *out, struct err *e)
{
	struct company c;

	out->counted = out->indexed = out->charged = tally_sums(head);
	if (v->h.clean)
		out->indexed = tally_sums(&v->h.head);
	enum ec rc = look(v->f, v->mailbox, account, &c, e);
	if (rc == EC_OK)
		out->charged = c.line;
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* The new index is dirty: whoever joins lists the directory once more, believing these records, and the ledger is told before
 * the index is clean. */
static enum ec set_right(struct visit *v, const char *account, const struct index_head *head,
			 const struct buf *records, struct tally *t, struct err *e)
{
	index_write(&v->h, head, records, false);
	return settle(v, account, t, e);
}

static enum ec quota_recount(struct store *s, const struct name *mailbox, const char *account,
			     bool repair, struct quota_recount *out, struct err *e)
{
	struct visit v;
	struct tally t = { .owner_due = false };
	struct index_head head;
	struct buf records = { 0 };
	enum ec rc = visit(&v, s, mailbox, e);

	if (rc != EC_OK)
		return rc;
	rc = scan_recount(&v.h, &v.f->env, &head, &records, e);
	if (rc == EC_OK)
		rc = compare(&v, account, &head, out, e);
	if (rc == EC_OK && repair)
		rc = set_right(&v, account, &head, &records, &t, e);
	buf_drop(&records);
	leave(&v);
	return rc == EC_OK && t.owner_due ? tally_owner(&v.f->env, account, e) : rc;
}

static enum ec sweep_one(const struct files *f, const char *file, int64_t since_s,
			 unsigned *n_dropped, struct err *e)
{
	struct ledger l;
	uint64_t account;

	if (!ledger_name_parse(file, &account))
		return EC_OK;
	enum ec rc = ledger_take(&l, f->env.root, f->env.boot, account, NULL, e);
	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	return ledger_sweep(&l, since_s, n_dropped, e);
}

static enum ec quota_sweep(struct store *s, int64_t since_s, unsigned *n_dropped, struct err *e)
{
	struct files *f = files_of(s);
	struct dirlist files;
	enum ec rc = EC_OK;
	int dir = quota_open(f->env.root, ".", O_RDONLY | O_DIRECTORY);

	*n_dropped = 0;
	if (dir < 0)
		return errno == ENOENT ? EC_OK : err_sys(e, "cannot open the quota ledgers");
	if (dirlist_read(dir, NULL, &files) < 0)
		rc = err_sys(e, "cannot list the quota ledgers");
	close(dir);
	if (rc != EC_OK)
		return rc;
	for (size_t i = 0; i < files.n; i++) {
		enum ec one = sweep_one(f, dirlist_name(&files, i), since_s, n_dropped, e);
		rc = rc == EC_OK ? one : rc;
	}
	dirlist_drop(&files);
	return rc;
}

const struct quota_ops files_quota = {
	.fits = quota_fits,
	.settle = quota_settle,
	.usage = quota_usage,
	.recount = quota_recount,
	.sweep = quota_sweep,
};
