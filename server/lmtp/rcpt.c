/* rcpt.c - a recipient: is it there, is it on hold, is there room?
 *
 * Nearly every recipient is there, on no hold, and far from its limit, and the kernel has all of
 * that in memory: then the loop answers at once. A worker costs two changes of thread, which is
 * more than the look itself. Whatever is not that plain, and every refusal, is a worker's.
 */
#include "server/lmtp/rcpt.h"

static enum ec check_hold(const struct entry *found, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	if (!found->held && !found->domain_held)
		return EC_OK;
	return err_set(e, EC_LOCKED, "delivery to %.100s is on hold",
		       found->held ? name_text(&found->name, text) : found->name.domain);
}

static bool is_roomy(const struct lmtp_setup *with, const struct charge *charge, uint64_t size_hint)
{
	return !quota_limits(&charge->limit) || limits_roomy(with->limits, charge, size_hint);
}

/* What the MTA said the message's size is may save both of us the message; delivery decides. */
static enum ec check_room(const struct lmtp_setup *with, const struct name *name,
			  uint64_t size_hint, struct charge *charge, struct err *e)
{
	if (is_roomy(with, charge, size_hint))
		return EC_OK;
	return with->store->quota->fits(with->store, name, charge, size_hint, e);
}

/* A lock, the domain's or the mailbox's, refuses retrieval and never delivery; a hold does. */
enum ec rcpt_find(const struct lmtp_setup *with, struct name *name, uint64_t size_hint,
		  struct charge *charge, char account[NAME_TEXT_MAX + 1], struct err *e)
{
	struct entry found;
	enum ec rc = catalog_find_for_mail(with->catalog, name, &found, e);

	if (rc == EC_OK)
		rc = check_hold(&found, e);
	if (rc == EC_OK)
		rc = limits_charge(with->limits, &found, with->conf, account, charge, e);
	if (rc == EC_OK)
		rc = check_room(with, &found.name, size_hint, charge, e);
	if (rc == EC_OK)
		*name = found.name;
	return rc;
}

enum ec rcpt_find_now(const struct lmtp_setup *with, const struct name *name, uint64_t size_hint,
		      struct charge *charge, char account[NAME_TEXT_MAX + 1])
{
	struct catalog *c = with->catalog;
	struct entry found;

	if (!c->ops->find_now || c->ops->find_now(c, name, FIND_TO_DELIVER, &found) != EC_OK ||
	    found.held || found.domain_held ||
	    limits_charge_now(with->limits, &found, with->conf, account, charge) != EC_OK)
		return EC_BUSY;
	return is_roomy(with, charge, size_hint) ? EC_OK : EC_BUSY;
}
