/* typed: every form in which a mail program may send a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ldap/typed.h"

static void takes_apart(void **state)
{
	static const struct {
		const char *typed, *domain, *logon, *address;
	} cases[] = {
		{ "kim", "", "kim", NULL },
		{ "Kim Smith", "", "Kim Smith", NULL },
		{ "j\xC3\xBCrgen", "", "j\xC3\xBCrgen", NULL },
		{ "kim)(uid=*", "", "kim)(uid=*", NULL }, /* odd, and no danger: escape.c */
		{ "DOM\\kim", "DOM", "kim", NULL },
		{ "dom.example\\kim", "dom.example", "kim", NULL },
		{ "Kim@Example.COM", "", "kim", "kim@example.com" },
		{ "kim@example.com.", "", "kim", "kim@example.com" },
		{ "kim@b\xC3\xBC"
		  "cher.example",
		  "", "kim", "kim@xn--bcher-kva.example" },
		{ "kim@EXAMPLE", "", "kim", "kim@example" },
		{ "DOM\\kim@example.com", "DOM", "kim", "kim@example.com" },
	};
	char text[NAME_TEXT_MAX + 1];
	struct typed t;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (typed_parse(&t, cases[i].typed, strlen(cases[i].typed), &e) != EC_OK)
			fail_msg("%s: %s", cases[i].typed, e.text);
		assert_string_equal(t.domain, cases[i].domain);
		assert_string_equal(t.logon, cases[i].logon);
		assert_int_equal(t.is_address, cases[i].address != NULL);
		if (cases[i].address)
			assert_string_equal(name_text(&t.address, text), cases[i].address);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *typed;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ "kim\0", 4 },
		{ "k\0m", 3 },
		{ "kim\n", 4 },
		{ "kim\x7F", 4 },
		{ "\xFF", 1 },
		{ "k\xC3", 2 },
		{ "\\kim", 4 },
		{ "DOM\\", 4 },
		{ "\\", 1 },
		{ "A\\B\\c", 5 },
		{ "@", 1 },
		{ "kim@", 4 },
		{ "@example.com", 12 },
		{ "a@b@c", 5 },
		{ "a+b@example.com", 15 },
		{ "a b@example.com", 15 },
		{ "A\\@b", 4 },
	};
	char longer[NAME_TEXT_MAX + 1];
	struct typed t;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (typed_parse(&t, cases[i].typed, cases[i].len, &e) != EC_USAGE)
			fail_msg("case %zu was taken", i);
	memset(longer, 'a', sizeof(longer));
	assert_int_equal(typed_parse(&t, longer, NAME_TEXT_MAX, &e), EC_OK);
	assert_int_equal(strlen(t.logon), NAME_TEXT_MAX);
	assert_int_equal(typed_parse(&t, longer, sizeof(longer), &e), EC_USAGE);
}

static void an_address_as_if_typed(void **state)
{
	struct name n = { .local = "kim", .domain = "example.com" };
	struct typed a, b;

	(void)state;
	typed_address(&a, &n);
	assert_int_equal(typed_parse(&b, "kim@example.com", 15, NULL), EC_OK);
	assert_memory_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_apart),
		cmocka_unit_test(refuses),
		cmocka_unit_test(an_address_as_if_typed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
