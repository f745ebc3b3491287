/* cmd_list.c - domains, or the mailboxes of one. */
#include "server/catalog/expire.h"
#include "admin/cmd.h"
#include "admin/page.h"

enum { FROM, LIMIT, MATCH };

struct listing {
	struct wp *w;
	struct page page;
	enum ec rc;
	struct err *e;
	unsigned n_damaged;
};

static bool count_entry(void *ctx, const struct entry *en)
{
	(void)en;
	++*(uint64_t *)ctx;
	return true;
}

static bool count_name(void *ctx, const struct name *n)
{
	(void)n;
	++*(uint64_t *)ctx;
	return true;
}

static enum ec count(struct catalog *cat, const struct name *domain, uint64_t *n, struct err *e)
{
	return cat->ops->names ? cat->ops->names(cat, domain, count_name, n, e)
			       : cat->ops->each(cat, domain, count_entry, n, e);
}

static bool show_domain(void *ctx, const struct entry *en)
{
	struct listing *l = ctx;
	struct catalog *cat = l->w->backends.catalog;
	char rule[EXPIRE_TEXT_MAX];
	uint64_t n = 0;
	struct err why;

	enum ec rc = count(cat, &en->name, &n, &why);
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

/* All of them, or a page. */
static enum ec show(struct listing *l, const char *key, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *))
{
	struct catalog *cat = l->w->backends.catalog;
	struct out *o = l->w->out;
	struct page_at at;

	out_list(o, key);
	enum ec rc = l->page.asked ? page_each(cat, domain, &l->page, fn, l, &at, l->e)
				   : cat->ops->each(cat, domain, fn, l, l->e);
	out_end(o);
	if (l->page.asked)
		page_tell(o, &at);
	return rc;
}

static enum ec list_domains(struct listing *l)
{
	enum ec rc = show(l, "domains", NULL, show_domain);

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
	rc = show(l, "mailboxes", &domain, show_mailbox);
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
	enum ec rc = page_read(a->given[FROM], a->given[LIMIT], a->given[MATCH], &l.page, e);

	if (rc != EC_OK)
		return rc;
	return a->argc == 0 ? list_domains(&l) : list_mailboxes(&l, a->argv[0]);
}

const struct wp_cmd wp_list = {
	.name = "list",
	.args = "[DomainName] [/from Name] [/limit N] [/match Text]",
	.help = "Lists all domains or, if a domain is given, all the mailboxes in it.",
	.more = "For each domain: its name, lock state, number of mailboxes, whether it takes new "
		"mail (open, held), and its own rule for expiry. For each mailbox: its name, lock "
		"state, whose lock that is (mailbox, domain, both), the name its user signs in "
		"with, the account its quota file refers to, whether it takes new mail, and whose "
		"hold that is. With a switch, a page of these, in order of the names: then also "
		"how many match, how many of them are before the page, and, if there are others "
		"behind "
		"it, the name the next page begins with (more).",
	.argc_max = 1,
	.how = WP_READS,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.switches = { PAGE_SWITCHES },
	.run = run,
};
