/* test_ntlm_who.c - names out of UTF-16, out of UTF-8, and out of who knows what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "server/auth/ntlm_who.h"
#include "tests/unit/auth/spoken.h"

static struct ntlm_bytes bytes(const char *p, size_t len)
{
	return (struct ntlm_bytes){ (const unsigned char *)p, len };
}

static struct ntlm_bytes text(const char *z)
{
	return bytes(z, strlen(z));
}

static bool read_user(struct ntlm_bytes user, uint32_t flags, struct ntlm_who *out)
{
	const struct ntlm_answer a = { .user = user,
				       .domain = bytes("", 0),
				       .workstation = bytes("", 0) };

	return ntlm_who_read(&a, flags, out);
}

static void is_wide(const unsigned char *p, size_t len, const char *want)
{
	struct octets o = wide(want);

	assert_int_equal(len, o.len);
	assert_memory_equal(p, o.p, len);
}

static void in_unicode(void **state)
{
	struct octets user = wide("jürgen"), domain = wide("Büro"), host = wide("péče");
	const struct ntlm_answer a = { .user = { user.p, user.len },
				       .domain = { domain.p, domain.len },
				       .workstation = { host.p, host.len } };
	struct ntlm_who who;

	(void)state;
	assert_true(ntlm_who_read(&a, NTLM_UNICODE, &who));
	assert_string_equal(who.user, "jürgen");
	assert_string_equal(who.domain, "Büro");
	assert_string_equal(who.workstation, "péče");
	assert_int_equal(who.n_spellings, 1);
	is_wide(who.spelling[0].user, who.spelling[0].user_len, "JÜRGEN");
	is_wide(who.spelling[0].domain, who.spelling[0].domain_len, "Büro"); /* as it is */
}

static void in_octets(void **state)
{
	struct ntlm_who who;

	(void)state;
	assert_true(read_user(text("kim"), NTLM_OEM, &who));
	assert_int_equal(who.n_spellings, 1);
	is_wide(who.spelling[0].user, who.spelling[0].user_len, "KIM");

	assert_true(read_user(text("jürgen"), NTLM_OEM, &who)); /* UTF-8 */
	assert_string_equal(who.user, "jürgen");
	assert_int_equal(who.n_spellings, 2);
	is_wide(who.spelling[0].user, who.spelling[0].user_len, "JÜRGEN");
	is_wide(who.spelling[1].user, who.spelling[1].user_len, "JÃ¼RGEN"); /* octet by octet */

	assert_true(read_user(text("j\xfcrgen"), NTLM_OEM, &who)); /* Latin-1 */
	assert_string_equal(who.user, "jürgen");
	is_wide(who.spelling[0].user, who.spelling[0].user_len, "JÜRGEN");
	is_wide(who.spelling[1].user, who.spelling[1].user_len, "JüRGEN");
}

static void refused(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		uint32_t flags;
	} rows[] = {
		{ "", 0, NTLM_OEM },
		{ "", 0, NTLM_UNICODE },
		{ "k\0m", 3, NTLM_OEM },
		{ "kim\n", 4, NTLM_OEM },
		{ "k\0\0\0m\0", 6, NTLM_UNICODE },
		{ "k\0\x7f\0", 4, NTLM_UNICODE },
		{ "k\0i", 3, NTLM_UNICODE },
		{ "\x00\xd8", 2, NTLM_UNICODE },
		{ "\x00\xdc\x00\xd8", 4, NTLM_UNICODE },
	};
	struct ntlm_who who;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(read_user(bytes(rows[i].p, rows[i].len), rows[i].flags, &who));
}

/* The longest there are, in the characters that grow most. */
static void longest(void **state)
{
	static char p[NTLM_NAME_MAX];
	struct ntlm_who who;

	(void)state;
	for (size_t i = 0; i < sizeof(p); i += 2)
		memcpy(p + i, "\xac\x20", 2); /* the euro sign: three octets of UTF-8 */
	assert_true(read_user(bytes(p, sizeof(p)), NTLM_UNICODE, &who));
	assert_int_equal(strlen(who.user), NTLM_TEXT_MAX);
	memset(p, 0xff, sizeof(p)); /* Latin-1: too long once it is UTF-16 */
	assert_false(read_user(bytes(p, sizeof(p)), NTLM_OEM, &who));
	assert_true(read_user(bytes(p, sizeof(p) / 2), NTLM_OEM, &who));
	assert_int_equal(strlen(who.user), NTLM_NAME_MAX);
}

static void for_the_log(void **state)
{
	struct ntlm_who who = { .user = "kim" };
	char out[8];

	(void)state;
	ntlm_who_typed(&who, out, sizeof(out));
	assert_string_equal(out, "kim");
	strcpy(who.domain, "DOM");
	ntlm_who_typed(&who, out, sizeof(out));
	assert_string_equal(out, "DOM\\kim");
	strcpy(who.domain, "DOMAIN");
	ntlm_who_typed(&who, out, sizeof(out));
	assert_string_equal(out, "DOMAIN\\");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_unicode),  cmocka_unit_test(in_octets),
		cmocka_unit_test(refused),     cmocka_unit_test(longest),
		cmocka_unit_test(for_the_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
