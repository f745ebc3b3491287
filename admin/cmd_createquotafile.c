/* cmd_createquotafile.c - which account a mailbox's disk use counts against.
 *
 * The account is looked up now, so that a spelling mistake shows here and not as a quota that never applies, and the mailbox
 * counts against it now, not from its next message on. With a bare name it is a mailbox's account of the same domain (how one
 * account becomes the quota of a whole domain), or else an account of this computer.
 */
#include <string.h>
#include "admin/quota.h"

enum { USER };

/* What the quota file says is done already; a delivery settles what could not be settled here. */
static void settle(struct wp *w, const struct name *n, const char *account)
{
	struct store *store = w->backends.store;
	struct err why;
	enum ec rc = store->quota->settle(store, n, account, &why);

	/* A directory's mailbox may have no place for mail yet. */
	if (rc != EC_OK && rc != EC_ABSENT)
		out_note(w->out, "its mail counts against %s from its next message on: %s", account,
			 why.text);
}

/* How it stands is not what was asked for: it is no failure if nobody can say. */
static void show(struct wp *w, const struct name *n, const char *account)
{
	struct standing now;
	struct err why;

	out_field(w->out, "mailbox", wp_text(w, n));
	out_field(w->out, "quota_account", account);
	if (quota_standing(w, account, &now, &why) == EC_OK) {
		quota_put(w->out, &now);
		quota_put_state(w, account, &now);
	} else {
		quota_put(w->out, NULL);
		out_note(w->out, "%s", why.text);
	}
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	const char *user = a->given[USER];
	char account[NAME_TEXT_MAX + 1] = "";
	struct entry found;
	struct name n;
	enum ec rc = wp_mailbox(w, a->argv[0], &n, e);

	if (rc == EC_OK)
		rc = wp_find(w, &n, &found, e);
	if (rc == EC_OK)
		rc = quota_account(w, user ? user : wp_text(w, &n), n.domain, account, e);
	if (rc == EC_OK)
		rc = cat->ops->set_quota(cat, &n, account, e);
	if (rc != EC_OK)
		return rc;
	settle(w, &found.name, account);
	show(w, &found.name, account);
	return EC_OK;
}

const struct wp_cmd wp_createquotafile = {
	.name = "createquotafile",
	.args = "UserName@DomainName [/user:UserName]",
	.help = "Creates a quota file for the mailbox: the account its disk use counts against.",
	.more = "Without /user this is the mailbox's own account. Several mailboxes that refer to "
		"one account share its limit, which winpop setquota sets. UserName is an account "
		"of the same domain, another's full address, or an account of this computer; it "
		"is used for quotas only, not for signing in. A quota file that exists is "
		"replaced. Administrators cannot be limited. Shown are the account, what its "
		"mailboxes hold together, and its limit; see winpop-quota(7).",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.switches = { { "user", "UserName", false, "Counts against this account instead" } },
	.run = run,
};
