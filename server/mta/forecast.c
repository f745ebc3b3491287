/* forecast.c - see forecast.h.
 *
 * Recipients whom we do not have are no business of ours: the map of mailboxes refuses them, or they are another server's. So
 * nobody asks here whether a catalog that has none is only out of sight (catalog_find_for_mail): it would cost another search.
 */
#include "server/mta/forecast.h"

bool forecast_prepare(struct forecast *f, const struct policy_ask *q, enum name_rule rule)
{
	f->octets = q->octets;
	f->action = POLICY_DUNNO;
	return name_parse(&f->name, q->recipient.p, q->recipient.len, rule, NULL) == EC_OK;
}

/* Is its account too full for so many octets, or for one message more? */
static bool is_full(const struct entry *box, uint64_t octets, const struct mta_setup *with)
{
	char account[NAME_TEXT_MAX + 1];
	struct charge charge;
	struct err e;

	if (limits_charge(with->limits, box, with->conf, account, &charge, &e) != EC_OK)
		return false;
	return quota_limits(&charge.limit) &&
	       with->store->quota->fits(with->store, &box->name, &charge, octets, &e) == EC_QUOTA;
}

void forecast_run(struct forecast *f, const struct mta_setup *with)
{
	struct entry box;

	f->class = with->catalog->ops->find(with->catalog, &f->name, &box, &f->err);
	if (f->class != EC_OK)
		return;
	if (box.held || box.domain_held)
		f->action = POLICY_HELD;
	else if (is_full(&box, f->octets, with))
		f->action = with->conf->quota_full == FULL_DEFER ? POLICY_FULL_LATER : POLICY_FULL;
}
