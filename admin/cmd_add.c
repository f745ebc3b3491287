/* cmd_add.c - a new domain, or a new mailbox with or without its account.
 *
 * With the password file the account is a record inside the mailbox's directory. Both are made as a
 * draft beside their place and appear with one rename, so a mailbox is there whole or not at all,
 * whatever ends us in between. Elsewhere the account comes first and is taken back if the mailbox
 * can't be made; signals wait meanwhile.
 *
 * Where accounts are a directory's or this computer's, a mailbox begins with a quota file that names
 * its own account, as in the original; there is none for the password file.
 */
#include <string.h>
#include "admin/cmd.h"

enum { CREATEUSER };

static enum ec add_domain(struct wp *w, const struct name *domain, struct err *e)
{
	enum ec rc = wp_whole(w, "domains are made", e);

	if (rc == EC_OK)
		rc = w->backends.catalog->ops->add(w->backends.catalog, domain, NULL, e);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "domain", domain->domain);
	if (!strchr(domain->domain, '.'))
		out_note(w->out,
			 "%s is not a fully qualified domain name; mail from elsewhere will "
			 "not find it",
			 domain->domain);
	out_say(w->out, "The domain was added.");
	return EC_OK;
}

/* What has to be so before anything is made. */
static enum ec check_place(struct wp *w, const struct name *n, struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	struct name domain = { 0 };
	struct entry found;

	strcpy(domain.domain, n->domain);
	enum ec rc = cat->ops->find(cat, &domain, &found, e);
	if (rc == EC_ABSENT)
		return wp_hint(w, rc, "make the domain first: winpop add %s", n->domain);
	if (rc != EC_OK)
		return rc;
	rc = cat->ops->find(cat, n, &found, e);
	if (rc == EC_OK)
		return err_set(e, EC_EXISTS, "the mailbox %s exists already", wp_text(w, n));
	return rc == EC_ABSENT ? EC_OK : rc;
}

/* Without /createuser the account must be there already. */
static enum ec check_account(struct wp *w, const struct name *n, struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	struct account acct;

	if (accts->ops->needs_create) {
		wp_hint(w, EC_REFUSED, "winpop add %s /createuser Password", wp_text(w, n));
		return err_set(e, EC_REFUSED,
			       "with the encrypted password file a mailbox needs its account made "
			       "with it");
	}
	/* Whoever administers its mailbox sets its password. */
	enum ec rc = wp_whole(w, "accounts that exist are given mailboxes", e);
	if (rc != EC_OK)
		return wp_hint(w, rc, "make a new account with /createuser Password");
	rc = accts->ops->find(accts, n, &acct, e);
	return rc == EC_ABSENT ? wp_hint(w, rc, "make the account too, with /createuser Password")
			       : rc;
}

static enum ec make_account(struct wp *w, const struct name *n, const struct secret *password,
			    struct draft *draft, struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	const struct account_wish wish = { .name = *n };
	enum ec rc = wp_account_create(w, &wish, password, draft, e);

	return rc == EC_EXISTS && !accts->ops->needs_create && scope_is_whole(w->only)
		       ? wp_hint(w, rc, "leave out /createuser to use the account that exists")
		       : rc;
}

/* The account that was made a moment ago. With the password file it went with the draft. */
static enum ec take_back(struct wp *w, const struct name *n, enum ec rc)
{
	struct accounts *accts = w->backends.accounts;
	struct account made = { .name = *n };
	struct err why;

	if (accts->ops->needs_create || wp_account_remove(w, &made, &why) == EC_OK)
		return rc;
	w->partly = true;
	return wp_hint(w, rc, "its account was made and cannot be taken back: %s", why.text);
}

/* A catalog in a directory says so in its entries, and need not. */
static enum ec link_to_own(struct wp *w, const struct name *n, struct draft *draft, struct err *e)
{
	if (w->backends.accounts->ops->needs_create || w->conf->catalog != CATALOG_LOCAL)
		return EC_OK;
	return catalog_local_link(draft, wp_text(w, n), e);
}

/* The mailbox, and its account if there is a password. */
static enum ec make(struct wp *w, const struct name *n, const struct secret *password,
		    struct err *e)
{
	struct draft *draft = NULL;

	wp_hold_signals();
	enum ec rc = draft_begin(w->backends.root, n, &draft, e);

	if (rc == EC_EXISTS) /* its place was free, so this is what an earlier one has left */
		wp_hint(w, rc, "if it is of an earlier mailbox: winpop delete %s", wp_text(w, n));
	if (rc == EC_OK)
		rc = link_to_own(w, n, draft, e);
	if (rc == EC_OK && password)
		rc = make_account(w, n, password, draft, e);
	if (rc != EC_OK) {
		draft_drop(&draft);
		return rc;
	}
	rc = w->backends.catalog->ops->add(w->backends.catalog, n, &draft, e);
	return rc != EC_OK && password ? take_back(w, n, rc) : rc;
}

/* It may have been altered to be unique, and whoever sets up the mail client needs it. */
static const char *logon_of(struct wp *w, const struct name *n)
{
	struct accounts *accts = w->backends.accounts;
	struct account acct;
	enum ec rc = accts->ops->find(accts, n, &acct, NULL);

	return rc == EC_OK && acct.logon[0] ? arena_strz(w->mem, acct.logon) : wp_text(w, n);
}

static enum ec add_mailbox(struct wp *w, const struct wp_args *a, const struct name *n,
			   struct err *e)
{
	bool create = a->given[CREATEUSER] != NULL;
	struct secret password = { 0 };
	enum ec rc = check_place(w, n, e);

	if (rc == EC_OK && create)
		rc = wp_may_change_accounts(w, e);
	if (rc == EC_OK)
		rc = create ? wp_password(w, a, &password, e) : check_account(w, n, e);
	if (rc == EC_OK)
		rc = make(w, n, create ? &password : NULL, e);
	secret_drop(&password);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "mailbox", wp_text(w, n));
	out_field(w->out, "logon", logon_of(w, n));
	out_say(w->out, "The mailbox was added.");
	return EC_OK;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct name n;
	enum ec rc = wp_name(w, a->argv[0], &n, e);

	if (rc != EC_OK)
		return rc;
	if (!name_is_domain(&n))
		return add_mailbox(w, a, &n, e);
	if (a->given[CREATEUSER])
		return err_set(e, EC_USAGE, "/createuser goes with a mailbox, not with a domain");
	return add_domain(w, &n, e);
}

const struct wp_cmd wp_add = {
	.name = "add",
	.args = "{DomainName | UserName@DomainName [/createuser Password]}",
	.help = "Creates a new domain or mailbox.",
	.more = "With the encrypted password file a mailbox is made together with its account, so "
		"/createuser must be given; the account has no other rights on this computer. With "
		"the other methods of authentication the account must exist, or is made by "
		"/createuser. A mailbox name has 1 to 64 characters (20 with local accounts). "
		"DomainName must be the fully qualified domain name, for example example.com; a "
		"single word is accepted with a warning. Names are kept in lower case.\n"
		"The mailbox and its account appear together or not at all. Instead of typing the "
		"password, where others may see it in the list of processes, leave it out or "
		"write '-': it is then asked for without echo, or read as one line from standard "
		"input if that is not a terminal.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.switches = { { "createuser", "Password", true,
			"Makes the account too, with this password" } },
	.run = run,
};
