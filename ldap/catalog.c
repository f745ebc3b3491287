/* catalog.c - the catalog whose domains and mailboxes are entries of the directory.
 *
 * The directory says what exists; the mail root only follows. A mailbox's directory is made when the mailbox is first looked
 * up, so whatever an administrator of the directory does with his own tools is live at once, and a second host needs no notice.
 * The first directory of all takes an administrator of ours (`winpop init`, `winpop add`): an empty mail root is rather one that
 * is not mounted, and mail would go under the mount point.
 *
 *	add       directory in the mail root, then the entry: the entry is what makes it exist, so it appears whole. Mail that
 *	          was there before (a mail root that was its own catalog) is never touched, whatever becomes of the entry
 *	unlist    the entry alone: the mail stays where add finds it again
 *	remove    a session's claim is taken first, so nothing has changed if somebody holds it; then the entry, then the
 *	          directory. Ended in between, the mail is out of reach and a second removal deletes it. Mail of a mailbox
 *	          that was ended with other tools stays in the same way, and keeps its name from being added until then.
 *
 * While the directory is away, mailboxes seen before are answered from memory, as they were seen: mail goes on, and so does a
 * sign-in that needs no directory (the password file, a cached result). A lock or a hold set meanwhile counts when the directory is
 * back; one that was seen goes on. No mail of earlier sessions expires meanwhile: the rule may have been changed.
 * An answer of the directory, also "no such mailbox", always counts for more.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ldap/enlist.h"
#include "ldap/home.h"
#include "ldap/memory.h"
#include "ldap/schema.h"
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/utf8.h"
#include "server/catalog/expire.h"

#define REMEMBERED_MOST 100000

struct dir_catalog {
	struct catalog catalog;
	struct dir *dir;
	struct mailroot *root;
	struct memory *memory;
};

static struct dir_catalog *catalog_of(struct catalog *c)
{
	return (struct dir_catalog *)c;
}

/* What a piece of work on a connection is about; each uses what it needs. */
struct errand {
	struct dir *dir;
	const struct name *name;
	struct listed listed;
	struct listing listing;
	bool answered; /* the directory did answer, whatever that was */
	char dn[LISTED_DN_MAX + 1];
	const char *attr, *value;
};

static enum ec run(struct dir_catalog *dc, enum pool_use use, pool_fn *fn, struct errand *r,
		   struct err *e)
{
	r->dir = dc->dir;
	return pool_run(dc->dir->pool, use, fn, r, e);
}

static enum ec make_home(struct dir_catalog *dc, const struct name *n, bool first, struct err *e)
{
	return home_make(dc->root, dc->dir->conf->mailroot, n, first, e);
}

/* ---- looking up ---- */

static enum ec do_find(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;
	enum ec rc = listed_find(r->dir, c, r->name, &r->listed, e);

	r->answered = rc == EC_OK;
	return rc;
}

static enum ec ask(struct dir_catalog *dc, struct errand *r, struct entry *out, struct err *e)
{
	enum ec rc = run(dc, POOL_READ, do_find, r, e);

	return rc == EC_OK ? listed_judge(&r->listed, r->name, out, e) : rc;
}

/* Domains are asked about by administrators, who want to know how it is, not how it was. */
static bool remembered(struct dir_catalog *dc, const struct name *n, struct entry *out)
{
	char text[NAME_TEXT_MAX + 1];

	if (name_is_domain(n) || !memory_recall(dc->memory, n, clock_mono_ms(), out))
		return false;
	log_event(dc->dir->log, LV_INFO, "recipient-remembered", KV("account", name_text(n, text)));
	return true;
}

static void remember(struct dir_catalog *dc, const struct name *n, enum ec rc,
		     const struct entry *found)
{
	if (name_is_domain(n))
		return;
	if (rc == EC_OK)
		memory_note(dc->memory, n, found, clock_mono_ms());
	else if (rc == EC_ABSENT)
		memory_forget(dc->memory, n);
}

static enum ec catalog_find(struct catalog *c, const struct name *n, struct entry *out,
			    struct err *e)
{
	struct dir_catalog *dc = catalog_of(c);
	struct errand r = { .name = n };
	enum ec rc = ask(dc, &r, out, e);

	if (r.answered)
		remember(dc, n, rc, out);
	else if (remembered(dc, n, out))
		rc = EC_OK;
	return rc == EC_OK ? make_home(dc, &out->name, false, e) : rc;
}

/* ---- adding ---- */

static enum ec do_enlist_domain(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;

	return enlist_domain(r->dir, c, r->name, e);
}

/* An entry that is there without a directory of ours was made with other tools: adding it means to take it over. */
static enum ec add_domain(struct dir_catalog *dc, const struct name *n, struct err *e)
{
	bool had_home = home_has(dc->root, n);
	struct errand r = { .name = n };
	enum ec rc = run(dc, POOL_WRITE, do_enlist_domain, &r, e);

	if (rc == EC_OK || (rc == EC_EXISTS && !had_home))
		rc = make_home(dc, n, true, e);
	return rc;
}

static enum ec do_check(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;

	return enlist_check(r->dir, c, r->name, r->dn, e);
}

static enum ec do_enlist_mailbox(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;

	return enlist_mailbox(r->dir, c, r->name, r->dn, e);
}

/* Unless it has become somebody's by now, or may have: a change whose answer was lost may have been made. */
static void take_home_back(struct dir_catalog *dc, const struct name *n)
{
	struct errand r = { .name = n };
	struct entry now;

	if (ask(dc, &r, &now, NULL) == EC_ABSENT)
		mailroot_remove(dc->root, n, NULL);
}

static enum ec add_mailbox(struct dir_catalog *dc, const struct name *n, struct draft **draft,
			   struct err *e)
{
	struct errand r = { .name = n };
	enum ec rc = run(dc, POOL_READ, do_check, &r, e);

	if (rc != EC_OK) {
		draft_drop(draft);
		return rc;
	}
	rc = draft_commit(draft, e);
	if (rc != EC_OK)
		return rc;
	rc = run(dc, POOL_WRITE, do_enlist_mailbox, &r, e);
	if (rc != EC_OK)
		take_home_back(dc, n);
	return rc;
}

static enum ec add_with_mail(struct dir_catalog *dc, const struct name *n, struct err *e)
{
	struct errand r = { .name = n };
	char text[NAME_TEXT_MAX + 1];

	if (!home_has(dc->root, n))
		return err_set(e, EC_ABSENT, "the mail root has no mailbox %s", name_text(n, text));
	enum ec rc = run(dc, POOL_READ, do_check, &r, e);
	return rc == EC_OK ? run(dc, POOL_WRITE, do_enlist_mailbox, &r, e) : rc;
}

static enum ec catalog_add(struct catalog *c, const struct name *n, struct draft **draft,
			   struct err *e)
{
	struct dir_catalog *dc = catalog_of(c);

	if (name_is_domain(n))
		return add_domain(dc, n, e);
	return draft && *draft ? add_mailbox(dc, n, draft, e) : add_with_mail(dc, n, e);
}

/* ---- removing ---- */

static enum ec do_delist_mailbox(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;
	const struct listed_entry *box = &r->listed.box;

	return delist_mailbox(c, box->dn, box->address, &box->marks, e);
}

static enum ec do_delist_domain(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;
	enum ec rc = listing_get(r->dir, c, r->name, &r->listing, e);

	for (size_t i = 0; i < r->listing.n && rc == EC_OK; i++) {
		const struct listing_row *row = r->listing.rows[i];
		rc = delist_mailbox(c, row->dn, row->address, &row->marks, e);
	}
	if (rc == EC_OK && r->listed.has_domain)
		rc = delist_domain(c, r->listed.domain.dn, e);
	return rc;
}

/* EC_ABSENT is for both: neither an entry nor a directory that was left. */
static enum ec remove_home(struct dir_catalog *dc, const struct name *n, bool was_listed,
			   struct err *e)
{
	enum ec rc = mailroot_remove(dc->root, n, e);

	return rc == EC_ABSENT && was_listed ? EC_OK : rc;
}

static enum ec refuse_alias(const struct name *n, const struct listed *l, struct err *e)
{
	char alias[NAME_TEXT_MAX + 1], real[NAME_TEXT_MAX + 1];

	return err_set(e, EC_REFUSED, "%s is another address of %s: name that one",
		       name_text(n, alias), name_text(&l->box.entry.name, real));
}

/* Is one entry, and this name its own? There may be none at all. */
static enum ec find_own(struct dir_catalog *dc, struct errand *r, struct err *e)
{
	enum ec rc = run(dc, POOL_READ, do_find, r, e);

	if (rc != EC_OK || r->listed.n_boxes == 0)
		return rc;
	if (!name_equal(r->name, &r->listed.box.entry.name))
		return refuse_alias(r->name, &r->listed, e);
	return r->listed.n_boxes > 1 ? listed_judge(&r->listed, r->name, NULL, e) : EC_OK;
}

static enum ec remove_mailbox(struct dir_catalog *dc, const struct name *n, struct err *e)
{
	struct errand r = { .name = n };
	struct claim claim;
	enum ec rc = find_own(dc, &r, e);

	if (rc != EC_OK)
		return rc;
	bool is_listed = r.listed.n_boxes > 0, held = false;
	if (is_listed && home_has(dc->root, n)) {
		rc = claim_take(dc->root, n, &claim, e);
		held = rc == EC_OK;
	}
	if (rc == EC_OK && is_listed)
		rc = run(dc, POOL_WRITE, do_delist_mailbox, &r, e);
	if (held)
		claim_drop(&claim);
	memory_forget(dc->memory, n);
	return rc == EC_OK ? remove_home(dc, n, is_listed, e) : rc;
}

static enum ec remove_domain(struct dir_catalog *dc, const struct name *n, struct err *e)
{
	struct errand r = { .name = n };
	enum ec rc = run(dc, POOL_READ, do_find, &r, e);

	if (rc == EC_OK)
		rc = home_probe(dc->root, n, e);
	if (rc == EC_OK)
		rc = run(dc, POOL_WRITE, do_delist_domain, &r, e);
	bool was_listed = r.listed.has_domain || r.listing.n > 0;
	listing_drop(&r.listing);
	return rc == EC_OK ? remove_home(dc, n, was_listed, e) : rc;
}

/* Sessions go on: what they hold is the mail. */
static enum ec catalog_unlist(struct catalog *c, const struct name *n, struct err *e)
{
	struct dir_catalog *dc = catalog_of(c);
	struct errand r = { .name = n };
	char text[NAME_TEXT_MAX + 1];

	assert(!name_is_domain(n));
	enum ec rc = find_own(dc, &r, e);
	if (rc == EC_OK && r.listed.n_boxes == 0)
		rc = err_set(e, EC_ABSENT, "the directory has no mailbox %s", name_text(n, text));
	if (rc == EC_OK)
		rc = run(dc, POOL_WRITE, do_delist_mailbox, &r, e);
	memory_forget(dc->memory, n);
	return rc;
}

static enum ec catalog_remove(struct catalog *c, const struct name *n, struct err *e)
{
	struct dir_catalog *dc = catalog_of(c);

	return name_is_domain(n) ? remove_domain(dc, n, e) : remove_mailbox(dc, n, e);
}

/* ---- locks, holds, quota accounts, rules of expiry ---- */

/* To take away what an old schema does not know is done: nothing is there. */
static enum ec set_value(struct errand *r, struct dir_conn *c, const char *dn, struct err *e)
{
	struct schema_term need = { .name = r->attr,
				    .in = name_is_domain(r->name) ? DOMAIN_CLASS : MAILBOX_CLASS };
	enum ec rc = enlist_set(c, dn, r->attr, r->value, e);

	if (rc != EC_BROKEN)
		return rc;
	rc = schema_blame(r->dir, c, &need, rc, e);
	return !need.known && !(r->value && *r->value) ? EC_OK : rc;
}

/* One connection for both, so that both speak with the same server. */
static enum ec do_set(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;
	const struct listed *l = &r->listed;
	struct entry found;
	enum ec rc = listed_find(r->dir, c, r->name, &r->listed, e);

	if (rc != EC_OK)
		return rc;
	rc = listed_judge(l, r->name, &found, e);
	if (rc == EC_BROKEN && l->n_boxes < 2) /* damaged: this may be what mends it */
		rc = EC_OK;
	if (rc != EC_OK)
		return rc;
	return set_value(r, c, name_is_domain(r->name) ? l->domain.dn : l->box.dn, e);
}

static enum ec catalog_set_flag(struct catalog *c, const struct name *n, enum entry_flag flag,
				bool on, struct err *e)
{
	static const char *const attr[] = {
		[ENTRY_LOCKED] = LOCKED_ATTR,
		[ENTRY_HELD] = HELD_ATTR,
	};
	struct errand r = { .name = n, .attr = attr[flag], .value = on ? "TRUE" : NULL };

	return run(catalog_of(c), POOL_WRITE, do_set, &r, e);
}

static enum ec catalog_set_quota(struct catalog *c, const struct name *n, const char *account,
				 struct err *e)
{
	struct errand r = { .name = n, .attr = QUOTA_ATTR, .value = account };
	size_t len = account ? strlen(account) : 0;

	if (name_is_domain(n))
		return err_set(e, EC_USAGE,
			       "a quota account belongs to a mailbox, not to a domain");
	if (len > NAME_TEXT_MAX ||
	    (len > 0 && (has_control(account, len) || !utf8_valid(account, len))))
		return err_set(e, EC_USAGE, "that is no account name");
	return run(catalog_of(c), POOL_WRITE, do_set, &r, e);
}

static enum ec catalog_set_expire(struct catalog *c, const struct name *n, uint32_t days,
				  struct err *e)
{
	struct errand r = { .name = n, .attr = EXPIRE_ATTR };
	char text[EXPIRE_TEXT_MAX];
	enum ec rc = expire_check(n, days, e);

	if (rc != EC_OK)
		return rc;
	if (days == EXPIRE_NEVER)
		r.value = "-1";
	else if (days != EXPIRE_UNSET)
		r.value = expire_text(days, text);
	return run(catalog_of(c), POOL_WRITE, do_set, &r, e);
}

/* ---- listing ---- */

static enum ec do_list(struct dir_conn *c, void *ctx, struct err *e)
{
	struct errand *r = ctx;
	enum ec rc = r->name ? listed_find(r->dir, c, r->name, &r->listed, e) : EC_OK;

	if (rc == EC_OK && r->name && !r->listed.has_domain)
		rc = err_set(e, EC_ABSENT, "the directory has no domain %s", r->name->domain);
	return rc == EC_OK ? listing_get(r->dir, c, r->name, &r->listing, e) : rc;
}

static void row_entry(const struct errand *r, const struct listing_row *row, struct entry *out)
{
	const struct entry *domain = &r->listed.domain.entry;

	*out = (struct entry){ .locked = row->locked,
			       .held = row->held,
			       .quota_damaged = row->quota_damaged,
			       .domain_locked = r->name && domain->locked,
			       .domain_held = r->name && domain->held,
			       .expire_days = r->name ? domain->expire_days : row->expire_days };
	name_parse_any(&out->name, row->name, strlen(row->name), NAME_FILE, NULL);
	strcpy(out->quota, row->quota);
}

/* A listing goes on behind an entry that is damaged, and tells of the first one at its end. It makes no directories: for a host
 * that is new to many mailboxes that would take minutes. */
static enum ec show(const struct errand *r, bool (*fn)(void *ctx, const struct entry *), void *ctx,
		    struct err *e)
{
	const struct listing *l = &r->listing;
	enum ec rc = EC_OK;

	for (size_t i = 0; i < l->n; i++) {
		const struct listing_row *row = l->rows[i];
		struct entry entry;
		bool again = i > 0 && strcmp(l->rows[i - 1]->name, row->name) == 0;

		if (rc == EC_OK && again)
			rc = err_set(e, EC_BROKEN, "%s is in two entries: %s, %s", row->name,
				     l->rows[i - 1]->dn, row->dn);
		if (rc == EC_OK && row->fault)
			rc = err_set(e, EC_BROKEN, "%s: %s", row->dn, row->fault);
		row_entry(r, row, &entry);
		if (!again && !fn(ctx, &entry))
			break;
	}
	return rc;
}

static enum ec catalog_each(struct catalog *c, const struct name *domain,
			    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	struct errand r = { .name = domain };
	enum ec rc = run(catalog_of(c), POOL_READ, do_list, &r, e);

	if (rc == EC_OK)
		rc = show(&r, fn, ctx, e);
	listing_drop(&r.listing);
	return rc;
}

static void catalog_close(struct catalog **c)
{
	struct dir_catalog *dc = catalog_of(*c);

	memory_free(&dc->memory);
	free(dc);
	*c = NULL;
}

static const struct catalog_ops ops = {
	.name = "directory",
	.far = true,
	.find = catalog_find,
	.add = catalog_add,
	.remove = catalog_remove,
	.set_flag = catalog_set_flag,
	.set_quota = catalog_set_quota,
	.set_expire = catalog_set_expire,
	.each = catalog_each,
	.unlist = catalog_unlist,
	.close = catalog_close,
};

enum ec dir_catalog_open(struct dir *d, struct mailroot *root, struct catalog **out, struct err *e)
{
	struct dir_catalog *dc = mem_new(sizeof(*dc));

	(void)e;
	*dc = (struct dir_catalog){ .catalog = { .ops = &ops }, .dir = d, .root = root };
	dc->memory = memory_new(REMEMBERED_MOST, d->conf->directory_memory_s);
	*out = &dc->catalog;
	return EC_OK;
}
