/* person.c - who is meant by a name: one search, and the better of what it finds.
 *
 * A sign-in may cost one search, so one filter asks for everything that the name could be - an address, a logon name, the name
 * that AD makes up of both - and the entries that come back are weighed here. Weighing in the filter instead would take a search
 * per kind. What is weighed and not decided is ambiguous, and then it is nobody: signing in as the first of two would hand somebody's
 * mail to somebody else.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/limit.h"
#include "server/base/utf8.h"

#define ENTRIES_MOST 16 /* more than one of the best kind is as bad as many */

struct hunt {
	struct dir *d;
	const struct dir_root *root;
	const struct typed *who;
	bool marked;        /* the mark is read */
	const char *wanted; /* mark; may be NULL */
	struct person *best;
	unsigned n_best;
	char other[ACCOUNT_KEY_MAX + 1]; /* DN of one more as good as the best */
};

/* ---- the filter ---- */

static void add_addresses(struct buf *b, const struct dir_root *root, const struct name *n)
{
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	for (unsigned i = 0; root->address[i]; i++)
		filter_equals(b, root->address[i], text, strlen(text));
}

/* The name first: servers go through the terms of an "and" in their order, and stop where next to nobody is left. */
static void make_filter(struct buf *b, const struct hunt *h, bool by_logon)
{
	const struct dir_names *names = h->d->names;

	buf_addz(b, "(&(|");
	if (h->who->is_address)
		add_addresses(b, h->root, &h->who->address);
	if (by_logon)
		filter_equals(b, names->logon, h->who->logon, strlen(h->who->logon));
	buf_fmt(b, ")%s)", names->filter);
	buf_add(b, "", 1);
}

/* ---- reading an entry ---- */

/* Room for addresses is most of a person; what nobody looks at is neither cleared nor copied. */
static void clear(struct person *p)
{
	memset(p, 0, offsetof(struct person, addresses));
}

static void copy(struct person *to, const struct person *from)
{
	memcpy(to, from,
	       offsetof(struct person, addresses) + from->n_addresses * sizeof(from->addresses[0]));
}

static void add_address(struct person *p, const struct name *n)
{
	for (unsigned i = 0; i < p->n_addresses; i++) {
		if (name_equal(&p->addresses[i], n))
			return;
	}
	if (p->n_addresses < PERSON_ADDRESSES_MAX)
		p->addresses[p->n_addresses++] = *n;
}

static void raise(struct person *p, enum match m)
{
	if (m > p->match)
		p->match = m;
}

/* What can be no mailbox of ours is passed over; an address (kim+lists@example.com) is mail that goes elsewhere all the same. */
static void read_addresses(const struct hunt *h, struct dir_entry *en, const char *attr,
			   enum match worth, struct person *p)
{
	bool implied = strcasecmp(attr, h->d->names->implied) == 0;
	struct name n;
	const char *value;
	size_t len;

	for (unsigned i = 0; (value = dir_entry_value(en, attr, i, &len)); i++) {
		if (!implied && memchr(value, '@', len))
			p->has_mail = true;
		if (name_parse(&n, value, len, NAME_DIRECTORY, NULL) != EC_OK)
			continue;
		add_address(p, &n);
		if (h->who->is_address && name_equal(&n, &h->who->address))
			raise(p, worth);
	}
}

/* With its own attribute an entry says which of its addresses has the mailbox; the others lead to it. */
static void read_mailbox(const struct hunt *h, struct dir_entry *en, struct person *p)
{
	char text[NAME_TEXT_MAX + 1];

	if (!dir_entry_text(en, MAILBOX_ATTR, text, sizeof(text)) ||
	    name_parse(&p->account.name, text, strlen(text), NAME_DIRECTORY, NULL) != EC_OK)
		return;
	p->is_mailbox = p->has_mail = true;
	if (h->who->is_address && name_equal(&p->account.name, &h->who->address))
		raise(p, MATCH_MAILBOX);
}

/* AD takes LOGON@DOMAIN of everybody, whatever the entry has for a UPN (MS-ADTS section 5.1.1.1.1). */
static void add_implicit_upn(const struct dir_root *root, struct person *p)
{
	char text[NAME_TEXT_MAX + 1 + NAME_DOMAIN_MAX + 1];
	struct name n;

	if (!*root->dns || !*p->account.logon)
		return;
	int len = snprintf(text, sizeof(text), "%s@%s", p->account.logon, root->dns);
	if (name_parse(&n, text, (size_t)len, NAME_DIRECTORY, NULL) == EC_OK)
		add_address(p, &n);
}

static bool own_domain(const struct dir_root *root, const char *domain)
{
	return (*root->dns && strcasecmp(domain, root->dns) == 0) ||
	       (*root->netbios && strcasecmp(domain, root->netbios) == 0);
}

/* Without an address the filter asked for nothing but the logon name, and the server knows best which letters are the same.
 * With one it may have been any of the addresses. */
static void weigh_logon(const struct hunt *h, struct dir_entry *en, struct person *p)
{
	const struct typed *who = h->who;

	if (!who->is_address)
		raise(p, MATCH_LOGON);
	else if (!dir_entry_has(en, h->d->names->logon, who->logon))
		return;
	else if (own_domain(h->root, who->address.domain))
		raise(p, MATCH_LOGON);
	else if (!p->has_mail)
		raise(p, MATCH_LINKED);
}

static void read_stamp(const struct dir_root *root, struct dir_entry *en, struct account *out)
{
	for (unsigned i = 0; root->stamp[i]; i++) {
		if (dir_entry_text(en, root->stamp[i], out->stamp, sizeof(out->stamp)))
			return;
	}
}

/* Whoever looks after the account may have put other values beside ours. */
static void read_mark(const struct hunt *h, struct dir_entry *en, struct person *p)
{
	const char *value;
	size_t len;

	for (unsigned i = 0; (value = dir_entry_value(en, h->d->flavour->mark, i, &len)); i++) {
		bool wanted =
			h->wanted && len == strlen(h->wanted) && memcmp(value, h->wanted, len) == 0;
		if (len > ACCOUNT_MARK_MAX || !ascii_only(value, len) || has_control(value, len) ||
		    (*p->mark && !wanted))
			continue;
		memcpy(p->mark, value, len);
		p->mark[len] = '\0';
	}
}

static void read_person(const struct hunt *h, struct dir_entry *en, struct person *p)
{
	dir_entry_text(en, h->d->names->logon, p->account.logon, sizeof(p->account.logon));
	read_mailbox(h, en, p);
	for (unsigned i = 0; h->root->address[i]; i++)
		read_addresses(h, en, h->root->address[i], MATCH_ADDRESS, p);
	add_implicit_upn(h->root, p);
	weigh_logon(h, en, p);
	read_stamp(h->root, en, &p->account);
	if (h->d->conf->catalog == CATALOG_DIRECTORY)
		limit_read(en, &p->account);
	if (h->marked) {
		read_mark(h, en, p);
		dir_entry_text(en, h->d->flavour->changed, p->changed, sizeof(p->changed));
	}
	h->d->flavour->read_state(h->root, en, &p->account);
}

/* ---- the search ---- */

/* A DN above ACCOUNT_KEY_MAX is nobody's we could sign in: taking a part of it would be somebody else's. Nor is the empty one: a bind
 * as that is anonymous, whatever the password. */
static bool take_entry(void *ctx, struct dir_entry *en)
{
	struct hunt *h = ctx;
	const char *dn = dir_entry_dn(en);
	struct person p;

	if (*dn == '\0' || strlen(dn) > ACCOUNT_KEY_MAX)
		return true;
	clear(&p);
	strcpy(p.account.key, dn);
	read_person(h, en, &p);
	if (p.match == MATCH_NONE || p.match < h->best->match)
		return true;
	if (p.match == h->best->match) {
		h->n_best++;
		strcpy(h->other, dn);
		return true;
	}
	copy(h->best, &p);
	h->n_best = 1;
	return true;
}

static enum ec judge(const struct hunt *h, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];
	const char *who = h->who->is_address ? name_text(&h->who->address, text) : h->who->logon;

	if (h->n_best == 0)
		return err_set(e, EC_ABSENT, "the directory has no account %s", who);
	if (h->n_best > 1)
		return err_set(e, EC_ABSENT,
			       "%s could be either of two entries: %s, %s; leave it to one of them",
			       who, h->best->account.key, h->other);
	return EC_OK;
}

/* DOMAIN\user is ours if DOMAIN is. A directory that has no such name takes any: the user part alone says who is meant, and SPA
 * clients fill in whatever they are set to, often their computer's name. */
static enum ec check_domain(const struct dir *d, const struct dir_root *root, const char *domain,
			    struct err *e)
{
	const char *setting = d->conf->ntlm_domain;
	bool any = !*setting && !*root->dns && !*root->netbios;

	if (!*domain || any || strcasecmp(domain, setting) == 0 ||
	    (*root->dns && strcasecmp(domain, root->dns) == 0) ||
	    (!*setting && strcasecmp(domain, root->netbios) == 0))
		return EC_OK;
	return err_set(e, EC_ABSENT, "the domain %s is not ours", domain);
}

static enum ec look(struct hunt *h, struct dir_conn *c, bool by_logon, bool *cut, struct err *e)
{
	struct buf filter = { 0 };

	clear(h->best);
	*cut = false;
	h->n_best = 0;
	make_filter(&filter, h, by_logon);
	const struct dir_query q = { .base = h->root->base,
				     .scope = LDAP_SCOPE_SUBTREE,
				     .filter = buf_at(&filter),
				     .attrs = h->marked ? h->root->marked : h->root->attrs,
				     .most = ENTRIES_MOST,
				     .cut = cut };
	enum ec rc = dir_conn_search(c, &q, take_entry, h, e);
	buf_drop(&filter);
	if (rc == EC_ABSENT)
		return err_set(e, EC_BROKEN, "directory_base = %s does not exist", h->root->base);
	return rc;
}

/* The better of the entries may be among those that were cut off. */
static enum ec too_many(const struct hunt *h, struct err *e)
{
	return err_set(e, EC_ABSENT,
		       "%s could be any of more entries than the server shows at a time%s",
		       h->who->logon, h->who->is_address ? "" : ": the whole address is needed");
}

static enum ec run_search(struct dir_conn *c, void *ctx, struct err *e)
{
	struct hunt *h = ctx;
	bool cut = false;
	enum ec rc = dir_root_get(h->d, c, &h->root, e);

	clear(h->best);
	if (rc == EC_OK)
		rc = check_domain(h->d, h->root, h->who->domain, e);
	if (rc == EC_OK)
		rc = look(h, c, true, &cut, e);
	/* Every company of a hosting service has an "info": its address alone tells which. */
	if (rc == EC_OK && cut && h->who->is_address) {
		rc = look(h, c, false, &cut, e);
		cut = cut || h->n_best == 0;
	}
	if (rc == EC_OK && cut)
		rc = too_many(h, e);
	return rc == EC_OK ? judge(h, e) : rc;
}

enum ec person_search(struct dir *d, struct dir_conn *c, const struct typed *who,
		      struct person *out, struct err *e)
{
	struct hunt h = { .d = d, .who = who, .best = out };

	return run_search(c, &h, e);
}

enum ec person_find(struct dir *d, const struct typed *who, struct person *out, struct err *e)
{
	struct hunt h = { .d = d, .who = who, .best = out };

	return pool_run(d->pool, POOL_READ, run_search, &h, e);
}

/* ---- without their names ---- */

/* No address: an entry that comes is one that was asked for. */
static const struct typed nobody;

/* By mail, which has an index; few have one of marks. */
static void make_mark_filter(struct buf *b, const char *attr, const struct name *n,
			     const char *mark)
{
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	buf_addz(b, "(&");
	filter_equals(b, "mail", text, strlen(text));
	filter_equals(b, attr, mark, strlen(mark));
	buf_addz(b, ")");
	buf_add(b, "", 1);
}

enum ec person_by_mark(struct dir *d, struct dir_conn *c, const struct name *n, const char *mark,
		       struct person *out, struct err *e)
{
	struct hunt h = { .d = d, .who = &nobody, .marked = true, .wanted = mark, .best = out };
	struct buf filter = { 0 };
	enum ec rc = dir_root_get(d, c, &h.root, e);

	clear(out);
	if (rc != EC_OK)
		return rc;
	make_mark_filter(&filter, d->flavour->mark, n, mark);
	const struct dir_query q = { .base = h.root->new_users,
				     .scope = LDAP_SCOPE_SUBTREE,
				     .filter = buf_at(&filter),
				     .attrs = h.root->marked,
				     .most = ENTRIES_MOST };
	rc = dir_conn_search(c, &q, take_entry, &h, e);
	buf_drop(&filter);
	if (rc == EC_OK && h.n_best > 1)
		return err_set(e, EC_ABSENT, "%s and %s have the mark %s", out->account.key,
			       h.other, mark);
	if (rc == EC_OK && h.n_best == 0)
		return err_set(e, EC_ABSENT, "nobody has the mark %s", mark);
	return rc;
}

static enum ec run_marked(struct dir_conn *c, void *ctx, struct err *e)
{
	struct hunt *h = ctx;
	enum ec rc = run_search(c, h, e);

	if (rc == EC_ABSENT && h->best->match == MATCH_NONE && h->wanted)
		rc = person_by_mark(h->d, c, &h->who->address, h->wanted, h->best, e);
	return rc;
}

enum ec person_find_marked(struct dir *d, const struct name *n, const char *wanted,
			   struct person *out, struct err *e)
{
	struct typed who;
	struct hunt h = { .d = d, .who = &who, .marked = true, .wanted = wanted, .best = out };

	typed_address(&who, n);
	return pool_run(d->pool, POOL_READ, run_marked, &h, e);
}

struct errand {
	struct dir *d;
	const char *dn;
	struct person *out;
};

static enum ec run_read(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct errand *r = ctx;
	struct hunt h = { .d = r->d, .who = &nobody, .best = r->out };
	enum ec rc = dir_root_get(r->d, c, &h.root, e);

	clear(r->out);
	if (rc != EC_OK)
		return rc;
	const struct dir_query q = { .base = r->dn,
				     .scope = LDAP_SCOPE_BASE,
				     .filter = "(objectClass=*)",
				     .attrs = h.root->attrs };
	rc = dir_conn_search(c, &q, take_entry, &h, e);
	if (rc == EC_OK && h.n_best == 0)
		return err_set(e, EC_ABSENT, "there is no entry %s", r->dn);
	return rc;
}

enum ec person_at(struct dir *d, const char *dn, struct person *out, struct err *e)
{
	struct errand r = { .d = d, .dn = dn, .out = out };

	return pool_run(d->pool, POOL_READ, run_read, &r, e);
}
