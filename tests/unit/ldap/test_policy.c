/* test_policy.c - what Active Directory will say of a password, before it is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ldap/policy.h"

static enum ec judge(const struct password_policy *p, const char *logon, const char *display,
		     const char *password)
{
	struct secret s = { 0 };
	struct err e;

	secret_set(&s, password, strlen(password));
	enum ec rc = password_policy_judge(p, logon, display, &s, &e);
	secret_drop(&s);
	return rc;
}

static void lengths(void **state)
{
	static const struct {
		unsigned min;
		const char *password;
		enum ec want;
	} cases[] = {
		{ 0, "", EC_OK },
		{ 7, "123456", EC_REFUSED },
		{ 7, "1234567", EC_OK },
		{ 3, "\xC3\xBC\xC3\xBC", EC_REFUSED }, /* four octets, two characters */
		{ 3, "\xC3\xBC\xC3\xBC\xC3\xBC", EC_OK },
		{ 2, "\xF0\x9F\x98\x80", EC_OK }, /* one character, two units */
		{ 3, "\xF0\x9F\x98\x80", EC_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct password_policy p = { .units_min = cases[i].min };
		assert_int_equal(judge(&p, "kim", "", cases[i].password), cases[i].want);
	}
}

static void kinds_of_characters(void **state)
{
	static const struct {
		const char *password;
		enum ec want;
	} cases[] = {
		{ "secret", EC_REFUSED },
		{ "Secret", EC_REFUSED },
		{ "secret1", EC_REFUSED },
		{ "SECRET1", EC_REFUSED },
		{ "Secret1", EC_OK },
		{ "secret1!", EC_OK },
		{ "Secret!", EC_OK },
		{ "SECRET 1", EC_REFUSED }, /* a blank is of no kind */
		{ "1\t \x7F"
		  "a",
		  EC_REFUSED },
		{ "\xC3\x84"
		  "bc1",
		  EC_OK }, /* A with dots is a capital */
		{ "\xC3\x84"
		  "BC1",
		  EC_REFUSED }, /* and no other kind */
		{ "\xC3\xA4"
		  "bc1",
		  EC_REFUSED }, /* the small one */
		{ "\xC3\xA4"
		  "BC1",
		  EC_OK },
		{ "\xD0\x96"
		  "\xD0\xB6"
		  "1",
		  EC_OK }, /* Cyrillic */
		{ "\xE6\xBC\xA2"
		  "a1",
		  EC_OK }, /* without case */
		{ "\xE6\xBC\xA2"
		  "\xE5\xAD\x97"
		  "1",
		  EC_REFUSED },
	};
	const struct password_policy p = { .complex = true }, none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(judge(&p, "kim", "", cases[i].password), cases[i].want);
		assert_int_equal(judge(&none, "kim", "", cases[i].password), EC_OK);
	}
}

static void names_inside(void **state)
{
	static const struct {
		const char *logon, *display, *password;
		enum ec want;
	} cases[] = {
		{ "kim", "", "Secret1kim", EC_REFUSED },
		{ "kim", "", "Secret1KIM", EC_REFUSED },
		{ "KIM", "", "kimSecret1", EC_REFUSED },
		{ "kim.smith", "", "Secret1kim", EC_OK }, /* all of a logon name */
		{ "kim.smith", "", "Secret1kim.smith", EC_REFUSED },
		{ "ed", "", "Secret1ed", EC_OK }, /* too short to count */
		{ "kim", "Kim Smith", "Secret1smith", EC_REFUSED },
		{ "x", "Smith,Kim", "Secret1smith", EC_REFUSED },
		{ "x", "Kim-Al_Smith#Jones", "Secret1jones", EC_REFUSED },
		{ "x", "Kim-Al_Smith#Jones", "Secret1al", EC_OK },
		{ "x", "Kim Smith", "Secret1kimsmith", EC_REFUSED },
		{ "x", " ,, ", "Secret1, ,", EC_OK },
		{ "x", "", "Secret1", EC_OK },
		{ "j\xC3\xBCrgen", "", "Secret1J\xC3\x9CRGEN", EC_REFUSED },
	};
	const struct password_policy windows = { .complex = true, .no_names = true };
	const struct password_policy samba = { .complex = true };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			judge(&windows, cases[i].logon, cases[i].display, cases[i].password),
			cases[i].want);
		assert_int_equal(judge(&samba, cases[i].logon, cases[i].display, cases[i].password),
				 EC_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(kinds_of_characters),
		cmocka_unit_test(names_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
