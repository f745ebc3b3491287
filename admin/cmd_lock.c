/* cmd_lock.c - lock and unlock: may mail be retrieved? flag.h has the rules. */
#include "admin/flag.h"
#include "admin/service.h"

enum { NOW };

static const struct flag_kind lock = {
	.flag = ENTRY_LOCKED,
	.noun = "lock",
	.key = "state",
	.on = "locked",
	.off = "unlocked",
	.verb = "unlock",
	.undo = "unlock",
};

/* The lock stands by now; only the sessions may be left. */
static enum ec end_sessions(struct wp *w, const struct name *n, struct err *e)
{
	enum ec rc = service_kick(w->conf, w->by, wp_text(w, n), e);

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
		rc = flag_set(w, &lock, &n, e);
	if (rc == EC_OK && a->given[NOW])
		rc = end_sessions(w, &n, e);
	return rc;
}

static enum ec run_unlock(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct name n;
	enum ec rc = wp_name(w, a->argv[0], &n, e);

	return rc == EC_OK ? flag_clear(w, &lock, &n, e) : rc;
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
	.scope = WP_DOMAIN,
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
	.scope = WP_DOMAIN,
	.run = run_unlock,
};
