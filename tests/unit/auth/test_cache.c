/* test_cache.c - the table of what was proved: found, ended, forgotten, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/auth/cache.h"

static struct account account_of(const char *local, const char *stamp)
{
	struct account a = { .enabled = true, .name = { .domain = "example.com" } };

	strcpy(a.name.local, local);
	strcpy(a.stamp, stamp);
	return a;
}

static bool tag_of(struct cache *c, const char *local, const char *stamp, const char *pass,
		   struct cache_tag *t)
{
	struct account a = account_of(local, stamp);
	const struct secret lent = { .bytes = (unsigned char *)pass, .len = strlen(pass) };

	return cache_tag(c, 1, &a, &lent, t);
}

static void keep(struct cache *c, const char *local, const char *pass, enum cached what,
		 uint64_t until_ms)
{
	struct account a = account_of(local, "s1");
	struct cache_tag t;

	assert_true(tag_of(c, local, "s1", pass, &t));
	cache_keep(c, &t, &a.name, what, until_ms);
}

static enum cached ask(struct cache *c, const char *local, const char *stamp, const char *pass,
		       uint64_t now_ms)
{
	struct cache_tag t;

	assert_true(tag_of(c, local, stamp, pass, &t));
	return cache_ask(c, &t, now_ms);
}

static void only_the_same_is_found(void **state)
{
	static const struct {
		const char *local, *stamp, *pass;
		uint64_t now_ms;
		enum cached want;
	} rows[] = {
		{ "kim", "s1", "old", 100, CACHED_WRONG },
		{ "kim", "s1", "old", 999, CACHED_WRONG },
		{ "kim", "s1", "old", 1000, CACHED_NOTHING }, /* ended */
		{ "kim", "s2", "old", 100, CACHED_NOTHING },  /* another password by now */
		{ "kim", "s", "1old", 100, CACHED_NOTHING },
		{ "kim", "s1o", "ld", 100, CACHED_NOTHING },
		{ "kim", "s1", "old ", 100, CACHED_NOTHING },
		{ "kim", "s1", "", 100, CACHED_NOTHING },
		{ "jo", "s1", "old", 100, CACHED_NOTHING },
		{ "kim", "s1", "new", 100, CACHED_RIGHT },
	};
	struct cache *c = cache_new();

	(void)state;
	assert_int_equal(ask(c, "kim", "s1", "old", 0), CACHED_NOTHING);
	keep(c, "kim", "old", CACHED_WRONG, 1000);
	keep(c, "kim", "new", CACHED_RIGHT, 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (ask(c, rows[i].local, rows[i].stamp, rows[i].pass, rows[i].now_ms) !=
		    rows[i].want)
			fail_msg("row %zu", i);
	}
	keep(c, "kim", "old", CACHED_RIGHT, 2000); /* the last word counts */
	assert_int_equal(ask(c, "kim", "s1", "old", 100), CACHED_RIGHT);
	cache_unref(&c);
	assert_null(c);
	cache_unref(&c);
}

static bool same_tag(struct cache *c, const struct account *a, const struct account *b)
{
	const struct secret lent = { .bytes = (unsigned char *)"old", .len = 3 };
	struct cache_tag one, two;

	assert_true(cache_tag(c, 1, a, &lent, &one));
	assert_true(cache_tag(c, 1, b, &lent, &two));
	return memcmp(one.mac, two.mac, sizeof(one.mac)) == 0;
}

/* What is remembered is the person's, by whatever name; and another person's name says nothing. */
static void a_person_is_one_by_all_names(void **state)
{
	struct account kim = account_of("kim", "s1"), sales = account_of("sales", "s1");
	struct cache *c = cache_new();

	(void)state;
	assert_false(same_tag(c, &kim, &sales));
	strcpy(kim.key, "uid=kim,dc=example");
	strcpy(sales.key, "uid=kim,dc=example");
	assert_true(same_tag(c, &kim, &sales));
	strcpy(sales.name.local, "kim");
	strcpy(sales.key, "uid=sales,dc=example");
	assert_false(same_tag(c, &kim, &sales));
	cache_unref(&c);
}

/* While it is disabled a server may call the right password wrong. */
static void enabled_again_it_is_asked_about(void **state)
{
	struct account off = account_of("kim", "s1"), on = off;
	struct cache *c = cache_new();

	(void)state;
	off.enabled = false;
	assert_false(same_tag(c, &off, &on));
	cache_unref(&c);
}

static void nothing_is_kept_without_a_stamp(void **state)
{
	struct cache *c = cache_new();
	struct cache_tag t;

	(void)state;
	assert_false(tag_of(c, "kim", "", "old", &t));
	cache_unref(&c);
}

static void forgetting_is_for_one_or_for_all(void **state)
{
	struct cache *c = cache_new();
	struct account kim = account_of("kim", "s1");

	(void)state;
	keep(c, "kim", "a", CACHED_WRONG, 1000);
	keep(c, "kim", "b", CACHED_RIGHT, 1000);
	keep(c, "jo", "a", CACHED_WRONG, 1000);
	cache_forget(c, &kim.name);
	assert_int_equal(ask(c, "kim", "s1", "a", 1), CACHED_NOTHING);
	assert_int_equal(ask(c, "kim", "s1", "b", 1), CACHED_NOTHING);
	assert_int_equal(ask(c, "jo", "s1", "a", 1), CACHED_WRONG);
	cache_forget(c, NULL);
	assert_int_equal(ask(c, "jo", "s1", "a", 1), CACHED_NOTHING);
	cache_unref(&c);
}

/* A proof that was under way when the account was changed proved the old one. */
static void a_proof_from_before_is_not_kept_after(void **state)
{
	struct cache *c = cache_new();
	struct account kim = account_of("kim", "s1");
	struct cache_tag t;

	(void)state;
	assert_true(tag_of(c, "kim", "s1", "a", &t));
	cache_forget(c, &kim.name);
	cache_keep(c, &t, &kim.name, CACHED_RIGHT, 1000);
	assert_int_equal(ask(c, "kim", "s1", "a", 1), CACHED_NOTHING);
	cache_unref(&c);
}

/* A flood pushes old entries out; what came last is mostly there, and memory does not grow. */
static void a_flood_is_bounded(void **state)
{
	struct cache *c = cache_new();
	char pass[16];
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < 4 * CACHE_PLACES; i++) {
		snprintf(pass, sizeof(pass), "%u", i);
		keep(c, "kim", pass, CACHED_WRONG, 1000 + i);
	}
	for (unsigned i = 3 * CACHE_PLACES; i < 4 * CACHE_PLACES; i++) {
		snprintf(pass, sizeof(pass), "%u", i);
		found += ask(c, "kim", "s1", pass, 1) == CACHED_WRONG;
	}
	assert_in_range(found, CACHE_PLACES / 2, CACHE_PLACES);
	cache_unref(&c);
}

static void *busy(void *arg)
{
	struct cache *c = arg;
	char pass[16];

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(pass, sizeof(pass), "%u", i % 64);
		keep(c, "kim", pass, CACHED_WRONG, 1000);
		ask(c, "kim", "s1", pass, 1);
		if (i % 500 == 0)
			cache_forget(c, NULL);
	}
	cache_unref(&c);
	return NULL;
}

static void threads_share_it(void **state)
{
	struct cache *c = cache_new();
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, busy, cache_ref(c));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	keep(c, "kim", "last", CACHED_WRONG, 1000);
	assert_int_equal(ask(c, "kim", "s1", "last", 1), CACHED_WRONG);
	cache_unref(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_same_is_found),
		cmocka_unit_test(a_person_is_one_by_all_names),
		cmocka_unit_test(enabled_again_it_is_asked_about),
		cmocka_unit_test(nothing_is_kept_without_a_stamp),
		cmocka_unit_test(forgetting_is_for_one_or_for_all),
		cmocka_unit_test(a_proof_from_before_is_not_kept_after),
		cmocka_unit_test(a_flood_is_bounded),
		cmocka_unit_test(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
