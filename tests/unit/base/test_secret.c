/* test_secret.c - ownership and comparison of secrets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "server/base/secret.h"

static void holds_any_octets(void **state)
{
	struct secret s = { 0 };

	(void)state;
	secret_set(&s, "pw\0junk", 7);
	assert_int_equal(s.len, 7);
	assert_memory_equal(s.bytes, "pw\0junk", 8); /* and a NUL behind */
	secret_set(&s, s.bytes + 3, 4);              /* from within itself */
	assert_string_equal((char *)s.bytes, "junk");
	secret_set(&s, NULL, 0);
	assert_int_equal(s.len, 0);
	assert_string_equal((char *)s.bytes, "");
	secret_drop(&s);
	assert_null(s.bytes);
	secret_drop(&s);
}

static void compares_whole(void **state)
{
	static const struct {
		const char *a, *b;
		size_t a_len, b_len;
		bool same;
	} cases[] = {
		{ "", "", 0, 0, true },
		{ "abc", "abc", 3, 3, true },
		{ "abc", "abd", 3, 3, false },
		{ "abc", "Xbc", 3, 3, false },
		{ "abc", "abcd", 3, 4, false },
		{ "pw", "pw\0junk", 2, 7, false },
		{ "pw\0a", "pw\0b", 4, 4, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct secret a = { 0 }, b = { 0 };
		secret_set(&a, cases[i].a, cases[i].a_len);
		secret_set(&b, cases[i].b, cases[i].b_len);
		assert_int_equal(secret_equal(&a, &b), cases[i].same);
		assert_int_equal(secret_equal(&b, &a), cases[i].same);
		secret_drop(&a);
		secret_drop(&b);
	}
}

static void empty_equals_unset(void **state)
{
	struct secret unset = { 0 }, empty = { 0 };

	(void)state;
	secret_set(&empty, "", 0);
	assert_true(secret_equal(&unset, &empty));
	secret_drop(&empty);
}

static void moves(void **state)
{
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	secret_set(&a, "one", 3);
	secret_set(&b, "two", 3);
	secret_move(&a, &b);
	assert_null(b.bytes);
	assert_string_equal((char *)a.bytes, "two");
	secret_move(&a, &a);
	assert_string_equal((char *)a.bytes, "two");
	secret_drop(&a);
}

static void wipes(void **state)
{
	char p[] = "secret";

	(void)state;
	wipe(p, 4);
	assert_memory_equal(p, "\0\0\0\0et", 7);
	wipe(NULL, 0);
	assert_true(same_bytes(NULL, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_any_octets),
		cmocka_unit_test(compares_whole),
		cmocka_unit_test(empty_equals_unset),
		cmocka_unit_test(moves),
		cmocka_unit_test(wipes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
