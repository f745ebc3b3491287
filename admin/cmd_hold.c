/* cmd_hold.c - hold and unhold: may mail be delivered? flag.h has the rules.
 *
 * Nothing is lost by a hold and nothing is sent back, as long as it is shorter than senders try: for moving a mailbox, restoring
 * one, or looking at what is going on.
 */
#include "admin/flag.h"

static const struct flag_kind hold = {
	.flag = ENTRY_HELD,
	.noun = "hold",
	.key = "delivery",
	.on = "held",
	.off = "open",
	.verb = "release",
	.undo = "unhold",
};

static enum ec run_hold(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct name n;
	enum ec rc = wp_name(w, a->argv[0], &n, e);

	return rc == EC_OK ? flag_set(w, &hold, &n, e) : rc;
}

static enum ec run_unhold(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct name n;
	enum ec rc = wp_name(w, a->argv[0], &n, e);

	return rc == EC_OK ? flag_clear(w, &hold, &n, e) : rc;
}

const struct wp_cmd wp_hold = {
	.name = "hold",
	.args = "{DomainName | UserName@DomainName}",
	.help = "Holds incoming mail for a domain or a mailbox back: it is delivered after "
		"unhold.",
	.more = "Delivery is refused for the time being (LMTP reply 450), so mail waits in the "
		"mail server's queue, which tries again; a hold that lasts longer than it tries "
		"(five days with Postfix) sends mail back. Users retrieve what is there as ever: "
		"a hold is no lock, and neither changes the other. If a domain is held, all "
		"mailboxes in it are. Holding what is held changes nothing.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.extra = true,
	.run = run_hold,
};

const struct wp_cmd wp_unhold = {
	.name = "unhold",
	.args = "{DomainName | UserName@DomainName}",
	.help = "Lets mail in again, for a domain or for a mailbox that is not held as part of "
		"its domain.",
	.more = "Mail that waits comes when the mail server tries again; with Postfix, postqueue "
		"-f has it try now. A mailbox that was held for itself stays held when its domain "
		"is released. In a held domain a single mailbox cannot be released; release the "
		"domain. Releasing what is not held changes nothing.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.extra = true,
	.run = run_unhold,
};
