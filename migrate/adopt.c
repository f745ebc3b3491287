/* adopt.c - from what the tree holds and what is there already to what is done.
 *
 * Everything is decided before anything is done, so that a dry run is the plan itself, the passwords that are wanted can be asked
 * for at once, and the disk is known to be large enough. What changes between plan and deed is met again by the deed (a mailbox
 * that exists by then is a row, not a loss).
 *
 * Whether a domain is in place already is asked of its directory, not of PATH: the same inode is the same directory, whatever
 * links and mounts lead to it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "migrate/adopt.h"
#include "migrate/adoptbox.h"
#include "server/base/mem.h"

#define BLOCK 4096
#define SPARE (1u << 20) /* records, indexes, directories; and a part of the whole */
#define SPARE_PART 64

const char *const adopt_what_words[ADOPT_WHAT_COUNT] = {
	[ADOPT_NEW] = "new",           [ADOPT_MORE] = "more", [ADOPT_DONE] = "done",
	[ADOPT_PASSWORD] = "password", [ADOPT_LEFT] = "left", [ADOPT_NO_ACCOUNT] = "no account",
	[ADOPT_FAILED] = "failed",
};

struct adopt {
	struct adopt_setup setup;
	struct winroot *tree;
	struct adopt_row *rows; /* one for each box of the tree */
	bool *in_place;         /* of each domain */
};

/* Would the next mailbox meet it too? */
static bool ends_all(enum ec rc)
{
	return rc == EC_TEMP || rc == EC_BUSY || rc == EC_QUOTA || rc == EC_DENIED ||
	       rc == EC_REFUSED;
}

static struct adoptbox box_of(const struct adopt *a, const struct adopt_row *row)
{
	const struct adopt_setup *s = &a->setup;

	return (struct adoptbox){ .root = s->root,
				  .catalog = s->catalog,
				  .accounts = s->accounts,
				  .tree = a->tree,
				  .box = row->box,
				  .from = s->from,
				  .stop = s->stop,
				  .ctx = s->ctx };
}

static void say(struct adopt_row *row, enum adopt_what what, enum ec class, const char *text)
{
	row->what = what;
	err_set(&row->why, class, "%s", text);
}

/* ---- plan ---- */

/* Names that are fit for the password file may not be so elsewhere. */
static bool is_name_here(const struct adopt *a, const struct name *n, struct err *why)
{
	char text[NAME_TEXT_MAX + 1];
	struct name same;

	name_text(n, text);
	return name_parse(&same, text, strlen(text), a->setup.accounts->ops->rule, why) == EC_OK;
}

/* A mailbox whose account must be there already. EC_OK: the row knows. */
static enum ec ask_account(const struct adopt *a, struct adopt_row *row, struct err *e)
{
	struct accounts *accts = a->setup.accounts;
	struct account found;
	struct err why;
	enum ec rc = accts->ops->find(accts, &row->box->name, &found, &why);

	if (rc == EC_OK)
		return EC_OK;
	if (rc == EC_TEMP || rc == EC_BUSY || rc == EC_DENIED || rc == EC_BROKEN)
		return err_set(e, rc, "%s", why.text);
	say(row, ADOPT_NO_ACCOUNT, rc, why.text);
	return EC_OK;
}

static enum ec plan_new(const struct adopt *a, struct adopt_row *row, struct err *e)
{
	row->what = ADOPT_NEW;
	row->n_new = row->box->n_msgs;
	row->octets_new = row->box->octets;
	row->needs_password = a->setup.accounts->ops->needs_create;
	return row->needs_password ? EC_OK : ask_account(a, row, e);
}

/* A damaged password record is none of our business: changepwd mends it. */
static enum ec plan_in_place(const struct adopt *a, struct adopt_row *row, struct err *e)
{
	struct accounts *accts = a->setup.accounts;
	struct account found;

	row->what = ADOPT_DONE;
	row->n_before = row->box->n_msgs;
	if (!accts->ops->needs_create)
		return ask_account(a, row, e);
	if (accts->ops->find(accts, &row->box->name, &found, NULL) == EC_ABSENT) {
		row->what = ADOPT_PASSWORD;
		row->needs_password = true;
	}
	return EC_OK;
}

static void plan_by_record(const struct adopt *a, struct adopt_row *row, struct adopted *record)
{
	const struct adoptbox b = box_of(a, row);
	bool shares;

	if (adoptbox_compare(&b, record, &row->n_new, &row->octets_new, &shares, &row->why) !=
	    EC_OK) {
		row->what = ADOPT_FAILED;
		return;
	}
	row->n_before = row->box->n_msgs - row->n_new;
	bool from_there = shares || strcmp(adopted_from(record), a->setup.from) == 0;
	if (from_there || a->setup.merge)
		row->what = row->n_new > 0 ? ADOPT_MORE : ADOPT_DONE;
	else
		say(row, ADOPT_LEFT, EC_EXISTS,
		    "it is there and was not adopted from here; /merge adds the messages anyway");
}

static void plan_existing(const struct adopt *a, struct adopt_row *row)
{
	struct adopted *record = NULL;
	enum ec rc = adoptbox_record(a->setup.root, &row->box->name, &record, &row->why);

	if (rc == EC_OK) {
		plan_by_record(a, row, record);
	} else if (rc != EC_ABSENT) {
		row->what = ADOPT_FAILED;
	} else if (a->setup.merge) {
		*row = (struct adopt_row){ .box = row->box,
					   .what = ADOPT_MORE,
					   .n_new = row->box->n_msgs,
					   .octets_new = row->box->octets };
	} else {
		say(row, ADOPT_LEFT, EC_EXISTS,
		    "it is there already; /merge adds the messages to it");
	}
	if (row->what == ADOPT_MORE || row->what == ADOPT_DONE)
		row->why = (struct err){ 0 };
	adopted_free(&record);
}

/* EC_*: nothing can be said about anybody. */
static enum ec plan(const struct adopt *a, struct adopt_row *row, struct err *e)
{
	struct catalog *cat = a->setup.catalog;
	const struct name *n = &row->box->name;
	bool in_place = a->in_place[row->box->domain];
	struct entry found = { 0 };
	struct err why;

	if (!is_name_here(a, n, &row->why)) {
		row->what = ADOPT_LEFT;
		return EC_OK;
	}
	enum ec rc = cat->ops->find(cat, n, &found, &why);
	/* One that got its name was found; only what belongs to it could not be read. */
	bool there = rc == EC_OK || (rc == EC_BROKEN && found.name.domain[0]);
	if (!there && rc != EC_ABSENT)
		return err_set(e, rc, "%s", why.text);
	if (in_place && !there)
		say(row, ADOPT_LEFT, rc,
		    "its messages are in the mail root but it is not registered: move the tree out "
		    "of the mail root and adopt it from there");
	else if (in_place)
		return plan_in_place(a, row, e);
	else if (there)
		plan_existing(a, row);
	else
		return plan_new(a, row, e);
	return EC_OK;
}

static bool is_in_place(const struct adopt *a, const struct winroot_domain *d)
{
	struct stat theirs, ours;
	int fd;

	if (winroot_look(a->tree, d, &theirs, NULL) != EC_OK ||
	    mailroot_dir(a->setup.root, &d->name, &fd, NULL) != EC_OK)
		return false;
	bool same = fstat(fd, &ours) == 0 && ours.st_dev == theirs.st_dev &&
		    ours.st_ino == theirs.st_ino;
	close(fd);
	return same;
}

static enum ec plan_all(struct adopt *a, struct err *e)
{
	const struct winroot *t = a->tree;
	enum ec rc = EC_OK;

	a->rows = mem_new((t->n_boxes + 1) * sizeof(*a->rows));
	a->in_place = mem_new((t->n_domains + 1) * sizeof(*a->in_place));
	for (size_t i = 0; i < t->n_domains; i++)
		a->in_place[i] = is_in_place(a, &t->domains[i]);
	for (size_t i = 0; i < t->n_boxes && rc == EC_OK; i++) {
		a->rows[i].box = &t->boxes[i];
		rc = plan(a, &a->rows[i], e);
	}
	return rc;
}

static enum ec refuse_nothing(const struct adopt *a, struct err *e)
{
	const char *what = a->tree->is_domain
				   ? "is a domain, not a mail root: name the directory above"
				   : "holds no directories of domains with P3_name.mbx in them; "
				     "the original's are in mailroot\\Mailbox";

	return err_set(e, EC_REFUSED, "%s %s", a->setup.from, what);
}

enum ec adopt_open(const struct adopt_setup *setup, int fd, const struct winroot_eye *eye,
		   struct adopt **out, struct err *e)
{
	struct adopt *a = mem_new(sizeof(*a));

	a->setup = *setup;
	enum ec rc = winroot_scan(fd, eye, &a->tree, e);
	if (rc == EC_OK && a->tree->n_domains == 0)
		rc = refuse_nothing(a, e);
	if (rc == EC_OK)
		rc = plan_all(a, e);
	if (rc == EC_OK)
		*out = a;
	else
		adopt_close(&a);
	return rc;
}

void adopt_close(struct adopt **a)
{
	if (!*a)
		return;
	winroot_close(&(*a)->tree);
	free((*a)->rows);
	free((*a)->in_place);
	free(*a);
	*a = NULL;
}

const struct winroot *adopt_tree(const struct adopt *a)
{
	return a->tree;
}

void adopt_each(const struct adopt *a, adopt_row_fn *fn, void *ctx)
{
	for (size_t i = 0; i < a->tree->n_boxes; i++) {
		if (!fn(ctx, &a->rows[i]))
			break;
	}
}

enum ec adopt_room(const struct adopt *a, uint64_t *needed, uint64_t *available, struct err *e)
{
	struct statvfs fs;
	uint64_t files = 0;

	if (statvfs(a->setup.mailroot, &fs) < 0)
		return err_sys(e, "cannot look at the disk of %s", a->setup.mailroot);
	*needed = 0;
	for (size_t i = 0; i < a->tree->n_boxes; i++) {
		const struct adopt_row *row = &a->rows[i];
		if (row->what != ADOPT_NEW && row->what != ADOPT_MORE)
			continue;
		*needed += row->octets_new + row->n_new * BLOCK;
		files += row->n_new + 4;
	}
	*needed += *needed ? SPARE + *needed / SPARE_PART : 0;
	*available = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (*needed > *available)
		return err_set(
			e, EC_REFUSED,
			"the messages need about %ju MiB and the disk of %s has %ju MiB left",
			(uintmax_t)(*needed >> 20) + 1, a->setup.mailroot,
			(uintmax_t)(*available >> 20));
	/* File systems without a fixed number of files say 0. */
	if (fs.f_files > 0 && files > fs.f_favail)
		return err_set(e, EC_REFUSED,
			       "the messages are %ju files and the disk of %s has room for %ju",
			       (uintmax_t)files, a->setup.mailroot, (uintmax_t)fs.f_favail);
	return EC_OK;
}

/* ---- deed ---- */

/* The domain as catalog and mail root want it. A directory that registers domains may know one whose mail was never here. */
static enum ec ensure_domain(struct adopt *a, const struct name *domain,
			     struct adopt_totals *totals, struct err *e)
{
	struct catalog *cat = a->setup.catalog;
	struct entry found;
	int fd;
	enum ec rc = cat->ops->find(cat, domain, &found, e);

	if (rc != EC_OK && rc != EC_ABSENT)
		return rc;
	if (rc == EC_OK && mailroot_dir(a->setup.root, domain, &fd, NULL) == EC_OK) {
		close(fd);
		return EC_OK;
	}
	rc = cat->ops->add(cat, domain, NULL, e);
	totals->domains_new += rc == EC_OK;
	return rc;
}

/* A check that the store serves what was written. A mailbox that is being used by now tells nothing. */
static enum ec compare_served(const struct adopt *a, const struct name *n,
			      const struct adoptbox_count *c, struct err *e)
{
	struct store *store = a->setup.store;
	uint64_t octets;
	uint32_t n_msgs;
	enum ec rc = store->ops->usage(store, n, &n_msgs, &octets, e);

	if (rc != EC_OK || n_msgs != c->n_new || octets == c->canonical_new)
		return rc;
	return err_set(e, EC_BROKEN, "%ju octets were brought in and the mailbox says it has %ju",
		       (uintmax_t)c->canonical_new, (uintmax_t)octets);
}

/* Asked again: with local accounts a user has one mailbox over all domains, and the tree may hold two that he could have. */
static enum ec get_password(const struct adopt *a, struct adopt_row *row, struct secret *out,
			    struct err *e)
{
	if (!row->needs_password)
		return ask_account(a, row, e);
	return a->setup.password(a->setup.ctx, &row->box->name, out, e);
}

static enum ec make_box(struct adopt *a, struct adopt_row *row, struct adopt_totals *totals,
			struct adoptbox_count *count, struct err *e)
{
	const struct winroot_domain *d = &a->tree->domains[row->box->domain];
	const struct adoptbox b = box_of(a, row);
	struct secret password = { 0 };
	enum ec rc = get_password(a, row, &password, e);

	if (rc != EC_OK || row->what != ADOPT_NEW)
		return rc;
	rc = ensure_domain(a, &d->name, totals, e);
	if (rc == EC_OK)
		rc = adoptbox_make(&b, row->needs_password ? &password : NULL, count, e);
	secret_drop(&password);
	return rc == EC_OK ? compare_served(a, &row->box->name, count, e) : rc;
}

static enum ec give_password(struct adopt *a, const struct adopt_row *row, struct err *e)
{
	struct accounts *accts = a->setup.accounts;
	const struct account_wish wish = { .name = row->box->name };
	struct secret password = { 0 };
	enum ec rc = a->setup.password(a->setup.ctx, &row->box->name, &password, e);

	if (rc == EC_OK)
		rc = accts->ops->create(accts, &wish, &password, NULL, e);
	secret_drop(&password);
	return rc == EC_EXISTS ? EC_OK : rc; /* somebody was quicker */
}

static enum ec do_row(struct adopt *a, struct adopt_row *row, struct adopt_totals *totals,
		      struct err *e)
{
	const struct adoptbox b = box_of(a, row);
	struct adoptbox_count count = { .n_before = row->n_before };
	enum ec rc = EC_OK;

	if (row->what == ADOPT_NEW)
		rc = make_box(a, row, totals, &count, e);
	else if (row->what == ADOPT_PASSWORD)
		rc = give_password(a, row, e);
	else if (row->what == ADOPT_MORE ||
		 (row->what == ADOPT_DONE && !a->in_place[row->box->domain]))
		rc = adoptbox_add(&b, &count, e);
	row->n_new = count.n_new;
	row->octets_new = count.octets_new;
	row->n_before = count.n_before;
	if (rc == EC_OK && row->what == ADOPT_DONE && count.n_new > 0)
		row->what = ADOPT_MORE;
	return rc;
}

static void sum_up(struct adopt_row *row, struct adopt_totals *t)
{
	uint64_t here = row->n_new + row->n_before;

	row->n_missing = row->box->n_msgs > here ? row->box->n_msgs - here : 0;
	if (row->n_missing > 0 && row->why.class == EC_OK)
		err_set(&row->why, EC_BROKEN, "fewer messages than were found could be read");
	row->finished = true;
	t->n_rows[row->what]++;
	t->n_found += row->box->n_msgs;
	t->octets_found += row->box->octets;
	t->n_new += row->n_new;
	t->octets_new += row->octets_new;
	t->n_before += row->n_before;
	t->n_missing += row->n_missing;
}

static enum ec run_row(struct adopt *a, struct adopt_row *row, struct adopt_totals *totals,
		       struct err *e)
{
	struct err why = { 0 };
	enum ec rc = do_row(a, row, totals, &why);

	if (rc != EC_OK) {
		row->what = rc == EC_LOCKED || rc == EC_REFUSED ? ADOPT_LEFT : ADOPT_FAILED;
		row->why = why;
	}
	sum_up(row, totals);
	return ends_all(rc) ? err_set(e, rc, "%s", why.text) : EC_OK;
}

static enum ec make_empty_domains(struct adopt *a, struct adopt_totals *totals, struct err *e)
{
	enum ec rc = EC_OK;

	for (size_t i = 0; i < a->tree->n_domains && rc == EC_OK; i++) {
		const struct winroot_domain *d = &a->tree->domains[i];
		if (d->n_boxes == 0)
			rc = ensure_domain(a, &d->name, totals, e);
	}
	return rc;
}

enum ec adopt_run(struct adopt *a, adopt_row_fn *fn, void *ctx, struct adopt_totals *totals,
		  struct err *e)
{
	enum ec rc = EC_OK;

	*totals = (struct adopt_totals){ 0 };
	mailroot_sweep(a->setup.root, true); /* drafts of a run that was killed take room */
	for (size_t i = 0; i < a->tree->n_boxes && rc == EC_OK; i++) {
		const struct adoptbox b = box_of(a, &a->rows[i]);
		rc = adoptbox_go_on(&b, e);
		if (rc != EC_OK)
			break;
		rc = run_row(a, &a->rows[i], totals, e);
		if (!fn(ctx, &a->rows[i]))
			break;
	}
	return rc == EC_OK ? make_empty_domains(a, totals, e) : rc;
}
