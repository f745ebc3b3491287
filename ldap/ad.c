/* ad.c - people in Active Directory, Windows' and Samba's.
 *
 * The password goes with the new entry, in one addition: the account appears whole and enabled, or not at all. It is unicodePwd,
 * never userPassword: by default that one is an ordinary attribute there, and a password put into it can be read by many and signs
 * nobody in. Windows takes unicodePwd over a protected connection only; Samba takes it over any, so we insist ourselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/freename.h"
#include "ldap/words.h"
#include "server/base/arena.h"
#include "server/base/utf16.h"

#define UAC_DISABLED 0x2 /* MS-ADTS section 2.2.16 */
#define UAC_NORMAL "512"
#define PASSWORD_COMPLEX 0x1 /* MS-SAMR section 2.2.1.9 */
#define RID_DOMAIN_ADMINS 512
#define RID_ENTERPRISE_ADMINS 519
#define CN_UNITS_MAX 64
#define MAIL_MAX 256 /* rangeUpper of mail */

static const char *const state_attrs[] = { "userAccountControl", "accountExpires", "adminCount",
					   "primaryGroupID",     "memberOf",       NULL };

/* ---- what is asked once ---- */

#define SID_MAX 68 /* MS-DTYP section 2.4.2.2 */

struct facts {
	struct dir_root *root;
	const char *config, *schema, *vendor; /* contexts; who made the server, where it tells */
	unsigned char sid[SID_MAX];           /* the domain's */
	size_t sid_len;
	unsigned n_admins;
	bool *known; /* which of root->address */
};

static const char *keep_text(struct facts *f, struct dir_entry *en, const char *attr)
{
	size_t len;
	const char *value = dir_entry_value(en, attr, 0, &len);

	return value ? arena_str(f->root->mem, value, len) : "";
}

static bool take_contexts(void *ctx, struct dir_entry *en)
{
	struct facts *f = ctx;

	f->config = keep_text(f, en, "configurationNamingContext");
	f->schema = keep_text(f, en, "schemaNamingContext");
	f->vendor = keep_text(f, en, "vendorName");
	return false;
}

static bool take_domain(void *ctx, struct dir_entry *en)
{
	struct facts *f = ctx;

	f->root->netbios = keep_text(f, en, "nETBIOSName");
	f->root->dns = keep_text(f, en, "dnsRoot");
	return false;
}

/* What the service may not see is not known, which is no trouble: create will tell. */
static void take_policy(const struct facts *f, struct dir_entry *en, struct password_policy *out)
{
	int64_t n;

	if (dir_entry_i64(en, "minPwdLength", &n) && n > 0 && n <= 256)
		out->units_min = (unsigned)n;
	out->complex = dir_entry_i64(en, "pwdProperties", &n) && (n & PASSWORD_COMPLEX);
	out->no_names = !strstr(f->vendor, "Samba");
}

static bool take_head(void *ctx, struct dir_entry *en)
{
	struct facts *f = ctx;
	size_t len;
	const char *value = dir_entry_value(en, "objectSid", 0, &len);

	if (value && len + 4 <= sizeof(f->sid)) {
		memcpy(f->sid, value, len);
		f->sid_len = len;
	}
	take_policy(f, en, &f->root->policy);
	return false;
}

static bool take_admin_group(void *ctx, struct dir_entry *en)
{
	struct facts *f = ctx;

	if (f->n_admins < ADMIN_GROUPS_MAX)
		f->root->admins[f->n_admins++] = arena_strz(f->root->mem, dir_entry_dn(en));
	return true;
}

/* A name may come twice: a schema keeps attributes that were given up, and lets others take their names. */
static bool take_attribute(void *ctx, struct dir_entry *en)
{
	struct facts *f = ctx;

	for (unsigned i = 0; f->root->address[i]; i++)
		f->known[i] |= dir_entry_has(en, "lDAPDisplayName", f->root->address[i]);
	return true;
}

static enum ec ask(struct dir_conn *c, const char *base, int scope, struct buf *filter,
		   const char *const *attrs, dir_entry_fn *fn, struct facts *f, struct err *e)
{
	buf_add(filter, "", 1);
	const struct dir_query q = {
		.base = base, .scope = scope, .filter = buf_at(filter), .attrs = attrs
	};
	enum ec rc = dir_conn_search(c, &q, fn, f, e);

	buf_drop(filter);
	return rc;
}

static enum ec ask_base(struct dir_conn *c, const char *base, const char *const *attrs,
			dir_entry_fn *fn, struct facts *f, struct err *e)
{
	struct buf filter = { 0 };

	buf_addz(&filter, "(objectClass=*)");
	return ask(c, base, LDAP_SCOPE_BASE, &filter, attrs, fn, f, e);
}

/* The domain's names are in the partition's cross reference (MS-ADTS section 6.1.1.2.1.1.4). */
static enum ec learn_names(struct dir_conn *c, struct facts *f, struct err *e)
{
	static const char *const attrs[] = { "nETBIOSName", "dnsRoot", NULL };
	struct buf filter = { 0 };
	char *base = arena_fmt(f->root->mem, "CN=Partitions,%s", f->config);

	filter_equals(&filter, "nCName", f->root->context, strlen(f->root->context));
	return ask(c, base, LDAP_SCOPE_ONELEVEL, &filter, attrs, take_domain, f, e);
}

static void add_rid(struct buf *filter, const unsigned char *sid, size_t len, uint32_t rid)
{
	unsigned char full[SID_MAX];

	if (len < 8 || len + 4 > sizeof(full))
		return;
	memcpy(full, sid, len);
	full[1]++; /* one more sub-authority */
	for (unsigned i = 0; i < 4; i++)
		full[len + i] = (unsigned char)(rid >> (8 * i));
	filter_equals(filter, "objectSid", (const char *)full, len + 4);
}

/* By SID: the names of these groups are translated. */
static enum ec learn_admins(struct dir_conn *c, struct facts *f, struct err *e)
{
	static const unsigned char builtin[] = { 1, 1, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0 };
	static const char *const none[] = { LDAP_NO_ATTRS, NULL };
	struct buf filter = { 0 };

	buf_addz(&filter, "(|");
	add_rid(&filter, builtin, sizeof(builtin), 544); /* Administrators */
	add_rid(&filter, f->sid, f->sid_len, RID_DOMAIN_ADMINS);
	add_rid(&filter, f->sid, f->sid_len, RID_ENTERPRISE_ADMINS);
	buf_addz(&filter, ")");
	return ask(c, f->root->context, LDAP_SCOPE_SUBTREE, &filter, none, take_admin_group, f, e);
}

static enum ec learn_head(struct dir_conn *c, struct facts *f, struct err *e)
{
	static const char *const attrs[] = { "objectSid", "minPwdLength", "pwdProperties", NULL };

	return ask_base(c, f->root->context, attrs, take_head, f, e);
}

/* An attribute that the schema does not have makes Samba look at every entry there is, at every sign-in. */
static enum ec learn_attributes(struct dir_conn *c, struct facts *f, struct err *e)
{
	static const char *const attrs[] = { "lDAPDisplayName", NULL };
	const char *const *asked = f->root->address;
	unsigned n = words_count(asked), n_left = 0;
	struct buf filter = { 0 };

	f->known = arena_alloc(f->root->mem, sizeof(*f->known) * (n + 1));
	const char **left = arena_alloc(f->root->mem, sizeof(*left) * (n + 1));
	buf_addz(&filter, "(&(objectClass=attributeSchema)(!(isDefunct=TRUE))(|");
	for (unsigned i = 0; i < n; i++)
		filter_equals(&filter, "lDAPDisplayName", asked[i], strlen(asked[i]));
	buf_addz(&filter, "))");
	enum ec rc = ask(c, f->schema, LDAP_SCOPE_ONELEVEL, &filter, attrs, take_attribute, f, e);
	for (unsigned i = 0; i < n; i++) {
		if (f->known[i])
			left[n_left++] = asked[i];
	}
	f->root->address = left;
	return rc;
}

static enum ec ad_learn(struct dir *d, struct dir_conn *c, struct dir_root *root, struct err *e)
{
	static const char *const attrs[] = { "configurationNamingContext", "schemaNamingContext",
					     "vendorName", NULL };
	struct facts f = { .root = root, .config = "", .schema = "", .vendor = "" };
	enum ec rc = ask_base(c, "", attrs, take_contexts, &f, e);

	(void)d;
	if (rc == EC_OK && (!*f.config || !*f.schema))
		return err_set(e, EC_BROKEN, "%s is no Active Directory: set directory = openldap",
			       c->uri);
	if (rc == EC_OK)
		rc = learn_names(c, &f, e);
	if (rc == EC_OK)
		rc = learn_head(c, &f, e);
	if (rc == EC_OK)
		rc = learn_admins(c, &f, e);
	return rc == EC_OK ? learn_attributes(c, &f, e) : rc;
}

/* ---- state ---- */

/* Intervals of 100 ns since 1601; 0 and the greatest one are "never" (MS-ADA1, accountExpires). */
static bool has_expired(int64_t filetime)
{
	const int64_t unix_epoch = 11644473600, per_second = 10000000;

	return filetime != 0 && filetime != INT64_MAX &&
	       filetime / per_second - unix_epoch <= (int64_t)time(NULL);
}

/* Groups inside groups are not looked into here: adminCount tells of those, where Windows keeps it. Before an account is removed
 * group_has asks. */
static bool is_admin(const struct dir_root *root, struct dir_entry *en)
{
	int64_t n;

	if (dir_entry_i64(en, "adminCount", &n) && n > 0)
		return true;
	if (dir_entry_i64(en, "primaryGroupID", &n) &&
	    (n == RID_DOMAIN_ADMINS || n == RID_ENTERPRISE_ADMINS))
		return true;
	for (unsigned i = 0; root->admins[i]; i++) {
		if (dir_entry_has(en, "memberOf", root->admins[i]))
			return true;
	}
	return false;
}

static void ad_read_state(const struct dir_root *root, struct dir_entry *en, struct account *out)
{
	int64_t n;

	out->enabled = dir_entry_i64(en, "userAccountControl", &n) && !(n & UAC_DISABLED);
	if (dir_entry_i64(en, "accountExpires", &n) && has_expired(n))
		out->enabled = false;
	out->admin = is_admin(root, en);
}

/* ---- passwords ---- */

static enum ec put_password(struct dir_conn *c, struct dir_change *ch, enum change_op op,
			    const struct secret *pass, struct err *e)
{
	struct arena *mem = arena_new("password", 2048); /* wipes itself */
	unsigned char *wide;
	size_t len;

	if (!c->secured && c->setup->bind != DIR_BIND_GSSAPI) { /* that one seals */
		arena_drop(&mem);
		return err_set(e, EC_BROKEN,
			       "a password is set over TLS only: use ldaps:// or "
			       "directory_starttls to %s",
			       c->uri);
	}
	char *quoted = arena_fmt(mem, "\"%s\"", (const char *)pass->bytes);
	wide = arena_alloc(mem, 2 * strlen(quoted));
	bool ok = utf16_from_utf8(wide, &len, quoted, strlen(quoted));
	if (ok)
		change_put(ch, op, "unicodePwd", wide, len);
	arena_drop(&mem);
	return ok ? EC_OK : err_set(e, EC_USAGE, "the password is not UTF-8");
}

static enum ec ad_set_password(struct dir *d, struct dir_conn *c, const char *dn,
			       const struct secret *pass, struct err *e)
{
	struct dir_change *ch = change_new(dn);
	enum ec rc = put_password(c, ch, CHANGE_REPLACE, pass, e);

	(void)d;
	if (rc == EC_OK)
		rc = dir_conn_modify(c, ch, e);
	change_free(&ch);
	return rc;
}

/* ---- a new user ---- */

struct newcomer {
	struct dir_conn *conn;
	const struct dir_root *root;
	const struct account_wish *wish;
	const struct secret *password;
	char address[NAME_TEXT_MAX + 1];
};

static bool cn_fits(const char *cn)
{
	unsigned char wide[2 * NAME_TEXT_MAX];
	size_t len;

	return utf16_from_utf8(wide, &len, cn, strlen(cn)) && len / 2 <= CN_UNITS_MAX;
}

static enum ec no_container(const struct dir_root *root, struct err *e)
{
	return err_set(e, EC_BROKEN, "there is no %s to make accounts in: set directory_new_users",
		       root->new_users);
}

/* The first of mailbox name, address and logon name that nobody in the container has: an entry of another kind may be in the way
 * of any of them. */
static enum ec find_cn(const struct newcomer *nc, const char *logon, const char **out,
		       struct err *e)
{
	const char *choices[] = { nc->wish->name.local, nc->address, logon };
	bool taken = true;
	enum ec rc = EC_OK;

	for (unsigned i = 0; i < 3 && rc == EC_OK && taken; i++) {
		*out = choices[i];
		if (cn_fits(choices[i]))
			rc = value_taken(nc->conn, nc->root->new_users, LDAP_SCOPE_ONELEVEL, "cn",
					 choices[i], &taken, e);
	}
	if (rc == EC_ABSENT)
		return no_container(nc->root, e);
	if (rc == EC_OK && taken)
		return err_set(e, EC_EXISTS, "%s has entries called %s and %s already",
			       nc->root->new_users, choices[0], choices[2]);
	return rc;
}

static enum ec fill(const struct newcomer *nc, struct dir_change *ch, const char *cn,
		    const char *logon, struct err *e)
{
	change_putz(ch, CHANGE_ADD, "objectClass", "user");
	change_putz(ch, CHANGE_ADD, "cn", cn);
	change_putz(ch, CHANGE_ADD, "sAMAccountName", logon);
	change_putz(ch, CHANGE_ADD, "userPrincipalName", nc->address);
	change_putz(ch, CHANGE_ADD, "mail", nc->address);
	change_putz(ch, CHANGE_ADD, "userAccountControl", UAC_NORMAL);
	if (nc->wish->mark)
		change_putz(ch, CHANGE_ADD, flavour_ad.mark, nc->wish->mark);
	return put_password(nc->conn, ch, CHANGE_ADD, nc->password, e);
}

static enum ec add_user(const struct newcomer *nc, const char *cn, const char *logon, struct err *e)
{
	struct buf dn = { 0 };

	dn_child(&dn, "CN", cn, strlen(cn), nc->root->new_users);
	buf_add(&dn, "", 1);
	struct dir_change *ch = change_new(buf_at(&dn));
	enum ec rc = fill(nc, ch, cn, logon, e);
	if (rc == EC_OK)
		rc = dir_conn_add(nc->conn, ch, e);
	change_free(&ch);
	buf_drop(&dn);
	return rc == EC_ABSENT ? no_container(nc->root, e) : rc;
}

/* Somebody who is made at the same moment, of the same mailbox name in another domain, may have been given the CN that was free:
 * then the next one is. If it is free still, it is not the CN that somebody has. */
static enum ec make_user(void *ctx, const char *logon, struct err *e)
{
	const struct newcomer *nc = ctx;
	const char *cn, *next;
	struct err again;
	enum ec rc = find_cn(nc, logon, &next, e);

	if (rc != EC_OK)
		return rc;
	do {
		cn = next;
		rc = add_user(nc, cn, logon, e);
	} while (rc == EC_EXISTS && find_cn(nc, logon, &next, &again) == EC_OK && next != cn);
	return rc;
}

/* A logon name is unique in the whole domain, among groups and computers too. */
static struct free_name names_for(struct newcomer *nc)
{
	return (struct free_name){ .base = nc->root->context,
				   .attr = "sAMAccountName",
				   .mark_attr = flavour_ad.mark,
				   .rule = &logon_rule_ad,
				   .wish = nc->wish,
				   .make = make_user,
				   .ctx = nc };
}

static enum ec begin_newcomer(struct dir *d, struct newcomer *nc, struct err *e)
{
	name_text(&nc->wish->name, nc->address);
	if (strlen(nc->address) > MAIL_MAX)
		return err_set(e, EC_USAGE,
			       "an Active Directory account has no mail address of more than %d "
			       "characters",
			       MAIL_MAX);
	return dir_root_get(d, nc->conn, &nc->root, e);
}

/* Unique in the forest, and not only among people: a contact or a trust may have it. Other domains are not looked at. */
static enum ec check_upn(const struct newcomer *nc, struct err *e)
{
	bool taken;
	enum ec rc = value_taken(nc->conn, nc->root->context, LDAP_SCOPE_SUBTREE,
				 "userPrincipalName", nc->address, &taken, e);

	if (rc == EC_OK && taken)
		return err_set(e, EC_EXISTS,
			       "%s is the userPrincipalName of something that is no account",
			       nc->address);
	return rc == EC_ABSENT ? EC_OK : rc;
}

static enum ec ad_plan(struct dir *d, struct dir_conn *c, const struct account_wish *wish,
		       char logon[LOGON_NAME_MAX + 1], struct err *e)
{
	struct newcomer nc = { .conn = c, .wish = wish };
	const char *cn;
	enum ec rc = begin_newcomer(d, &nc, e);

	if (rc == EC_OK)
		rc = check_upn(&nc, e);
	if (rc != EC_OK)
		return rc;
	const struct free_name f = names_for(&nc);
	rc = free_name_find(c, &f, logon, e);
	return rc == EC_OK ? find_cn(&nc, logon, &cn, e) : rc;
}

static enum ec ad_create(struct dir *d, struct dir_conn *c, const struct new_person *np,
			 struct err *e)
{
	struct newcomer nc = { .conn = c, .wish = np->wish, .password = np->password };
	enum ec rc = begin_newcomer(d, &nc, e);

	if (rc != EC_OK)
		return rc;
	const struct free_name f = names_for(&nc);
	return free_name_make(c, &f, e);
}

const struct flavour flavour_ad = {
	.name = "ad",
	.names = { .address = "winpopAddress winpopAlias mail userPrincipalName",
		   .logon = "sAMAccountName",
		   .filter = "(&(objectCategory=person)(objectClass=user))",
		   .new_users = "CN=Users",
		   .domains = "ou=winpop",
		   .nt_hash = "",
		   .stamp = "pwdLastSet",
		   .implied = "userPrincipalName" },
	.mark = "adminDescription",
	.changed = "pwdLastSet",
	.nested_group_rule = true,
	.state_attrs = state_attrs,
	.learn = ad_learn,
	.read_state = ad_read_state,
	.plan = ad_plan,
	.create = ad_create,
	.set_password = ad_set_password,
};
