/* listed.c - one search that answers for a mailbox and its domain together.
 *
 * Every sign-in and every recipient looks a mailbox up, so it is one round trip: the filter asks for the domain's entry beside
 * the mailbox's. Remembering domains for a few seconds would have saved the server a term of an indexed filter and
 * cost what it is worth: this way a lock counts at once, on every host.
 *
 * What the server takes for equal need not be equal: OpenLDAP folds the case of all letters, Active Directory accents too.
 * Mail for jose@ must not reach josé@, so the values that come back are compared once more, by the rules of names.
 */
#include <stdio.h>
#include <string.h>
#include "ldap/escape.h"
#include "ldap/limit.h"
#include "ldap/listed.h"
#include "server/base/arena.h"
#include "server/base/utf8.h"
#include "server/catalog/expire.h"

#define ENTRIES_MOST 16 /* two are expected; more only says how broken it is */

const char *const listed_attrs[] = { "objectClass", ADDRESS_ATTR, ALIAS_ATTR,
				     LOCKED_ATTR,   HELD_ATTR,    QUOTA_ATTR,
				     DOMAIN_ATTR,   EXPIRE_ATTR,  NULL };

struct hunt {
	const struct name *name; /* NULL: the domain alone is looked for */
	const char *domain;
	struct listed *out;
};

/* ---- reading an entry ---- */

static bool read_name(struct dir_entry *en, const char *attr, unsigned i, struct name *out)
{
	size_t len;
	const char *value = dir_entry_value(en, attr, i, &len);

	/* The widest rule: what may be added is for those to judge who add. */
	return value && (strcmp(attr, DOMAIN_ATTR) == 0
				 ? name_parse_domain(out, value, len, NULL)
				 : name_parse(out, value, len, NAME_FILE, NULL)) == EC_OK;
}

/* Below 0: never. What cannot be read deletes nothing. */
static uint32_t read_expire(struct dir_entry *en)
{
	size_t len;
	int64_t days;

	if (!dir_entry_value(en, EXPIRE_ATTR, 0, &len))
		return EXPIRE_UNSET;
	if (!dir_entry_i64(en, EXPIRE_ATTR, &days) || days > EXPIRE_DAYS_MAX)
		return EXPIRE_DAMAGED;
	return days < 0 ? EXPIRE_NEVER : (uint32_t)days;
}

/* Whose mail it is charged to cannot be told then: it may be retrieved, and new mail waits. */
static void read_quota(struct dir_entry *en, struct entry *out)
{
	size_t len;
	const char *value = dir_entry_value(en, QUOTA_ATTR, 0, &len);

	if (!value)
		return;
	out->quota_damaged = has_control(value, len) || !utf8_valid(value, len) ||
			     !dir_entry_text(en, QUOTA_ATTR, out->quota, sizeof(out->quota));
	if (out->quota_damaged)
		out->quota[0] = '\0';
}

static void read_marks(struct dir_entry *en, struct listed_marks *out)
{
	size_t len;

	out->is_mailbox = dir_entry_has(en, "objectClass", MAILBOX_CLASS);
	out->is_account = dir_entry_has(en, "objectClass", QUOTA_CLASS);
	out->held = dir_entry_value(en, HELD_ATTR, 0, &len) != NULL;
}

bool listed_read(struct dir_entry *en, struct listed_entry *out)
{
	size_t len;
	const char *dn = dir_entry_dn(en);
	bool domain = dir_entry_value(en, DOMAIN_ATTR, 0, &len) != NULL;

	*out = (struct listed_entry){ .entry.expire_days = EXPIRE_UNSET };
	read_marks(en, &out->marks);
	if (strlen(dn) <= LISTED_DN_MAX) /* a part of it would be another entry's */
		strcpy(out->dn, dn);
	if (!read_name(en, domain ? DOMAIN_ATTR : ADDRESS_ATTR, 0, &out->entry.name))
		return false;
	dir_entry_text(en, ADDRESS_ATTR, out->address, sizeof(out->address));
	out->entry.locked = dir_entry_bool(en, LOCKED_ATTR);
	out->entry.held = dir_entry_bool(en, HELD_ATTR);
	if (domain)
		out->entry.expire_days = read_expire(en);
	read_quota(en, &out->entry);
	if (!*out->dn)
		out->fault = "its DN is too long";
	return true;
}

static bool has_alias(struct dir_entry *en, const struct name *wanted)
{
	struct name n;
	size_t len;

	for (unsigned i = 0; dir_entry_value(en, ALIAS_ATTR, i, &len); i++) {
		if (read_name(en, ALIAS_ATTR, i, &n) && name_equal(&n, wanted))
			return true;
	}
	return false;
}

/* ---- one name ---- */

static void take_box(struct hunt *h, struct dir_entry *en, const struct listed_entry *found,
		     bool is_name)
{
	struct listed *l = h->out;

	if (is_name && (name_equal(&found->entry.name, h->name) || has_alias(en, h->name))) {
		if (l->n_boxes++ == 0)
			l->box = *found;
		else
			strcpy(l->other_dn, found->dn);
	} else {
		l->n_alike++;
		strcpy(l->other_dn, found->dn);
	}
}

/* A domain that somebody entered twice is locked, or held, if either says so; and of two rules of expiry neither is to be trusted. */
static void take_domain(struct listed *l, const struct listed_entry *found)
{
	const struct entry before = l->domain.entry;
	bool again = l->has_domain;

	l->domain = *found;
	l->has_domain = true;
	if (!again)
		return;
	l->domain.entry.locked |= before.locked;
	l->domain.entry.held |= before.held;
	if (before.expire_days != found->entry.expire_days)
		l->domain.entry.expire_days = EXPIRE_DAMAGED;
}

static bool take_entry(void *ctx, struct dir_entry *en)
{
	struct hunt *h = ctx;
	struct listed_entry found;
	bool is_name = listed_read(en, &found);

	if (is_name && strcmp(found.entry.name.domain, h->domain) == 0 &&
	    name_is_domain(&found.entry.name))
		take_domain(h->out, &found);
	else if (h->name)
		take_box(h, en, &found, is_name);
	return true;
}

/* What was cut off may be the domain, or a second mailbox of this name. */
static enum ec look(struct dir_conn *c, const char *base, struct buf *filter, struct hunt *h,
		    struct err *e)
{
	bool cut = false;

	buf_add(filter, ")", sizeof(")"));
	const struct dir_query q = { .base = base,
				     .scope = LDAP_SCOPE_SUBTREE,
				     .filter = buf_at(filter),
				     .attrs = listed_attrs,
				     .most = ENTRIES_MOST,
				     .cut = &cut };
	enum ec rc = dir_conn_search(c, &q, take_entry, h, e);

	if (rc == EC_OK && cut)
		rc = err_set(e, EC_BROKEN,
			     "there are more entries for one name than the server shows: %s",
			     buf_at(filter));
	buf_drop(filter);
	return rc;
}

const char *listed_domains(const struct dir_root *root)
{
	return dn_lies_in(root->domains, root->base) ? root->base : root->domains;
}

enum ec listed_no_base(const struct dir_root *root, struct err *e)
{
	return err_set(e, EC_BROKEN,
		       "directory_base = %s does not exist, or the service may not see it",
		       root->base);
}

/* Where domains are may not have been made yet: then there is none. */
static enum ec look_for_domain(struct dir_conn *c, const struct dir_root *root, const char *domain,
			       struct listed *out, struct err *e)
{
	struct buf filter = { 0 };
	struct hunt h = { .domain = domain, .out = out };

	out->has_domain = false;
	buf_addz(&filter, "(|");
	filter_equals(&filter, DOMAIN_ATTR, domain, strlen(domain));
	const char *place = listed_domains(root);
	enum ec rc = look(c, place, &filter, &h, e);
	if (rc == EC_ABSENT)
		rc = place == root->base ? listed_no_base(root, e) : EC_OK;
	return rc;
}

static enum ec look_for_all(struct dir_conn *c, const struct dir_root *root, const struct name *n,
			    bool with_domain, struct listed *out, struct err *e)
{
	struct buf filter = { 0 };
	struct hunt h = { .name = n, .domain = n->domain, .out = out };
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	buf_addz(&filter, "(|");
	if (with_domain)
		filter_equals(&filter, DOMAIN_ATTR, n->domain, strlen(n->domain));
	filter_equals(&filter, ADDRESS_ATTR, text, strlen(text));
	filter_equals(&filter, ALIAS_ATTR, text, strlen(text));
	enum ec rc = look(c, root->base, &filter, &h, e);
	return rc == EC_ABSENT ? listed_no_base(root, e) : rc;
}

enum ec listed_find(struct dir *d, struct dir_conn *c, const struct name *n, struct listed *out,
		    struct err *e)
{
	const struct dir_root *root;
	enum ec rc = dir_root_get(d, c, &root, e);

	*out = (struct listed){ 0 };
	if (rc != EC_OK)
		return rc;
	if (name_is_domain(n))
		return look_for_domain(c, root, n->domain, out, e);
	bool together = listed_domains(root) == root->base;
	rc = look_for_all(c, root, n, together, out, e);
	const char *domain = out->n_boxes ? out->box.entry.name.domain : n->domain;
	if (rc == EC_OK && (!together || strcmp(domain, n->domain) != 0))
		rc = look_for_domain(c, root, domain, out, e);
	return rc;
}

static enum ec judge_fault(const struct listed_entry *found, struct err *e)
{
	return found->fault ? err_set(e, EC_BROKEN, "%s: %s", found->dn, found->fault) : EC_OK;
}

static enum ec judge_domain(const struct listed *l, const struct name *n, struct entry *out,
			    struct err *e)
{
	if (!l->has_domain)
		return err_set(e, EC_ABSENT, "the directory has no domain %s", n->domain);
	*out = l->domain.entry;
	return judge_fault(&l->domain, e);
}

enum ec listed_judge(const struct listed *l, const struct name *n, struct entry *out, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	if (name_is_domain(n))
		return judge_domain(l, n, out, e);
	if (l->n_boxes == 0)
		return err_set(e, EC_ABSENT, "the directory has no mailbox %s", name_text(n, text));
	if (!l->has_domain)
		return err_set(
			e, EC_ABSENT,
			"the directory has a mailbox %s and no domain %s: make it with winpop add",
			name_text(n, text), l->box.entry.name.domain);
	if (l->n_boxes > 1)
		return err_set(e, EC_BROKEN,
			       "%s is in two entries: %s, %s; leave it to one of them",
			       name_text(n, text), l->box.dn, l->other_dn);
	*out = l->box.entry;
	out->domain_locked = l->domain.entry.locked;
	out->domain_held = l->domain.entry.held;
	out->expire_days = l->domain.entry.expire_days;
	return judge_fault(&l->box, e);
}
