/* lookup.c - see lookup.h.
 *
 * Locks are not looked at: they refuse retrieval, and a locked mailbox receives and sends. What cannot be a name of ours - a bare
 * local part, "@domain", somebody else's odd address - needs no look to be absent.
 */
#include "server/mta/lookup.h"

bool lookup_prepare(struct lookup *l, const struct sm_ask *q, enum name_rule rule)
{
	enum ec rc = q->map == SM_DOMAINS ? name_parse_domain(&l->name, q->key.p, q->key.len, NULL)
					  : name_parse(&l->name, q->key.p, q->key.len, rule, NULL);

	return rc == EC_OK;
}

void lookup_run(struct lookup *l, const struct mta_setup *with)
{
	struct entry found;

	l->class = catalog_find_for_mail(with->catalog, &l->name, &found, &l->err);
	if (l->class == EC_OK)
		name_text(&found.name, l->value);
}
