/* adopted: what is written is read again; anything else than that is damage, wherever it is cut or changed. */
#include <stdlib.h>
#include <string.h>
#include "tests/unit/store/tree.h"
#include "migrate/adopted.h"

static struct adopted_item item(const char *name, const char *here, uint64_t octets, int sum)
{
	struct adopted_item it = { .name = name, .here = here, .octets = octets };

	memset(it.sum, sum, sizeof(it.sum));
	return it;
}

static struct adopted *make(void)
{
	struct adopted *a = adopted_new("/srv/old mail\n%\xFF");
	const struct adopted_item items[] = {
		item("P31.eml", "P31.eml", 10, 1),
		item("P31.eml", "P31-aa.eml", 10, 2),
		item("a b%\x01\xFC.EML", "a b%\x01\xFC.EML", 999999999999999999u, 255),
	};

	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		adopted_add(a, &items[i]);
	assert_false(adopted_has_name(a, "P31.eml"));
	adopted_settle(a);
	return a;
}

static void check(struct adopted *a)
{
	struct adopted_item known = item("P31.eml", "", 10, 2), other = item("P31.eml", "", 10, 3),
			    longer = item("P31.eml", "", 11, 2),
			    odd = item("a b%\x01\xFC.EML", "", 999999999999999999u, 255);

	assert_string_equal(adopted_from(a), "/srv/old mail\n%\xFF");
	assert_int_equal(adopted_count(a), 3);
	assert_true(adopted_has(a, &known));
	assert_true(adopted_has(a, &odd));
	assert_false(adopted_has(a, &other));
	assert_false(adopted_has(a, &longer));
	assert_true(adopted_has_name(a, "P31.eml"));
	assert_false(adopted_has_name(a, "p31.eml"));
	assert_false(adopted_has_name(a, "P31-aa.eml"));
}

static void there_and_back(void **state)
{
	struct adopted *a = make(), *again;
	struct buf text = { 0 }, same = { 0 };
	struct err e;

	(void)state;
	check(a);
	adopted_form(a, &text);
	assert_ec(adopted_parse(buf_at(&text), text.len, &again, &e), EC_OK);
	check(again);
	adopted_form(again, &same);
	assert_int_equal(same.len, text.len);
	assert_memory_equal(buf_at(&same), buf_at(&text), text.len);
	adopted_free(&a);
	adopted_free(&again);
	assert_null(again);
	buf_drop(&text);
	buf_drop(&same);
}

static void empty(void **state)
{
	struct adopted *a = adopted_new("/x");
	struct buf text = { 0 };
	struct err e;

	(void)state;
	assert_false(adopted_has_name(a, "P31.eml"));
	adopted_form(a, &text);
	adopted_free(&a);
	assert_ec(adopted_parse(buf_at(&text), text.len, &a, &e), EC_OK);
	assert_int_equal(adopted_count(a), 0);
	adopted_free(&a);
	buf_drop(&text);
}

/* Half a record would bring deleted messages back. */
static void cut_anywhere(void **state)
{
	struct adopted *a = make(), *again = NULL;
	struct buf text = { 0 };
	struct err e;

	(void)state;
	adopted_form(a, &text);
	for (size_t len = 0; len < text.len; len++) {
		char *part = malloc(len + 1);
		memcpy(part, buf_at(&text), len);
		assert_ec(adopted_parse(part, len, &again, &e), EC_BROKEN);
		free(part);
	}
	adopted_free(&a);
	buf_drop(&text);
}

static void damaged(void **state)
{
	static const char *const cases[] = {
		"",
		"end 0\n",
		"winpop-adopted 2 /x\nend 0\n",
		"winpop-adopted 1 \nend 0\n",
		"winpop-adopted 1 /x\n",
		"winpop-adopted 1 /x\nend 1\n",
		"winpop-adopted 1 /x\nend 0\n\n",
		"winpop-adopted 1 /x\nend 00\nx",
		"winpop-adopted 1 /x\n0123 1 a.eml a.eml\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdeg 1 a.eml a.eml\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef -1 a.eml a.eml\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef 1 a.eml\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef 1 a.eml ../a.eml x\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef 1 a.eml %2E%2E%2Fa.eml\nend "
		"1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef 1 a.eml index\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef 1 a.eml a%00.eml\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef 1 a%.eml a.eml\nend 1\n",
		"winpop-adopted 1 /x\n0123456789abcdef0123456789abcdef 1 a\xFF.eml a.eml\nend 1\n",
	};
	struct adopted *a = NULL;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (adopted_parse(cases[i], strlen(cases[i]), &a, &e) != EC_BROKEN)
			fail_msg("%s", cases[i]);
		assert_non_null(strstr(e.text, "/merge"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(empty),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
