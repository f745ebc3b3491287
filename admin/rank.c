/* rank.c - see rank.h.
 *
 * Members of a directory's group are found out by the accounts themselves: they know how to say whether somebody is in the group
 * that may sign in (directory_group), so they are opened once more with that group in its place.
 */
#include <stdio.h>
#include <string.h>
#include "admin/rank.h"
#include "admin/rights.h"

/* As the accounts see him if this is the group that may sign in; "": anybody may. *found is empty where there is nobody. */
static enum ec find_with(const struct conf *c, const struct log *log, const char *who,
			 const char *group, struct account *found, struct err *e)
{
	struct conf with = *c;
	struct backends b;
	struct name n;

	*found = (struct account){ 0 };
	with.directory_group = group;
	enum ec rc = backends_open(&with, NULL, log, &b, e);

	if (rc != EC_OK)
		return rc;
	rc = name_parse(&n, who, strlen(who), b.accounts->ops->rule, e);
	if (rc == EC_OK)
		rc = b.accounts->ops->find(b.accounts, &n, found, e);
	backends_close(&b);
	if (rc != EC_ABSENT && rc != EC_REFUSED)
		return rc;
	*found = (struct account){ 0 };
	return EC_OK;
}

enum ec rank_in_directory_group(const struct conf *c, const struct log *log, const char *who,
				const char *dn, bool *is, struct err *e)
{
	struct account found = { 0 };
	enum ec rc = EC_OK;

	if (c->authentication == AUTHN_AD)
		rc = find_with(c, log, who, dn, &found, e);
	*is = rc == EC_OK && found.enabled;
	return rc;
}

/* Of an account that is disabled just now nobody is told its groups, and tomorrow it may be an administrator's again. */
static enum ec may_be_in_group(const struct conf *c, const struct log *log, const char *who,
			       const char *dn, bool *may, struct err *e)
{
	struct account found = { 0 };
	enum ec rc = rank_in_directory_group(c, log, who, dn, may, e);

	if (rc != EC_OK || *may || c->authentication != AUTHN_AD)
		return rc;
	rc = find_with(c, log, who, "", &found, e);
	*may = rc == EC_OK && found.name.domain[0] && !found.enabled;
	return rc;
}

/* What the file says of others is none of his business, so the reason is not told. */
enum ec rank_load(struct wp *w, struct err *e)
{
	if (scope_is_whole(w->only))
		return EC_OK;
	enum ec rc = rights_load(w->mem, w->conf->console_rights, &w->rights, e);

	if (rc == EC_OK || rc == EC_ABSENT)
		return EC_OK;
	return err_set(e, EC_BROKEN,
		       "the file of rights cannot be used: ask an administrator of the whole "
		       "server");
}

struct asking {
	struct wp *w;
	const char *who;
	enum ec rc; /* of what could not be found out */
	struct err *e;
};

static bool is_member(void *ctx, enum rights_group kind, const char *group)
{
	struct asking *a = ctx;
	const struct conf *c = a->w->conf;
	char login[NAME_TEXT_MAX + 1];
	bool is = false;
	enum ec rc = EC_OK;

	snprintf(login, sizeof(login), "%.*s", (int)strcspn(a->who, "@"), a->who);
	if (kind == RIGHTS_DIRECTORY_GROUP)
		rc = may_be_in_group(c, &a->w->log, a->who, group, &is, a->e);
	else if (c->authentication == AUTHN_LOCAL)
		rc = rights_in_group(login, group, &is, a->e);
	if (rc != EC_OK)
		a->rc = rc;
	return rc == EC_OK && is;
}

static bool is_within(const struct scope *his, const struct scope *mine)
{
	bool within = !his->whole;

	for (size_t i = 0; i < his->n_domains; i++)
		within &= scope_has(mine, his->domains[i]);
	return within;
}

static enum ec check_one(struct wp *w, const struct name *n, struct err *e)
{
	struct asking asking = { w, wp_text(w, n), EC_OK, e };
	struct scope his;

	rights_of(w->rights, asking.who, is_member, &asking, &his, NULL);
	if (asking.rc != EC_OK)
		return asking.rc;
	if (is_within(&his, w->only))
		return EC_OK;
	return err_set(e, EC_REFUSED,
		       "%.120s has rights of administration that you have not: ask an "
		       "administrator of the whole server",
		       asking.who);
}

/* An address may be another one of somebody's whom the file knows by his first. */
enum ec rank_check(struct wp *w, const struct name *n, struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	struct account found;

	if (!w->rights)
		return EC_OK;
	enum ec rc = check_one(w, n, e);

	if (rc != EC_OK || accts->ops->find(accts, n, &found, NULL) != EC_OK ||
	    name_equal(&found.name, n))
		return rc;
	return check_one(w, &found.name, e);
}
