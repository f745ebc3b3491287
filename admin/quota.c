/* quota.c - see quota.h.
 *
 * An account is looked up when it is named, so that a spelling mistake shows then and not as a limit that never applies. What
 * is written down is one spelling of it, since accounts are told apart by their text.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "admin/quota.h"

/* ---- which account ---- */

static enum ec refuse_admin(const char *account, struct err *e)
{
	return err_set(e, EC_REFUSED,
		       "%.80s is an administrator: the disk use of administrators can't be limited",
		       account);
}

/* A mailbox may be asked for by any of its addresses. */
static enum ec put_name(struct wp *w, const struct name *n, char out[NAME_TEXT_MAX + 1],
			struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	struct entry found;
	enum ec rc = cat->ops->find(cat, n, &found, e);

	if (rc != EC_OK && rc != EC_ABSENT)
		return rc;
	name_text(rc == EC_OK ? &found.name : n, out);
	return EC_OK;
}

static enum ec by_name(struct wp *w, const struct name *n, char out[NAME_TEXT_MAX + 1],
		       struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	struct account acct;
	enum ec rc = accts->ops->find(accts, n, &acct, e);

	if (rc == EC_OK)
		rc = put_name(w, n, out, e);
	return rc == EC_OK && acct.admin ? refuse_admin(out, e) : rc;
}

static enum ec by_address(struct wp *w, const char *text, char out[NAME_TEXT_MAX + 1],
			  struct err *e)
{
	struct name n;
	enum ec rc = name_parse(&n, text, strlen(text), w->backends.accounts->ops->rule, e);

	if (rc == EC_OK)
		rc = scope_check(w->only, n.domain, e);
	return rc == EC_OK ? by_name(w, &n, out, e) : rc;
}

/* As somebody who signs in would write it. */
static enum ec by_logon(struct wp *w, const char *text, char out[NAME_TEXT_MAX + 1], struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	struct account acct;
	enum ec rc = accts->ops->resolve(accts, text, strlen(text), &acct, e);

	return rc == EC_OK ? by_name(w, &acct.name, out, e) : rc;
}

/* Of a user of this computer who has no mailbox the accounts know only whether he may be limited, and only the limits know
 * how to ask them. */
static enum ec here(struct wp *w, const char *user, char out[NAME_TEXT_MAX + 1], struct err *e)
{
	const struct quota_limit any = { .octets = 1 };
	struct quota_limit limit;
	enum limit_from from;
	struct passwd *pw = scope_is_whole(w->only) ? getpwnam(user) : NULL; /* of no domain */

	if (!pw)
		return err_set(e, EC_ABSENT, "there is no account \"%.80s\"", user);
	snprintf(out, NAME_TEXT_MAX + 1, "%s", pw->pw_name);
	if (pw->pw_uid == 0)
		return refuse_admin(user, e);
	enum ec rc = limits_find(w->backends.limits, out, &any, &limit, &from, e);
	return rc == EC_OK && from == LIMIT_ADMIN ? refuse_admin(user, e) : rc;
}

static bool is_nobody(enum ec rc)
{
	return rc == EC_ABSENT || rc == EC_USAGE;
}

/* A user of this computer has one mailbox over all domains, so there is nothing to be looked for in one of them. */
static enum ec by_bare_name(struct wp *w, const char *text, const char *domain,
			    char out[NAME_TEXT_MAX + 1], struct err *e)
{
	enum ec rc = EC_ABSENT;

	if (domain && w->backends.accounts->ops->rule != NAME_SYSTEM)
		rc = by_address(w, arena_fmt(w->mem, "%s@%s", text, domain), out, e);
	if (is_nobody(rc))
		rc = by_logon(w, text, out, e);
	return is_nobody(rc) ? here(w, text, out, e) : rc;
}

enum ec quota_account(struct wp *w, const char *text, const char *domain,
		      char out[NAME_TEXT_MAX + 1], struct err *e)
{
	out[0] = '\0';
	return strchr(text, '@') ? by_address(w, text, out, e)
				 : by_bare_name(w, text, domain, out, e);
}

const char *quota_charged(const struct entry *en, char room[NAME_TEXT_MAX + 1])
{
	return en->quota[0] ? strcpy(room, en->quota) : name_text(&en->name, room);
}

bool quota_is_own(const struct entry *en)
{
	char text[NAME_TEXT_MAX + 1];

	return !en->quota[0] || strcasecmp(en->quota, name_text(&en->name, text)) == 0;
}

bool quota_has_own_mailbox(struct wp *w, const char *account)
{
	struct catalog *cat = w->backends.catalog;
	struct entry found;
	struct name n;

	return name_parse(&n, account, strlen(account), NAME_FILE, NULL) == EC_OK &&
	       cat->ops->find(cat, &n, &found, NULL) == EC_OK && name_equal(&n, &found.name) &&
	       quota_is_own(&found);
}

/* ---- how it stands ---- */

static struct quota_limit standard(const struct conf *c)
{
	return (struct quota_limit){ .octets = c->quota_bytes, .messages = c->quota_messages };
}

enum ec quota_standing(struct wp *w, const char *account, struct standing *out, struct err *e)
{
	const struct quota_limit usual = standard(w->conf);
	struct store *store = w->backends.store;

	*out = (struct standing){ 0 };
	if (!scope_has_account(w->only, account))
		return err_set(e, EC_DENIED, "%.120s is no account of your domains", account);
	enum ec rc = limits_find(w->backends.limits, account, &usual, &out->limit, &out->from, e);
	return rc == EC_OK ? store->quota->usage(store, account, &out->used, e) : rc;
}

static double share_of(uint64_t used, uint64_t limit)
{
	return limit > 0 ? (double)used * 100 / (double)limit : 0;
}

bool quota_percent(const struct standing *s, unsigned *out)
{
	double octets = share_of(s->used.octets, s->limit.octets);
	double messages = share_of(s->used.messages, s->limit.messages);
	double most = octets > messages ? octets : messages;

	*out = most > 999999 ? 999999 : (unsigned)most;
	return quota_limits(&s->limit);
}

struct walk {
	const struct scope *only;
	bool (*fn)(void *ctx, const char *account, const struct quota_limit *);
	void *ctx;
};

static bool pass_on(void *ctx, const char *account, const struct quota_limit *limit)
{
	struct walk *walk = ctx;

	return !scope_has_account(walk->only, account) || walk->fn(walk->ctx, account, limit);
}

enum ec quota_limits_each(struct wp *w,
			  bool (*fn)(void *ctx, const char *account, const struct quota_limit *),
			  void *ctx, struct err *e)
{
	struct walk walk = { w->only, fn, ctx };
	enum ec rc = limits_each(w->backends.limits, pass_on, &walk, e);

	/* A limit that nobody can read may be anybody's. It is the whole server's administrators who are told. */
	return rc == EC_BROKEN && !scope_is_whole(w->only) ? EC_OK : rc;
}

static bool stop_at_first(void *ctx, const char *account, const struct quota_limit *limit)
{
	(void)account;
	(void)limit;
	*(bool *)ctx = true;
	return false;
}

bool quota_anywhere(struct wp *w)
{
	const struct quota_limit usual = standard(w->conf);
	bool any = quota_limits(&usual) || w->backends.accounts->keeps_limits;

	if (any)
		return true;
	/* Who cannot be read may be one. */
	return quota_limits_each(w, stop_at_first, &any, NULL) != EC_OK || any;
}

/* ---- in the answer ---- */

static const char *from_text(enum limit_from from)
{
	static const char *const words[] = {
		[LIMIT_NONE] = "-",
		[LIMIT_SETTINGS] = "settings",
		[LIMIT_TABLE] = "table",
		[LIMIT_ENTRY] = "directory",
		[LIMIT_ADMIN] = "administrator",
	};

	return words[from];
}

static void put_number(struct out *o, const char *key, bool known, uint64_t n)
{
	if (known)
		out_field_u(o, key, n);
	else
		out_field(o, key, "?");
}

static void put_limit(struct out *o, const char *key, bool known, uint64_t n)
{
	if (known && n == 0)
		out_field(o, key, "-");
	else
		put_number(o, key, known, n);
}

static void put_percent(struct out *o, const struct standing *s)
{
	unsigned percent = 0;

	if (s && !quota_percent(s, &percent))
		out_field(o, "percent", "-");
	else
		put_number(o, "percent", s != NULL, percent);
}

void quota_put_short(struct out *o, const struct standing *s)
{
	put_number(o, "used", s != NULL, s ? s->used.octets : 0);
	put_limit(o, "limit", s != NULL, s ? s->limit.octets : 0);
	put_percent(o, s);
}

void quota_put(struct out *o, const struct standing *s)
{
	quota_put_short(o, s);
	put_number(o, "used_messages", s != NULL, s ? s->used.messages : 0);
	put_limit(o, "limit_messages", s != NULL, s ? s->limit.messages : 0);
	out_field(o, "limit_from", s ? from_text(s->from) : "?");
}

void quota_put_state(struct wp *w, const char *account, const struct standing *s)
{
	unsigned percent;

	if (quota_percent(s, &percent) && percent >= 100)
		out_note(w->out,
			 "%s is over its limit: it gets no mail until some of its mail is deleted "
			 "or the limit is raised",
			 account);
}
