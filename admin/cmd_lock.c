/* cmd_lock.c - lock and unlock.
 *
 * A domain's lock and a mailbox's own are two flags. Unlocking the domain therefore leaves alone
 * whatever was locked for its own sake, and a single mailbox can't be let out of a locked domain.
 */
#include <string.h>
#include "admin/cmd.h"
#include "admin/service.h"

enum { NOW };

static enum ec set_lock(struct wp *w, const struct name *n, bool on, struct err *e)
{
	enum ec rc =
		w->backends.catalog->ops->set_flag(w->backends.catalog, n, ENTRY_LOCKED, on, e);

	if (rc == EC_OK) {
		out_field(w->out, name_is_domain(n) ? "domain" : "mailbox", wp_text(w, n));
		out_field(w->out, "state", on ? "locked" : "unlocked");
	}
	return rc;
}

/* The lock stands by now; only the sessions may be left. */
static enum ec end_sessions(struct wp *w, const struct name *n, struct err *e)
{
	enum ec rc = service_kick(w->conf, wp_text(w, n), e);

	if (rc == EC_OK)
		out_say(w->out, "Locked, and open sessions were ended.");
	if (rc == EC_OK || rc == EC_ABSENT) /* no service, no sessions */
		return EC_OK;
	w->partly = true;
	return wp_hint(w, rc, "the lock is set, open sessions go on");
}

static enum ec run_lock(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct name n;
	enum ec rc = wp_name(w, a->argv[0], &n, e);

	if (rc == EC_OK)
		rc = set_lock(w, &n, true, e);
	if (rc == EC_OK && a->given[NOW])
		rc = end_sessions(w, &n, e);
	return rc;
}

static bool count_locked(void *ctx, const struct entry *en)
{
	*(uint64_t *)ctx += en->locked;
	return true;
}

static enum ec unlock_domain(struct wp *w, const struct name *n, struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	uint64_t n_locked = 0;
	enum ec rc = set_lock(w, n, false, e);

	if (rc == EC_OK && cat->ops->each(cat, n, count_locked, &n_locked, NULL) == EC_OK &&
	    n_locked > 0)
		out_note(w->out, "mailboxes that stay locked by their own lock: %ju",
			 (uintmax_t)n_locked);
	return rc;
}

static enum ec unlock_mailbox(struct wp *w, const struct name *n, struct err *e)
{
	struct entry found;
	enum ec rc = wp_find(w, n, &found, e);

	if (rc != EC_OK)
		return rc;
	if (!found.domain_locked)
		return set_lock(w, n, false, e);
	wp_hint(w, EC_REFUSED, "unlock the whole domain: winpop unlock %s", n->domain);
	return err_set(e, EC_REFUSED, "%s is locked as a part of its domain", wp_text(w, n));
}

static enum ec run_unlock(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct name n;
	enum ec rc = wp_name(w, a->argv[0], &n, e);

	if (rc != EC_OK)
		return rc;
	return name_is_domain(&n) ? unlock_domain(w, &n, e) : unlock_mailbox(w, &n, e);
}

const struct wp_cmd wp_lock = {
	.name = "lock",
	.args = "{DomainName | UserName@DomainName} [/now]",
	.help = "Locks a domain or a mailbox: its users cannot retrieve mail.",
	.more = "If a domain is locked, all mailboxes in it are. Incoming mail is still received "
		"and delivered, and everything an administrator does still works. A client is told "
		"of the lock only after it gave the right password. Sessions that are open go on "
		"until they end, unless /now ends them. Locking what is locked changes nothing.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.switches = { { "now", NULL, false, "Ends open sessions too" } },
	.run = run_lock,
};

const struct wp_cmd wp_unlock = {
	.name = "unlock",
	.args = "{DomainName | UserName@DomainName}",
	.help = "Unlocks a locked domain, or a mailbox that is not locked as part of its domain.",
	.more = "A mailbox that was locked for itself stays locked when its domain is unlocked. "
		"In a locked domain a single mailbox cannot be unlocked; unlock the domain. "
		"Unlocking what is not locked changes nothing.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.run = run_unlock,
};
