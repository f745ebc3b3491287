/* cmd_changepwd.c - a new password for a mailbox's account. Works while the mailbox is locked. */
#include "admin/cmd.h"

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct secret password = { 0 };
	struct entry found;
	struct name n;
	enum ec rc = wp_mailbox(w, a->argv[0], &n, e);

	if (rc == EC_OK)
		rc = wp_find(w, &n, &found, e);
	if (rc == EC_OK)
		rc = wp_may_change_accounts(w, e);
	if (rc == EC_OK)
		rc = wp_password(w, a, &password, e);
	if (rc == EC_OK)
		rc = wp_account_set_password(w, &n, &password, e);
	secret_drop(&password);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "mailbox", wp_text(w, &n));
	out_say(w->out, "The password was changed.");
	return EC_OK;
}

const struct wp_cmd wp_changepwd = {
	.name = "changepwd",
	.args = "UserName@DomainName [NewPassword]",
	.help = "Changes the password of the mailbox's account.",
	.more = "Leave the password out, or write '-', to be asked for it without echo; if "
		"standard "
		"input is not a terminal, one line is read from it. Open sessions go on. A locked "
		"mailbox may get a new password.",
	.argc_min = 1,
	.argc_max = 2,
	.raw_from = 1,
	.secret_at = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.run = run,
};
