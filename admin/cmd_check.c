/* cmd_check.c - is what is counted what is there?
 *
 * Everybody else trusts index and ledger; this trusts nothing but the files. Each mailbox is counted under the locks that
 * deliveries take, so it may be run while mail comes in. An account that several mailboxes share is looked at before and after:
 * only if nothing happened to it meanwhile can its sum be compared with theirs.
 *
 * What can be counted anew is repaired; what somebody wrote by hand, and cannot be read, is named, and is for him to write again.
 */
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "admin/quota.h"
#include "admin/shares.h"

enum { REPAIR };
#define STEP_US 10000

struct check {
	struct wp *w;
	bool repair;
	struct shares *shares;
	uint64_t mailboxes, problems, repaired;
	bool miscounted;    /* what /repair sets right */
	unsigned unsure;    /* could not be looked at */
	unsigned uncounted; /* quota files that nobody can read */
	struct err *e;
};

/* ---- telling ---- */

enum fate { NOT_REPAIRED, REPAIRED };

static void tell(struct check *c, const char *what, const char *problem, const char *detail,
		 enum fate fate)
{
	struct out *o = c->w->out;

	c->problems++;
	c->repaired += fate == REPAIRED;
	out_record(o);
	out_field(o, "what", what);
	out_field(o, "problem", problem);
	out_field(o, "detail", detail);
	out_field(o, "repaired", fate == REPAIRED ? "yes" : "no");
	out_end(o);
}

/* The text of the first one is the command's. */
static void unsure(struct check *c, const struct err *why)
{
	if (c->unsure++ == 0)
		err_set(c->e, why->class, "%s", why->text);
}

static bool same(const struct quota_usage *a, const struct quota_usage *b)
{
	return a->octets == b->octets && a->messages == b->messages;
}

static const char *compared(struct check *c, const struct quota_usage *there, const char *who,
			    const struct quota_usage *said)
{
	return arena_fmt(c->w->mem, "%ju messages, %ju octets are there; %s says %ju, %ju",
			 (uintmax_t)there->messages, (uintmax_t)there->octets, who,
			 (uintmax_t)said->messages, (uintmax_t)said->octets);
}

/* ---- one mailbox ---- */

static void compare(struct check *c, const char *box, const struct quota_recount *r)
{
	enum fate fate = c->repair ? REPAIRED : NOT_REPAIRED;

	if (same(&r->counted, &r->indexed) && same(&r->counted, &r->charged))
		return;
	c->miscounted = true;
	if (!same(&r->counted, &r->indexed))
		tell(c, box, "index", compared(c, &r->counted, "its index", &r->indexed), fate);
	if (!same(&r->counted, &r->charged))
		tell(c, box, "ledger", compared(c, &r->counted, "its account", &r->charged), fate);
}

static void recount(struct check *c, const struct entry *en, const char *box)
{
	struct store *store = c->w->backends.store;
	struct quota_recount r = { 0 };
	char room[NAME_TEXT_MAX + 1];
	struct err why;
	enum ec rc = store->quota->recount(store, &en->name, en->quota, c->repair, &r, &why);

	if (rc ==
	    EC_ABSENT) /* a directory's that has no mail yet, or deleted since it was listed */
		return;
	if (rc != EC_OK) {
		unsure(c, &why);
		return;
	}
	compare(c, box, &r);
	struct share *share = shares_find(c->shares, quota_charged(en, room));
	if (share) {
		share->counted.octets += r.counted.octets;
		share->counted.messages += r.counted.messages;
	}
}

/* A lock is a file, and only as a file can winpop take it away again. */
static void check_flag(struct check *c, const struct name *n, const char *file, const char *what)
{
	struct stat st;
	int dir;

	if (mailroot_dir(c->w->backends.root, n, &dir, NULL) != EC_OK)
		return;
	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		tell(c, what, file, "it is in force, but is no plain file: remove it by hand",
		     NOT_REPAIRED);
	close(dir);
}

static void check_flags(struct check *c, const struct entry *en, const char *what)
{
	if (en->locked)
		check_flag(c, &en->name, "lock", what);
	if (en->held)
		check_flag(c, &en->name, "hold", what);
}

static bool check_mailbox(void *ctx, const struct entry *en)
{
	struct check *c = ctx;
	char box[NAME_TEXT_MAX + 1];

	name_text(&en->name, box);
	c->mailboxes++;
	check_flags(c, en, box);
	if (en->quota_damaged) {
		c->uncounted++; /* against the wrong account it would be worse than not at all */
		tell(c, box, "quota-file",
		     arena_fmt(c->w->mem,
			       "it cannot be read, so new mail waits: winpop createquotafile %s",
			       box),
		     NOT_REPAIRED);
	} else {
		recount(c, en, box);
	}
	return true;
}

/* ---- the accounts that are shared ---- */

static bool note_share(void *ctx, const struct entry *en)
{
	struct check *c = ctx;

	if (!en->quota_damaged && !quota_is_own(en))
		shares_at(c->shares, en->quota)->mailboxes++;
	return true;
}

/* A limit that is there makes an account of any name. */
static void check_account(struct check *c, const struct share *share, const struct standing *s)
{
	char room[NAME_TEXT_MAX + 1];
	struct err why;
	enum ec rc = quota_account(c->w, share->account, NULL, room, &why);

	if (rc == EC_REFUSED)
		tell(c, share->account, "administrator",
		     arena_fmt(c->w->mem, "%s; mailboxes that count against it: %ju", why.text,
			       (uintmax_t)share->mailboxes),
		     NOT_REPAIRED);
	else if ((rc == EC_ABSENT || rc == EC_USAGE) && s->from != LIMIT_TABLE)
		tell(c, share->account, "no-account",
		     arena_fmt(c->w->mem,
			       "nobody has this name, and it has no limit; mailboxes that count "
			       "against it: %ju",
			       (uintmax_t)share->mailboxes),
		     NOT_REPAIRED);
	else if (rc != EC_OK && rc != EC_ABSENT && rc != EC_USAGE)
		unsure(c, &why);
}

static bool begin_share(void *ctx, struct share *share)
{
	struct check *c = ctx;
	struct standing s;
	struct err why;

	if (!scope_has_account(c->w->only, share->account)) /* for others to look at */
		return true;
	if (quota_standing(c->w, share->account, &s, &why) != EC_OK) {
		unsure(c, &why);
		return true;
	}
	share->before = s.used;
	check_account(c, share, &s);
	return true;
}

static bool end_share(void *ctx, struct share *share)
{
	struct check *c = ctx;
	struct store *store = c->w->backends.store;
	struct quota_usage now;
	struct err why;
	enum ec rc = store->quota->usage(store, share->account, &now, &why);

	if (rc != EC_OK)
		unsure(c, &why);
	if (rc != EC_OK || !same(&now, &share->before) || same(&now, &share->counted))
		return true;
	c->miscounted = true;
	tell(c, share->account, "ledger",
	     compared(c, &share->counted, "the account's ledger", &now), NOT_REPAIRED);
	return true;
}

/* ---- limits ---- */

static bool check_limit(void *ctx, const char *account, const struct quota_limit *limit)
{
	struct check *c = ctx;
	struct standing s;
	struct err why;

	(void)limit;
	if (quota_standing(c->w, account, &s, &why) != EC_OK)
		unsure(c, &why);
	else if (s.from == LIMIT_ADMIN)
		tell(c, account, "administrator",
		     arena_fmt(c->w->mem,
			       "its limit does not hold, administrators have none: winpop "
			       "setquota %s default",
			       account),
		     NOT_REPAIRED);
	return true;
}

static void check_limits(struct check *c)
{
	struct err why;
	enum ec rc = quota_limits_each(c->w, check_limit, c, &why);

	if (rc == EC_BROKEN)
		tell(c, ".quota", "limit", why.text, NOT_REPAIRED);
	else if (rc != EC_OK)
		unsure(c, &why);
}

/* ---- all of them ---- */

typedef bool box_fn(void *ctx, const struct entry *);

static enum ec each_box(struct check *c, const struct name *domain, box_fn *fn)
{
	struct catalog *cat = c->w->backends.catalog;
	struct err why;
	enum ec rc = cat->ops->each(cat, domain, fn, c, &why);

	if (rc != EC_OK && rc != EC_ABSENT)
		unsure(c, &why);
	return rc;
}

static bool note_domain(void *ctx, const struct entry *en)
{
	struct check *c = ctx;
	struct catalog *cat = c->w->backends.catalog;

	/* Whatever cannot be read is told when its mailboxes are counted. */
	cat->ops->each(cat, &en->name, note_share, c, NULL);
	return true;
}

static bool check_domain(void *ctx, const struct entry *en)
{
	struct check *c = ctx;

	check_flags(c, en, en->name.domain);
	if (en->expire_days == EXPIRE_DAMAGED)
		tell(c, en->name.domain, "expire",
		     arena_fmt(c->w->mem,
			       "its rule cannot be read, so nothing expires: winpop setexpire %s",
			       en->name.domain),
		     NOT_REPAIRED);
	each_box(c, &en->name, check_mailbox);
	return true;
}

/* Ledgers know whole seconds: what somebody else settled in this one must not look as if we had. */
static struct clock_mark begin_second(void)
{
	int64_t was = clock_wall_s();

	while (clock_wall_s() == was)
		usleep(STEP_US);
	return clock_mark();
}

static void sweep(struct check *c, struct clock_mark began)
{
	struct store *store = c->w->backends.store;
	unsigned n = 0;
	struct err why;

	if (clock_was_set_back(began)) {
		err_set(&why, EC_TEMP, "the clock was set back meanwhile; run it once more");
		unsure(c, &why);
		return;
	}
	if (store->quota->sweep(store, (int64_t)(began.wall_us / 1000000), &n, &why) != EC_OK)
		unsure(c, &why);
	if (n > 0)
		tell(c, ".quota", "ledger",
		     arena_fmt(c->w->mem, "held mailboxes that are gone or count elsewhere: %u", n),
		     REPAIRED);
}

static enum ec check_all(struct check *c)
{
	struct catalog *cat = c->w->backends.catalog;
	struct clock_mark began = c->repair ? begin_second() : clock_mark();

	enum ec rc = cat->ops->each(cat, NULL, note_domain, c, c->e);
	if (rc != EC_OK)
		return rc;
	shares_each(c->shares, begin_share, c);
	check_limits(c);
	each_box(c, NULL, check_domain);
	/* Who does not see all mailboxes that count against an account can neither add them up nor tell which are gone. */
	if (!scope_is_whole(c->w->only))
		return EC_OK;
	if (!c->repair)
		shares_each(c->shares, end_share, c);
	else if (c->unsure == 0 && c->uncounted == 0)
		sweep(c, began);
	return EC_OK;
}

static enum ec check_some(struct check *c, const struct name *n, const struct entry *found)
{
	if (name_is_domain(n)) {
		each_box(c, n, note_share);
		shares_each(c->shares, begin_share, c);
		check_domain(c, found);
		return EC_OK;
	}
	note_share(c, found);
	shares_each(c->shares, begin_share, c);
	check_mailbox(c, found);
	return EC_OK;
}

/* ---- the command ---- */

static enum ec judge(struct check *c)
{
	struct wp *w = c->w;
	uint64_t left = c->problems - c->repaired;

	out_field_u(w->out, "mailboxes", c->mailboxes);
	out_field_u(w->out, "problems", c->problems);
	out_field_u(w->out, "repaired", c->repaired);
	out_field_u(w->out, "not_checked", c->unsure);
	if (c->unsure > 0) {
		w->partly = true;
		return c->e->class;
	}
	if (left == 0)
		return EC_OK;
	if (c->miscounted && !c->repair)
		wp_hint(w, EC_REFUSED, "run winpop check /repair");
	return err_set(c->e, EC_REFUSED, "problems that are left: %ju", (uintmax_t)left);
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct check c = { .w = w, .repair = a->given[REPAIR], .e = e };
	struct entry found;
	struct name n;
	enum ec rc = a->argc > 0 ? wp_name(w, a->argv[0], &n, e) : EC_OK;

	w->looked = !c.repair;
	if (rc == EC_OK && a->argc > 0)
		rc = w->backends.catalog->ops->find(w->backends.catalog, &n, &found, e);
	if (rc != EC_OK)
		return rc;
	c.shares = shares_new();
	out_list(w->out, "findings");
	rc = a->argc > 0 ? check_some(&c, &found.name, &found) : check_all(&c);
	out_end(w->out);
	shares_free(&c.shares);
	return rc == EC_OK ? judge(&c) : rc;
}

const struct wp_cmd wp_check = {
	.name = "check",
	.args = "[DomainName | UserName@DomainName] [/repair]",
	.help = "Counts the mail of each mailbox and compares it with what quotas are judged by.",
	.more = "Everything is checked, or one domain or mailbox: the mailbox's index and its "
		"account's ledger against the files; quota files, limits and locks that cannot be "
		"read or taken away; accounts that nobody has; limits of administrators. It may "
		"run while mail comes in. Without /repair nothing is set right but what a crash "
		"has left half done; with it, index and ledger are. What was damaged by hand is "
		"named, with the command that "
		"writes it anew. Exit code 0: all is right, or was repaired; 1: problems are "
		"left; 5: some could not be looked at.",
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.extra = true,
	.switches = { { "repair", NULL, false, "Sets right what can be counted" } },
	.run = run,
};
