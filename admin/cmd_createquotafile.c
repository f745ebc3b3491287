/* cmd_createquotafile.c - which account a mailbox's disk use counts against.
 *
 * The account is looked up now, so that a spelling mistake shows here and not as a quota that never
 * applies. With a bare name it is a mailbox's account of the same domain (how one account becomes
 * the quota of a whole domain), or else an account of this computer.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include "admin/cmd.h"

enum { USER };

static enum ec account_named(struct wp *w, const char *text, char out[NAME_TEXT_MAX + 1],
			     struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	struct account acct;
	struct name n;
	enum ec rc = name_parse(&n, text, strlen(text), accts->ops->rule, e);

	if (rc == EC_OK)
		rc = accts->ops->find(accts, &n, &acct, e);
	if (rc == EC_OK && acct.admin)
		rc = err_set(e, EC_REFUSED,
			     "%s is an administrator, whose disk use can't be limited", text);
	if (rc == EC_OK)
		name_text(&n, out);
	return rc;
}

static enum ec account_here(const char *user, char out[NAME_TEXT_MAX + 1], struct err *e)
{
	struct passwd *pw = getpwnam(user);

	if (!pw)
		return err_set(e, EC_ABSENT, "there is no account \"%.80s\"", user);
	if (pw->pw_uid == 0)
		return err_set(e, EC_REFUSED,
			       "%.80s is an administrator, whose disk use can't be limited", user);
	snprintf(out, NAME_TEXT_MAX + 1, "%s", pw->pw_name);
	return EC_OK;
}

static enum ec find_account(struct wp *w, const struct name *box, const char *user,
			    char out[NAME_TEXT_MAX + 1], struct err *e)
{
	if (!user)
		return account_named(w, wp_text(w, box), out, e);
	if (strchr(user, '@'))
		return account_named(w, user, out, e);
	const char *beside = arena_fmt(w->mem, "%s@%s", user, box->domain);
	enum ec rc = account_named(w, beside, out, e);
	return rc == EC_ABSENT || rc == EC_USAGE ? account_here(user, out, e) : rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	char account[NAME_TEXT_MAX + 1] = "";
	struct entry found;
	struct name n;
	enum ec rc = wp_mailbox(w, a->argv[0], &n, e);

	if (rc == EC_OK)
		rc = wp_find(w, &n, &found, e);
	if (rc == EC_OK)
		rc = find_account(w, &n, a->given[USER], account, e);
	if (rc == EC_OK)
		rc = cat->ops->set_quota(cat, &n, account, e);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "mailbox", wp_text(w, &n));
	out_field(w->out, "quota_account", account);
	out_note(w->out, "the account is recorded; this version does not enforce limits");
	return EC_OK;
}

const struct wp_cmd wp_createquotafile = {
	.name = "createquotafile",
	.args = "UserName@DomainName [/user:UserName]",
	.help = "Creates a quota file for the mailbox: the account its disk use counts against.",
	.more = "Without /user this is the mailbox's own account. Several mailboxes that refer to "
		"one account share its limit. UserName is an account of the same domain, "
		"another's full address, or an account of this computer; it is used for quotas "
		"only, not for signing in. A quota file that exists is replaced. Administrators "
		"cannot be limited. This version records the account and does not enforce limits "
		"yet.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.switches = { { "user", "UserName", false, "Counts against this account instead" } },
	.run = run,
};
