/* method.c - see method.h.
 *
 * The present catalog says which mailboxes there are, the new method whether it knows their owners. The present method's accounts
 * are not even opened: that they cannot be any more may be why it is left. All are looked at before anything is said, so that an
 * administrator mends them in one go. The mail root belongs to the service, so we are its owner meanwhile; the settings belong to
 * root, so afterwards we are not.
 *
 * After a migration looking is not enough: everybody is to come in by the password he has, so each of those accounts signs in with
 * it here and now. A journal in the mail root says that there was one.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "admin/identity.h"
#include "admin/method.h"
#include "admin/progress.h"
#include "admin/report.h"
#include "admin/target.h"

#define LISTED_MAX 1000 /* nobody reads more; the number is told in any case */
#define PROVED_AT_ONCE 8
#define PATIENCE_S 10 /* of somebody who waits for an answer */

struct survey {
	struct wp *w;
	struct backends from, to;
	bool accounts_change, catalog_changes, can_carry;
	uint64_t n_boxes, n_missing;
	enum ec rc;
	struct err *e;
};

/* Nothing to look at, and then it does not matter whether the new method can be asked. */
static bool stop_at_first(void *ctx, const struct entry *domain)
{
	(void)domain;
	*(bool *)ctx = true;
	return false;
}

static void list_missing(struct survey *s, const struct name *n, const char *why)
{
	char text[NAME_TEXT_MAX + 1];

	if (s->n_missing++ >= LISTED_MAX)
		return;
	if (s->n_missing == 1)
		out_list(s->w->out, "missing");
	out_record(s->w->out);
	out_field(s->w->out, "mailbox", name_text(n, text));
	out_field(s->w->out, "why", why);
	out_end(s->w->out);
}

/* A name that is fine with one method may be too long for another. */
static enum ec fits(const struct survey *s, const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];
	struct name same;

	name_text(n, text);
	return name_parse(&same, text, strlen(text), s->to.accounts->ops->rule, e);
}

static enum ec find_there(const struct survey *s, const struct name *n, struct err *e)
{
	struct accounts *accts = s->to.accounts;
	struct catalog *cat = s->to.catalog;
	struct account account;
	struct entry entry;
	enum ec rc = fits(s, n, e);

	if (rc == EC_OK && s->accounts_change)
		rc = accts->ops->find(accts, n, &account, e);
	if (rc == EC_OK && s->catalog_changes)
		rc = cat->ops->find(cat, n, &entry, e);
	return rc;
}

static bool look_at_mailbox(void *ctx, const struct entry *en)
{
	struct survey *s = ctx;
	struct err why = { 0 };

	s->n_boxes++;
	enum ec rc = find_there(s, &en->name, &why);
	if (rc == EC_ABSENT || rc == EC_USAGE || rc == EC_REFUSED)
		list_missing(s, &en->name, why.text);
	else if (rc != EC_OK)
		s->rc = err_set(s->e, rc, "%s", why.text);
	return s->rc == EC_OK;
}

static bool look_at_domain(void *ctx, const struct entry *domain)
{
	struct survey *s = ctx;
	struct catalog *cat = s->from.catalog;
	enum ec rc = cat->ops->each(cat, &domain->name, look_at_mailbox, s, s->e);

	if (s->rc == EC_OK && rc != EC_OK && rc != EC_ABSENT)
		s->rc = rc;
	return s->rc == EC_OK;
}

static enum ec survey(struct survey *s)
{
	struct catalog *cat = s->from.catalog;
	enum ec rc = cat->ops->each(cat, NULL, look_at_domain, s, s->e);

	if (s->n_missing > 0)
		out_end(s->w->out);
	if (rc == EC_OK)
		rc = s->rc;
	if (rc != EC_OK || s->n_missing == 0)
		return rc;
	wp_hint(s->w, EC_REFUSED, "make them first%s; nothing was changed",
		s->can_carry ? ", with winpop migrateToAD or there" : "");
	return err_set(s->e, EC_REFUSED, "%ju of %ju mailboxes have no %s there",
		       (uintmax_t)s->n_missing, (uintmax_t)s->n_boxes,
		       s->accounts_change ? "account" : "entry");
}

/* ---- after a migration ---- */

struct proof {
	struct report *bad;
	struct progress *progress;
	size_t total;
};

static void take_row(void *ctx, const struct mig_row *row)
{
	report_add(((struct proof *)ctx)->bad, row);
}

static void watch(void *ctx, const struct mig_progress *now)
{
	struct proof *p = ctx;

	p->total = now->total;
	progress_show(p->progress, now);
}

static bool was_migrated(const struct survey *s, const struct conf *was)
{
	return s->can_carry && access(target_journal(s->w->mem, was), F_OK) == 0;
}

static enum ec open_proof(struct survey *s, const struct conf *was, struct mig **out)
{
	struct mig_setup setup = {
		.from = s->from.accounts,
		.boxes = s->from.catalog,
		.to = s->to.accounts,
		.journal = target_journal(s->w->mem, was),
		.log = &s->w->log,
		.new_passwords = -1,
		.threads = PROVED_AT_ONCE,
		.patience_s = PATIENCE_S,
	};
	enum ec rc = dir_context(s->to.dir, s->w->mem, &setup.directory, s->e);

	return rc == EC_OK ? mig_open(&setup, NULL, out, s->e) : rc;
}

static enum ec judge(struct survey *s, struct proof *p)
{
	size_t n_bad = report_failed(p->bad);

	if (n_bad == 0)
		return EC_OK;
	report_accounts(p->bad, s->w->out, true);
	wp_hint(s->w, EC_REFUSED,
		"run winpop migrateToAD again, or mend what it says; nothing was changed");
	return err_set(s->e, EC_REFUSED, "%zu of %zu accounts do not work there", n_bad, p->total);
}

static enum ec prove(struct survey *s, const struct conf *was)
{
	struct proof p = { 0 };
	struct mig *m = NULL;
	enum ec rc = open_proof(s, was, &m);

	if (rc != EC_OK)
		return rc;
	p.bad = report_new();
	p.progress = progress_new(stderr, false);
	rc = mig_check(m, take_row, watch, &p, s->e);
	progress_end(&p.progress);
	mig_close(&m);
	if (rc == EC_OK)
		rc = judge(s, &p);
	report_free(&p.bad);
	return rc;
}

/* ---- the question ---- */

static enum ec compare(struct survey *s, const struct conf *was, const struct conf *now)
{
	struct catalog **cat = &s->from.catalog;
	const struct log *log = &s->w->log;
	bool any = false, migrated = was_migrated(s, was);
	enum ec rc = migrated ? backends_open(was, NULL, log, &s->from, s->e)
			      : backends_open_catalog(was, log, &s->from, s->e);

	if (rc == EC_OK)
		rc = (*cat)->ops->each(*cat, NULL, stop_at_first, &any, s->e);
	if (rc != EC_OK || !any)
		return rc;
	rc = backends_open(now, NULL, log, &s->to, s->e);
	if (rc == EC_OK && migrated)
		rc = prove(s, was);
	if (migrated)
		s->accounts_change = false; /* nothing to be looked up any more */
	return rc == EC_OK ? survey(s) : rc;
}

enum ec method_check(struct wp *w, const struct conf *was, const struct conf *now, struct err *e)
{
	struct survey s = {
		.w = w,
		.accounts_change = was->authentication != now->authentication,
		.catalog_changes = was->catalog != now->catalog,
		.can_carry = was->authentication == AUTHN_FILE && now->authentication == AUTHN_AD,
		.e = e,
	};

	if (!s.accounts_change && !s.catalog_changes)
		return EC_OK;
	if (access(was->mailroot, F_OK) < 0 && errno == ENOENT)
		return EC_OK; /* not set up yet */
	enum ec rc = identity_become_owner(was, false, e);
	if (rc == EC_OK)
		rc = compare(&s, was, now);
	backends_close(&s.to);
	backends_close(&s.from);
	identity_root(true);
	return rc;
}
