/* cmd_list.c - domains, or the mailboxes of one. */
#include "server/catalog/expire.h"
#include "admin/cmd.h"

struct listing {
	struct wp *w;
	enum ec rc;
	struct err *e;
	unsigned n_damaged;
};

static bool count_one(void *ctx, const struct entry *en)
{
	(void)en;
	++*(uint64_t *)ctx;
	return true;
}

static bool show_domain(void *ctx, const struct entry *en)
{
	struct listing *l = ctx;
	struct catalog *cat = l->w->backends.catalog;
	char rule[EXPIRE_TEXT_MAX];
	uint64_t n = 0;
	struct err why;

	enum ec rc = cat->ops->each(cat, &en->name, count_one, &n, &why);
	if (rc == EC_ABSENT) /* deleted since it was listed */
		return true;
	if (rc != EC_OK && l->rc == EC_OK) /* the others are shown all the same */
		l->rc = err_set(l->e, rc, "%s", why.text);
	out_record(l->w->out);
	out_field(l->w->out, "domain", en->name.domain);
	out_field(l->w->out, "state", wp_state(en));
	out_field_u(l->w->out, "mailboxes", n);
	out_field(l->w->out, "delivery", wp_delivery(en));
	out_field(l->w->out, "expire", expire_text(en->expire_days, rule));
	out_end(l->w->out);
	return true;
}

/* The name a mailbox's user signs in with; "-" if there is no account, or it is another mailbox's (a local user's has one
 * only), "?" if it can't be read. */
static const char *logon_of(struct listing *l, const struct name *n, struct account *acct,
			    char text[NAME_TEXT_MAX + 1])
{
	struct accounts *accts = l->w->backends.accounts;
	enum ec rc = accts->ops->find(accts, n, acct, NULL);

	if (rc == EC_ABSENT || rc == EC_REFUSED)
		return "-";
	if (rc != EC_OK) {
		l->n_damaged++;
		return "?";
	}
	return acct->logon[0] ? acct->logon : name_text(n, text);
}

/* What its quota file says; that is not who else it counts against. */
static const char *quota_text(const struct entry *en)
{
	return en->quota_damaged ? "?" : en->quota[0] ? en->quota : "-";
}

static bool show_mailbox(void *ctx, const struct entry *en)
{
	struct listing *l = ctx;
	char text[NAME_TEXT_MAX + 1], logon[NAME_TEXT_MAX + 1];
	struct account acct;

	out_record(l->w->out);
	out_field(l->w->out, "mailbox", name_text(&en->name, text));
	out_field(l->w->out, "state", wp_state(en));
	out_field(l->w->out, "locked_by", wp_locked_by(en));
	out_field(l->w->out, "logon", logon_of(l, &en->name, &acct, logon));
	out_field(l->w->out, "quota_account", quota_text(en));
	out_field(l->w->out, "delivery", wp_delivery(en));
	out_field(l->w->out, "held_by", wp_held_by(en));
	out_end(l->w->out);
	return true;
}

static enum ec list_domains(struct listing *l)
{
	struct catalog *cat = l->w->backends.catalog;

	out_list(l->w->out, "domains");
	enum ec rc = cat->ops->each(cat, NULL, show_domain, l, l->e);
	out_end(l->w->out);
	return rc == EC_OK ? l->rc : rc;
}

static enum ec list_mailboxes(struct listing *l, const char *arg)
{
	struct catalog *cat = l->w->backends.catalog;
	struct name domain;
	struct entry found;
	enum ec rc = wp_domain(l->w, arg, &domain, l->e);

	if (rc == EC_OK)
		rc = cat->ops->find(cat, &domain, &found, l->e);
	if (rc != EC_OK)
		return rc;
	out_list(l->w->out, "mailboxes");
	rc = cat->ops->each(cat, &domain, show_mailbox, l, l->e);
	out_end(l->w->out);
	if (l->n_damaged > 0)
		out_note(l->w->out,
			 "%u %s could not be read (shown as ?); winpop changepwd gives a new "
			 "password",
			 l->n_damaged, l->n_damaged == 1 ? "account" : "accounts");
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct listing l = { .w = w, .e = e };

	return a->argc == 0 ? list_domains(&l) : list_mailboxes(&l, a->argv[0]);
}

const struct wp_cmd wp_list = {
	.name = "list",
	.args = "[DomainName]",
	.help = "Lists all domains or, if a domain is given, all the mailboxes in it.",
	.more = "For each domain: its name, lock state, number of mailboxes, whether it takes new "
		"mail (open, held), and its own rule for expiry. For each mailbox: its name, lock "
		"state, whose lock that is (mailbox, domain, both), the name its user signs in "
		"with, the account its quota file refers to, whether it takes new mail, and whose "
		"hold that is.",
	.argc_max = 1,
	.how = WP_READS,
	.needs = WP_MAIL,
	.run = run,
};
