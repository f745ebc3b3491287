/* upkeep.c - one pass, mailbox after mailbox, in the catalog's order.
 *
 * No list is made and nothing is kept between passes: everything that a pass does is idempotent, so one that is broken off is simply
 * begun anew. A mailbox is looked up once more before it is settled, because a listing of a large directory is minutes old by
 * then, and settling with a link that was changed meanwhile would move the mailbox back to its former account. Only if it is
 * in this mail root, though: being looked up makes a directory's mailbox, and there may be other hosts for it.
 *
 * The daily part claims a mailbox for as long as it takes to read its index; a client that signs in just then waits for that
 * (server/store/brief.h). It is not done where the rule is to keep all.
 *
 * Trouble is told in one event per pass, with its first text and a count: a file system that fails would otherwise fill the log
 * with every mailbox's name, each time.
 */
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/meter.h"
#include "server/catalog/expire.h"
#include "server/upkeep/upkeep.h"

#define REST_MS 60000
#define REST_DIRECTORY_MS 600000
#define REST_TIMES 100
#define SLACK_S 5 /* smaller steps of the clock do not matter */

struct pass {
	const struct upkeep *u;
	struct upkeep_result *out;
	bool expire;
	bool complete; /* nothing was left out so far */
	struct clock_mark began;
	struct err first;
	unsigned n_damaged; /* domains whose rule cannot be read */
	char damaged[NAME_DOMAIN_MAX + 1];
};

static void trouble(struct pass *p, const struct err *why)
{
	if (p->first.class == EC_OK)
		p->first = *why;
}

/* ---- one mailbox ---- */

static enum ec settle(struct pass *p, const struct entry *en, struct err *e)
{
	struct store *store = p->u->store;
	char text[NAME_TEXT_MAX + 1];

	if (en->quota_damaged)
		return err_set(e, EC_BROKEN,
			       "the quota file of %s cannot be read: write it again with winpop "
			       "createquotafile",
			       name_text(&en->name, text));
	enum ec rc = store->quota->settle(store, &en->name, en->quota, e);
	p->out->settled += rc == EC_OK;
	return rc;
}

static enum ec remove_expired(struct pass *p, const struct entry *en, uint32_t days, struct err *e)
{
	struct store *store = p->u->store;
	char text[NAME_TEXT_MAX + 1];
	struct box *box;
	uint32_t n;
	enum ec rc = store->ops->claim(store, &en->name, STORE_UPKEEP, &box, e);

	if (rc != EC_OK)
		return rc == EC_LOCKED ? EC_OK : rc; /* its session does it, or we do tomorrow */
	rc = store_expire(box, days, &n, e);
	box->ops->release(&box);
	p->out->expired += n;
	meter_add(log_meters(p->u->log), METER_EXPIRED, n);
	if (n > 0)
		log_event(p->u->log, LV_INFO, "expired", KV("account", name_text(&en->name, text)),
			  KV_U("messages", n));
	return rc;
}

static enum ec expire(struct pass *p, const struct entry *en, struct err *e)
{
	uint32_t days = expire_rule(en, p->u->conf->expire_days);

	return p->expire && days != EXPIRE_NEVER ? remove_expired(p, en, days, e) : EC_OK;
}

static bool is_here(const struct pass *p, const struct name *n)
{
	int fd;
	enum ec rc = mailroot_dir(p->u->root, n, &fd, NULL);

	if (rc == EC_OK)
		close(fd);
	return rc != EC_ABSENT; /* what else is wrong with it will be told */
}

/* What was true yesterday is no reason to move a mailbox to another account, or to delete its mail. */
static enum ec find_now(const struct pass *p, const struct name *n, struct entry *en, struct err *e)
{
	struct catalog *c = p->u->catalog;
	char text[NAME_TEXT_MAX + 1];
	enum ec rc = c->ops->find(c, n, en, e);

	if (rc == EC_OK && en->remembered)
		rc = err_set(e, EC_TEMP, "the directory went away before %s was looked up",
			     name_text(n, text));
	return rc;
}

/* EC_ABSENT: removed since it was listed. */
static bool is_trouble(enum ec rc)
{
	return rc != EC_OK && rc != EC_ABSENT;
}

static bool visit(void *ctx, const struct entry *listed)
{
	struct pass *p = ctx;
	enum ec expired = EC_OK;
	struct err why, other;
	struct entry en;

	if (atomic_load(p->u->stop))
		return p->complete = false;
	if (!is_here(p, &listed->name))
		return true;
	p->out->mailboxes++;
	enum ec rc = find_now(p, &listed->name, &en, &why);
	if (rc == EC_OK) {
		expired = expire(p, &en, &other);
		rc = settle(p, &en, &why);
	}
	if (is_trouble(rc) || is_trouble(expired)) {
		p->out->failed++;
		trouble(p, is_trouble(rc) ? &why : &other);
	}
	p->complete &= !is_trouble(rc);
	return true;
}

static bool visit_domain(void *ctx, const struct entry *en)
{
	struct pass *p = ctx;
	struct catalog *c = p->u->catalog;
	struct err why;

	if (en->expire_days == EXPIRE_DAMAGED && p->n_damaged++ == 0)
		strcpy(p->damaged, en->name.domain);
	enum ec rc = c->ops->each(c, &en->name, visit, p, &why);
	if (is_trouble(rc)) {
		p->complete = false;
		trouble(p, &why);
	}
	return !atomic_load(p->u->stop);
}

/* ---- rules ---- */

struct comparing {
	struct expire_rules *out;
	uint32_t otherwise;
	bool any;
};

static bool compare(void *ctx, const struct entry *en)
{
	struct comparing *c = ctx;
	uint32_t days = expire_rule(en, c->otherwise), least = c->out->least;

	c->out->differ |= c->any && days != least;
	c->out->least = c->any && least < days ? least : days;
	c->any = true;
	return true;
}

enum ec upkeep_rules(struct catalog *c, const struct conf *conf, struct expire_rules *out,
		     struct err *e)
{
	struct comparing cmp = { .out = out, .otherwise = conf->expire_days };

	*out = (struct expire_rules){ .least = conf->expire_days };
	enum ec rc = c->ops->each(c, NULL, compare, &cmp, e);
	if (rc != EC_OK)
		*out = (struct expire_rules){ .least = EXPIRE_UNSET };
	return rc;
}

/* ---- the pass ---- */

/* Everything there is was settled since the pass began, unless the clock was set back. A mail root without mailboxes may be one
 * that is not mounted. */
static void sweep(struct pass *p)
{
	struct store *store = p->u->store;
	unsigned n = 0;
	struct err why;

	if (p->expire)
		p->out->swept += mailroot_sweep(p->u->root, false);
	if (!p->complete || p->out->mailboxes == 0 || clock_was_set_back(p->began))
		return;
	if (store->quota->sweep(store, (int64_t)(p->began.wall_us / 1000000) - SLACK_S, &n, &why) !=
	    EC_OK)
		trouble(p, &why);
	p->out->swept += n;
}

static void tell(const struct pass *p)
{
	const struct upkeep_result *r = p->out;

	if (p->first.class != EC_OK)
		log_event(p->u->log, LV_WARN, "upkeep-trouble", KV_U("mailboxes", r->failed),
			  KV("class", ec_name(p->first.class)), KV("text", p->first.text));
	if (p->n_damaged > 0)
		log_event(p->u->log, LV_WARN, "expire-rule-damaged", KV("domain", p->damaged),
			  KV_U("domains", p->n_damaged),
			  KV("text", "nothing expires there: set it again with winpop setexpire"));
	log_event(p->u->log, p->expire ? LV_INFO : LV_TRACE, "upkeep",
		  KV_U("mailboxes", r->mailboxes), KV_U("settled", r->settled),
		  KV_U("expired", r->expired), KV_U("swept", r->swept),
		  KV("whole", r->whole ? "yes" : "no"),
		  KV_U("ms", (clock_mono_us() - p->began.mono_us) / 1000));
}

void upkeep_pass(const struct upkeep *u, bool expire, struct upkeep_result *out)
{
	struct pass p = {
		.u = u, .out = out, .expire = expire, .complete = true, .began = clock_mark()
	};
	struct err why;

	*out = (struct upkeep_result){ 0 };
	if (u->catalog->ops->each(u->catalog, NULL, visit_domain, &p, &why) != EC_OK) {
		p.complete = false;
		trouble(&p, &why);
	}
	if (!atomic_load(u->stop))
		sweep(&p);
	else
		p.complete = false;
	out->whole = p.complete;
	tell(&p);
}

uint64_t upkeep_pause_ms(const struct conf *conf, uint64_t took_ms)
{
	uint64_t least = conf->catalog == CATALOG_DIRECTORY ? REST_DIRECTORY_MS : REST_MS;

	return took_ms * REST_TIMES > least ? took_ms * REST_TIMES : least;
}
