/* test_kv.c - parse, look up, and edit without hurting what a person wrote. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/kv.h"

static const struct {
	const char *text, *value; /* of "k"; NULL: refused, and the text is `why` */
	const char *why;
} rows[] = {
	{ "k=v", "v", NULL },
	{ "k = v\n", "v", NULL },
	{ "\t k\t=\t v \t\n", "v", NULL },
	{ "k = v\r\n", "v", NULL },
	{ "\xEF\xBB\xBFk = v", "v", NULL },
	{ "k =\n", "", NULL },
	{ "k = \"\"\n", "", NULL },
	{ "k = \"  v \"\n", "  v ", NULL },
	{ "k = \"a\\\"b\\\\c\"\n", "a\"b\\c", NULL },
	{ "k = a \"b\" c\n", "a \"b\" c", NULL },
	{ "k = a = b # no comment\n", "a = b # no comment", NULL },
	{ "K = 1\nk = 2\n", "2", NULL },
	{ "k = 1\n#k = 2\n  # k = 3\n\n \t\r\n", "1", NULL },
	{ "K.a-b_9 = 1\nk = 2", "2", NULL },
	{ "k = zo\xC3\xAB\n", "zo\xC3\xAB", NULL },
	{ "k = a\tb", "a\tb", NULL },
	{ "\n\nk", NULL, "line 3: expected key = value" },
	{ "= v", NULL, "line 1: the key" },
	{ "a b = v", NULL, "line 1: the key" },
	{ "k\xC3\xAB = v", NULL, "line 1: the key" },
	{ "k = \"v", NULL, "line 1: k: the quoted" },
	{ "k = \"v\" w", NULL, "line 1: k: the quoted" },
	{ "k = \"\\n\"", NULL, "line 1: k: the quoted" },
	{ "k = \"\\", NULL, "line 1: k: the quoted" },
	{ "k = \"\\\"", NULL, "line 1: k: the quoted" },
	{ "k = \"", NULL, "line 1: k: the quoted" },
	{ "k = a\x01", NULL, "line 1: holds a control" },
	{ "k = a\rb\n", NULL, "line 1: holds a control" },
	{ "k = a\r\r\n", NULL, "line 1: holds a control" },
	{ "# \x1B[2J\nk = v", NULL, "line 1: holds a control" },
	{ "a = 1\nb = \x7F\n", NULL, "line 2: holds a control" },
};

/* Exact size and no NUL behind, so that a sanitizer sees a read behind the end. */
static enum ec parse(struct arena *a, const char *text, size_t len, struct kv *kv, struct err *e)
{
	char *exact = malloc(len ? len : 1);

	memcpy(exact, text, len);
	enum ec rc = kv_parse(a, exact, len, kv, e);
	free(exact); /* also proves that nothing points into the text */
	return rc;
}

static void rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct arena *a = arena_new("test", 256);
		struct err e = { 0 };
		struct kv kv;
		enum ec rc = parse(a, rows[i].text, strlen(rows[i].text), &kv, &e);
		if (rows[i].value) {
			assert_int_equal(rc, EC_OK);
			assert_string_equal(kv_get(&kv, "k"), rows[i].value);
			assert_null(kv_get(&kv, "absent"));
		} else {
			assert_int_equal(rc, EC_USAGE);
			assert_memory_equal(e.text, rows[i].why, strlen(rows[i].why));
		}
		arena_drop(&a);
	}
}

static void every_prefix_is_survived(void **state)
{
	static const char text[] =
		"\xEF\xBB\xBF# c\r\nkey = \"a \\\" b\"\r\n\r\nother = x\ny = \"\\\\\"";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct arena *a = arena_new("test", 256);
		struct kv kv;
		parse(a, text, len, &kv, NULL);
		arena_drop(&a);
	}
}

static void nul_and_long_lines_are_refused(void **state)
{
	struct arena *a = arena_new("test", 256);
	char big[4200];
	struct err e;
	struct kv kv;

	(void)state;
	assert_int_equal(parse(a, "k = a\0b", 7, &kv, &e), EC_USAGE);
	memset(big, 'v', sizeof(big));
	memcpy(big, "k=", 2);
	assert_int_equal(parse(a, big, 4096, &kv, &e), EC_OK);
	assert_int_equal(strlen(kv_get(&kv, "k")), 4094);
	assert_int_equal(parse(a, big, 4097, &kv, &e), EC_USAGE);
	assert_string_equal(e.text, "line 1: longer than 4096 octets");
	assert_int_equal(kv_parse(a, NULL, 0, &kv, &e), EC_OK);
	assert_int_equal(kv.n, 0);
	arena_drop(&a);
}

static void lines_are_numbered(void **state)
{
	struct arena *a = arena_new("test", 256);
	static const char text[] = "# one\n\nkey = v\r\nkey = w\n";
	struct kv kv;

	(void)state;
	assert_int_equal(parse(a, text, sizeof(text) - 1, &kv, NULL), EC_OK);
	assert_int_equal(kv.n, 2);
	assert_int_equal(kv.lines[0].line, 3);
	assert_int_equal(kv.lines[1].line, 4);
	arena_drop(&a);
}

static const struct {
	const char *before, *key, *value, *after;
} edits[] = {
	{ "", "k", "v", "k = v\n" },
	{ "# a comment", "k", "v", "# a comment\nk = v\n" },
	{ "# k = 0\na = 1\nk = 2\n# end\n", "k", "3", "# k = 0\na = 1\nk = 3\n# end\n" },
	{ "k=1\nb=2", "b", "3", "k=1\nb = 3" },
	{ "k=1\r\nb=2\r\n", "k", "3", "k = 3\r\nb=2\r\n" },
	{ "  K  =  1  \nb=2\n", "k", "3", "k = 3\nb=2\n" },
	{ "k=1\nk=2\nx=y\n", "k", "3", "k=1\nk = 3\nx=y\n" }, /* the last one counts */
	{ "kk=1\n", "k", "2", "kk=1\nk = 2\n" },
	{ "\xEF\xBB\xBFk=1\n", "k", "2", "\xEF\xBB\xBFk = 2\n" },
	{ "nonsense\nk=1\n", "k", "2", "nonsense\nk = 2\n" },
	{ "k=1\n", "k", "", "k = \"\"\n" },
	{ "k=1\n", "k", " a\\\"b ", "k = \" a\\\\\\\"b \"\n" },
	{ "k=1\n", "k", "\"", "k = \"\\\"\"\n" },
	{ "k=1\n", "k", "a\\b \"c\"", "k = a\\b \"c\"\n" },
};

static void edits_change_one_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		struct arena *a = arena_new("test", 256);
		char *after = kv_edit(a, edits[i].before, strlen(edits[i].before), edits[i].key,
				      edits[i].value);
		assert_string_equal(after, edits[i].after);
		arena_drop(&a);
	}
	struct arena *a = arena_new("test", 256);
	assert_string_equal(kv_edit(a, NULL, 0, "k", "v"), "k = v\n");
	arena_drop(&a);
}

/* Whatever is written comes back when it is read, and editing again changes nothing. */
static void edited_value_reads_back(void **state)
{
	static const char *const values[] = { "",     "v",   " ",     "\t",         "\"",  "\\",
					      "\\\"", "#",   "a = b", "\"a\"",      " a",  "a\t",
					      "\"a",  "a\"", "\\\\",  "zo\xC3\xAB", " \\ " };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct arena *a = arena_new("test", 256);
		char *text = kv_edit(a, "x = 1\n", 6, "k", values[i]);
		struct kv kv;
		assert_int_equal(parse(a, text, strlen(text), &kv, NULL), EC_OK);
		assert_string_equal(kv_get(&kv, "k"), values[i]);
		assert_string_equal(kv_get(&kv, "x"), "1");
		assert_string_equal(kv_edit(a, text, strlen(text), "k", values[i]), text);
		arena_drop(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(every_prefix_is_survived),
		cmocka_unit_test(nul_and_long_lines_are_refused),
		cmocka_unit_test(lines_are_numbered),
		cmocka_unit_test(edits_change_one_line),
		cmocka_unit_test(edited_value_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
