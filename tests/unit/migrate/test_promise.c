/* test_promise.c - who was first, in any letter case, with a few and with many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "migrate/promise.h"

static void as_directories_compare(void **state)
{
	static const struct {
		const char *first, *second;
		bool same;
	} cases[] = {
		{ "kim", "kim", true },
		{ "kim", "KIM", true },
		{ "kim", "kim1", false },
		{ "kim", "ki", false },
		{ "", "", true },
		{ "j\xc3\xb6rg", "J\xc3\x96RG", true }, /* ö, Ö */
		{ "j\xc3\xb6rg", "jorg", false },
		{ "a\xff", "a\xff", true }, /* no UTF-8 */
		{ "a\xff", "a\xfe", false },
		{ "cn=kim,dc=example", "CN=Kim,DC=Example", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct promises *p = promises_new();

		assert_int_equal(promises_whose(p, cases[i].first), PROMISE_NOBODY);
		assert_int_equal(promises_make(p, cases[i].first, 1), PROMISE_NOBODY);
		assert_int_equal(promises_whose(p, cases[i].second),
				 cases[i].same ? 1 : PROMISE_NOBODY);
		assert_int_equal(promises_make(p, cases[i].second, 2),
				 cases[i].same ? 1 : PROMISE_NOBODY);
		assert_int_equal(promises_whose(p, cases[i].first), 1);
		promises_free(&p);
		assert_null(p);
	}
}

static void longest_texts(void **state)
{
	struct promises *p = promises_new();
	char a[513], b[513];

	(void)state;
	memset(a, 'a', 512);
	memset(b, 'A', 512);
	a[512] = b[512] = '\0';
	promises_make(p, a, 3);
	assert_int_equal(promises_whose(p, b), 3);
	b[511] = 'b';
	assert_int_equal(promises_whose(p, b), PROMISE_NOBODY);
	promises_free(&p);
}

#define MANY 50000

static void many(void **state)
{
	static char texts[MANY][8];
	struct promises *p = promises_new();

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof(texts[i]), "u%zu", i);
		assert_int_equal(promises_make(p, texts[i], i), PROMISE_NOBODY);
	}
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(promises_whose(p, texts[i]), i);
	assert_int_equal(promises_whose(p, "u50000"), PROMISE_NOBODY);
	promises_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_directories_compare),
		cmocka_unit_test(longest_texts),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
