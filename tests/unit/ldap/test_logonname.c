/* logonname: what is tried for the second kim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ldap/logonname.h"

#define U "\xC3\xBC"             /* two octets, one unit */
#define SMILE "\xF0\x9F\x98\x80" /* four octets, two units */

static void choices(void **state)
{
	static const struct {
		const struct logon_rule *rule;
		const char *local;
		unsigned n;
		const char *want; /* NULL: not this one */
	} cases[] = {
		{ &logon_rule_ad, "kim", 0, "kim" },
		{ &logon_rule_ad, "kim", 1, "kim1" },
		{ &logon_rule_ad, "kim", 10, "kim10" },
		{ &logon_rule_ad, "kim", 9999, "kim9999" },
		{ &logon_rule_ad, "abcdefghijklmnopqrst", 0, "abcdefghijklmnopqrst" }, /* twenty */
		{ &logon_rule_ad, "abcdefghijklmnopqrst", 1, "abcdefghijklmnopqrs1" },
		{ &logon_rule_ad, "abcdefghijklmnopqrst", 10, "abcdefghijklmnopqr10" },
		{ &logon_rule_ad, "abcdefghijklmnopqrstu", 0, NULL },
		{ &logon_rule_ad, "abcdefghijklmnopqrstu", 1, "abcdefghijklmnopqrs1" },
		{ &logon_rule_ad, "kim.", 0, NULL },
		{ &logon_rule_ad, "kim.", 1, "kim1" },
		{ &logon_rule_ad, "kim.smith", 0, "kim.smith" },
		{ &logon_rule_ad, "abcdefghijklmnopqr..x", 1, "abcdefghijklmnopqr1" },
		{ &logon_rule_ad, "...", 2, "2" },
		{ &logon_rule_ad, "kim+lists", 0, NULL },
		{ &logon_rule_ad, "kim+lists", 1, "kim_lists1" },
		{ &logon_rule_ad, "a\"b/c", 1, "a_b_c1" },
		{ &logon_rule_ad, U U U U U U U U U U U U U U U U U U U U, 0,
		  U U U U U U U U U U U U U U U U U U U U },
		{ &logon_rule_ad, U U U U U U U U U U U U U U U U U U U U U, 1,
		  U U U U U U U U U U U U U U U U U U U "1" },
		{ &logon_rule_ad, "abcdefghijklmnopqrs" SMILE, 0, NULL }, /* never half of one */
		{ &logon_rule_ad, "abcdefghijklmnopqrs" SMILE, 1, "abcdefghijklmnopqrs1" },
		{ &logon_rule_openldap, "abcdefghijklmnopqrstuvwxyz", 0,
		  "abcdefghijklmnopqrstuvwxyz" },
		{ &logon_rule_openldap, "kim.", 0, "kim." },
		{ &logon_rule_openldap, "kim.", 3, "kim.3" },
	};
	char out[LOGON_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = logon_candidate(cases[i].rule, cases[i].local, cases[i].n, out);
		assert_int_equal(ok, cases[i].want != NULL);
		if (ok)
			assert_string_equal(out, cases[i].want);
	}
}

/* The longest mailbox names there are, with the longest numbers. */
static void fits_its_room(void **state)
{
	char local[NAME_LOCAL_MAX + 1], out[LOGON_NAME_MAX + 1];

	(void)state;
	memset(local, 'a', NAME_LOCAL_MAX);
	local[NAME_LOCAL_MAX] = '\0';
	assert_true(logon_candidate(&logon_rule_openldap, local, 0, out));
	assert_true(logon_candidate(&logon_rule_openldap, local, 4294967295u, out));
	assert_int_equal(strlen(out), NAME_LOCAL_MAX);
	for (int i = 0; i < NAME_LOCAL_MAX; i += 2)
		memcpy(local + i, U, 2);
	assert_true(logon_candidate(&logon_rule_openldap, local, 4294967295u, out));
	assert_int_equal(strlen(out), NAME_LOCAL_MAX + 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices),
		cmocka_unit_test(fits_its_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
