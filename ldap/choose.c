/* choose.c - from a person to a mailbox.
 *
 * People have several addresses, one of them has the mailbox; an entry that winpop did not write does not say which. The catalog
 * knows. An account that has no address at all was linked by its name when its mailbox was added: there the catalog's domains are
 * tried. Whatever was not typed but found in this way must lead back to the entry, or kim of one domain would read the mail of kim
 * of another, and a mailbox that two entries could mean would be open to both of them by their logon names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/choose.h"
#include "server/base/buf.h"
#include "server/base/mem.h"

/* EC_ABSENT becomes "no": any other trouble is one. */
static enum ec has(struct catalog *cat, const struct name *n, bool *out, struct err *e)
{
	struct entry found;
	enum ec rc = cat->ops->find(cat, n, &found, e);

	*out = rc == EC_OK;
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* Is this very entry whom the address leads to? Another one may have more right to it, or as much. */
static enum ec leads_to(struct dir *d, const struct name *n, const struct person *p, bool *out,
			struct err *e)
{
	struct person *other = mem_new(sizeof(*other));
	struct typed who;

	typed_address(&who, n);
	enum ec rc = person_find(d, &who, other, e);
	*out = rc == EC_OK && strcmp(other->account.key, p->account.key) == 0;
	free(other);
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* ---- LOGON@DOMAIN ---- */

/* Each with its NUL. */
static bool keep_domain(void *ctx, const struct entry *en)
{
	buf_add(ctx, en->name.domain, strlen(en->name.domain) + 1);
	return true;
}

static bool make_name(struct name *out, const char *logon, const char *domain)
{
	char text[NAME_TEXT_MAX + 1 + NAME_DOMAIN_MAX + 1];
	int len = snprintf(text, sizeof(text), "%s@%s", logon, domain);

	return name_parse(out, text, (size_t)len, NAME_DIRECTORY, NULL) == EC_OK;
}

typedef enum ec name_fn(void *ctx, const struct name *n, bool *stop, struct err *e);

/* fn sees the mailboxes called LOGON of all domains. */
static enum ec each_namesake(struct catalog *cat, const char *logon, name_fn *fn, void *ctx,
			     struct err *e)
{
	struct buf all = { 0 };
	bool found, stop = false;
	struct name n;
	enum ec rc = cat->ops->each(cat, NULL, keep_domain, &all, e);

	for (const char *at = buf_at(&all), *end = at + all.len; rc == EC_OK && !stop && at < end;
	     at += strlen(at) + 1) {
		if (!make_name(&n, logon, at))
			continue;
		rc = has(cat, &n, &found, e);
		if (rc == EC_OK && found)
			rc = fn(ctx, &n, &stop, e);
	}
	buf_drop(&all);
	return rc;
}

struct linked {
	struct dir *d;
	const struct person *p;
	const struct name *except; /* may be NULL */
	unsigned n, enough;
	struct name last; /* of n */
};

static enum ec count_own(void *ctx, const struct name *n, bool *stop, struct err *e)
{
	struct linked *l = ctx;
	bool own;

	if (l->except && name_equal(n, l->except))
		return EC_OK;
	enum ec rc = leads_to(l->d, n, l->p, &own, e);
	if (rc == EC_OK && own) {
		l->last = *n;
		*stop = ++l->n == l->enough;
	}
	return rc;
}

static enum ec choose_linked(struct dir *d, struct catalog *cat, struct person *p, bool *done,
			     struct err *e)
{
	struct linked l = { .d = d, .p = p, .enough = 2 };
	enum ec rc = each_namesake(cat, p->account.logon, count_own, &l, e);

	if (rc == EC_OK && l.n > 1)
		return err_set(e, EC_ABSENT,
			       "%s has a mailbox in more than one domain: the whole address is "
			       "needed",
			       p->account.logon);
	*done = l.n == 1;
	if (*done)
		p->account.name = l.last;
	return rc;
}

/* Where MAILBOX_ATTR is, it alone says which mailbox is the entry's. */
static enum ec count_addresses(struct catalog *cat, struct linked *l, struct err *e)
{
	enum ec rc = EC_OK;

	for (unsigned i = 0; rc == EC_OK && l->n == 0 && i < l->p->n_addresses; i++) {
		const struct name *n = &l->p->addresses[i];
		bool found, stop;

		rc = has(cat, n, &found, e);
		if (rc == EC_OK && found)
			rc = count_own(l, n, &stop, e);
	}
	return rc;
}

enum ec choose_other(struct dir *d, struct catalog *cat, const struct person *p,
		     const struct name *except, struct name *other, struct err *e)
{
	struct linked l = { .d = d, .p = p, .except = except, .enough = 1 };
	enum ec rc = EC_OK;

	if (p->is_mailbox && !name_equal(&p->account.name, except)) {
		*other = p->account.name;
		return EC_OK;
	}
	if (!p->is_mailbox)
		rc = count_addresses(cat, &l, e);
	if (rc == EC_OK && l.n == 0 && !p->has_mail)
		rc = each_namesake(cat, p->account.logon, count_own, &l, e);
	if (rc == EC_OK && l.n == 0)
		return err_set(e, EC_ABSENT, "%s serves no other mailbox", p->account.key);
	*other = l.last;
	return rc;
}

/* ---- all of it ---- */

static enum ec choose_address(struct dir *d, struct catalog *cat, const struct typed *who,
			      struct person *p, bool *done, struct err *e)
{
	enum ec rc = EC_OK;

	if (who->is_address) {
		p->account.name = who->address;
		rc = has(cat, &who->address, done, e);
	}
	/* One that was not typed may be in another entry too, or be its MAILBOX_ATTR. */
	for (unsigned i = 0; rc == EC_OK && !*done && i < p->n_addresses; i++) {
		const struct name *n = &p->addresses[i];
		bool there;

		rc = has(cat, n, &there, e);
		if (rc == EC_OK && there)
			rc = leads_to(d, n, p, done, e);
		if (*done || (!there && !*p->account.name.local))
			p->account.name = *n;
	}
	return rc;
}

enum ec choose_mailbox(struct dir *d, struct catalog *cat, const struct typed *who,
		       struct person *p, struct err *e)
{
	bool done = p->is_mailbox;
	enum ec rc = EC_OK;

	if (!done)
		rc = choose_address(d, cat, who, p, &done, e);
	/* MATCH_LINKED: the name was tried already, and one of another domain was not typed */
	if (rc == EC_OK && !done && !p->has_mail && p->match != MATCH_LINKED)
		rc = choose_linked(d, cat, p, &done, e);
	if (rc != EC_OK || done || who->is_address)
		return rc;
	if (!*p->account.name.local)
		return err_set(e, EC_ABSENT, "%s has no address of its own, so no mailbox",
			       p->account.key);
	return EC_OK;
}
