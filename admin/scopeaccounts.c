/* scopeaccounts.c - accounts of which only those of some domains exist.
 *
 * Accounts are wider than domains: a directory's people may be known by addresses of several, and users of this computer by none.
 * So who is found is looked at, not only who was asked for; and an administrator's account keeps its password and stays, even if
 * somebody has given it a mailbox in a delegate's domain: whoever could set its password would be that administrator.
 */
#include <stdlib.h>
#include "server/base/mem.h"
#include "admin/scope.h"

struct narrowed {
	struct accounts base; /* first: the accounts that others hold */
	struct accounts_ops ops;
	struct accounts *all;
	const struct scope *only;
};

static struct narrowed *of(struct accounts *a)
{
	return (struct narrowed *)a;
}

static enum ec absent(const char *who, struct err *e)
{
	return err_set(e, EC_ABSENT, "there is no account \"%.120s\"", who);
}

static enum ec find(struct accounts *a, const struct name *n, struct account *out, struct err *e)
{
	struct narrowed *s = of(a);
	char text[NAME_TEXT_MAX + 1];

	if (!scope_has(s->only, n->domain))
		return absent(name_text(n, text), e);
	enum ec rc = s->all->ops->find(s->all, n, out, e);
	return rc == EC_OK && !scope_has(s->only, out->name.domain) ? absent(name_text(n, text), e)
								    : rc;
}

static enum ec resolve(struct accounts *a, const char *typed, size_t len, struct account *out,
		       struct err *e)
{
	struct narrowed *s = of(a);
	enum ec rc = s->all->ops->resolve(s->all, typed, len, out, e);

	return rc == EC_OK && !scope_has(s->only, out->name.domain) ? absent(typed, e) : rc;
}

static enum ec verify(struct accounts *a, const struct account *who, const struct secret *s,
		      struct err *e)
{
	(void)a;
	(void)who;
	(void)s;
	return err_set(e, EC_DENIED, "no command signs anybody in");
}

static enum ec reveal(struct accounts *a, const struct account *who, enum secret_kind kind,
		      struct secret *out, struct err *e)
{
	(void)a;
	(void)who;
	(void)kind;
	(void)out;
	return err_set(e, EC_DENIED, "no command reveals a password");
}

static enum ec create(struct accounts *a, const struct account_wish *wish, const struct secret *p,
		      struct draft *draft, struct err *e)
{
	struct narrowed *s = of(a);
	enum ec rc = scope_check(s->only, wish->name.domain, e);

	return rc == EC_OK ? s->all->ops->create(s->all, wish, p, draft, e) : rc;
}

/* With the password file an account is its mailbox's, whatever can be read of its record: a new password is what mends it. */
static enum ec may_change(struct narrowed *s, const struct name *n, struct err *e)
{
	struct account found;
	char text[NAME_TEXT_MAX + 1];
	enum ec rc = scope_check(s->only, n->domain, e);

	if (rc != EC_OK || s->all->ops->needs_create)
		return rc;
	rc = find(&s->base, n, &found, e);
	if (rc == EC_OK && found.admin)
		return err_set(e, EC_REFUSED, "the account of %s is an administrator's",
			       name_text(n, text));
	return rc;
}

static enum ec set_password(struct accounts *a, const struct name *n, const struct secret *p,
			    struct err *e)
{
	struct narrowed *s = of(a);
	enum ec rc = may_change(s, n, e);

	return rc == EC_OK ? s->all->ops->set_password(s->all, n, p, e) : rc;
}

/* Its mailbox is gone by now, and find may not know it any more: who it is was seen when `who` was found. */
static enum ec remove_account(struct accounts *a, const struct account *who, struct err *e)
{
	struct narrowed *s = of(a);
	enum ec rc = scope_check(s->only, who->name.domain, e);

	if (rc == EC_OK && who->admin)
		rc = err_set(e, EC_REFUSED, "an administrator's account is not removed");
	return rc == EC_OK ? s->all->ops->remove(s->all, who, e) : rc;
}

static void close_both(struct accounts **a)
{
	struct narrowed *s = of(*a);

	s->all->ops->close(&s->all);
	free(s);
	*a = NULL;
}

struct accounts *scope_accounts(struct accounts *all, const struct scope *only)
{
	struct narrowed *s = mem_new(sizeof(*s));

	*s = (struct narrowed){ .all = all, .only = only };
	s->ops = (struct accounts_ops){
		.name = all->ops->name,
		.rule = all->ops->rule,
		.needs_create = all->ops->needs_create,
		.by_root = all->ops->by_root,
		.find = find,
		.resolve = resolve,
		.verify = verify,
		.reveal = reveal,
		.create = create,
		.set_password = set_password,
		.remove = remove_account,
		.close = close_both,
	};
	s->base.ops = &s->ops;
	s->base.keeps_limits = all->keeps_limits;
	return &s->base;
}
