/* test_authline.c - words of a line, and what AUTH says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/mta/authline.h"

#define T "\t"

static struct mta_text text(const char *z)
{
	return (struct mta_text){ z, strlen(z) };
}

static void test_words(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "", "|" }, { "a", "a|" },    { "a" T "b", "a|b|" },
		{ T, "||" }, { "a" T, "a||" }, { "a b" T T "c", "a b||c|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mta_text rest = text(cases[i].line), word;
		char got[64] = "";

		while (al_word(&rest, &word))
			strcat(strncat(got, word.p, word.len), "|");
		assert_string_equal(got, cases[i].want);
		assert_false(al_word(&rest, &word));
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *z;
		bool good;
		uint32_t n;
	} cases[] = {
		{ "0", true, 0 },
		{ "1", true, 1 },
		{ "007", true, 7 },
		{ "4294967295", true, UINT32_MAX },
		{ "4294967296", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "18446744073709551617", false, 0 },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ "1 ", false, 0 },
		{ "x", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t n;

		assert_int_equal(al_number(text(cases[i].z), &n), cases[i].good);
		if (cases[i].good)
			assert_int_equal(n, cases[i].n);
	}
}

static void show(const struct al_auth *a, char *out, size_t len)
{
	snprintf(out, len, "%u %.*s %.*s %.*s%s", a->id, (int)a->mech.len, a->mech.p,
		 (int)a->service.len, a->service.p, (int)a->rip.len, a->rip.p,
		 a->secured ? " secured" : "");
	if (a->has_resp)
		snprintf(out + strlen(out), len - strlen(out), " [%.*s]", (int)a->resp.len,
			 a->resp.p);
}

static void test_auth(void **state)
{
	static const struct {
		const char *rest, *want;
	} cases[] = {
		/* Postfix */
		{ "1" T "PLAIN" T "service=smtp" T "nologin" T "lip=192.0.2.1" T "rip=192.0.2.7" T
		  "secured" T "resp=AGtpbQBw",
		  "1 PLAIN smtp 192.0.2.7 secured [AGtpbQBw]" },
		/* Exim */
		{ "42" T "LOGIN" T "service=smtp" T "secured" T "rip=::1" T "lip=::1" T "nologin" T
		  "resp=",
		  "42 LOGIN smtp ::1 secured" },
		{ "42" T "PLAIN" T "rip=::1" T "resp==", "42 PLAIN  ::1 [=]" },
		{ "7" T "CRAM-MD5" T "service=smtp", "7 CRAM-MD5 smtp " },
		{ "7" T "PLAIN" T "secured=tls" T "unknown=x" T "no-penalty" T "resp=eA==",
		  "7 PLAIN   secured [eA==]" },
		{ "7", "7   " },
		{ "7" T "", "7   " },
		/* what a client sent on to us cannot become a parameter */
		{ "7" T "PLAIN" T "resp=eA==" T "secured" T "rip=127.0.0.1",
		  "7 PLAIN   [eA==" T "secured" T "rip=127.0.0.1]" },
		{ "7" T "PLAIN" T "xsecured" T "securedx" T "rip", "7 PLAIN  " },
		{ "7" T "PLAIN" T "rip=a" T "rip=b", "7 PLAIN  b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct al_auth a;
		char got[200];

		assert_true(al_parse_auth(text(cases[i].rest), &a));
		show(&a, got, sizeof(got));
		assert_string_equal(got, cases[i].want);
	}
}

static void test_auth_of_nobody(void **state)
{
	static const char *const cases[] = { "", "x", "x" T "PLAIN", T "PLAIN",
					     "4294967296" T "PLAIN" };
	struct al_auth a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_false(al_parse_auth(text(cases[i]), &a));
	assert_false(al_parse_auth((struct mta_text){ NULL, 0 }, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_auth_of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
