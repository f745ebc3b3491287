/* test_principal.c - names in tickets: ours without a realm, and nobody's address with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "server/auth/principal.h"

static void names(void **state)
{
	static const struct {
		const char *in;
		bool of_domain;
		const char *want; /* NULL: nobody of ours */
	} rows[] = {
		{ "kim", false, "kim" },
		{ "kim", true, "kim" },
		{ "kim/admin", false, "kim/admin" }, /* a name of its own: no account has it */
		{ "kim@OTHER.REALM", false, NULL },
		{ "kim@OTHER.REALM", true, "OTHER.REALM\\kim" },
		{ "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", false, NULL },
		{ "kim@", false, NULL },
		{ "kim@", true, "\\kim" }, /* which is no name to accounts */
		{ "kim\\@example.com@OTHER.REALM", true, NULL },
		{ "kim\\@example.com", true, NULL },
		{ "OURS\\\\kim", true, NULL },
		{ "OURS\\\\kim@OTHER.REALM", true, NULL },
		{ "", false, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[PRINCIPAL_MAX + 1] = "-";
		struct err e = { 0 };
		enum ec ec =
			principal_typed(rows[i].in, strlen(rows[i].in), rows[i].of_domain, out, &e);

		assert_int_equal(ec, rows[i].want ? EC_OK : EC_ABSENT);
		if (rows[i].want)
			assert_string_equal(out, rows[i].want);
	}
}

static void long_ones(void **state)
{
	char in[NAME_TEXT_MAX + 1], out[PRINCIPAL_MAX + 1];
	struct err e;

	(void)state;
	memset(in, 'k', sizeof(in));
	in[4] = '@';
	assert_int_equal(principal_typed(in, NAME_TEXT_MAX, true, out, &e), EC_OK);
	assert_int_equal(strlen(out), NAME_TEXT_MAX);
	assert_int_equal(principal_typed(in, NAME_TEXT_MAX + 1, true, out, &e), EC_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(long_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
