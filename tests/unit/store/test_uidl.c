/* uidl: what a file name says. */
#include <string.h>
#include "tests/unit/store/tree.h"
#include "server/store/uidl.h"

static void message_names(void **state)
{
	static const struct {
		const char *name;
		bool is;
	} cases[] = {
		{ "P347865.eml", true }, { "a.EML", true },    { "a.eMl", true },
		{ ".eml", false },       { "a.em", false },    { "a.eml ", false },
		{ "index", false },      { "a/b.eml", false }, { "", false },
		{ "..eml", true },       { "\xFF.eml", true }, { ".tmp-0.eml.x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(is_message_name(cases[i].name), cases[i].is);
	assert_false(is_message_name_n("a\0.eml", 6));
}

#define TEN "0123456789"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void stems_and_hashes(void **state)
{
	static const struct {
		const char *name, *uidl; /* NULL: a hash */
	} cases[] = {
		{ "P347865.eml", "P347865" },
		{ "!~.eml", "!~" },
		{ "a.eml.eml", "a.eml" },
		{ TEN TEN TEN TEN TEN TEN TEN ".eml", TEN TEN TEN TEN TEN TEN TEN },
		{ TEN TEN TEN TEN TEN TEN TEN "a.eml", NULL },
		{ "P347865.EML", NULL },
		{ "a b.eml", NULL },
		{ "a\x7F.eml", NULL },
		{ "\xC3\xA4.eml", NULL },
		{ "h" HEX64 ".eml", NULL }, /* would be mistaken for another one's hash */
		{ "h" HEX64 "0.eml", "h" HEX64 "0" },
	};
	char uidl[UIDL_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = uidl_of(cases[i].name, uidl);
		assert_int_equal(len, strlen(uidl));
		assert_in_range(len, 1, UIDL_MAX);
		for (size_t k = 0; k < len; k++)
			assert_in_range((unsigned char)uidl[k], 0x21, 0x7E);
		if (cases[i].uidl)
			assert_string_equal(uidl, cases[i].uidl);
		else
			assert_true(uidl[0] == 'h' && len == 65);
		for (size_t k = 0; k < i; k++) {
			char other[UIDL_MAX + 1];
			uidl_of(cases[k].name, other);
			assert_string_not_equal(uidl, other);
		}
	}
}

static void own_names(void **state)
{
	static const uint64_t stamps[] = { 0, 1, 1763690000000000, (UINT64_C(1) << 56) - 1 };
	char name[MESSAGE_NAME_MAX], uidl[UIDL_MAX + 1];
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(stamps) / sizeof(*stamps); i++) {
		message_name_make(name, stamps[i]);
		assert_true(is_message_name(name));
		assert_true(uidl_is_stem(name, strlen(name)));
		assert_true(message_name_arrival(name, &us));
		assert_int_equal(us, stamps[i]);
		assert_int_equal(uidl_of(name, uidl), strlen(name) - 4);
	}
	assert_false(message_name_arrival("P347865.eml", &us));
	assert_false(message_name_arrival("P300000000000001.eml", &us));
	assert_false(message_name_arrival("P30000000000000100000x.eml", &us));
	assert_true(message_name_arrival("P300000000000001abcdef.eml", &us));
	assert_int_equal(us, 1);
}

/* Every octet of a name of ours counts. */
static void own_to_the_octet(void **state)
{
	char name[MESSAGE_NAME_MAX];

	(void)state;
	message_name_make(name, 1763690000000000);
	size_t len = strlen(name);
	assert_true(is_own_name(name, len));
	assert_false(is_own_name(name, len - 1));
	for (size_t i = 0; i < len; i++) {
		for (int c = 0; c < 256; c++) {
			char was = name[i];
			bool hex = i >= 2 && i < len - 4;
			name[i] = (char)c;
			assert_int_equal(is_own_name(name, len),
					 c == was || (hex && c && strchr("0123456789abcdef", c)));
			name[i] = was;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_names),
		cmocka_unit_test(stems_and_hashes),
		cmocka_unit_test(own_names),
		cmocka_unit_test(own_to_the_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
