/* enlist.c - the changes that make a person's entry a mailbox, an entry a domain, and undo that.
 *
 * Directories know no transaction over two entries, so that an address belongs to one entry only is kept in three steps: look
 * whether it is free, write, look again. Who then sees a rival takes his own back. Whoever writes second looks after both have
 * written, so two can never both stay; two at the very same moment may both step back, and are told to try again. Between
 * servers that copy each other there is no such moment: for that there is OpenLDAP's unique overlay, and for what slips through
 * a look-up that refuses an address with two entries (listed.c). Within one entry the attribute itself is the lock: it holds
 * one value, so adding a second one fails.
 *
 * Active Directory (Samba's, at least) refuses a class and its attributes in one change; so there they are two, and the
 * class alone, should we end in between, means nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ldap/enlist.h"
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/limit.h"

static enum ec modify(struct dir_conn *c, struct dir_change *ch, struct err *e)
{
	enum ec rc = dir_conn_modify(c, ch, e);

	change_free(&ch);
	return rc;
}

/* It did not fit where it was read. */
static enum ec check_dn(const char *dn, struct err *e)
{
	return *dn ? EC_OK
		   : err_set(e, EC_BROKEN, "the entry's DN has more than %d octets", LISTED_DN_MAX);
}

/* ---- domains ---- */

/* "ou=winpop,dc=..." only: what other containers are made of is not ours to guess. */
static struct dir_change *container_of(const char *dn)
{
	LDAPDN parts = NULL;
	struct dir_change *ch = NULL;

	if (ldap_str2dn(dn, &parts, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || !parts)
		return NULL;
	const LDAPAVA *first = parts[0][0];
	if (!parts[0][1] && first->la_attr.bv_len == 2 &&
	    strncasecmp(first->la_attr.bv_val, "ou", 2) == 0) {
		ch = change_new(dn);
		change_putz(ch, CHANGE_ADD, "objectClass", "organizationalUnit");
		change_put(ch, CHANGE_ADD, "ou", first->la_value.bv_val, first->la_value.bv_len);
	}
	ldap_dnfree(parts);
	return ch;
}

static enum ec make_container(struct dir_conn *c, const char *dn, struct err *e)
{
	struct dir_change *ch = container_of(dn);
	enum ec rc = ch ? dir_conn_add(c, ch, e) : EC_ABSENT;

	change_free(&ch);
	if (rc == EC_OK || rc == EC_EXISTS)
		return EC_OK;
	if (rc == EC_DENIED || rc == EC_ABSENT)
		return err_set(e, rc,
			       "there is no %s: make it as an administrator of the directory", dn);
	return rc;
}

static enum ec add_domain(struct dir_conn *c, const char *container, const struct name *domain,
			  struct err *e)
{
	struct buf dn = { 0 };

	dn_child(&dn, DOMAIN_ATTR, domain->domain, strlen(domain->domain), container);
	char *text = buf_take(&dn);
	struct dir_change *ch = change_new(text);
	free(text);
	change_putz(ch, CHANGE_ADD, "objectClass", DOMAIN_CLASS);
	change_putz(ch, CHANGE_ADD, DOMAIN_ATTR, domain->domain);
	enum ec rc = dir_conn_add(c, ch, e);
	change_free(&ch);
	return rc;
}

enum ec enlist_domain(struct dir *d, struct dir_conn *c, const struct name *domain, struct err *e)
{
	const struct dir_root *root;
	struct listed l;
	enum ec rc = listed_find(d, c, domain, &l, e);

	if (rc == EC_OK && l.has_domain)
		rc = err_set(e, EC_EXISTS, "the domain %s exists already: %s", domain->domain,
			     l.domain.dn);
	if (rc == EC_OK)
		rc = dir_root_get(d, c, &root, e);
	if (rc != EC_OK)
		return rc;
	rc = add_domain(c, root->domains, domain, e);
	if (rc != EC_ABSENT)
		return rc;
	rc = make_container(c, root->domains, e);
	return rc == EC_OK ? add_domain(c, root->domains, domain, e) : rc;
}

enum ec delist_domain(struct dir_conn *c, const char *dn, struct err *e)
{
	enum ec rc = check_dn(dn, e);

	if (rc == EC_OK)
		rc = dir_conn_delete(c, dn, e);
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* ---- mailboxes ---- */

static enum ec check_address(const struct listed *l, const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	if (l->n_boxes > 0)
		return err_set(e, EC_EXISTS, "%s is in use already: %s", text, l->box.dn);
	if (l->n_alike > 0)
		return err_set(e, EC_EXISTS, "%s is the same to the directory as an address of %s",
			       text, l->other_dn);
	if (!l->has_domain)
		return err_set(e, EC_ABSENT, "the directory has no domain %s", n->domain);
	return EC_OK;
}

static enum ec check_person(const struct person *p, const struct name *n, char *dn, struct err *e)
{
	char wanted[NAME_TEXT_MAX + 1], has[NAME_TEXT_MAX + 1];

	name_text(n, wanted);
	if (!p->account.key[0])
		return err_set(e, EC_BROKEN, "the DN of %s is too long", wanted);
	if (p->is_mailbox)
		return err_set(e, EC_EXISTS,
			       "%s has the mailbox %s already; %s can be a " ALIAS_ATTR " of it",
			       p->account.key, name_text(&p->account.name, has), wanted);
	snprintf(dn, LISTED_DN_MAX + 1, "%s", p->account.key);
	return EC_OK;
}

enum ec enlist_check(struct dir *d, struct dir_conn *c, const struct name *mailbox, char *dn,
		     struct err *e)
{
	struct listed l;
	struct typed who;
	struct person p;
	enum ec rc = listed_find(d, c, mailbox, &l, e);

	if (rc == EC_OK)
		rc = check_address(&l, mailbox, e);
	if (rc != EC_OK)
		return rc;
	typed_address(&who, mailbox);
	rc = person_search(d, c, &who, &p, e);
	return rc == EC_OK ? check_person(&p, mailbox, dn, e) : rc;
}

static enum ec add_class(struct dir_conn *c, const char *dn, struct err *e)
{
	struct dir_change *ch = change_new(dn);

	change_putz(ch, CHANGE_ADD, "objectClass", MAILBOX_CLASS);
	enum ec rc = modify(c, ch, e);
	return rc == EC_EXISTS ? EC_OK : rc; /* an attempt ended in between */
}

static enum ec add_address(const struct dir *d, struct dir_conn *c, const struct name *n,
			   const char *dn, struct err *e)
{
	bool apart = d->flavour == &flavour_ad;
	char text[NAME_TEXT_MAX + 1];
	enum ec rc = apart ? add_class(c, dn, e) : EC_OK;

	if (rc != EC_OK)
		return rc;
	struct dir_change *ch = change_new(dn);
	if (!apart)
		change_putz(ch, CHANGE_ADD, "objectClass", MAILBOX_CLASS);
	change_putz(ch, CHANGE_ADD, ADDRESS_ATTR, name_text(n, text));
	return modify(c, ch, e);
}

enum ec enlist_mailbox(struct dir *d, struct dir_conn *c, const struct name *mailbox,
		       const char *dn, struct err *e)
{
	/* Its limit, should it have one already, is kept by whatever else it is. */
	static const struct listed_marks made = { .is_mailbox = true, .is_account = true };
	char text[NAME_TEXT_MAX + 1];
	struct listed l;
	enum ec rc = add_address(d, c, mailbox, dn, e);

	if (rc == EC_OK)
		rc = listed_find(d, c, mailbox, &l, e);
	if (rc != EC_OK || l.n_boxes + l.n_alike < 2)
		return rc;
	name_text(mailbox, text);
	rc = delist_mailbox(c, dn, text, &made, e);
	return rc == EC_OK ? err_set(e, EC_EXISTS,
				     "%s was given to somebody else at the same moment; look, and "
				     "try again",
				     text)
			   : rc;
}

static void drop_all(struct dir_change *ch, const char *const *attrs)
{
	for (; *attrs; attrs++)
		change_drop(ch, CHANGE_REPLACE, *attrs);
}

enum ec delist_mailbox(struct dir_conn *c, const char *dn, const char *address,
		       const struct listed_marks *marks, struct err *e)
{
	static const char *const with_it[] = { ALIAS_ATTR, LOCKED_ATTR, QUOTA_ATTR, NULL };
	enum ec rc = check_dn(dn, e);

	if (rc != EC_OK)
		return rc;
	struct dir_change *ch = change_new(dn);

	/* This address and no other: it fails if somebody has changed it since it was read. */
	change_putz(ch, CHANGE_DELETE, ADDRESS_ATTR, address);
	drop_all(ch, with_it);
	if (marks->held)
		change_drop(ch, CHANGE_REPLACE, HELD_ATTR);
	if (!marks->is_account)
		drop_all(ch, limit_attrs);
	if (marks->is_mailbox)
		change_putz(ch, CHANGE_DELETE, "objectClass", MAILBOX_CLASS);
	rc = modify(c, ch, e);
	return rc == EC_ABSENT ? EC_OK : rc;
}

enum ec enlist_set(struct dir_conn *c, const char *dn, const char *attr, const char *value,
		   struct err *e)
{
	enum ec rc = check_dn(dn, e);

	if (rc != EC_OK)
		return rc;
	struct dir_change *ch = change_new(dn);
	if (value && *value)
		change_putz(ch, CHANGE_REPLACE, attr, value);
	else
		change_drop(ch, CHANGE_REPLACE, attr);
	return modify(c, ch, e);
}
