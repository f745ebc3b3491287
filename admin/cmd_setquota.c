/* cmd_setquota.c - what an account's mailboxes may hold.
 *
 * A limit belongs to an account, not to a mailbox, and an account need not be a mailbox: so this is beside createquotafile,
 * which says what counts against it. A name that nobody has is refused all the same, unless something of it is left.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/amount.h"
#include "admin/quota.h"

enum { MESSAGES };

/* ---- what is wanted ---- */

struct wish {
	bool any;    /* else it is only looked at */
	bool away;   /* its own limit */
	bool amount; /* limit.octets was said */
	bool count;  /* limit.messages */
	struct quota_limit limit;
};

static enum ec read_amount(const char *text, uint64_t *out, struct err *e)
{
	if (!amount_parse(text, out))
		return err_set(e, EC_USAGE,
			       "\"%.40s\" is no amount: write 500M (or K, G, T), none or default",
			       text);
	if (*out == 0)
		return err_set(e, EC_USAGE,
			       "a limit of 0 can mean two things: write none for no limit; winpop "
			       "hold refuses all mail");
	return EC_OK;
}

static enum ec read_count(const char *text, uint64_t *out, struct err *e)
{
	char *end;

	*out = 0;
	if (strcasecmp(text, "none") == 0)
		return EC_OK;
	*out = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || *out == 0 || *out > UINT32_MAX)
		return err_set(e, EC_USAGE,
			       "\"%.40s\" is no number of messages: write 1 to %u, or none", text,
			       UINT32_MAX);
	return EC_OK;
}

static enum ec read_wish(const struct wp_args *a, struct wish *out, struct err *e)
{
	const char *amount = a->argc > 1 ? a->argv[1] : NULL, *count = a->given[MESSAGES];
	enum ec rc = EC_OK;

	*out = (struct wish){ .any = amount || count, .count = count != NULL };
	if (amount && strcasecmp(amount, "default") == 0)
		out->away = true;
	else if (amount && strcasecmp(amount, "none") == 0)
		out->amount = out->count = true; /* none at all */
	else if (amount)
		out->amount = true, rc = read_amount(amount, &out->limit.octets, e);
	if (rc == EC_OK && count && out->away)
		rc = err_set(e, EC_USAGE,
			     "default takes the whole limit away: leave out /messages");
	return rc == EC_OK && count ? read_count(count, &out->limit.messages, e) : rc;
}

/* ---- whose ---- */

struct look {
	struct catalog *cat;
	const char *account;
	bool found; /* a mailbox that counts against it */
};

static bool look_at_mailbox(void *ctx, const struct entry *en)
{
	struct look *l = ctx;
	char text[NAME_TEXT_MAX + 1];

	l->found = strcasecmp(quota_charged(en, text), l->account) == 0;
	return !l->found;
}

static bool look_in_domain(void *ctx, const struct entry *domain)
{
	struct look *l = ctx;

	/* What cannot be read is told by those who list it. */
	l->cat->ops->each(l->cat, &domain->name, look_at_mailbox, l, NULL);
	return !l->found;
}

/* Does any mailbox count against it? Cheap answers first: the last one looks at all there are. */
static bool is_used(struct wp *w, const char *account, const struct standing *s)
{
	struct look l = { .cat = w->backends.catalog, .account = account };

	if (s->used.messages > 0 || quota_has_own_mailbox(w, account))
		return true;
	l.cat->ops->each(l.cat, NULL, look_in_domain, &l, NULL);
	return l.found;
}

static bool is_its_own(const struct standing *s)
{
	return s->from == LIMIT_TABLE || s->from == LIMIT_ENTRY;
}

/* The mailbox it was made for may be gone, and the others that count against it not. */
static enum ec take_remains(struct wp *w, const char *text, char out[NAME_TEXT_MAX + 1],
			    struct err *e)
{
	struct standing s;
	struct name n;
	struct err why;

	if (name_parse(&n, text, strlen(text), NAME_FILE, NULL) != EC_OK)
		return e->class;
	name_text(&n, out);
	enum ec rc = quota_standing(w, out, &s, &why);
	if (rc != EC_OK)
		return err_set(e, rc, "%s", why.text);
	return is_its_own(&s) || is_used(w, out, &s) ? EC_OK : e->class;
}

static enum ec find_account(struct wp *w, const char *text, bool away, char out[NAME_TEXT_MAX + 1],
			    struct err *e)
{
	enum ec rc = quota_account(w, text, NULL, out, e);

	if (rc == EC_REFUSED && away && out[0]) /* he may have become an administrator since */
		return EC_OK;
	return rc == EC_ABSENT ? take_remains(w, text, out, e) : rc;
}

/* ---- setting it ---- */

/* What was not said stays as it is. Not looked at if all was said: a limit that cannot be read is mended by a new one. */
static enum ec fill_in(struct wp *w, const char *account, const struct wish *wish,
		       struct quota_limit *limit, struct err *e)
{
	const struct quota_limit none = { 0 };
	struct standing was = { 0 };

	*limit = wish->limit;
	if (wish->amount && wish->count)
		return EC_OK;
	enum ec rc = limits_find(w->backends.limits, account, &none, &was.limit, &was.from, e);
	if (rc == EC_BROKEN)
		return wp_hint(w, rc, "to replace it, give both an amount and /messages");
	if (rc != EC_OK || !is_its_own(&was))
		return rc;
	if (!wish->amount)
		limit->octets = was.limit.octets;
	if (!wish->count)
		limit->messages = was.limit.messages;
	return EC_OK;
}

static enum ec set(struct wp *w, const char *account, const struct wish *wish, struct err *e)
{
	enum limit_from kept;
	struct quota_limit limit;
	enum ec rc = wish->away ? EC_OK : fill_in(w, account, wish, &limit, e);

	if (rc != EC_OK)
		return rc;
	return limits_set(w->backends.limits, account, wish->away ? NULL : &limit, &kept, e);
}

/* The same for people. */
static void say(struct wp *w, const char *account, const struct standing *s)
{
	char used[AMOUNT_TEXT_MAX], limit[AMOUNT_TEXT_MAX];
	const char *octets = "", *messages = "";

	if (s->limit.octets > 0)
		octets = arena_fmt(w->mem, " of %s", amount_text(s->limit.octets, limit));
	if (s->limit.messages > 0)
		messages = arena_fmt(w->mem, " of %ju", (uintmax_t)s->limit.messages);
	out_say(w->out, "%s holds %s%s, messages: %ju%s%s", account,
		amount_about(s->used.octets, used), octets, (uintmax_t)s->used.messages, messages,
		quota_limits(&s->limit) ? "." : "; nothing limits it.");
}

static enum ec show(struct wp *w, const char *account, struct err *e)
{
	struct standing now;
	enum ec rc = quota_standing(w, account, &now, e);

	if (rc != EC_OK)
		return rc;
	out_field(w->out, "quota_account", account);
	quota_put(w->out, &now);
	say(w, account, &now);
	quota_put_state(w, account, &now);
	if (!is_used(w, account, &now))
		out_note(w->out,
			 "no mailbox counts against %s yet: winpop createquotafile "
			 "UserName@DomainName /user:%s",
			 account, account);
	return EC_OK;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	char account[NAME_TEXT_MAX + 1];
	struct wish wish;
	enum ec rc = read_wish(a, &wish, e);

	w->target = a->argv[0];
	w->looked = rc == EC_OK && !wish.any;
	if (rc == EC_OK)
		rc = find_account(w, a->argv[0], wish.away, account, e);
	if (rc != EC_OK)
		return rc;
	w->target = arena_strz(w->mem, account);
	if (wish.any)
		rc = set(w, account, &wish, e);
	return rc == EC_OK ? show(w, account, e) : rc;
}

const struct wp_cmd wp_setquota = {
	.name = "setquota",
	.args = "Account [{Amount | none | default}] [/messages {Number | none}]",
	.help = "Sets what the mailboxes that count against an account may hold together.",
	.more = "Account is a mailbox's address, a name that the accounts know it by, or a user of "
		"this computer. Amount is in octets as the messages are retrieved, or with K, M, G "
		"or T. What is not given stays as it was. none: nothing limits it; default: it has "
		"no limit of its own any more, and what the settings quota_bytes and "
		"quota_messages say holds. Without either, the limit is shown.\n"
		"Shown are what its mailboxes hold, the limit, how many percent that is of the "
		"limit that is nearer, and where the limit is kept: directory (the account's "
		"entry), table (the mail root) or settings. A limit holds from the next message "
		"on; nothing is deleted for it. Administrators cannot be limited. See "
		"winpop-quota(7).",
	.argc_min = 1,
	.argc_max = 2,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.extra = true,
	.switches = { { "messages", "{Number | none}", false, "How many messages they may be" } },
	.run = run,
};
