/* cmd_migrate.c - migrateToAD: an account of the password file into the directory.
 *
 * What can be known without migrating is checked, so that the answer is the same one a complete
 * version would give; then it says that this one does not. Nothing is touched.
 */
#include "admin/cmd.h"

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	struct account acct;
	struct entry found;
	struct name n;
	enum ec rc = wp_mailbox(w, a->argv[0], &n, e);

	if (rc == EC_OK && w->conf->authentication != AUTHN_FILE)
		rc = err_set(e, EC_REFUSED,
			     "migrateToAD works only while authentication is the encrypted "
			     "password file");
	if (rc == EC_OK)
		rc = w->backends.catalog->ops->find(w->backends.catalog, &n, &found, e);
	if (rc == EC_OK)
		rc = accts->ops->find(accts, &n, &acct, e);
	if (rc == EC_OK)
		rc = err_set(e, EC_REFUSED,
			     "accounts are not migrated by this version; %s was left as it is",
			     wp_text(w, &n));
	return rc;
}

const struct wp_cmd wp_migrate = {
	.name = "migrateToAD",
	.args = "UserName@DomainName",
	.help = "Migrates an account of the encrypted password file, with its password, to an "
		"Active Directory user account.",
	.more = "This command can be used only while authentication is the encrypted password "
		"file. "
		"This version does not migrate: the command checks what it can, then is refused "
		"and "
		"changes nothing. Until then make the accounts in the directory and change "
		"the method with winpop set authentication.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.run = run,
};
