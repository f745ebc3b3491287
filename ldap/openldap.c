/* openldap.c - people in OpenLDAP, and in any server that keeps to the RFCs.
 *
 * A password is set by RFC 3062 whenever the server can: only then the password policy looks at it, the server hashes it its own
 * way, and overlays that keep other hashes (smbk5pwd) take note. A server that cannot, which slapd is not, gets it as userPassword. smbk5pwd serves entries of class sambaSamAccount; for the others
 * we keep the NT hash ourselves, in the attribute of our schema (schema/), if it is loaded and SPA is wanted.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/freename.h"
#include "ldap/nthash.h"
#include "server/base/arena.h"
#include "server/base/b64.h"
#include "server/base/crypto.h"
#include "server/base/utf8.h"

/* ppolicy: locked by an administrator, not for a time by wrong passwords (slapo-ppolicy(5)) */
#define LOCKED_FOR_GOOD "000001010000Z"

static const char *const state_attrs[] = { "pwdAccountLockedTime", "sambaAcctFlags", "shadowExpire",
					   "nsAccountLock", NULL };

static enum ec openldap_learn(struct dir *d, struct dir_conn *c, struct dir_root *root,
			      struct err *e)
{
	(void)d;
	(void)c;
	(void)root;
	(void)e;
	return EC_OK;
}

/* Days since 1970 (shadow(5)); 0 and what is below mean "never". */
static bool shadow_expired(struct dir_entry *en)
{
	const int64_t day = 24 * 60 * 60;
	int64_t n;

	return dir_entry_i64(en, "shadowExpire", &n) && n > 0 && n <= time(NULL) / day;
}

/* What ppolicy keeps stays there when the lock-out's time is over, until the next sign-in. Unless its olcPPolicyUseLockout is set
 * the server calls every password wrong meanwhile, and does not say why.
 *
 * There are as many ways to disable an account as there are tools for it. Nobody is an administrator by his entry alone: rights are
 * in the server's own configuration. */
static void openldap_read_state(const struct dir_root *root, struct dir_entry *en,
				struct account *out)
{
	char flags[32];
	size_t len;

	(void)root;
	out->locked_out = dir_entry_value(en, "pwdAccountLockedTime", 0, &len);
	out->enabled = !dir_entry_has(en, "pwdAccountLockedTime", LOCKED_FOR_GOOD) &&
		       !dir_entry_bool(en, "nsAccountLock") && !shadow_expired(en);
	if (dir_entry_text(en, "sambaAcctFlags", flags, sizeof(flags)) && strchr(flags, 'D'))
		out->enabled = false;
}

/* ---- passwords ---- */

#define SSHA "{SSHA}"
#define SHA1_LEN 20
#define SALT_LEN 16
#define SSHA_MAX (sizeof(SSHA) - 1 + B64_ENC_LEN(SHA1_LEN + SALT_LEN))

/* Salted SHA-1 is no good hash, and the one that every server of this family can check. */
static size_t form_ssha(char out[SSHA_MAX], const struct secret *pass)
{
	struct arena *mem = arena_new("password", 1024); /* wipes itself */
	unsigned char *salted = arena_alloc(mem, pass->len + SALT_LEN);
	unsigned char sealed[SHA1_LEN + SALT_LEN];
	size_t len = sizeof(SSHA) - 1;

	memcpy(salted, pass->bytes, pass->len);
	random_bytes(salted + pass->len, SALT_LEN);
	hash_bytes(HASH_SHA1, sealed, salted, pass->len + SALT_LEN);
	memcpy(sealed + SHA1_LEN, salted + pass->len, SALT_LEN);
	arena_drop(&mem);
	memcpy(out, SSHA, len);
	return len + b64_encode(out + len, sealed, sizeof(sealed));
}

/* A policy can judge a password and no hash, and refuses hashes. Whoever has one hashes what comes. */
static void put_user_password(const struct dir_root *root, struct dir_change *ch, enum change_op op,
			      const struct secret *pass)
{
	char hash[SSHA_MAX];

	if (root->judges_passwords)
		change_put(ch, op, "userPassword", pass->bytes, pass->len);
	else
		change_put(ch, op, "userPassword", hash, form_ssha(hash, pass));
}

static enum ec replace_password(const struct dir_root *root, struct dir_conn *c, const char *dn,
				const struct secret *pass, struct err *e)
{
	struct dir_change *ch = change_new(dn);

	put_user_password(root, ch, CHANGE_REPLACE, pass);
	enum ec rc = dir_conn_modify(c, ch, e);
	change_free(&ch);
	return rc;
}

static enum ec openldap_set_password(struct dir *d, struct dir_conn *c, const char *dn,
				     const struct secret *pass, struct err *e)
{
	const struct dir_root *root;
	enum ec rc = dir_root_get(d, c, &root, e);

	if (rc == EC_OK)
		rc = root->sets_passwords ? dir_conn_set_password(c, dn, pass, e)
					  : replace_password(root, c, dn, pass, e);
	return rc == EC_OK ? nt_hash_keep(d, c, dn, pass, e) : rc;
}

/* ---- a new entry ---- */

struct newcomer {
	struct dir *d;
	struct dir_conn *conn;
	const struct dir_root *root;
	const struct new_person *np;
};

static enum ec check_name(const struct name *n, struct err *e)
{
	if (ascii_only(n->local, strlen(n->local)))
		return EC_OK;
	return err_set(e, EC_USAGE, /* RFC 4524 section 2.16 */
		       "an OpenLDAP account has no mail address but one in ASCII: choose another "
		       "name than %s",
		       n->local);
}

static enum ec no_container(const struct dir_root *root, struct err *e)
{
	return err_set(e, EC_BROKEN,
		       "there is no %s to make accounts in: make it, or set directory_new_users",
		       root->new_users);
}

static void fill(const struct newcomer *nc, struct dir_change *ch, const char *uid)
{
	const struct account_wish *w = nc->np->wish;
	char address[NAME_TEXT_MAX + 1];

	change_putz(ch, CHANGE_ADD, "objectClass", "inetOrgPerson");
	change_putz(ch, CHANGE_ADD, nc->d->names->logon, uid);
	if (strcasecmp(nc->d->names->logon, "cn") != 0)
		change_putz(ch, CHANGE_ADD, "cn", w->name.local);
	change_putz(ch, CHANGE_ADD, "sn", w->name.local);
	change_putz(ch, CHANGE_ADD, "mail", name_text(&w->name, address));
	if (w->mark)
		change_putz(ch, CHANGE_ADD, flavour_openldap.mark, w->mark);
	if (!nc->root->sets_passwords)
		put_user_password(nc->root, ch, CHANGE_ADD, nc->np->password);
}

/* The hash for SPA goes with the entry: an account that was cut off behind its password has all it needs. */
static enum ec add_entry(const struct newcomer *nc, const char *dn, const char *uid, struct err *e)
{
	struct dir_change *ch = change_new(dn);

	fill(nc, ch, uid);
	enum ec rc = nt_hash_put(nc->d, nc->conn, ch, nc->np->password, e);
	if (rc == EC_OK) {
		rc = dir_conn_add(nc->conn, ch, e);
		if (rc == EC_ABSENT)
			rc = no_container(nc->root, e);
	}
	change_free(&ch);
	return rc;
}

static enum ec give_password(const struct newcomer *nc, const char *dn, struct err *e)
{
	if (!nc->root->sets_passwords) /* it has it */
		return EC_OK;
	return dir_conn_set_password(nc->conn, dn, nc->np->password, e);
}

/* A mark that the service may write and not read would make a stranger of the account. */
static enum ec check_mark(const struct newcomer *nc, const char *dn, struct err *e)
{
	const char *mark = nc->np->wish->mark;
	bool seen = true;
	enum ec rc = EC_OK;

	if (mark)
		rc = value_taken(nc->conn, dn, LDAP_SCOPE_BASE, flavour_openldap.mark, mark, &seen,
				 e);
	if (rc == EC_ABSENT || !seen)
		return err_set(e, EC_DENIED,
			       "the service may not read %s of accounts that it makes: give it the "
			       "rights of %s/acl.ldif",
			       flavour_openldap.mark, SCHEMA_DIR);
	return rc;
}

/* An account with half of what it needs is none: it goes again. If nobody says that it went, how it ended is not certain. */
static enum ec take_back(struct dir_conn *c, const char *dn, enum ec rc, struct err *e)
{
	struct err why = *e, again;
	enum ec gone = dir_conn_delete(c, dn, &again);

	if (gone == EC_OK)
		return rc;
	return err_set(e, gone == EC_TEMP ? gone : rc, "%s; %s was left behind, remove it",
		       why.text, dn);
}

static enum ec make_entry(void *ctx, const char *uid, struct err *e)
{
	const struct newcomer *nc = ctx;
	struct buf dn = { 0 };

	dn_child(&dn, nc->d->names->logon, uid, strlen(uid), nc->root->new_users);
	buf_add(&dn, "", 1);
	enum ec rc = add_entry(nc, buf_at(&dn), uid, e);
	if (rc == EC_OK) {
		rc = check_mark(nc, buf_at(&dn), e);
		if (rc == EC_OK)
			rc = give_password(nc, buf_at(&dn), e);
		if (rc != EC_OK)
			rc = take_back(nc->conn, buf_at(&dn), rc, e);
	}
	buf_drop(&dn);
	return rc;
}

static struct free_name names_for(const struct dir *d, const struct dir_root *root,
				  const struct account_wish *wish)
{
	return (struct free_name){ .base = root->base,
				   .attr = d->names->logon,
				   .mark_attr = flavour_openldap.mark,
				   .rule = &logon_rule_openldap,
				   .wish = wish };
}

static enum ec openldap_plan(struct dir *d, struct dir_conn *c, const struct account_wish *wish,
			     char logon[LOGON_NAME_MAX + 1], struct err *e)
{
	const struct dir_root *root;
	bool there;
	enum ec rc = check_name(&wish->name, e);

	if (rc == EC_OK)
		rc = dir_root_get(d, c, &root, e);
	if (rc == EC_OK)
		rc = value_taken(c, root->new_users, LDAP_SCOPE_BASE, "objectClass", "top", &there,
				 e);
	if (rc == EC_ABSENT)
		return no_container(root, e);
	if (rc != EC_OK)
		return rc;
	const struct free_name f = names_for(d, root, wish);
	return free_name_find(c, &f, logon, e);
}

static enum ec openldap_create(struct dir *d, struct dir_conn *c, const struct new_person *np,
			       struct err *e)
{
	struct newcomer nc = { .d = d, .conn = c, .np = np };
	enum ec rc = check_name(&np->wish->name, e);

	if (rc == EC_OK)
		rc = dir_root_get(d, c, &nc.root, e);
	if (rc != EC_OK)
		return rc;
	struct free_name f = names_for(d, nc.root, np->wish);
	f.make = make_entry;
	f.ctx = &nc;
	return free_name_make(c, &f, e);
}

const struct flavour flavour_openldap = {
	.name = "openldap",
	.names = { .address = "winpopAddress winpopAlias mail",
		   .logon = "uid",
		   .filter = "(|(objectClass=person)(objectClass=posixAccount)"
			     "(objectClass=winpopMailbox))",
		   .new_users = "ou=people",
		   .domains = "ou=winpop",
		   .nt_hash = "sambaNTPassword winpopNTHash",
		   /* With ppolicy a failed bind changes the entry, but not pwdChangedTime; without it
		    * entryCSN is as good, and tells apart two changes in one second. */
		   .stamp = "pwdChangedTime entryCSN modifyTimestamp",
		   .implied = "" },
	.mark = "description",
	.changed = "pwdChangedTime", /* kept by the policy overlay alone */
	.state_attrs = state_attrs,
	.learn = openldap_learn,
	.read_state = openldap_read_state,
	.plan = openldap_plan,
	.create = openldap_create,
	.set_password = openldap_set_password,
};
