/* accounts.c - the accounts contract, on a directory.
 *
 * A sign-in is one search, which finds the person and says which mailbox is meant, and one bind as that person on another connection:
 * the server proves the password, we never see a hash. The group is looked at behind the password, as all that could tell a stranger
 * something about the account. SPA has no password to bind with and takes the NT hash instead, if the directory gives it.
 *
 * Who does not exist costs a search and a bind too, as a DN that nobody has.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ldap/choose.h"
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/group.h"
#include "ldap/limit.h"
#include "ldap/nthash.h"
#include "server/accounts/record.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

struct accounts_dir {
	struct accounts accounts;
	struct dir *dir;
	struct catalog *catalog;
};

static struct accounts_dir *dir_of(struct accounts *a)
{
	return (struct accounts_dir *)a;
}

/* ---- who ---- */

/* Persons are too large for a worker's stack. */
static struct person *person_new(void)
{
	return mem_new(sizeof(struct person));
}

static enum ec find_person(struct accounts *a, const struct name *n, struct person *out,
			   struct err *e)
{
	struct typed who;

	typed_address(&who, n);
	return person_find(dir_of(a)->dir, &who, out, e);
}

struct group_errand {
	struct dir *d;
	const char *group;
	const struct account *who;
	bool in;
};

static enum ec ask_group(struct dir_conn *c, void *ctx, struct err *e)
{
	struct group_errand *g = ctx;

	return group_has(g->d, c, g->group, g->who, &g->in, e);
}

/* EC_REFUSED: not in the group that may sign in. */
static enum ec check_group(struct dir *d, const struct account *who, struct err *e)
{
	struct group_errand g = { .d = d, .group = d->conf->directory_group, .who = who };

	if (!*g.group)
		return EC_OK;
	enum ec rc = pool_run(d->pool, POOL_READ, ask_group, &g, e);
	if (rc != EC_OK || g.in)
		return rc;
	err_set(e, EC_REFUSED, "%s is not in the group %s", who->key, g.group);
	if (e)
		e->detail = REFUSAL_GROUP;
	return EC_REFUSED;
}

/* The service itself, or the administrator who acts, must not be removed as a mailbox's account. */
static void mark_own(const struct dir *d, struct account *who)
{
	if (dn_same(who->key, d->link.user))
		who->admin = true;
}

/* It may sign in with a name that is no DN: user@domain, DOMAIN\user, a Kerberos principal. "": there is no entry to be seen. */
static enum ec look_for_own(struct dir *d, char out[ACCOUNT_KEY_MAX + 1], struct err *e)
{
	const char *user = d->link.user;
	struct typed typed;

	out[0] = '\0';
	if (typed_parse(&typed, user, strlen(user), NULL) != EC_OK)
		return EC_OK;
	struct person *own = person_new();
	enum ec rc = person_find(d, &typed, own, e);
	if (rc == EC_OK)
		strcpy(out, own->account.key);
	free(own);
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* Asked once, as what is in the root: whoever comes first asks, and of two that come at the same time the first answer stays. */
static enum ec own_entry(struct dir *d, const char **out, struct err *e)
{
	char *known = atomic_load(&d->own), dn[ACCOUNT_KEY_MAX + 1];

	if (!known) {
		enum ec rc = look_for_own(d, dn, e);
		if (rc != EC_OK)
			return rc;
		char *kept = mem_strz(dn);
		if (atomic_compare_exchange_strong(&d->own, &known, kept))
			known = kept;
		else
			free(kept);
	}
	*out = known;
	return EC_OK;
}

static enum ec find_own(struct dir *d, struct account *who, struct err *e)
{
	const char *own = "";

	mark_own(d, who);
	if (who->admin || dn_sane(d->link.user))
		return EC_OK;
	enum ec rc = own_entry(d, &own, e);
	if (rc == EC_OK && *own && dn_same(who->key, own))
		who->admin = true;
	return rc;
}

static enum ec ask_admin(struct dir_conn *c, void *ctx, struct err *e)
{
	struct group_errand *g = ctx;
	const struct dir_root *root;
	enum ec rc = dir_root_get(g->d, c, &root, e);

	if (rc != EC_OK || !root->admins[0]) /* not to be seen by us */
		return rc;
	return group_chain(c, root->admins, g->who->key, &g->in, e);
}

/* The entry alone does not tell of groups inside groups. Sign-in does without this question. */
static enum ec find_admin(struct dir *d, struct account *who, struct err *e)
{
	struct group_errand g = { .d = d, .who = who };

	enum ec rc = find_own(d, who, e);
	if (rc != EC_OK || who->admin || !d->flavour->nested_group_rule)
		return rc;
	rc = pool_run(d->pool, POOL_READ, ask_admin, &g, e);
	who->admin = g.in;
	return rc;
}

/* Whose ticket or certificate is as good as a password needs the group all the same. */
static enum ec mark_group(struct dir *d, struct account *who, struct err *e)
{
	enum ec rc = check_group(d, who, e);

	if (rc != EC_REFUSED)
		return rc;
	who->enabled = false;
	return EC_OK;
}

/* What an administrator is told of somebody who was found. */
static enum ec tell(struct dir *d, const struct name *n, const struct person *p,
		    struct account *out, struct err *e)
{
	*out = p->account;
	out->name = *n;
	enum ec rc = mark_group(d, out, e);
	return rc == EC_OK ? find_admin(d, out, e) : rc;
}

static enum ec dir_find(struct accounts *a, const struct name *n, struct account *out,
			struct err *e)
{
	struct person *p = person_new();
	enum ec rc = find_person(a, n, p, e);

	if (rc == EC_OK)
		rc = tell(dir_of(a)->dir, n, p, out, e);
	free(p);
	return rc;
}

static enum ec dir_resolve(struct accounts *a, const char *typed, size_t len, struct account *out,
			   struct err *e)
{
	struct accounts_dir *ad = dir_of(a);
	struct person *p = person_new();
	struct typed who;
	enum ec rc = typed_parse(&who, typed, len, e);

	if (rc == EC_OK)
		rc = person_find(ad->dir, &who, p, e);
	if (rc == EC_OK)
		rc = choose_mailbox(ad->dir, ad->catalog, &who, p, e);
	if (rc == EC_OK) {
		*out = p->account;
		mark_own(ad->dir, out);
	}
	free(p);
	return rc;
}

/* Fills in what a caller that has but the name does not know. */
static enum ec complete(struct accounts *a, const struct account *who, struct account *out,
			struct err *e)
{
	*out = *who;
	if (*who->key)
		return EC_OK;
	struct person *p = person_new();
	enum ec rc = find_person(a, &who->name, p, e);
	if (rc == EC_OK) {
		*out = p->account;
		out->name = who->name;
	}
	free(p);
	return rc;
}

/* ---- with what ---- */

struct proof_errand {
	const char *dn;
	const struct secret *password;
	enum proof verdict;
};

static enum ec ask_proof(struct dir_conn *c, void *ctx, struct err *e)
{
	struct proof_errand *p = ctx;

	return dir_conn_prove(c, p->dn, p->password, &p->verdict, e);
}

static enum ec prove(struct dir *d, const char *dn, const struct secret *s, struct err *e)
{
	struct proof_errand p = { .dn = dn, .password = s, .verdict = PROOF_WRONG };
	enum ec rc = pool_run(d->pool, POOL_PROVE, ask_proof, &p, e);

	return rc == EC_OK ? proof_err(p.verdict, e) : rc;
}

/* The bind that somebody would have cost. The name is made up anew each time, or it would be the one whose lock-out tells. */
static enum ec prove_nobody(struct dir *d, const struct secret *s, struct err *e)
{
	const struct dir_root *root = atomic_load(&d->root);
	char dn[ACCOUNT_KEY_MAX + 64];

	snprintf(dn, sizeof(dn), "cn=nobody-%016llx,%s", (unsigned long long)random_u64(),
		 root ? root->base : "dc=invalid");
	enum ec rc = prove(d, dn, s, e);
	return rc >= EC_BUSY ? rc : err_set(e, EC_DENIED, "wrong name or password");
}

/* Whoever could not be resolved is nobody@invalid to the callers (RFC 2606): that search was made already. */
static bool is_nobody(const struct account *who)
{
	return !*who->key && strcmp(who->name.domain, "invalid") == 0;
}

static enum ec dir_verify(struct accounts *a, const struct account *who, const struct secret *s,
			  struct err *e)
{
	struct dir *d = dir_of(a)->dir;
	struct account full;

	if (s->len == 0) /* RFC 4513 section 5.1.2: it would prove nothing and succeed */
		return err_set(e, EC_DENIED, "wrong name or password");
	enum ec rc = is_nobody(who) ? EC_ABSENT : complete(a, who, &full, e);
	if (rc == EC_ABSENT)
		return prove_nobody(d, s, e);
	if (rc == EC_OK)
		rc = prove(d, full.key, s, e);
	if (rc == EC_DENIED && full.locked_out && e)
		e->detail = REFUSAL_LOCKED_OUT;
	if (rc == EC_OK && !full.enabled) /* by a mark that the server itself knows nothing of */
		return proof_err(PROOF_DISABLED, e);
	return rc == EC_OK ? check_group(d, &full, e) : rc;
}

struct hash_errand {
	struct dir *d;
	const char *dn;
	struct secret *out;
};

static enum ec ask_hash(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct hash_errand *h = ctx;

	return nt_hash_read(h->d, c, h->dn, h->out, e);
}

/* Nobody's password is proved behind this, so all that verify would look at is looked at here. */
static enum ec dir_reveal(struct accounts *a, const struct account *who, enum secret_kind kind,
			  struct secret *out, struct err *e)
{
	struct dir *d = dir_of(a)->dir;
	struct account full;

	if (!(a->reveals & 1u << kind))
		return err_set(e, EC_REFUSED, "the directory does not reveal passwords");
	enum ec rc = complete(a, who, &full, e);
	if (rc == EC_OK)
		rc = check_group(d, &full, e);
	if (rc != EC_OK)
		return rc;
	struct hash_errand h = { .d = d, .dn = full.key, .out = out };
	return pool_run(d->pool, POOL_READ, ask_hash, &h, e);
}

/* ---- changes ---- */

struct change_errand {
	struct dir *d;
	const struct new_person *np;
	const char *dn;
	const struct secret *password;
};

static enum ec run_set_password(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct change_errand *w = ctx;

	return w->d->flavour->set_password(w->d, c, w->dn, w->password, e);
}

static enum ec run_remove(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct change_errand *w = ctx;

	return dir_conn_delete(c, w->dn, e);
}

/* ---- new accounts ---- */

/* A name that the password file takes may be none for a directory. */
static enum ec check_wish(const struct account_wish *wish, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];
	struct name same;

	assert(!wish->mark || strlen(wish->mark) <= ACCOUNT_MARK_MAX);
	name_text(&wish->name, text);
	return name_parse(&same, text, strlen(text), NAME_DIRECTORY, e);
}

/* Whoever looked for the person found rc. EC_OK: one or nobody; EC_EXISTS: more than one, which is nobody too. */
static enum ec judge_found(enum ec rc, const struct person *p, bool *one, const struct err *why,
			   struct err *e)
{
	*one = rc == EC_OK;
	if (rc == EC_OK || (rc == EC_ABSENT && p->match == MATCH_NONE))
		return EC_OK;
	return err_set(e, rc == EC_ABSENT ? EC_EXISTS : rc, "%s", why->text);
}

/* An entry that has the logon name but no mail may be whom the administrator means, unless it serves a mailbox of another domain
 * already: then the new account is somebody else of that name. EC_OK: it may be made. */
static enum ec check_found(struct accounts *a, const struct name *n, const struct person *p,
			   struct err *e)
{
	char text[NAME_TEXT_MAX + 1];
	struct name other;
	enum ec rc = EC_ABSENT;

	if (p->match == MATCH_LINKED)
		rc = choose_other(dir_of(a)->dir, dir_of(a)->catalog, p, n, &other, e);
	if (rc != EC_ABSENT)
		return rc;
	return err_set(e, EC_EXISTS, "there is an account for %s already: %s", name_text(n, text),
		       p->account.key);
}

static enum ec check_new(struct accounts *a, const struct name *n, struct err *e)
{
	struct person *p = person_new();
	struct err why;
	bool one;
	enum ec rc = judge_found(find_person(a, n, p, &why), p, &one, &why, e);

	if (rc == EC_OK && one)
		rc = check_found(a, n, p, e);
	free(p);
	return rc;
}

/* Asked of the very server that would make it: another one's copy may be older. */
static enum ec check_mark(struct dir *d, struct dir_conn *c, const struct account_wish *wish,
			  struct err *e)
{
	struct person *p;
	struct err why;
	bool one;

	if (!wish->mark)
		return EC_OK;
	p = person_new();
	enum ec rc = person_by_mark(d, c, &wish->name, wish->mark, p, &why);
	rc = judge_found(rc, p, &one, &why, e);
	if (rc == EC_OK && one)
		rc = err_set(e, EC_EXISTS,
			     "%s was made already, and not all servers of the directory show it: "
			     "try again when they do",
			     p->account.key);
	free(p);
	return rc;
}

static enum ec run_create(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct change_errand *w = ctx;
	enum ec rc = check_mark(w->d, c, w->np->wish, e);

	return rc == EC_OK ? w->d->flavour->create(w->d, c, w->np, e) : rc;
}

static enum ec dir_create(struct accounts *a, const struct account_wish *wish,
			  const struct secret *s, struct draft *draft, struct err *e)
{
	struct dir *d = dir_of(a)->dir;
	struct new_person np = { .wish = wish, .password = s };
	struct change_errand w = { .d = d, .np = &np };
	enum ec rc = password_check(s, e);

	(void)draft; /* the account is no part of the mailbox */
	if (rc == EC_OK)
		rc = check_wish(wish, e);
	if (rc == EC_OK)
		rc = check_new(a, &wish->name, e);
	return rc == EC_OK ? pool_run(d->pool, POOL_WRITE, run_create, &w, e) : rc;
}

/* Nobody signs in by the directory yet, so an entry without mail serves no mailbox, whatever its name: of two that it could serve
 * neither gets it. */
static enum ec check_linked(struct accounts *a, const struct name *n, const struct person *p,
			    struct err *e)
{
	char text[NAME_TEXT_MAX + 1], rival[NAME_TEXT_MAX + 1];
	struct name other;
	enum ec rc = EC_ABSENT;

	if (p->match == MATCH_LINKED)
		rc = choose_other(dir_of(a)->dir, dir_of(a)->catalog, p, n, &other, e);
	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	return err_set(e, EC_EXISTS,
		       "%s has no mail address and could be for %s or %s: give it one",
		       p->account.key, name_text(n, text), name_text(&other, rival));
}

struct plan_errand {
	struct dir *d;
	const struct account_wish *wish;
	char *logon;
};

static enum ec run_plan(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct plan_errand *w = ctx;

	return w->d->flavour->plan(w->d, c, w->wish, w->logon, e);
}

static enum ec plan_new(struct dir *d, const struct account_wish *wish, struct prospect *out,
			struct err *e)
{
	struct plan_errand w = { .d = d, .wish = wish, .logon = out->logon };

	return pool_run(d->pool, POOL_READ, run_plan, &w, e);
}

static enum ec tell_taken(struct accounts *a, const struct account_wish *wish,
			  const struct person *p, struct prospect *out, struct err *e)
{
	enum ec rc = check_linked(a, &wish->name, p, e);

	out->taken = true;
	strcpy(out->mark, p->mark);
	strcpy(out->changed, p->changed);
	return rc == EC_OK ? tell(dir_of(a)->dir, &wish->name, p, &out->there, e) : rc;
}

/* The root is known by now. */
static void foresee(const struct dir *d, const struct secret *s, struct prospect *out)
{
	const struct dir_root *root = atomic_load(&d->root);
	const char *logon = out->taken ? out->there.logon : out->logon;

	if (s)
		password_policy_judge(&root->policy, logon, "", s, &out->weak);
}

static enum ec dir_inspect(struct accounts *a, const struct account_wish *wish,
			   const struct secret *s, struct prospect *out, struct err *e)
{
	struct dir *d = dir_of(a)->dir;
	struct person *p = person_new();
	struct err why;
	bool one = false;

	*out = (struct prospect){ 0 };
	enum ec rc = check_wish(wish, e);
	if (rc == EC_OK) {
		rc = person_find_marked(d, &wish->name, wish->mark, p, &why);
		rc = judge_found(rc, p, &one, &why, e);
	}
	if (rc == EC_OK)
		rc = one ? tell_taken(a, wish, p, out, e) : plan_new(d, wish, out, e);
	if (rc == EC_OK)
		foresee(d, s, out);
	free(p);
	return rc;
}

/* ---- others ---- */

static enum ec dir_set_password(struct accounts *a, const struct name *n, const struct secret *s,
				struct err *e)
{
	struct dir *d = dir_of(a)->dir;
	struct person *p = person_new();
	struct change_errand w = { .d = d, .dn = p->account.key, .password = s };
	enum ec rc = password_check(s, e);

	if (rc == EC_OK)
		rc = find_person(a, n, p, e);
	if (rc == EC_OK)
		rc = pool_run(d->pool, POOL_WRITE, run_set_password, &w, e);
	free(p);
	return rc;
}

struct limit_errand {
	struct dir *d;
	struct entry_limit l;
};

static enum ec run_set_limit(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct limit_errand *w = ctx;

	return limit_write(w->d, c, &w->l, e);
}

static enum ec dir_set_limit(struct accounts *a, const struct name *n,
			     const struct quota_limit *limit, struct err *e)
{
	struct dir *d = dir_of(a)->dir;
	struct person *p = person_new();
	enum ec rc = find_person(a, n, p, e);
	struct limit_errand w = {
		.d = d, .l = { .dn = p->account.key, .is_mailbox = p->is_mailbox, .limit = limit }
	};

	if (rc == EC_OK)
		rc = pool_run(d->pool, POOL_WRITE, run_set_limit, &w, e);
	free(p);
	return rc;
}

static enum ec check_no_admin(struct dir *d, struct account *who, struct err *e)
{
	enum ec rc = find_admin(d, who, e);

	if (rc == EC_OK && who->admin)
		return err_set(e, EC_REFUSED, "%s is an administrator and is not removed",
			       who->key);
	return rc;
}

static enum ec check_unused(struct accounts *a, const struct name *n, const struct person *p,
			    struct err *e)
{
	char text[NAME_TEXT_MAX + 1];
	struct name other;
	enum ec rc = choose_other(dir_of(a)->dir, dir_of(a)->catalog, p, n, &other, e);

	if (rc == EC_OK)
		return err_set(e, EC_REFUSED, "%s is not removed: it has the mailbox %s too",
			       p->account.key, name_text(&other, text));
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* By its DN if that is known: when the mailbox has left the directory its address may lead to nobody, or, as a logon name, to
 * somebody else. */
static enum ec dir_remove(struct accounts *a, const struct account *who, struct err *e)
{
	struct dir *d = dir_of(a)->dir;
	struct person *p = person_new();
	struct change_errand w = { .d = d, .dn = p->account.key };
	enum ec rc = *who->key ? person_at(d, who->key, p, e) : find_person(a, &who->name, p, e);

	if (rc == EC_OK)
		rc = check_no_admin(d, &p->account, e);
	if (rc == EC_OK)
		rc = check_unused(a, &who->name, p, e);
	if (rc == EC_OK)
		rc = pool_run(d->pool, POOL_WRITE, run_remove, &w, e);
	free(p);
	return rc;
}

static void dir_accounts_close(struct accounts **a)
{
	free(*a);
	*a = NULL;
}

static const struct accounts_ops dir_ops = {
	.name = "directory",
	.rule = NAME_DIRECTORY,
	.needs_create = false,
	.find = dir_find,
	.resolve = dir_resolve,
	.verify = dir_verify,
	.reveal = dir_reveal,
	.create = dir_create,
	.inspect = dir_inspect,
	.set_password = dir_set_password,
	.remove = dir_remove,
	.set_limit = dir_set_limit,
	.close = dir_accounts_close,
};

enum ec dir_accounts_open(struct dir *d, struct catalog *catalog, struct accounts **out,
			  struct err *e)
{
	struct accounts_dir *ad = mem_new(sizeof(*ad));
	bool hashes = *d->names->nt_hash && d->conf->spa == SPA_HASH;

	(void)e;
	*ad = (struct accounts_dir){ .accounts = { .ops = &dir_ops,
						   .keeps_limits =
							   d->conf->catalog == CATALOG_DIRECTORY,
						   .reveals = hashes ? 1u << SECRET_NT_HASH : 0 },
				     .dir = d,
				     .catalog = catalog };
	*out = &ad->accounts;
	return EC_OK;
}
