/* lookup.c - see lookup.h.
 *
 * Locks are not looked at: they refuse retrieval, and a locked mailbox receives and sends. What cannot be a name of ours - a bare
 * local part, "@domain", somebody else's odd address - needs no look to be absent.
 */
#include <stdio.h>
#include "server/mta/lookup.h"

/* What an access table answers is a reply of the SMTP server's. */
#define HELD "450 4.2.1 mailbox takes no mail for now"
#define FULL "552 5.2.2 mailbox is full (over quota)"
#define FULL_LATER "452 4.2.2 mailbox is full (over quota), try again later"

bool lookup_prepare(struct lookup *l, const struct sm_ask *q, enum name_rule rule)
{
	enum ec rc = q->map == SM_DOMAINS ? name_parse_domain(&l->name, q->key.p, q->key.len, NULL)
					  : name_parse(&l->name, q->key.p, q->key.len, rule, NULL);

	l->map = q->map;
	return rc == EC_OK;
}

/* Does its account still take a message, even a small one? A forecast: what cannot be told now is left to the delivery, which
 * decides and can say "later". */
static bool is_full(const struct entry *box, const struct mta_setup *with)
{
	char account[NAME_TEXT_MAX + 1];
	struct charge charge;
	struct err e;

	if (limits_charge(with->limits, box, with->conf, account, &charge, &e) != EC_OK)
		return false;
	return quota_limits(&charge.limit) &&
	       with->store->quota->fits(with->store, &box->name, &charge, 1, &e) == EC_QUOTA;
}

static void answer(struct lookup *l, const char *value)
{
	snprintf(l->value, sizeof(l->value), "%s", value);
}

static void judge_access(struct lookup *l, const struct entry *box, const struct mta_setup *with)
{
	if (box->held || box->domain_held)
		answer(l, HELD);
	else if (is_full(box, with))
		answer(l, with->conf->quota_full == FULL_DEFER ? FULL_LATER : FULL);
	else
		l->class = EC_ABSENT;
}

void lookup_run(struct lookup *l, const struct mta_setup *with)
{
	struct entry found;
	char text[NAME_TEXT_MAX + 1];

	l->class = catalog_find_for_mail(with->catalog, &l->name, &found, &l->err);
	if (l->class != EC_OK)
		return;
	if (l->map == SM_ACCESS)
		judge_access(l, &found, with);
	else
		answer(l, name_text(&found.name, text));
}
