/* folks.h - accounts in memory, for the tests of limits.
 *
 * "boss" is an administrator; "kim" has a limit in her entry, if the accounts keep limits; "split" is somebody else's user;
 * "odd" has a record that cannot be read; everybody else is nobody. Questions are counted, and can go unanswered.
 */
#pragma once
#include <stdatomic.h>
#include <string.h>
#include "server/accounts/accounts.h"

struct folks {
	struct accounts base;
	struct accounts_ops ops;
	bool away;
	bool kim_has;
	struct quota_limit kim;
	atomic_uint n_find;
	bool many;                     /* ask at the same time: nobody is the last one */
	char asked[NAME_TEXT_MAX + 1]; /* the last one */
};

static inline enum ec folks_find(struct accounts *a, const struct name *n, struct account *out,
				 struct err *e)
{
	struct folks *f = (struct folks *)a;

	atomic_fetch_add(&f->n_find, 1);
	if (!f->many)
		name_text(n, f->asked);
	if (f->away)
		return err_set(e, EC_TEMP, "the directory is away");
	if (strcmp(n->local, "split") == 0)
		return err_set(e, EC_REFUSED, "somebody else's");
	if (strcmp(n->local, "odd") == 0)
		return err_set(e, EC_BROKEN, "cannot be read");
	*out = (struct account){ .name = *n, .enabled = true };
	out->admin = strcmp(n->local, "boss") == 0;
	out->has_limit = f->kim_has && strcmp(n->local, "kim") == 0;
	out->limit = f->kim;
	if (out->admin || strcmp(n->local, "kim") == 0)
		return EC_OK;
	return err_set(e, EC_ABSENT, "nobody");
}

static inline enum ec folks_set_limit(struct accounts *a, const struct name *n,
				      const struct quota_limit *limit, struct err *e)
{
	struct folks *f = (struct folks *)a;

	if (strcmp(n->local, "kim") != 0)
		return limit ? err_set(e, EC_BROKEN, "asked to limit somebody else") : EC_OK;
	f->kim_has = limit;
	f->kim = limit ? *limit : (struct quota_limit){ 0 };
	return EC_OK;
}

static inline void folks_begin(struct folks *f, enum name_rule rule, bool keeps_limits)
{
	*f = (struct folks){ .base.keeps_limits = keeps_limits };
	f->ops = (struct accounts_ops){
		.name = "folks",
		.rule = rule,
		.find = folks_find,
		.set_limit = keeps_limits ? folks_set_limit : NULL,
	};
	f->base.ops = &f->ops;
}
