/* test_lookup.c - what the maps say of domains and mailboxes, and what is said against a delivery; a catalog and a store that know
 * a few names by heart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/mta/forecast.h"
#include "server/mta/lookup.h"
#include "tests/unit/auth/people.h"

static struct {
	bool empty;       /* the mail root is not mounted */
	enum ec trouble;  /* of the catalog; EC_OK: none */
	enum ec fits;     /* what the store says */
	uint64_t charged; /* what it was asked about: octets */
} world;

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	if (world.trouble != EC_OK)
		return err_set(e, world.trouble, "the catalog says no");
	if (world.empty || strcmp(n->domain, "example.com") != 0 || strcmp(n->local, "nobody") == 0)
		return err_set(e, EC_ABSENT, "there is none");
	*out = (struct entry){ .name = *n };
	out->locked = strcmp(n->local, "locked") == 0;
	out->domain_locked = out->locked;
	out->held = strcmp(n->local, "held") == 0;
	out->domain_held = strcmp(n->local, "domain-held") == 0;
	out->quota_damaged = strcmp(n->local, "damaged") == 0;
	if (strcmp(n->local, "alias") == 0)
		strcpy(out->name.local, "kim");
	return EC_OK;
}

static enum ec each(struct catalog *c, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	static const struct entry entry = { .name.domain = "example.com" };

	(void)c, (void)domain, (void)e;
	if (!world.empty)
		fn(ctx, &entry);
	return EC_OK;
}

static enum ec fits(struct store *st, const struct name *mailbox, struct charge *charge,
		    uint64_t octets, struct err *e)
{
	(void)st, (void)mailbox;
	assert_true(quota_limits(&charge->limit));
	world.charged = octets;
	return world.fits == EC_OK ? EC_OK : err_set(e, world.fits, "the store says no");
}

static const struct catalog_ops catalog_ops = { .name = "test", .find = find, .each = each };
static const struct quota_ops quota_ops = { .fits = fits };

struct rig {
	struct catalog catalog;
	struct store store;
	struct people people;
	struct conf *conf;
	struct mta_setup with;
	char dir[32];
	struct mailroot *root;
};

static void rig_begin(struct rig *r, const char *settings)
{
	char text[300];
	struct err e;

	memset(&world, 0, sizeof(world));
	*r = (struct rig){ .catalog.ops = &catalog_ops,
			   .store.quota = &quota_ops,
			   .people.base = { .ops = &people_ops },
			   .dir = "/tmp/winpop-mta-XXXXXX" };
	assert_non_null(mkdtemp(r->dir));
	snprintf(text, sizeof(text), "mailroot = %s\n%s", r->dir, settings);
	if (conf_parse("test", text, strlen(text), &r->conf, &e) != EC_OK ||
	    mailroot_open(r->dir, &r->root, &e) != EC_OK)
		fail_msg("%s", e.text);
	r->with = (struct mta_setup){
		.conf = r->conf, .rule = NAME_FILE, .catalog = &r->catalog, .store = &r->store
	};
	limits_open(r->root, &r->people.base, &r->with.limits);
}

static void rig_end(struct rig *r)
{
	char line[64];

	limits_close(&r->with.limits);
	mailroot_close(&r->root);
	conf_unref(&r->conf);
	snprintf(line, sizeof(line), "rm -rf %s", r->dir);
	assert_int_equal(system(line), 0);
}

/* "OK value", "-", or the class. */
static void look(const struct rig *r, enum sm_map map, const char *key, const char *want)
{
	struct sm_ask q = { .map = map, .key = { key, strlen(key) } };
	struct lookup l = { 0 };
	char got[400] = "-";

	if (lookup_prepare(&l, &q, NAME_FILE)) {
		lookup_run(&l, &r->with);
		if (l.class == EC_OK)
			snprintf(got, sizeof(got), "OK %s", l.value);
		else if (l.class != EC_ABSENT)
			strcpy(got, ec_name(l.class));
	}
	if (strcmp(got, want) != 0)
		fail_msg("map %d, key \"%s\": \"%s\", not \"%s\"", (int)map, key, got, want);
}

/* The class, if nobody could tell; what nobody has is "-". */
static void expect(const struct rig *r, const char *recipient, uint64_t octets,
		   enum policy_action want, const char *want_class)
{
	struct policy_ask q = { .recipient = { recipient, strlen(recipient) }, .octets = octets };
	struct forecast f = { 0 };
	const char *class = "-";

	if (forecast_prepare(&f, &q, NAME_FILE)) {
		forecast_run(&f, &r->with);
		if (f.class != EC_ABSENT)
			class = ec_name(f.class);
	}
	if (f.action != want || strcmp(class, want_class) != 0)
		fail_msg("to \"%s\": %d, %s", recipient, (int)f.action, class);
}

static void test_names(void **state)
{
	static const struct {
		enum sm_map map;
		const char *key, *want;
	} cases[] = {
		{ SM_DOMAINS, "example.com", "OK example.com" },
		{ SM_DOMAINS, "Example.COM.", "OK example.com" },
		{ SM_DOMAINS, "elsewhere.example", "-" },
		{ SM_DOMAINS, "kim@example.com", "-" },
		{ SM_DOMAINS, "", "-" },
		{ SM_MAILBOXES, "kim@example.com", "OK kim@example.com" },
		{ SM_MAILBOXES, "KIM@Example.COM", "OK kim@example.com" },
		{ SM_MAILBOXES, "alias@example.com", "OK kim@example.com" },
		{ SM_MAILBOXES, "locked@example.com", "OK locked@example.com" },
		{ SM_MAILBOXES, "held@example.com", "OK held@example.com" },
		{ SM_MAILBOXES, "damaged@example.com", "OK damaged@example.com" },
		{ SM_MAILBOXES, "nobody@example.com", "-" },
		{ SM_MAILBOXES, "kim@elsewhere.example", "-" },
		{ SM_MAILBOXES, "@example.com", "-" },
		{ SM_MAILBOXES, "example.com", "-" },
		{ SM_MAILBOXES, "kim", "-" },
		{ SM_MAILBOXES, "kim@", "-" },
		{ SM_MAILBOXES, "", "-" },
		{ SM_MAILBOXES, "../kim@example.com", "-" },
		{ SM_MAILBOXES, "\"kim\"@example.com", "-" },
		{ SM_SENDERS, "kim@example.com", "OK kim@example.com" },
		{ SM_SENDERS, "alias@example.com", "OK kim@example.com" },
		{ SM_SENDERS, "locked@example.com", "OK locked@example.com" },
		{ SM_SENDERS, "nobody@example.com", "-" },
	};
	struct rig r;

	(void)state;
	rig_begin(&r, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		look(&r, cases[i].map, cases[i].key, cases[i].want);
	rig_end(&r);
}

/* Nothing is absent for want of an answer: mail would bounce. */
static void test_trouble(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, "");
	for (enum sm_map map = 0; map < SM_MAPS; map++) {
		const char *key = map == SM_DOMAINS ? "example.com" : "kim@example.com";

		world.trouble = EC_TEMP;
		look(&r, map, key, "temp");
		world.trouble = EC_BROKEN;
		look(&r, map, key, "broken");
		world.trouble = EC_OK;
		world.empty = true;
		look(&r, map, key, "temp");
		world.empty = false;
	}
	rig_end(&r);
}

static void test_held(void **state)
{
	static const struct {
		const char *recipient;
		enum policy_action action;
		const char *class;
	} cases[] = {
		{ "kim@example.com", POLICY_DUNNO, "ok" },
		{ "KIM@Example.COM", POLICY_DUNNO, "ok" },
		{ "locked@example.com", POLICY_DUNNO, "ok" },
		{ "held@example.com", POLICY_HELD, "ok" },
		{ "domain-held@example.com", POLICY_HELD, "ok" },
		{ "nobody@example.com", POLICY_DUNNO, "-" },
		{ "kim@elsewhere.example", POLICY_DUNNO, "-" },
		{ "held", POLICY_DUNNO, "-" },
		{ "../held@example.com", POLICY_DUNNO, "-" },
		{ "", POLICY_DUNNO, "-" },
	};
	struct rig r;

	(void)state;
	rig_begin(&r, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(&r, cases[i].recipient, 0, cases[i].action, cases[i].class);
	rig_end(&r);
}

static void test_full(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, "quota_bytes = 10M\n");
	expect(&r, "kim@example.com", 12345, POLICY_DUNNO, "ok");
	assert_int_equal(world.charged, 12345);
	world.fits = EC_QUOTA;
	expect(&r, "kim@example.com", 1, POLICY_FULL, "ok");
	expect(&r, "alias@example.com", 0, POLICY_FULL, "ok");
	expect(&r, "held@example.com", 1, POLICY_HELD, "ok");
	expect(&r, "nobody@example.com", 1, POLICY_DUNNO, "-");
	look(&r, SM_MAILBOXES, "kim@example.com", "OK kim@example.com");
	rig_end(&r);
	rig_begin(&r, "quota_messages = 5\nquota_full = defer\n");
	world.fits = EC_QUOTA;
	expect(&r, "kim@example.com", 1, POLICY_FULL_LATER, "ok");
	rig_end(&r);
	rig_begin(&r, ""); /* the store is not asked where nothing is limited */
	world.fits = EC_QUOTA;
	expect(&r, "kim@example.com", 1, POLICY_DUNNO, "ok");
	rig_end(&r);
}

/* A forecast that cannot be made: the delivery decides. */
static void test_trouble_says_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, "quota_bytes = 10M\n");
	world.fits = EC_TEMP;
	expect(&r, "kim@example.com", 1, POLICY_DUNNO, "ok");
	world.fits = EC_QUOTA;
	expect(&r, "damaged@example.com", 1, POLICY_DUNNO, "ok");
	world.trouble = EC_TEMP;
	expect(&r, "held@example.com", 1, POLICY_DUNNO, "temp");
	world.trouble = EC_OK;
	world.empty = true;
	expect(&r, "held@example.com", 1, POLICY_DUNNO, "-");
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_trouble_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
