/* test_escape.c - what is put into filters and DNs comes out of them again, as it was and as nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/escape.h"

typedef void adder(struct buf *b, const char *p, size_t len);

static char *escaped(adder *fn, const char *p, size_t len)
{
	struct buf b = { 0 };

	fn(&b, p, len);
	return buf_take(&b);
}

#define CASE(in, out)                                                                              \
	{                                                                                          \
		in, sizeof(in) - 1, out                                                            \
	}
struct row {
	const char *in;
	size_t len;
	const char *out;
};

static void check_rows(adder *fn, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *got = escaped(fn, rows[i].in, rows[i].len);
		assert_string_equal(got, rows[i].out);
		free(got);
	}
}

static void filters(void **state)
{
	static const struct row rows[] = {
		CASE("", ""),
		CASE("kim@example.com", "kim@example.com"),
		CASE("*", "\\2a"),
		CASE("*)(uid=*))(|(uid=*", "\\2a\\29\\28uid=\\2a\\29\\29\\28|\\28uid=\\2a"),
		CASE("EXAMPLE\\kim", "EXAMPLE\\5ckim"),
		CASE("a\0b", "a\\00b"),
		CASE("a\r\nb\x7f", "a\\0d\\0ab\\7f"),
		CASE("J\xc3\xb6rg", "J\xc3\xb6rg"),
		CASE("J\xf6rg", "J\\f6rg"),           /* Latin-1 */
		CASE("\xc0\xaa", "\\c0\\aa"),         /* overlong '*' */
		CASE("\xed\xa0\x80", "\\ed\\a0\\80"), /* surrogate */
		CASE("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"),
		CASE("\xc3", "\\c3"), /* cut */
		CASE("a b, c+d=e", "a b, c+d=e"),
	};

	(void)state;
	check_rows(filter_value, rows, sizeof(rows) / sizeof(rows[0]));
}

static void dns(void **state)
{
	static const struct row rows[] = {
		CASE("", ""),
		CASE("kim", "kim"),
		CASE(" kim ", "\\20kim\\20"),
		CASE(" ", "\\20"),
		CASE("a b", "a b"),
		CASE("#a", "\\23a"),
		CASE("x,dc=evil", "x\\2cdc\\3devil"),
		CASE("a+b\"c\\d<e>f;g", "a\\2bb\\22c\\5cd\\3ce\\3ef\\3bg"),
		CASE("a\0b", "a\\00b"),
		CASE("J\xc3\xb6rg", "J\xc3\xb6rg"),
		CASE("J\xf6rg", "J\\f6rg"),
	};

	(void)state;
	check_rows(dn_value, rows, sizeof(rows) / sizeof(rows[0]));
}

static void whole_filters_and_dns(void **state)
{
	struct buf b = { 0 };
	char *got;

	(void)state;
	filter_equals(&b, "mail", "a*b", 3);
	got = buf_take(&b);
	assert_string_equal(got, "(mail=a\\2ab)");
	free(got);
	dn_child(&b, "uid", "a,b", 3, "ou=people,dc=test");
	got = buf_take(&b);
	assert_string_equal(got, "uid=a\\2cb,ou=people,dc=test");
	free(got);
	dn_child(&b, "dc", "test", 4, "");
	got = buf_take(&b);
	assert_string_equal(got, "dc=test");
	free(got);
}

/* libldap's own parser is the judge. */
static void every_octet_comes_back_from_a_dn(void **state)
{
	(void)state;
	for (int pos = 0; pos < 3; pos++)
		for (int c = 0; c < 256; c++) {
			struct buf b = { 0 };
			char value[3] = { 'a', 'b', 'c' };
			LDAPDN parsed;

			value[pos] = (char)c;
			dn_child(&b, "cn", value, 3, "dc=test");
			char *text = buf_take(&b);
			assert_true(dn_sane(text));
			assert_int_equal(ldap_str2dn(text, &parsed, LDAP_DN_FORMAT_LDAPV3), 0);
			assert_int_equal(parsed[0][0]->la_value.bv_len, 3);
			assert_memory_equal(parsed[0][0]->la_value.bv_val, value, 3);
			assert_null(parsed[2]);
			ldap_dnfree(parsed);
			free(text);
		}
}

/* RFC 4515 section 3, in place; returns the length. */
static size_t unescape(char *text)
{
	size_t n = 0;

	for (const char *p = text; *p; n++) {
		char hex[3] = { p[0] == '\\' ? p[1] : 0, p[0] == '\\' ? p[2] : 0 };

		text[n] = hex[0] ? (char)strtoul(hex, NULL, 16) : *p;
		p += hex[0] ? 3 : 1;
	}
	return n;
}

static void every_octet_comes_back_from_a_filter(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char value[3] = { 'a', (char)c, 'c' };
		char *text = escaped(filter_value, value, 3);

		assert_null(strpbrk(text, "*()"));
		assert_int_equal(unescape(text), 3);
		assert_memory_equal(text, value, 3);
		free(text);
	}
}

static void attributes(void **state)
{
	static const struct {
		const char *attr;
		bool sane;
	} rows[] = {
		{ "mail", true },
		{ "winpopQuota", true },
		{ "x-1", true },
		{ "2.5.4.3", true },
		{ "", false },
		{ "-x", false },
		{ "1abc", false },
		{ "2.5..4", false },
		{ "2.05", false },
		{ "25", false },
		{ "2.5.", false },
		{ "mail;lang-en", false },
		{ "mail)(uid", false },
		{ "mail ", false },
		{ "m\xc3\xa4il", false },
		{ "mail*", false },
		{ "a234567890123456789012345678901234567890123456789012345678901234", true },
		{ "a2345678901234567890123456789012345678901234567890123456789012345", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(attribute_sane(rows[i].attr), rows[i].sane);
}

static void names(void **state)
{
	static const struct {
		const char *dn;
		bool sane;
	} rows[] = {
		{ "cn=admin,dc=example,dc=com", true },
		{ "uid=a\\2cb+sn=x,dc=test", true },
		{ "", false },
		{ "admin", false },
		{ "cn=admin,", false },
		{ "user@example.com", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(dn_sane(rows[i].dn), rows[i].sane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters),
		cmocka_unit_test(dns),
		cmocka_unit_test(whole_filters_and_dns),
		cmocka_unit_test(every_octet_comes_back_from_a_dn),
		cmocka_unit_test(every_octet_comes_back_from_a_filter),
		cmocka_unit_test(attributes),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
