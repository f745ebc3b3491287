/* cmd_delete.c - a domain with all its mail, or a mailbox.
 *
 * The mailbox goes first and the account second: were it the other way round, a mailbox that turns
 * out to be in use would stay behind with nobody able to sign in. With the password file the
 * account is gone with the mailbox, /deleteuser or not. What an account was limited to goes with it.
 */
#include <time.h>
#include "server/base/clock.h"
#include "admin/quota.h"
#include "admin/rank.h"
#include "admin/service.h"

enum { DELETEUSER, YES, NOW };
#define ROUNDS 5
#define ROUND_MS 1000 /* how long sessions may take to end after they were told to */
#define POLL_MS 20

static bool count_one(void *ctx, const struct entry *en)
{
	(void)en;
	++*(uint64_t *)ctx;
	return true;
}

static enum ec confirm(struct wp *w, const struct name *domain, struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	uint64_t n = 0;
	enum ec rc = cat->ops->each(cat, domain, count_one, &n, e);

	if (rc != EC_OK)
		return rc;
	const char *question =
		arena_fmt(w->mem, "Delete %s, its mailboxes (%ju) and all their mail?",
			  domain->domain, (uintmax_t)n);
	rc = w->ask->confirm(w->ask->ctx, question, e);
	return rc == EC_REFUSED ? wp_hint(w, rc, "to delete without being asked, add /y") : rc;
}

/* Sessions that were told to end need a moment to let go of their mailboxes. */
static enum ec remove_within(struct wp *w, const struct name *n, uint64_t ms, struct err *e)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	struct catalog *cat = w->backends.catalog;
	uint64_t until = clock_mono_ms() + ms;
	enum ec rc;

	while ((rc = cat->ops->remove(cat, n, e)) == EC_LOCKED && clock_mono_ms() < until)
		nanosleep(&pause, NULL);
	return rc;
}

/* More than one round, because a mail client may come back before we are done. */
static enum ec remove_now(struct wp *w, const struct name *n, struct err *e)
{
	enum ec rc = EC_LOCKED;

	for (int round = 0; round < ROUNDS && rc == EC_LOCKED; round++) {
		rc = service_kick(w->conf, w->by, wp_text(w, n), e);
		if (rc == EC_OK || rc == EC_ABSENT)
			rc = remove_within(w, n, ROUND_MS, e);
	}
	return rc == EC_LOCKED ? wp_hint(w, rc,
					 "lock it, so that no new session begins, and try "
					 "again")
			       : rc;
}

static enum ec remove_entry(struct wp *w, const struct wp_args *a, const struct name *n,
			    struct err *e)
{
	struct catalog *cat = w->backends.catalog;

	if (a->given[NOW])
		return remove_now(w, n, e);
	enum ec rc = cat->ops->remove(cat, n, e);
	return rc == EC_LOCKED ? wp_hint(w, rc,
					 "end its sessions with winpop kick %s, or delete "
					 "with /now",
					 wp_text(w, n))
			       : rc;
}

static enum ec delete_domain(struct wp *w, const struct wp_args *a, const struct name *n,
			     struct err *e)
{
	struct entry found;
	enum ec rc = wp_whole(w, "domains are deleted", e);

	if (rc == EC_OK)
		rc = wp_find(w, n, &found, e);
	if (rc == EC_OK && a->given[DELETEUSER])
		rc = err_set(e, EC_USAGE, "/deleteuser goes with a mailbox, not with a domain");
	if (rc == EC_OK && !a->given[YES])
		rc = confirm(w, n, e);
	if (rc == EC_OK)
		rc = remove_entry(w, a, n, e);
	if (rc != EC_OK)
		return rc;
	if (w->backends.accounts->ops->needs_create)
		quota_gone(w, n);
	out_field(w->out, "domain", n->domain);
	out_say(w->out, "The domain was deleted, with its mailboxes and their mail.");
	return EC_OK;
}

/* An administrator's account is not deleted by way of a mailbox. */
static enum ec check_account(struct wp *w, const struct name *n, struct account *acct, bool *there,
			     struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	enum ec rc = accts->ops->find(accts, n, acct, e);

	*there = rc == EC_OK;
	/* Now, and not when the mailbox is gone. */
	if (rc == EC_OK && wp_may_change_accounts(w, e) != EC_OK)
		return e->class;
	if (rc == EC_OK && acct->admin)
		return err_set(e, EC_REFUSED, "the account of %s is an administrator's",
			       wp_text(w, n));
	/* A damaged record must not keep its mailbox from being deleted: it goes with it. */
	if (rc == EC_BROKEN && accts->ops->needs_create)
		rc = EC_OK;
	return rc == EC_ABSENT ? EC_OK : rc;
}

static enum ec remove_account(struct wp *w, const struct account *acct, struct err *e)
{
	enum ec rc = wp_account_remove(w, acct, e);

	if (rc == EC_OK || rc == EC_ABSENT)
		return EC_OK;
	w->partly = true;
	return wp_hint(w, rc,
		       "the mailbox is deleted, its account is not: delete it with the tools of "
		       "this computer or of the directory");
}

static bool takes_account(const struct wp *w, const struct wp_args *a)
{
	return a->given[DELETEUSER] || w->backends.accounts->ops->needs_create;
}

static enum ec delete_mailbox(struct wp *w, const struct wp_args *a, const struct name *n,
			      struct err *e)
{
	bool with_account = a->given[DELETEUSER] != NULL;
	bool there = false;
	struct account acct;
	struct entry found;
	enum ec rc = wp_find(w, n, &found, e);

	/* While the mailbox is there to find the account by. */
	if ((rc == EC_OK || rc == EC_ABSENT) && takes_account(w, a) && rank_check(w, n, e) != EC_OK)
		return e->class;
	/* One that was ended with a directory's own tools has left its mail. */
	if (rc == EC_ABSENT)
		rc = EC_OK;
	if (rc == EC_OK && with_account)
		rc = check_account(w, n, &acct, &there, e);
	if (there)
		wp_hold_signals();
	if (rc == EC_OK)
		rc = remove_entry(w, a, n, e);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "mailbox", wp_text(w, n));
	if (there)
		rc = remove_account(w, &acct, e);
	if (rc == EC_OK && (there || w->backends.accounts->ops->needs_create))
		quota_gone(w, n);
	if (rc == EC_OK)
		out_say(w->out, there ? "The mailbox and its account were deleted."
				      : "The mailbox was deleted.");
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct name n;
	enum ec rc = wp_name(w, a->argv[0], &n, e);

	if (rc != EC_OK)
		return rc;
	return name_is_domain(&n) ? delete_domain(w, a, &n, e) : delete_mailbox(w, a, &n, e);
}

const struct wp_cmd wp_delete = {
	.name = "delete",
	.args = "{DomainName | UserName@DomainName [/deleteuser]} [/y] [/now]",
	.help = "Deletes an existing domain or mailbox.",
	.more = "Deleting a domain deletes all the mailboxes in that domain, the corresponding "
		"directories of the mail root, and all mail stored in them. On a terminal it asks "
		"first; without a terminal it is refused unless /y is given.\n"
		"A locked domain or mailbox can be deleted. One that a client is signed in to "
		"cannot, unless /now ends its sessions first. With the encrypted password file "
		"the account goes with its mailbox whether /deleteuser is given or not. An "
		"administrator's account is never deleted.\n"
		"The limit of an account goes with the account, unless other mailboxes count "
		"against it (winpop setquota).",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.switches = { { "deleteuser", NULL, false, "Deletes the account too, if it exists" },
		      { "y", NULL, false, "Does not ask before deleting a domain" },
		      { "now", NULL, false, "Ends open sessions first" } },
	.run = run,
};
