/* schemacheck.c - is the directory as we need it? Every answer comes with what to do about it.
 *
 * Each server is opened apart from the pool, whose business is to hide that one of them is away. All further questions go to
 * the first that answers. Nothing is changed: a right to write is tried by taking away a value that is not there, which a
 * server refuses in one way if it is forbidden (insufficientAccessRights) and in another if it is not (noSuchAttribute).
 * The right to make entries cannot be tried like that; it shows when the first domain is added.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/conn_own.h"
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/freename.h"
#include "ldap/limit.h"
#include "ldap/listed.h"
#include "ldap/places.h"
#include "ldap/schema.h"
#include "server/base/buf.h"

#define SERVERS_MOST 32
#define TEXT_MAX 600
#define ME_MAX 300
#define AD_CAPABILITY "1.2.840.113556.1.4.800"
#define NO_ADDRESS "nobody@invalid" /* RFC 2606: nobody's */
#define NO_DAYS "-1234567891"       /* likewise: a rule that nobody writes */

struct check {
	struct dir *d;
	const struct dir_root *root;
	dir_finding *fn;
	void *ctx;
	struct err *e;
	enum ec worst;
	bool has_schema, schema_whole;
	char me[ME_MAX]; /* the service, as who_am_i has it */
};

/* ---- telling ---- */

__attribute__((format(printf, 2, 3))) static void good(struct check *k, const char *fmt, ...)
{
	char what[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	k->fn(k->ctx, true, what, "");
}

/* Classes are in order of weight. */
__attribute__((format(printf, 4, 5))) static void bad(struct check *k, enum ec rc, const char *what,
						      const char *fmt, ...)
{
	char remedy[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(remedy, sizeof(remedy), fmt, ap);
	va_end(ap);
	k->fn(k->ctx, false, what, remedy);
	if (rc > k->worst)
		k->worst = err_set(k->e, rc, "%s", what);
}

/* What went wrong on the way to an answer. */
static void trouble(struct check *k, const struct err *why)
{
	if (why->class == EC_BROKEN)
		bad(k, why->class, why->text,
		    "correct directory_base, or give the service the rights of %s/acl.ldif",
		    SCHEMA_DIR);
	else
		bad(k, why->class, why->text,
		    "try again; if it stays so, look into the server's log");
}

/* ---- servers, certificates, who we are ---- */

/* RFC 4532. "": anonymous, or the server does not tell (Active Directory). */
static void who_am_i(struct dir_conn *c, char *out, size_t max)
{
	struct berval *who = NULL;
	LDAPMessage *msg;
	int id = 0;

	*out = '\0';
	if (dir_conn_begin(c, NULL) != EC_OK)
		return;
	int sent = ldap_whoami(c->ld, NULL, NULL, &id);
	if (dir_conn_wait(c, sent, id, "asking who we are", &msg, NULL) != EC_OK)
		return;
	if (ldap_parse_whoami(c->ld, msg, &who) == LDAP_SUCCESS && who)
		snprintf(out, max, "%.*s", (int)who->bv_len, who->bv_val);
	ber_bvfree(who);
	ldap_msgfree(msg);
}

static void tell_server(struct check *k, struct dir_conn *c)
{
	who_am_i(c, k->me, sizeof(k->me));
	good(k, "%s answers%s; the service is %s", c->uri,
	     c->secured ? ", its certificate is good" : "", *k->me ? k->me : k->d->link.user);
}

static const char *remedy_for_identity(const struct check *k)
{
	static const char *const by_bind[] = {
		[DIR_BIND_SIMPLE] =
			"look at directory_user and at the password in directory_password_file",
		[DIR_BIND_EXTERNAL] =
			"see whom the server makes of the service's user (olcAuthzRegexp)",
		[DIR_BIND_GSSAPI] = "look at directory_user and at its key in directory_keytab",
	};

	return k->d->link.password ? "look at the name and the password" : by_bind[k->d->link.bind];
}

static const char *remedy_for_server(const struct check *k, const struct dir_conn *c, enum ec rc)
{
	if (c->refused)
		return remedy_for_identity(k);
	if (rc == EC_BROKEN)
		return "look at directory_ca and at the certificate; its name must be the one in "
		       "directory_servers";
	return k->d->conf->directory_starttls
		       ? "start it, or correct directory_servers; it must offer TLS"
		       : "start it, or correct directory_servers";
}

/* NULL: no use. */
static struct dir_conn *try_server(struct check *k, const char *uri)
{
	struct dir_conn *c = dir_conn_new(uri, &k->d->link);
	struct err why = { 0 };
	enum ec rc = dir_conn_start(c, true, &why);

	if (rc == EC_OK) {
		tell_server(k, c);
		return c;
	}
	bad(k, rc, why.text, "%s", remedy_for_server(k, c, rc));
	dir_conn_close(&c);
	return NULL;
}

/* The first that is of use; told are all. */
static struct dir_conn *try_servers(struct check *k, struct places *places)
{
	const char *uris[SERVERS_MOST];
	struct dir_conn *first = NULL;
	struct err why = { 0 };

	if (places_by_dns(places) && places_refresh(places, k->d->link.timeout_ms, &why) != EC_OK)
		bad(k, why.class, why.text,
		    "look at the srv: names in directory_servers, and at DNS");
	size_t n = places_list(places, uris, SERVERS_MOST);
	for (size_t i = 0; i < n; i++) {
		struct dir_conn *c = try_server(k, uris[i]);
		if (!first)
			first = c;
		else if (c)
			dir_conn_close(&c);
	}
	return first;
}

/* ---- what kind of directory ---- */

struct root_dse {
	bool is_ad, pages;
};

static bool take_root_dse(void *ctx, struct dir_entry *en)
{
	struct root_dse *r = ctx;

	r->is_ad = dir_entry_has(en, "supportedCapabilities", AD_CAPABILITY);
	r->pages = dir_entry_has(en, "supportedControl", LDAP_CONTROL_PAGEDRESULTS);
	return false;
}

static enum ec read_root_dse(struct dir_conn *c, struct root_dse *out, struct err *e)
{
	static const char *const attrs[] = { "supportedCapabilities", "supportedControl", NULL };
	const struct dir_query q = {
		.base = "", .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = attrs
	};

	*out = (struct root_dse){ 0 };
	return dir_conn_search(c, &q, take_root_dse, out, e);
}

static void check_kind(struct check *k, const struct root_dse *r)
{
	bool wants_ad = k->d->flavour == &flavour_ad;

	if (r->is_ad != wants_ad)
		bad(k, EC_BROKEN,
		    wants_ad ? "the server is no Active Directory, the settings say it is"
			     : "the server is Active Directory, the settings say OpenLDAP",
		    "winpop set directory %s", wants_ad ? "openldap" : "ad");
	if (!r->pages)
		bad(k, EC_BROKEN, "the server does not send long lists in pages (RFC 2696)",
		    "allow it, or listings of many mailboxes fail");
}

/* ---- people ---- */

struct sample {
	const struct check *k;
	bool any, has_logon, shows_secret;
	char dn[LISTED_DN_MAX + 1];
};

/* The service may be called a person, and sees more of itself than of others. */
static bool take_sample(void *ctx, struct dir_entry *en)
{
	struct sample *s = ctx;
	size_t len;

	if (strncmp(s->k->me, "dn:", 3) == 0 && dn_same(s->k->me + 3, dir_entry_dn(en)))
		return true;
	s->any = true;
	s->has_logon = dir_entry_value(en, s->k->d->names->logon, 0, &len) != NULL;
	s->shows_secret = dir_entry_value(en, "userPassword", 0, &len) != NULL;
	snprintf(s->dn, sizeof(s->dn), "%s", dir_entry_dn(en));
	return false;
}

/* more: a further term of the filter. */
static enum ec find_sample(struct check *k, struct dir_conn *c, const char *more, struct sample *s,
			   struct err *e)
{
	const char *const attrs[] = { k->d->names->logon, "userPassword", NULL };
	struct buf filter = { 0 };

	*s = (struct sample){ .k = k };
	buf_fmt(&filter, "(&%s%s)", k->d->names->filter, more);
	char *text = buf_take(&filter);
	const struct dir_query q = { .base = k->root->base,
				     .scope = LDAP_SCOPE_SUBTREE,
				     .filter = text,
				     .attrs = attrs,
				     .most = 2 };
	enum ec rc = dir_conn_search(c, &q, take_sample, s, e);
	free(text);
	return rc == EC_ABSENT ? listed_no_base(k->root, e) : rc;
}

/* So it is where accounts are about to be carried over. */
static void check_nobody(struct check *k, struct dir_conn *c)
{
	bool there;

	if (value_taken(c, k->root->new_users, LDAP_SCOPE_BASE, "objectClass", "top", &there,
			NULL) == EC_OK &&
	    there)
		good(k, "nobody is below %s yet; accounts are made in %s", k->root->base,
		     k->root->new_users);
	else
		bad(k, EC_ABSENT, "the service sees no people",
		    "look at directory_base and directory_filter, and let the service read "
		    "them (%s/README.md)",
		    SCHEMA_DIR);
}

static void check_people(struct check *k, struct dir_conn *c)
{
	struct sample s;
	struct err why;
	enum ec rc = find_sample(k, c, "", &s, &why);

	if (rc != EC_OK)
		return trouble(k, &why);
	if (!s.any)
		return check_nobody(k, c);
	if (!s.has_logon)
		bad(k, EC_DENIED, "the service sees people and not their logon names",
		    "let it read %s, or correct directory_logon", k->d->names->logon);
	else
		good(k, "the service sees people below %s", k->root->base);
	if (s.shows_secret)
		bad(k, EC_DENIED, "the service can read passwords of others, which it never needs",
		    "give it the rights of %s/acl.ldif and no more", SCHEMA_DIR);
}

/* ---- schema ---- */

static const struct schema_term first[] = {
	{ .name = ADDRESS_ATTR }, { .name = ALIAS_ATTR },       { .name = LOCKED_ATTR },
	{ .name = QUOTA_ATTR },   { .name = LIMIT_BYTES_ATTR }, { .name = LIMIT_MESSAGES_ATTR },
	{ .name = DOMAIN_ATTR },  { .name = MAILBOX_CLASS },    { .name = DOMAIN_CLASS },
};
/* What came later: with a schema that has it not nearly all goes on. */
static const struct schema_term later[] = {
	{ .name = HELD_ATTR, .in = MAILBOX_CLASS },
	{ .name = EXPIRE_ATTR, .in = DOMAIN_CLASS },
	{ .name = QUOTA_CLASS },
};
#define N_FIRST (sizeof(first) / sizeof(first[0]))
#define N_LATER (sizeof(later) / sizeof(later[0]))

/* How many of them are not there, and their names. */
static size_t missing(const struct schema_term *t, size_t n, char names[TEXT_MAX / 2])
{
	size_t n_missing = 0;

	names[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (t[i].known)
			continue;
		if (n_missing++)
			strcat(names, ", ");
		strcat(names, t[i].name);
	}
	return n_missing;
}

static void tell_missing(struct check *k, const char *names, bool all)
{
	char what[TEXT_MAX];

	snprintf(what, sizeof(what), "the schema lacks %s", all ? "everything of winpop's" : names);
	if (k->d->flavour == &flavour_ad)
		bad(k, EC_BROKEN, what,
		    "load %s/ad/winpop-1-attributes.ldif and winpop-2-classes.ldif as README.md "
		    "there says, and restart winpopd",
		    SCHEMA_DIR);
	else
		bad(k, EC_BROKEN, what,
		    "as root on the server: ldapadd -Y EXTERNAL -H ldapi:/// -f "
		    "%s/openldap/winpop.ldif",
		    SCHEMA_DIR);
}

static void tell_schema(struct check *k, const struct schema_term *t)
{
	char names[TEXT_MAX / 2], what[TEXT_MAX];
	size_t n_missing = missing(t, N_FIRST, names);

	k->has_schema = n_missing == 0;
	if (!k->has_schema && k->d->conf->catalog == CATALOG_LOCAL)
		return good(k, "the schema of winpop is not loaded, and not needed with catalog = "
			       "local");
	if (!k->has_schema)
		return tell_missing(k, names, n_missing == N_FIRST);
	k->schema_whole = missing(t + N_FIRST, N_LATER, names) == 0;
	if (k->schema_whole)
		return good(k, "the schema of winpop is loaded");
	snprintf(what, sizeof(what), "the schema of winpop is an old one, without %s", names);
	bad(k, EC_ABSENT, what, "%s", schema_update(k->d));
}

static void check_schema(struct check *k, struct dir_conn *c)
{
	struct schema_term terms[N_FIRST + N_LATER];
	struct err why;

	memcpy(terms, first, sizeof(first));
	memcpy(terms + N_FIRST, later, sizeof(later));
	if (schema_look(c, terms, N_FIRST + N_LATER, &why) != EC_OK)
		trouble(k, &why);
	else
		tell_schema(k, terms);
}

/* ---- rights of the catalog ---- */

struct value {
	const char *attr, *value;
};

/* All in one change, which fails as a whole: a Boolean has no value that nobody has, but it may have company. */
static bool may_write(struct dir_conn *c, const char *dn, const struct value *v, size_t n)
{
	struct dir_change *ch = change_new(dn);

	for (size_t i = 0; i < n; i++)
		change_putz(ch, CHANGE_DELETE, v[i].attr, v[i].value);
	enum ec rc = dir_conn_modify(c, ch, NULL);
	change_free(&ch);
	return rc != EC_DENIED;
}

static void check_mailbox_rights(struct check *k, struct dir_conn *c)
{
	static const struct value values[] = { { ALIAS_ATTR, NO_ADDRESS }, { HELD_ATTR, "FALSE" } },
				  class = { "objectClass", MAILBOX_CLASS };
	struct sample s;
	struct err why;
	enum ec rc = find_sample(k, c, "(!(" ADDRESS_ATTR "=*))", &s, &why);
	bool is_mailbox = rc == EC_OK && !s.any; /* or we may not see whether it is one */

	if (is_mailbox)
		rc = find_sample(k, c, "", &s, &why);
	if (rc != EC_OK)
		return trouble(k, &why);
	if (!s.any)
		return;
	if (may_write(c, s.dn, values, k->schema_whole ? 2 : 1) &&
	    (is_mailbox || may_write(c, s.dn, &class, 1)))
		good(k, "the service may make mailboxes of people");
	else
		bad(k, EC_DENIED, "the service may not make mailboxes of people",
		    "give it the rights of %s/acl.ldif, or use --bind-as", SCHEMA_DIR);
}

static enum ec find_container(struct check *k, struct dir_conn *c, bool *there, struct err *e)
{
	struct sample s = { .k = k };
	const struct dir_query q = { .base = k->root->domains,
				     .scope = LDAP_SCOPE_BASE,
				     .filter = "(objectClass=*)",
				     .attrs = (const char *const[]){ LDAP_NO_ATTRS, NULL } };
	enum ec rc = dir_conn_search(c, &q, take_sample, &s, e);

	*there = s.any;
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* The rights of the catalog in its domains, tried on one that is there. */
static void check_domains(struct check *k, struct dir_conn *c)
{
	static const struct value values[] = { { LOCKED_ATTR, "FALSE" },
					       { HELD_ATTR, "FALSE" },
					       { EXPIRE_ATTR, NO_DAYS } };
	struct listing l = { 0 };
	bool there = false;
	struct err why;
	enum ec rc = listing_get(k->d, c, NULL, &l, &why);

	if (rc == EC_OK && l.n == 0)
		rc = find_container(k, c, &there, &why);
	if (rc != EC_OK)
		trouble(k, &why);
	else if (l.n == 0 && !there)
		bad(k, EC_ABSENT, "there is no place for mail domains that the service can see",
		    "make %s as an administrator of the directory, or correct directory_domains",
		    k->root->domains);
	else if (l.n == 0)
		good(k, "there is a place for mail domains, and none in it");
	else if (may_write(c, l.rows[0]->dn, values, k->schema_whole ? 3 : 1))
		good(k, "mail domains: %zu; the service may change them", l.n);
	else
		bad(k, EC_DENIED, "the service may not change mail domains",
		    "give it the rights of %s/acl.ldif, or use --bind-as", SCHEMA_DIR);
	listing_drop(&l);
}

/* ---- */

static void check_entries(struct check *k, struct dir_conn *c)
{
	struct root_dse r;
	struct err why;

	if (read_root_dse(c, &r, &why) != EC_OK)
		return trouble(k, &why);
	check_kind(k, &r);
	if (dir_root_get(k->d, c, &k->root, &why) != EC_OK)
		return bad(k, why.class, why.text, "correct directory_base");
	check_people(k, c);
	check_schema(k, c);
	if (k->has_schema && k->d->conf->catalog == CATALOG_DIRECTORY) {
		check_mailbox_rights(k, c);
		check_domains(k, c);
	}
}

enum ec dir_check(struct dir *d, dir_finding *fn, void *ctx, struct err *e)
{
	struct check k = { .d = d, .fn = fn, .ctx = ctx, .e = e };
	struct places *places = NULL;
	struct err why;

	if (places_new(d->conf->directory_servers, &places, &why) != EC_OK) {
		bad(&k, why.class, why.text, "correct directory_servers");
		return k.worst;
	}
	struct dir_conn *c = try_servers(&k, places);
	if (c)
		check_entries(&k, c);
	dir_conn_close(&c);
	places_free(&places);
	return k.worst;
}
