/* test_servers.c - the breaker, with time as we say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "ldap/servers.h"

static struct servers *three(void)
{
	struct servers *s = servers_new();

	servers_set(s, (const char *[]){ "ldap://a", "ldap://b", "ldap://c" }, 3);
	return s;
}

static void preference_and_return(void **state)
{
	struct servers *s = three();

	(void)state;
	assert_int_equal(servers_pick(s), 0);
	assert_true(servers_fail(s, 0, 1000, false, "dead"));
	assert_int_equal(servers_pick(s), 1);
	assert_true(servers_fail(s, 1, 1000, false, "dead too"));
	assert_false(servers_fail(s, 1, 1000, false, "still dead"));
	assert_int_equal(servers_pick(s), 2);
	assert_true(servers_good(s, 1));
	assert_int_equal(servers_pick(s), 1);
	assert_true(servers_good(s, 0));
	assert_false(servers_good(s, 0));
	assert_int_equal(servers_pick(s), 0);
	servers_free(&s);
	assert_null(s);
	servers_free(&s);
}

static void nobody_is_left(void **state)
{
	struct servers *s = three();

	(void)state;
	assert_string_equal(servers_why(s), "");
	for (unsigned i = 0; i < 3; i++)
		servers_fail(s, i, 0, false, i == 0 ? "preferred one" : "other");
	assert_int_equal(servers_pick(s), -1);
	assert_string_equal(servers_why(s), "preferred one");
	servers_free(&s);
}

static void retries_come_slower(void **state)
{
	static const unsigned want[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct servers *s = three();
	uint64_t now = 50000;

	(void)state;
	assert_true(servers_next_ms(s) == SERVERS_NONE);
	assert_int_equal(servers_due(s, now), -1);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		servers_fail(s, 1, now, false, "dead");
		assert_int_equal(servers_next_ms(s), now + want[i]);
		assert_int_equal(servers_due(s, now + want[i] - 1), -1);
		assert_int_equal(servers_due(s, now + want[i]), 1);
		now += want[i];
	}
	servers_good(s, 1);
	servers_fail(s, 1, now, false, "dead");
	assert_int_equal(servers_next_ms(s), now + 100);
	servers_free(&s);
}

static void refused_credentials_are_not_tried_often(void **state)
{
	static const unsigned want[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	struct servers *s = three();
	uint64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		servers_fail(s, 0, now, true, "invalid credentials");
		assert_int_equal(servers_next_ms(s), now + want[i]);
		now += want[i];
	}
	servers_fail(s, 0, now, false, "cannot connect");
	assert_int_equal(servers_next_ms(s), now + SERVERS_RETRY_MAX_MS);
	servers_free(&s);
}

static void the_longest_waiting_is_due_first(void **state)
{
	struct servers *s = three();

	(void)state;
	servers_fail(s, 2, 1000, false, "dead");
	servers_fail(s, 0, 1010, false, "dead");
	assert_int_equal(servers_due(s, 5000), 2);
	servers_fail(s, 2, 5000, false, "dead");
	assert_int_equal(servers_due(s, 5000), 0);
	servers_free(&s);
}

static void a_new_list_keeps_what_is_known(void **state)
{
	struct servers *s = three();
	unsigned list[4];

	(void)state;
	servers_fail(s, 1, 1000, false, "dead");
	servers_set(s, (const char *[]){ "ldap://d", "ldap://b", "ldap://a", "ldap://d" }, 4);
	assert_int_equal(servers_list(s, list, 4), 3);
	assert_string_equal(servers_uri(s, list[0]), "ldap://d");
	assert_int_equal(list[1], 1);
	assert_int_equal(list[2], 0);
	assert_false(servers_up(s, 1));
	assert_int_equal(servers_pick(s), 3);
	servers_fail(s, 3, 1000, false, "dead");
	assert_int_equal(servers_pick(s), 0);
	servers_set(s, (const char *[]){ "ldap://c" }, 1);
	assert_int_equal(servers_pick(s), 2);
	assert_true(servers_next_ms(s) == SERVERS_NONE); /* nobody tries what is not listed */
	servers_set(s, NULL, 0);
	assert_int_equal(servers_pick(s), -1);
	servers_free(&s);
}

static void there_is_a_limit(void **state)
{
	struct servers *s = servers_new();
	char text[SERVERS_MAX + 8][24];
	const char *uri[SERVERS_MAX + 8];

	(void)state;
	for (size_t i = 0; i < SERVERS_MAX + 8; i++) {
		snprintf(text[i], sizeof(text[i]), "ldap://h%zu", i);
		uri[i] = text[i];
	}
	servers_set(s, uri, SERVERS_MAX + 8);
	assert_int_equal(servers_list(s, NULL, 0), SERVERS_MAX);
	servers_set(s, uri + SERVERS_MAX, 8);
	assert_int_equal(servers_pick(s), -1);
	servers_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preference_and_return),
		cmocka_unit_test(nobody_is_left),
		cmocka_unit_test(retries_come_slower),
		cmocka_unit_test(refused_credentials_are_not_tried_often),
		cmocka_unit_test(the_longest_waiting_is_due_first),
		cmocka_unit_test(a_new_list_keeps_what_is_known),
		cmocka_unit_test(there_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
