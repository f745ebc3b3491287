/* The catalog in a directory: holds and rules of expiry, also where the directory's schema has none yet. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "server/conf/conf.h"
#include "tests/unit/catalog/directory.h"

#define KIM "kim@example.com"
#define KIM_RDN "uid=kim.example.com,ou=people"
#define DOMAIN_RDN "winpopDomainName=example.com,ou=winpop"

struct world {
	struct tree tree;
	struct directory dir;
	struct catalog *c;
	struct err e;
};

static int setup(void **state)
{
	static struct world w;

	w = (struct world){ 0 };
	tree_setup(&w.tree);
	directory_open(&w.dir, &w.tree, "", &w.c);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->c->ops->close(&w->c);
	directory_close(&w->dir);
	tree_teardown(&w->tree);
	return 0;
}

static enum ec find(struct world *w, const char *text, struct entry *out)
{
	struct name n = tree_name(text);

	return w->c->ops->find(w->c, &n, out, &w->e);
}

static enum ec set(struct world *w, const char *text, enum entry_flag flag, bool on)
{
	struct name n = tree_name(text);

	return w->c->ops->set_flag(w->c, &n, flag, on, &w->e);
}

static enum ec hold(struct world *w, const char *text, bool on)
{
	return set(w, text, ENTRY_HELD, on);
}

static enum ec expire(struct world *w, const char *text, uint32_t days)
{
	struct name n = tree_name(text);

	return w->c->ops->set_expire(w->c, &n, days, &w->e);
}

static void domain_by_hand(struct world *w, const char *rdn, const char *more)
{
	char lines[200];

	snprintf(lines, sizeof(lines), "objectClass: winpopDomain\nwinpopDomainName: %.*s%s",
		 (int)strcspn(rdn + 17, ","), rdn + 17, more);
	directory_add(&w->dir, rdn, lines);
}

/* ---- holds ---- */

/* "lLhH": its own lock, its domain's, its own hold, its domain's; '-' what is not. */
static const char *flags(struct world *w, const char *text)
{
	static char out[5];
	struct entry e;

	assert_ec(find(w, text, &e), EC_OK);
	snprintf(out, sizeof(out), "%c%c%c%c", e.locked ? 'l' : '-', e.domain_locked ? 'L' : '-',
		 e.held ? 'h' : '-', e.domain_held ? 'H' : '-');
	return out;
}

static void holds_and_locks_do_not_touch_each_other(void **state)
{
	/* what would be more than a value in a filter */
	static const struct name odd[] = { { "*", "example.com" },
					   { "kim)(uid=*", "example.com" },
					   { "", "example.com)(objectClass=*" } };
	struct world *w = *state;

	assert_ec(hold(w, KIM, true), EC_OK);
	assert_ec(hold(w, KIM, true), EC_OK);
	assert_true(directory_has(&w->dir, KIM_RDN, "winpopHeld", "TRUE"));
	assert_string_equal(flags(w, KIM), "--h-");
	assert_ec(set(w, KIM, ENTRY_LOCKED, true), EC_OK);
	assert_string_equal(flags(w, KIM), "l-h-");
	assert_ec(hold(w, "example.com", true), EC_OK);
	assert_string_equal(flags(w, KIM), "l-hH");
	assert_string_equal(flags(w, "example.com"), "--h-");
	assert_ec(hold(w, "example.com", false), EC_OK);
	assert_ec(hold(w, "example.com", false), EC_OK);
	assert_string_equal(flags(w, KIM), "l-h-");
	assert_ec(set(w, KIM, ENTRY_LOCKED, false), EC_OK);
	assert_string_equal(flags(w, KIM), "--h-");
	assert_ec(hold(w, KIM, false), EC_OK);
	assert_false(directory_has(&w->dir, KIM_RDN, "winpopHeld", NULL));
	assert_string_equal(flags(w, KIM), "----");
	assert_ec(hold(w, "lee@example.com", true), EC_ABSENT);
	assert_ec(hold(w, "example.org", true), EC_ABSENT);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_ec(w->c->ops->set_flag(w->c, &odd[i], ENTRY_HELD, true, &w->e), EC_ABSENT);
	assert_string_equal(flags(w, KIM), "----");
}

static void held_by_hand(void **state)
{
	struct world *w = *state;

	directory_modify(&w->dir, KIM_RDN, "add", "winpopHeld", "TRUE");
	assert_string_equal(flags(w, KIM), "--h-");
	directory_modify(&w->dir, KIM_RDN, "replace", "winpopHeld", "FALSE");
	assert_string_equal(flags(w, KIM), "----");
	directory_modify(&w->dir, DOMAIN_RDN, "add", "winpopHeld", "TRUE");
	assert_string_equal(flags(w, KIM), "---H");
	/* an alias leads to the mailbox, and its domain */
	domain_by_hand(w, "winpopDomainName=example.org,ou=winpop", "");
	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "kim@example.org");
	assert_string_equal(flags(w, "kim@example.org"), "---H");
	assert_ec(hold(w, "kim@example.org", true), EC_OK);
	assert_true(directory_has(&w->dir, KIM_RDN, "winpopHeld", "TRUE"));
}

static bool collect(void *ctx, const struct entry *e)
{
	char *to = ctx, text[NAME_TEXT_MAX + 1];

	sprintf(to + strlen(to), "%s%s%s %d; ", name_text(&e->name, text), e->held ? " held" : "",
		e->domain_held ? " above" : "",
		e->expire_days == EXPIRE_UNSET ? -2 : (int)e->expire_days);
	return true;
}

static void listings_tell_it(void **state)
{
	struct name n = tree_name("example.com");
	struct world *w = *state;
	char got[200] = "";

	domain_by_hand(w, "winpopDomainName=example.org,ou=winpop", "");
	assert_ec(hold(w, "example.com", true), EC_OK);
	assert_ec(expire(w, "example.com", 30), EC_OK);
	assert_ec(w->c->ops->each(w->c, NULL, collect, got, &w->e), EC_OK);
	assert_string_equal(got, "example.com held 30; example.org -2; ");
	got[0] = '\0';
	assert_ec(hold(w, KIM, true), EC_OK);
	assert_ec(w->c->ops->each(w->c, &n, collect, got, &w->e), EC_OK);
	assert_string_equal(got, "kim@example.com held above 30; ");
}

/* ---- with the mailbox ---- */

static void removing_takes_it_all(void **state)
{
	static const char *const says[] = { "TRUE", "FALSE" };
	struct name n = tree_name(KIM);
	struct world *w = *state;

	for (unsigned i = 0; i < 2; i++) {
		directory_modify(&w->dir, KIM_RDN, "replace", "winpopHeld", says[i]);
		directory_modify(&w->dir, KIM_RDN, "replace", "winpopQuotaBytes", "1000");
		assert_ec(w->c->ops->unlist(w->c, &n, &w->e), EC_OK);
		assert_false(directory_has(&w->dir, KIM_RDN, "winpopHeld", NULL));
		assert_false(directory_has(&w->dir, KIM_RDN, "winpopQuotaBytes", NULL));
		assert_ec(w->c->ops->add(w->c, &n, NULL, &w->e), EC_OK);
		assert_string_equal(flags(w, KIM), "----");
	}
}

/* Of an account that others' mail may be counted for. */
static void the_limit_of_an_account_stays(void **state)
{
	struct name n = tree_name(KIM);
	struct world *w = *state;

	directory_modify(&w->dir, KIM_RDN, "add", "objectClass", "winpopQuota");
	directory_modify(&w->dir, KIM_RDN, "add", "winpopQuotaBytes", "1000");
	assert_ec(w->c->ops->unlist(w->c, &n, &w->e), EC_OK);
	assert_true(directory_has(&w->dir, KIM_RDN, "winpopQuotaBytes", "1000"));
	assert_false(directory_has(&w->dir, KIM_RDN, "objectClass", "winpopMailbox"));
}

/* ---- quota accounts ---- */

static bool is_damaged(void *ctx, const struct entry *e)
{
	*(bool *)ctx = e->quota_damaged && e->quota[0] == '\0';
	return false;
}

/* It is no error of the look-up: nobody is kept from mail that is there. */
static void a_quota_account_that_cannot_be_read(void **state)
{
	char longer[NAME_TEXT_MAX + 2] = "";
	const char *const bad[] = { longer, "every\nbody@example.com", "\x7F" };
	struct name domain = tree_name("example.com"), kim = tree_name(KIM);
	struct world *w = *state;
	struct entry e;

	memset(longer, 'x', sizeof(longer) - 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool seen = false;

		directory_modify(&w->dir, KIM_RDN, "replace", "winpopQuotaAccount", bad[i]);
		assert_ec(find(w, KIM, &e), EC_OK);
		assert_true(e.quota_damaged && e.quota[0] == '\0');
		assert_ec(w->c->ops->each(w->c, &domain, is_damaged, &seen, &w->e), EC_OK);
		assert_true(seen);
	}
	assert_ec(w->c->ops->set_quota(w->c, &kim, "all@example.com", &w->e), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_false(e.quota_damaged);
	assert_string_equal(e.quota, "all@example.com");
}

/* ---- expiry ---- */

static void rules_of_expiry(void **state)
{
	static const struct {
		const char *value;
		uint32_t days;
	} rows[] = {
		{ "0", 0 },
		{ "30", 30 },
		{ "36500", 36500 },
		{ "-1", EXPIRE_NEVER },
		{ "-99999999999", EXPIRE_NEVER },
		{ "36501", EXPIRE_DAMAGED },
		{ "4294967295", EXPIRE_DAMAGED },
		{ "4294967296", EXPIRE_DAMAGED }, /* 0 in 32 bits */
		{ "123456789012345678901234567890", EXPIRE_DAMAGED },
		{ NULL, EXPIRE_UNSET },
	};
	struct world *w = *state;
	struct entry e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		directory_modify(&w->dir, DOMAIN_RDN, "replace", "winpopExpireDays", rows[i].value);
		assert_ec(find(w, KIM, &e), EC_OK);
		assert_int_equal(e.expire_days, rows[i].days);
		assert_ec(find(w, "example.com", &e), EC_OK);
		assert_int_equal(e.expire_days, rows[i].days);
	}
}

static void rules_are_set(void **state)
{
	static const struct {
		uint32_t days;
		const char *value;
	} rows[] = { { 0, "0" },
		     { 36500, "36500" },
		     { EXPIRE_NEVER, "-1" },
		     { EXPIRE_UNSET, NULL },
		     { EXPIRE_UNSET, NULL } };
	struct world *w = *state;
	struct entry e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_ec(expire(w, "example.com", rows[i].days), EC_OK);
		assert_true(directory_has(&w->dir, DOMAIN_RDN, "winpopExpireDays", rows[i].value) ==
			    (rows[i].value != NULL));
		assert_ec(find(w, KIM, &e), EC_OK);
		assert_int_equal(e.expire_days, rows[i].days);
	}
	assert_ec(expire(w, KIM, 3), EC_USAGE);
	assert_ec(expire(w, "example.org", 3), EC_ABSENT);
	directory_modify(&w->dir, DOMAIN_RDN, "replace", "winpopExpireDays", "99999");
	assert_ec(expire(w, "example.com", 7), EC_OK); /* what is damaged is mended so */
	assert_ec(find(w, "example.com", &e), EC_OK);
	assert_int_equal(e.expire_days, 7);
}

/* Entered twice, by whatever accident: held if either says so, and mail goes by neither's rule. */
static void a_domain_in_two_entries(void **state)
{
	struct world *w = *state;
	struct entry e;

	assert_ec(expire(w, "example.com", 30), EC_OK);
	domain_by_hand(w, "winpopDomainName=example.com,ou=people",
		       "\nwinpopHeld: TRUE\nwinpopExpireDays: 1");
	assert_string_equal(flags(w, KIM), "---H");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_int_equal(e.expire_days, EXPIRE_DAMAGED);
	directory_modify(&w->dir, "winpopDomainName=example.com,ou=people", "replace",
			 "winpopExpireDays", "30");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_int_equal(e.expire_days, 30);
}

/* ---- the directory is away ---- */

static void who_was_held_stays_held(void **state)
{
	struct world *w = *state;
	struct entry e;

	assert_ec(hold(w, KIM, true), EC_OK);
	assert_ec(expire(w, "example.com", 30), EC_OK);
	assert_string_equal(flags(w, KIM), "--h-");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_false(e.remembered);
	directory_kill_server();
	assert_string_equal(flags(w, KIM), "--h-");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.remembered);
	assert_int_equal(e.expire_days, 30);
	assert_ec(hold(w, KIM, false), EC_TEMP);
	assert_ec(expire(w, "example.com", 3), EC_TEMP);
	directory_again_server();
}

/* ---- a schema that has none of it ---- */

static void all_goes_on_with_an_old_schema(void **state)
{
	struct name n = tree_name(KIM);
	struct world *w = *state;
	struct entry e;

	assert_ec(find(w, KIM, &e), EC_OK);
	assert_false(e.held || e.domain_held);
	assert_int_equal(e.expire_days, EXPIRE_UNSET);
	assert_ec(set(w, KIM, ENTRY_LOCKED, true), EC_OK);
	assert_string_equal(flags(w, KIM), "l---");
	directory_modify(&w->dir, KIM_RDN, "add", "winpopQuotaBytes", "1000");
	assert_ec(w->c->ops->remove(w->c, &n, &w->e), EC_OK);
	assert_false(directory_has(&w->dir, KIM_RDN, "objectClass", "winpopMailbox"));
	tree_add_mailbox(&w->tree, KIM);
	assert_ec(w->c->ops->add(w->c, &n, NULL, &w->e), EC_OK);
	assert_string_equal(flags(w, KIM), "----");
}

#define assert_says_update(w, attr)                                                                \
	do {                                                                                       \
		assert_non_null(strstr((w)->e.text, attr));                                        \
		assert_non_null(strstr((w)->e.text, "openldap/update.ldif"));                      \
	} while (0)

static void an_old_schema_is_to_be_updated(void **state)
{
	struct world *w = *state;

	assert_ec(hold(w, KIM, true), EC_BROKEN);
	assert_says_update(w, "winpopHeld");
	assert_ec(hold(w, "example.com", true), EC_BROKEN);
	assert_says_update(w, "winpopHeld");
	assert_ec(expire(w, "example.com", 30), EC_BROKEN);
	assert_says_update(w, "winpopExpireDays");
	assert_ec(expire(w, "example.com", EXPIRE_NEVER), EC_BROKEN);
	/* what is not there need not be taken away */
	assert_ec(hold(w, KIM, false), EC_OK);
	assert_ec(hold(w, "example.com", false), EC_OK);
	assert_ec(expire(w, "example.com", EXPIRE_UNSET), EC_OK);
	assert_string_equal(flags(w, KIM), "----");
}

static int start_old(void **state)
{
	(void)state;
	directory_use_old_schema();
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	directory_stop_server();
	return 0;
}

#define IN_A_WORLD(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest today[] = {
		IN_A_WORLD(holds_and_locks_do_not_touch_each_other),
		IN_A_WORLD(held_by_hand),
		IN_A_WORLD(listings_tell_it),
		IN_A_WORLD(removing_takes_it_all),
		IN_A_WORLD(the_limit_of_an_account_stays),
		IN_A_WORLD(a_quota_account_that_cannot_be_read),
		IN_A_WORLD(rules_of_expiry),
		IN_A_WORLD(rules_are_set),
		IN_A_WORLD(a_domain_in_two_entries),
		IN_A_WORLD(who_was_held_stays_held),
	};
	const struct CMUnitTest old[] = {
		IN_A_WORLD(all_goes_on_with_an_old_schema),
		IN_A_WORLD(an_old_schema_is_to_be_updated),
	};
	int failed = cmocka_run_group_tests(today, NULL, stop_server);

	return failed + cmocka_run_group_tests(old, start_old, stop_server);
}
