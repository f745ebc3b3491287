/* record: seals and opens, bound to a name and a key; every damage is EC_BROKEN and tells nothing.
 */
#include <stdio.h>
#include <string.h>
#include "server/accounts/record.h"
#include "tests/unit/store/tree.h"

static const unsigned char key[AEAD_KEY] = "0123456789abcdef0123456789abcde";

static void round_trips(void **state)
{
	struct name kim = tree_name("kim@example.com");
	char password[PASSWORD_MAX + 1], text[RECORD_TEXT_MAX];
	struct err e;

	(void)state;
	memset(password, 'x', sizeof(password));
	for (size_t len = 1; len <= PASSWORD_MAX; len++) {
		struct secret in = { 0 }, out = { 0 };
		struct record r, again;
		secret_set(&in, password, len);
		record_seal(&r, key, "0a1b2c3d", &kim, &in);
		size_t n = record_form(&r, text);
		assert_in_range(n, 1, RECORD_TEXT_MAX - 1);
		assert_null(strstr(text, "xxxx"));
		assert_ec(record_parse(text, n, &kim, &again, &e), EC_OK);
		assert_string_equal(again.key_id, "0a1b2c3d");
		assert_ec(record_open(&again, key, &kim, &out, &e), EC_OK);
		assert_true(secret_equal(&in, &out));
		secret_drop(&in);
		secret_drop(&out);
	}
}

static void lengths_do_not_show(void **state)
{
	struct name kim = tree_name("kim@example.com");
	struct secret a = { 0 }, b = { 0 };
	struct record ra, rb;

	(void)state;
	secret_set(&a, "x", 1);
	secret_set(&b, "a rather long password, but no novel", 36);
	record_seal(&ra, key, "0a1b2c3d", &kim, &a);
	record_seal(&rb, key, "0a1b2c3d", &kim, &b);
	assert_int_equal(ra.sealed_len, rb.sealed_len);
	assert_memory_not_equal(ra.nonce, rb.nonce, sizeof(ra.nonce));
	secret_drop(&a);
	secret_drop(&b);
}

static void every_damage(void **state)
{
	struct name kim = tree_name("kim@example.com"), lee = tree_name("lee@example.com");
	unsigned char other[AEAD_KEY] = { 0 };
	char text[RECORD_TEXT_MAX];
	struct secret in = { 0 }, out = { 0 };
	struct record r, again;
	struct err e;

	(void)state;
	secret_set(&in, "PA55word", 8);
	record_seal(&r, key, "0a1b2c3d", &kim, &in);
	size_t n = record_form(&r, text);
	assert_ec(record_open(&r, key, &lee, &out, &e), EC_BROKEN); /* copied to another mailbox */
	assert_ec(record_open(&r, other, &kim, &out, &e), EC_BROKEN);
	for (size_t i = 0; i + 1 < n; i++) { /* the last octet is the line's end */
		char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		if (record_parse(text, n, &kim, &again, &e) == EC_OK &&
		    strcmp(again.key_id, r.key_id) == 0) {
			assert_ec(record_open(&again, key, &kim, &out, &e), EC_BROKEN);
			assert_null(strstr(e.text, "PA55"));
		}
		text[i] = was;
	}
	for (size_t cut = 0; cut + 1 < n; cut++)
		assert_ec(record_parse(text, cut, &kim, &again, &e), EC_BROKEN);
	secret_drop(&in);
	assert_int_equal(out.len, 0);
}

/* What an editor makes of it is still a record. */
static void edited_by_hand(void **state)
{
	static const char *const forms[] = { "v1 = %.*s", "v1=%.*s\r\n", "# kim\nv1 =\t%.*s \n\n",
					     "v1 = \"%.*s\"\n" };
	struct name kim = tree_name("kim@example.com");
	struct secret in = { 0 }, out = { 0 };
	char text[RECORD_TEXT_MAX], edited[RECORD_TEXT_MAX + 32];
	struct record r, again;
	struct err e;

	(void)state;
	secret_set(&in, "PA55word", 8);
	record_seal(&r, key, "0a1b2c3d", &kim, &in);
	int len = (int)record_form(&r, text) - (int)strlen("v1 = \n");
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		int n = snprintf(edited, sizeof(edited), forms[i], len, text + strlen("v1 = "));
		assert_ec(record_parse(edited, (size_t)n, &kim, &again, &e), EC_OK);
		assert_ec(record_open(&again, key, &kim, &out, &e), EC_OK);
		assert_true(secret_equal(&in, &out));
		secret_drop(&out);
	}
	secret_drop(&in);
}

static void refused_texts(void **state)
{
	static const char *const rows[] = {
		"",
		"v1",
		"v1 =",
		"v2 = 0a1b2c3d AAAA BBBB",
		"v1 = 0a1b2c3d",
		"v1 = 0a1b2c3d AAAAAAAAAAAAAAAA",
		"v1 = 0a1b2c3g AAAAAAAAAAAAAAAA AAAA",
		"v1 = 0A1B2C3D AAAAAAAAAAAAAAAA AAAA",
		"v1 = 0a1b2c3d AAAAAAAAAAAAAAAAAAAA AAAA",
		"v1 = 0a1b2c3d AAAAAAAAAAAAAAAA AAAA",
		"v1 = 0a1b2c3d AAAAAAAAAAAAAAAA AAAA x",
		"v1 = 0a1b2c3d AAAAAAAAAAAAAAAA !!!!",
	};
	struct name kim = tree_name("kim@example.com");
	struct record r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_ec(record_parse(rows[i], strlen(rows[i]), &kim, &r, &e), EC_BROKEN);
}

static void passwords(void **state)
{
	static char long_one[PASSWORD_MAX + 1];
	static const struct {
		const char *p;
		size_t len;
		enum ec want;
	} rows[] = {
		{ "", 0, EC_USAGE },         { "x", 1, EC_OK },       { " ", 1, EC_OK },
		{ "a\0b", 3, EC_USAGE },     { "a\r", 2, EC_USAGE },  { "a\nb", 3, EC_USAGE },
		{ "\xC3\xA4", 2, EC_OK },    { "\xC3", 1, EC_USAGE }, { long_one, 256, EC_OK },
		{ long_one, 257, EC_USAGE }, { "a\tb", 3, EC_OK },
	};
	struct err e;

	(void)state;
	memset(long_one, 'x', sizeof(long_one));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct secret s = { 0 };
		secret_set(&s, rows[i].p, rows[i].len);
		assert_ec(password_check(&s, &e), rows[i].want);
		secret_drop(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),   cmocka_unit_test(lengths_do_not_show),
		cmocka_unit_test(every_damage),  cmocka_unit_test(edited_by_hand),
		cmocka_unit_test(refused_texts), cmocka_unit_test(passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
