/* scopecatalog.c - a catalog in which only some domains exist.
 *
 * A mailbox may be known by several addresses, some of them in other domains, so what is found is looked at as well as what was
 * asked for. Changes ask first for the same reason: the catalog below would follow the other address.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "admin/scope.h"

struct narrowed {
	struct catalog base; /* first: the catalog that others hold */
	struct catalog_ops ops;
	struct catalog *all;
	const struct scope *only;
	size_t n_domains; /* of his, each once, in the order that each tells them */
	const char **domains;
};

static struct narrowed *of(struct catalog *c)
{
	return (struct narrowed *)c;
}

static enum ec absent(const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	return err_set(e, EC_ABSENT, "there is no %s %s", name_is_domain(n) ? "domain" : "mailbox",
		       name_text(n, text));
}

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	struct narrowed *s = of(c);

	*out = (struct entry){ 0 };
	if (!scope_has(s->only, n->domain))
		return absent(n, e);
	enum ec rc = s->all->ops->find(s->all, n, out, e);
	if (!out->name.domain[0] || scope_has(s->only, out->name.domain))
		return rc;
	*out = (struct entry){ 0 };
	return absent(n, e);
}

/* What cannot be read may be his all the same: whoever changes it is told by the catalog below. */
static enum ec may_change(struct narrowed *s, const struct name *n, struct err *e)
{
	struct entry found = { 0 };
	enum ec rc = scope_check(s->only, n->domain, e);

	if (rc != EC_OK)
		return rc;
	s->all->ops->find(s->all, n, &found, NULL);
	return !found.name.domain[0] || scope_has(s->only, found.name.domain) ? EC_OK
									      : absent(n, e);
}

static enum ec not_a_domain(const struct name *n, struct err *e)
{
	return name_is_domain(n)
		       ? err_set(e, EC_DENIED,
				 "domains are made and deleted by administrators of the whole "
				 "server")
		       : EC_OK;
}

static enum ec add(struct catalog *c, const struct name *n, struct draft **draft, struct err *e)
{
	struct narrowed *s = of(c);
	enum ec rc = not_a_domain(n, e);

	if (rc == EC_OK)
		rc = may_change(s, n, e);
	if (rc == EC_OK)
		return s->all->ops->add(s->all, n, draft, e);
	if (draft)
		draft_drop(draft);
	return rc;
}

static enum ec remove_mailbox(struct catalog *c, const struct name *n, struct err *e)
{
	struct narrowed *s = of(c);
	enum ec rc = not_a_domain(n, e);

	if (rc == EC_OK)
		rc = may_change(s, n, e);
	return rc == EC_OK ? s->all->ops->remove(s->all, n, e) : rc;
}

static enum ec set_flag(struct catalog *c, const struct name *n, enum entry_flag flag, bool on,
			struct err *e)
{
	struct narrowed *s = of(c);
	enum ec rc = may_change(s, n, e);

	return rc == EC_OK ? s->all->ops->set_flag(s->all, n, flag, on, e) : rc;
}

static enum ec set_quota(struct catalog *c, const struct name *n, const char *account,
			 struct err *e)
{
	struct narrowed *s = of(c);
	enum ec rc = may_change(s, n, e);

	if (rc == EC_OK && *account && !scope_has_account(s->only, account))
		rc = err_set(e, EC_DENIED, "%.120s is no account of your domains", account);
	return rc == EC_OK ? s->all->ops->set_quota(s->all, n, account, e) : rc;
}

static enum ec set_expire(struct catalog *c, const struct name *n, uint32_t days, struct err *e)
{
	struct narrowed *s = of(c);
	enum ec rc = may_change(s, n, e);

	return rc == EC_OK ? s->all->ops->set_expire(s->all, n, days, e) : rc;
}

static struct name his(const struct narrowed *s, size_t i)
{
	struct name n = { 0 };

	strncpy(n.domain, s->domains[i], sizeof(n.domain) - 1);
	return n;
}

/* Of the domains only his are looked at, so that nothing that is wrong with another is told. As in the catalog below, one that
 * is damaged is passed on, and its text is told at the end; its name alone is good for whoever wants names. */
static enum ec each_domain(struct narrowed *s, bool names,
			   bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	enum ec first = EC_OK;
	bool on = true;

	for (size_t i = 0; i < s->n_domains && on; i++) {
		const struct name n = his(s, i);
		struct entry found = { 0 };
		struct err why;
		enum ec rc = s->all->ops->find(s->all, &n, &found, &why);
		if (rc == EC_ABSENT)
			continue;
		bool known = rc == EC_OK || found.name.domain[0];
		if (rc != EC_OK && !(names && known) && first == EC_OK)
			first = err_set(e, rc, "%s", why.text);
		if (known)
			on = fn(ctx, &found);
	}
	return first;
}

static enum ec each(struct catalog *c, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	struct narrowed *s = of(c);

	if (!domain)
		return each_domain(s, false, fn, ctx, e);
	if (!scope_has(s->only, domain->domain))
		return absent(domain, e);
	return s->all->ops->each(s->all, domain, fn, ctx, e);
}

struct naming {
	bool (*fn)(void *ctx, const struct name *);
	void *ctx;
};

static bool pass_name(void *ctx, const struct entry *en)
{
	const struct naming *n = ctx;

	return n->fn(n->ctx, &en->name);
}

static enum ec names(struct catalog *c, const struct name *domain,
		     bool (*fn)(void *ctx, const struct name *), void *ctx, struct err *e)
{
	struct narrowed *s = of(c);

	if (!domain)
		return each_domain(s, true, pass_name, &(struct naming){ fn, ctx }, e);
	if (!scope_has(s->only, domain->domain))
		return absent(domain, e);
	return s->all->ops->names(s->all, domain, fn, ctx, e);
}

static enum ec unlist(struct catalog *c, const struct name *n, struct err *e)
{
	struct narrowed *s = of(c);
	enum ec rc = may_change(s, n, e);

	return rc == EC_OK ? s->all->ops->unlist(s->all, n, e) : rc;
}

static void close_both(struct catalog **c)
{
	struct narrowed *s = of(*c);

	s->all->ops->close(&s->all);
	free(s->domains);
	free(s);
	*c = NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_domains(struct narrowed *s)
{
	const struct scope *only = s->only;

	s->domains = mem_new((only->n_domains + 1) * sizeof(*s->domains));
	for (size_t i = 0; i < only->n_domains; i++)
		s->domains[i] = only->domains[i];
	qsort(s->domains, only->n_domains, sizeof(*s->domains), compare);
	for (size_t i = 0; i < only->n_domains; i++) {
		if (i == 0 || strcmp(s->domains[i], s->domains[s->n_domains - 1]) != 0)
			s->domains[s->n_domains++] = s->domains[i];
	}
}

struct catalog *scope_catalog(struct catalog *all, const struct scope *only)
{
	struct narrowed *s = mem_new(sizeof(*s));

	*s = (struct narrowed){ .all = all, .only = only };
	s->ops = (struct catalog_ops){
		.name = all->ops->name,
		.far = all->ops->far,
		.find = find,
		.find_now = NULL, /* no command is on an event loop */
		.add = add,
		.remove = remove_mailbox,
		.set_flag = set_flag,
		.set_quota = set_quota,
		.set_expire = set_expire,
		.each = each,
		.names = all->ops->names ? names : NULL,
		.unlist = all->ops->unlist ? unlist : NULL,
		.close = close_both,
	};
	sort_domains(s);
	s->base.ops = &s->ops;
	return &s->base;
}
