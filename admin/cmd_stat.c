/* cmd_stat.c - how much there is.
 *
 * The table streams and the totals come after it, so nothing is kept and nothing is read twice. A
 * mailbox that can't be counted shows "?" and the command ends with "partly done"; the others are
 * right all the same. Only the accounts that several mailboxes share are remembered until the end.
 */
#include "admin/page.h"
#include "admin/quota.h"
#include "admin/shares.h"
#include "admin/watch.h"

enum { QUOTA, FROM, LIMIT, MATCH, WATCH };

struct totals {
	uint64_t mailboxes, messages, octets;
};
struct tally {
	struct wp *w;
	struct totals domain, all; /* `all` is for the server's statistics */
	uint64_t n_domains;
	bool show;   /* a line for each mailbox */
	bool limits; /* accounts have to be asked about */
	struct shares *shares;
	uint64_t n_near, n_full; /* accounts */
	enum ec failed;          /* class of the first that could not be read; its text is in e */
	struct err *e;
};

/* Something could not be read: the rest is shown all the same, and the first such text at the end. An account that is not the
 * caller's to see is no such failure. */
static void failed(struct tally *t, const struct err *why)
{
	if (t->failed == EC_OK && why->class != EC_DENIED)
		t->failed = err_set(t->e, why->class, "%s", why->text);
}

static void put_amount(struct out *o, const char *key, uint64_t n, bool known)
{
	if (known)
		out_field_u(o, key, n);
	else
		out_field(o, key, "?");
}

/* ---- quotas ---- */

static void judge(struct tally *t, const char *account)
{
	unsigned percent, warn = t->w->conf->quota_warn;
	struct standing s;
	struct err why;

	if (quota_standing(t->w, account, &s, &why) != EC_OK) {
		failed(t, &why);
		return;
	}
	if (!quota_percent(&s, &percent))
		return;
	t->n_near += warn > 0 && percent >= warn;
	t->n_full += percent >= 100;
}

/* Each account once: with its own mailbox, or, if that counts elsewhere or is none, at the end. */
static void weigh(struct tally *t, const struct entry *en)
{
	char text[NAME_TEXT_MAX + 1];

	if (!t->limits || en->quota_damaged)
		return;
	if (quota_is_own(en))
		judge(t, name_text(&en->name, text));
	else
		shares_at(t->shares, en->quota)->mailboxes++;
}

static bool weigh_share(void *ctx, struct share *share)
{
	struct tally *t = ctx;

	if (!quota_has_own_mailbox(t->w, share->account))
		judge(t, share->account);
	return true;
}

static void show_quota(struct tally *t, const struct entry *en)
{
	char account[NAME_TEXT_MAX + 1];
	struct standing s;
	struct err why;
	bool known = !en->quota_damaged;

	if (known && quota_standing(t->w, quota_charged(en, account), &s, &why) != EC_OK) {
		failed(t, &why);
		known = false;
	}
	out_field(t->w->out, "quota_account", en->quota_damaged ? "?" : account);
	quota_put_short(t->w->out, known ? &s : NULL);
}

/* ---- mailboxes, domains ---- */

static void show_mailbox(struct tally *t, const struct entry *en, bool known, uint32_t n_msgs,
			 uint64_t octets)
{
	struct out *o = t->w->out;
	char text[NAME_TEXT_MAX + 1];

	out_record(o);
	out_field(o, "mailbox", name_text(&en->name, text));
	out_field(o, "state", wp_state(en));
	out_field(o, "locked_by", wp_locked_by(en));
	put_amount(o, "messages", n_msgs, known);
	put_amount(o, "disk_use", octets, known);
	show_quota(t, en);
	out_end(o);
}

static bool count_mailbox(void *ctx, const struct entry *en)
{
	struct tally *t = ctx;
	struct store *store = t->w->backends.store;
	uint64_t octets = 0;
	uint32_t n_msgs = 0;
	struct err why;
	enum ec rc = store->ops->usage(store, &en->name, &n_msgs, &octets, &why);

	/* A directory's mailbox that nobody has looked at yet; or it was deleted since it was listed. */
	if (rc == EC_ABSENT)
		rc = EC_OK;
	t->domain.mailboxes++;
	if (rc == EC_OK) {
		t->domain.messages += n_msgs;
		t->domain.octets += octets;
	} else {
		failed(t, &why);
	}
	if (t->show)
		show_mailbox(t, en, rc == EC_OK, n_msgs, octets);
	else
		weigh(t, en);
	return true;
}

static enum ec count_domain(struct tally *t, const struct name *domain)
{
	struct catalog *cat = t->w->backends.catalog;

	struct err why;

	t->domain = (struct totals){ 0 };
	enum ec rc = cat->ops->each(cat, domain, count_mailbox, t, &why);
	if (rc != EC_OK && rc != EC_ABSENT)
		failed(t, &why);
	return rc;
}

static bool show_domain(void *ctx, const struct entry *en)
{
	struct tally *t = ctx;
	struct out *o = t->w->out;

	if (count_domain(t, &en->name) == EC_ABSENT) /* deleted since it was listed */
		return true;
	t->n_domains++;
	t->all.mailboxes += t->domain.mailboxes;
	t->all.messages += t->domain.messages;
	t->all.octets += t->domain.octets;
	out_record(o);
	out_field(o, "domain", en->name.domain);
	out_field(o, "state", wp_state(en));
	out_field_u(o, "mailboxes", t->domain.mailboxes);
	out_field_u(o, "messages", t->domain.messages);
	out_field_u(o, "disk_use", t->domain.octets);
	out_end(o);
	return true;
}

static void show_totals(struct tally *t, const struct totals *sum)
{
	out_field_u(t->w->out, "mailboxes", sum->mailboxes);
	out_field_u(t->w->out, "messages", sum->messages);
	out_field_u(t->w->out, "disk_use", sum->octets);
}

static enum ec outcome(struct tally *t)
{
	if (t->failed == EC_OK)
		return EC_OK;
	t->w->partly = true;
	return wp_hint(t->w, t->failed, "the totals may be too low");
}

static enum ec stat_server(struct tally *t)
{
	struct catalog *cat = t->w->backends.catalog;

	t->limits = quota_anywhere(t->w);
	t->shares = shares_new();
	out_list(t->w->out, "per_domain");
	enum ec rc = cat->ops->each(cat, NULL, show_domain, t, t->e);
	out_end(t->w->out);
	shares_each(t->shares, weigh_share, t);
	shares_free(&t->shares);
	if (rc != EC_OK)
		return rc;
	out_field_u(t->w->out, "domains", t->n_domains);
	show_totals(t, &t->all);
	out_field_u(t->w->out, "accounts_near_limit", t->n_near);
	out_field_u(t->w->out, "accounts_full", t->n_full);
	return outcome(t);
}

/* A page has no totals: they would cost a look at all the others. */
static enum ec stat_domain(struct tally *t, const char *arg, const struct page *page)
{
	struct catalog *cat = t->w->backends.catalog;
	struct name domain;
	struct entry found;
	struct page_at at;
	struct err why;
	enum ec rc = wp_domain(t->w, arg, &domain, t->e);

	if (rc == EC_OK)
		rc = cat->ops->find(cat, &domain, &found, t->e);
	if (rc != EC_OK)
		return rc;
	t->show = true;
	out_list(t->w->out, "per_mailbox");
	if (!page->asked)
		count_domain(t, &domain);
	else if (page_each(cat, &domain, page, count_mailbox, t, &at, &why) != EC_OK)
		failed(t, &why);
	out_end(t->w->out);
	out_field(t->w->out, "domain", domain.domain);
	out_field(t->w->out, "state", wp_state(&found));
	if (page->asked)
		page_tell(t->w->out, &at);
	else
		show_totals(t, &t->domain);
	return outcome(t);
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct tally t = { .w = w, .e = e };
	struct page page;
	enum ec rc = page_read(a->given[FROM], a->given[LIMIT], a->given[MATCH], &page, e);

	if (rc != EC_OK)
		return rc;
	if (a->given[WATCH])
		return wp_watch(w, a, a->given[WATCH], e);
	if (page.asked && a->argc == 0)
		return err_set(e, EC_USAGE,
			       "/from, /limit and /match are about the mailboxes of a "
			       "domain: name one");
	if (a->given[QUOTA] && a->argc > 0)
		return err_set(e, EC_USAGE, "/quota is about all domains: leave out the domain");
	if (a->given[QUOTA])
		return quota_list(w, e);
	return a->argc == 0 ? stat_server(&t) : stat_domain(&t, a->argv[0], &page);
}

const struct wp_cmd wp_stat = {
	.name = "stat",
	.args = "[DomainName [/from Name] [/limit N] [/match Text] | /quota | /watch [N]]",
	.help = "Displays statistics of the server or, if a domain is given, of that domain.",
	.more = "Of the server: number of domains, of mailboxes, of stored messages, disk use, and "
		"the lock state of each domain; how many quota accounts have reached the "
		"threshold of the setting quota_warn, and how many of these are full. Of a "
		"domain: number of mailboxes, of messages, their size, and of each mailbox the "
		"lock state, the account it counts against, what that one's mailboxes hold "
		"together, its limit, and how many percent of it are used. Disk use is in octets, "
		"as the messages are retrieved. Accounts and limits are shown as in winpop "
		"setquota; - stands for no limit, ? for what could not be read. With "
		"/from, /limit or /match, a page of the mailboxes, in order of their names, and no "
		"totals: how many match, how many of them are before the page, and, if there are "
		"others behind it, the name the next page begins with (more). /watch keeps the "
		"terminal and shows what the service does, anew every so many seconds.",
	.argc_max = 1,
	.how = WP_READS,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.switches = { { "quota", NULL, false,
			"Lists quota accounts that have a limit, or more than one mailbox" },
		      PAGE_SWITCHES,
		      WATCH_SWITCH },
	.run = run,
};
