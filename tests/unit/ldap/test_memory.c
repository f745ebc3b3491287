/* memory: what was seen last stays, for a time; the clock is ours. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "ldap/memory.h"
#include "tests/unit/store/tree.h"

static struct entry entry_of(const char *address, const char *quota, bool locked)
{
	struct entry en = { .name = tree_name(address),
			    .locked = locked,
			    .domain_locked = !locked,
			    .held = !locked,
			    .domain_held = locked,
			    .quota_damaged = !locked,
			    .expire_days = locked ? 30 : EXPIRE_UNSET };

	strcpy(en.quota, quota);
	return en;
}

static void note(struct memory *m, const char *asked, const char *found, uint64_t now_ms)
{
	struct name n = tree_name(asked);
	struct entry en = entry_of(found, "Q", true);

	memory_note(m, &n, &en, now_ms);
}

static bool knows(struct memory *m, const char *asked, uint64_t now_ms)
{
	struct name n = tree_name(asked);
	struct entry en;

	return memory_recall(m, &n, now_ms, &en);
}

static void tells_what_was_seen(void **state)
{
	struct memory *m = memory_new(10, 60);
	struct name alias = tree_name("k.lee@example.org"), kim = tree_name("kim@example.com");
	struct entry en = entry_of("kim@example.com", "EXAMPLE\\kim", true), got;

	(void)state;
	assert_false(memory_recall(m, &alias, 0, &got));
	memory_note(m, &alias, &en, 1000);
	assert_true(memory_recall(m, &alias, 1000, &got));
	assert_true(name_equal(&got.name, &kim));
	assert_string_equal(got.quota, "EXAMPLE\\kim");
	assert_true(got.locked && !got.domain_locked && !got.held && got.domain_held &&
		    !got.quota_damaged);
	assert_int_equal(got.expire_days, 30);
	assert_false(memory_recall(m, &kim, 1000, &got)); /* that was not asked for */

	en = entry_of("lee@example.com", "", false); /* the alias has moved */
	memory_note(m, &alias, &en, 2000);
	assert_true(memory_recall(m, &alias, 2000, &got));
	assert_string_equal(got.name.local, "lee");
	assert_string_equal(got.quota, "");
	assert_true(!got.locked && got.domain_locked && got.held && !got.domain_held &&
		    got.quota_damaged);
	assert_int_equal(got.expire_days, EXPIRE_UNSET);
	memory_forget(m, &alias);
	memory_forget(m, &alias);
	assert_false(memory_recall(m, &alias, 2000, &got));
	memory_free(&m);
	assert_null(m);
	memory_free(&m);
}

static void longest_names_fit(void **state)
{
	struct memory *m = memory_new(2, 60);
	struct entry en = { 0 }, got;

	(void)state;
	memset(en.name.local, 'l', NAME_LOCAL_MAX);
	memset(en.name.domain, 'd', NAME_DOMAIN_MAX);
	memset(en.quota, 'q', NAME_TEXT_MAX);
	memory_note(m, &en.name, &en, 0);
	assert_true(memory_recall(m, &en.name, 0, &got));
	assert_true(name_equal(&got.name, &en.name));
	assert_string_equal(got.quota, en.quota);
	memory_free(&m);
}

static void forgets_in_time(void **state)
{
	struct memory *m = memory_new(10, 60);

	(void)state;
	note(m, "a@x", "a@x", 1000);
	note(m, "b@x", "b@x", 2000);
	assert_true(knows(m, "a@x", 60999));
	assert_false(knows(m, "a@x", 61000));
	assert_true(knows(m, "b@x", 61000)); /* telling is no seeing: it lives on from 2000 */
	assert_false(knows(m, "b@x", 62000));
	note(m, "a@x", "a@x", 61500);
	assert_true(knows(m, "a@x", 62000));
	assert_true(knows(m, "a@x", 61000)); /* another thread's clock, read a little earlier */
	memory_free(&m);
	m = memory_new(10, 0);
	note(m, "a@x", "a@x", 0);
	assert_false(knows(m, "a@x", 0));
	memory_free(&m);
	m = memory_new(0, 60);
	note(m, "a@x", "a@x", 0);
	assert_false(knows(m, "a@x", 0));
	memory_free(&m);
}

static void spares_who_was_seen_last(void **state)
{
	struct memory *m = memory_new(3, 60);

	(void)state;
	note(m, "a@x", "a@x", 1);
	note(m, "b@x", "b@x", 2);
	note(m, "c@x", "c@x", 3);
	note(m, "a@x", "a@x", 4);
	note(m, "d@x", "d@x", 5);
	assert_false(knows(m, "b@x", 6));
	assert_true(knows(m, "a@x", 6) && knows(m, "c@x", 6) && knows(m, "d@x", 6));
	note(m, "c@x", "other@x", 7); /* says something else now: still three */
	assert_true(knows(m, "a@x", 8) && knows(m, "c@x", 8) && knows(m, "d@x", 8));
	memory_free(&m);
}

#define CROWD 5000

static void keeps_its_bound(void **state)
{
	struct memory *m = memory_new(CROWD / 5, 60);
	char text[32];
	unsigned n_known = 0;

	(void)state;
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(text, sizeof(text), "u%u@x", i);
		note(m, text, text, i);
	}
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(text, sizeof(text), "u%u@x", i);
		bool known = knows(m, text, CROWD);
		assert_int_equal(known, i >= CROWD - CROWD / 5);
		n_known += known;
	}
	assert_int_equal(n_known, CROWD / 5);
	memory_free(&m);
}

/* For the sanitizers: all of it at once. */
static void *hustle(void *ctx)
{
	struct memory *m = ctx;
	char text[32];

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "u%u@x", i % 37);
		struct name n = tree_name(text);
		note(m, text, i % 3 ? text : "other@x", i);
		knows(m, text, i);
		if (i % 11 == 0)
			memory_forget(m, &n);
	}
	return NULL;
}

static void many_threads(void **state)
{
	struct memory *m = memory_new(20, 1);
	pthread_t threads[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hustle, m), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	note(m, "last@x", "last@x", 5000);
	assert_true(knows(m, "last@x", 5000));
	memory_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_was_seen), cmocka_unit_test(longest_names_fit),
		cmocka_unit_test(forgets_in_time),     cmocka_unit_test(spares_who_was_seen_last),
		cmocka_unit_test(keeps_its_bound),     cmocka_unit_test(many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
