/* test_parse.c - command lines, paths, parameters, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/lmtp/parse.h"

/* In memory of its own, exactly as long as the text: reading behind it is seen. */
static struct lm_text text_of(const char *z)
{
	size_t len = strlen(z);
	char *p = malloc(len ? len : 1);

	memcpy(p, z, len);
	return (struct lm_text){ p, len };
}

static void drop(struct lm_text t)
{
	free((char *)(uintptr_t)t.p);
}

static void same(struct lm_text t, const char *z)
{
	assert_int_equal(t.len, strlen(z));
	assert_memory_equal(t.p, z, t.len);
}

static void test_lines(void **state)
{
	static const struct {
		const char *line, *verb, *arg;
	} rows[] = {
		{ "", "", "" },           { "NOOP", "NOOP", "" },
		{ "NOOP  ", "NOOP", "" }, { "noop  a  b ", "noop", "a  b" },
		{ " NOOP", "", "NOOP" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lm_text line = text_of(rows[i].line);
		struct lm_req req;

		assert_true(lm_parse_line(line.p, line.len, &req));
		same(req.verb, rows[i].verb);
		same(req.arg, rows[i].arg);
		drop(line);
	}
}

static void test_control_octets(void **state)
{
	struct lm_req req;

	(void)state;
	for (int c = 0; c < 256; c++) {
		char line[] = { 'N', 'O', (char)c, 'P' };

		assert_int_equal(lm_parse_line(line, 4, &req), c >= 0x20 && c != 0x7F);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *arg, *text, *domain, *local, *rest; /* local: quoting undone */
		bool literal, utf8;
	} rows[] = {
		{ "FROM:<>", "", "", "", "", false, false },
		{ "from:  <> X=1", "", "", "", " X=1", false, false },
		{ "FROM:<a@b>", "a@b", "b", "a", "", false, false },
		{ "FROM:<a..b.@c>", "a..b.@c", "c", "a..b.", "", false, false },
		{ "FROM:<root>", "root", "", "root", "", false, false },
		{ "FROM:<a+b=c/d%e@f-g.h_i.>", "a+b=c/d%e@f-g.h_i.", "f-g.h_i.", "a+b=c/d%e", "",
		  false, false },
		{ "FROM:<@r.x,@s:a@b>", "a@b", "b", "a", "", false, false },
		{ "FROM:<\"a b\"@c>", "\"a b\"@c", "c", "a b", "", false, false },
		{ "FROM:<\"\"@c>", "\"\"@c", "c", "", "", false, false },
		{ "FROM:<\"a\\\"\\\\>@b\"@c>", "\"a\\\"\\\\>@b\"@c", "c", "a\"\\>@b", "", false,
		  false },
		{ "FROM:<a@[1.2.3.4]>", "a@[1.2.3.4]", "[1.2.3.4]", "a", "", true, false },
		{ "FROM:<a@[IPv6:::1]>", "a@[IPv6:::1]", "[IPv6:::1]", "a", "", true, false },
		{ "FROM:<\xC3\xA4@\xC3\xB6.x>", "\xC3\xA4@\xC3\xB6.x", "\xC3\xB6.x", "\xC3\xA4", "",
		  false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lm_text arg = text_of(rows[i].arg), rest = arg;
		struct lm_path path;
		char local[100];

		assert_true(lm_parse_path(&rest, "FROM:", &path));
		same(path.text, rows[i].text);
		same(path.domain, rows[i].domain);
		same((struct lm_text){ local, lm_path_local(&path, local) }, rows[i].local);
		same(rest, rows[i].rest);
		assert_int_equal(path.literal, rows[i].literal);
		assert_int_equal(path.utf8, rows[i].utf8);
		drop(arg);
	}
}

static void test_bad_paths(void **state)
{
	static const char *const rows[] = {
		"",
		"FROM",
		"FROM:",
		"TO:<a@b>",
		"FROM:a@b",
		"FROM:<",
		"FROM:<a",
		"FROM:<a@",
		"FROM:<a@>",
		"FROM:<@b>",
		"FROM:<a@b",
		"FROM:<a@b>x",
		"FROM:<a@b@c>",
		"FROM:<a b@c>",
		"FROM:< >",
		"FROM:< a@b>",
		"FROM:<a@b >",
		"FROM:<\"a@b>",
		"FROM:<\"a\\",
		"FROM:<\"a\\\"",
		"FROM:<\"a\"b@c>",
		"FROM:<a\\b@c>",
		"FROM:<a@b/c>",
		"FROM:<a@[1.2>",
		"FROM:<a@[]x>",
		"FROM:<@r a@b>",
		"FROM:<@r:>",
		"FROM:<@:a@b>",
		"FROM:<a@\xC3>",
		"FROM:<\xFF@b>",
		"FROM:<\"\xC3\"@b>",
		"FROM:<\"\\\xC3\xA4\"@b>",
		"FROM:<<a@b>>",
		"FROM:<(c)a@b>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lm_text arg = text_of(rows[i]), rest = arg;
		struct lm_path path;

		if (lm_parse_path(&rest, "FROM:", &path))
			fail_msg("accepted: %s", rows[i]);
		assert_ptr_equal(rest.p, arg.p);
		drop(arg);
	}
}

static void test_path_length(void **state)
{
	(void)state;
	for (size_t len = LM_PATH_MAX - 1; len <= LM_PATH_MAX + 1; len++) {
		char line[LM_PATH_MAX + 20] = "TO:<";
		struct lm_text arg = { line, len + 5 };
		struct lm_path path;

		memset(line + 4, 'a', len);
		line[4 + 10] = '@';
		line[4 + len] = '>';
		assert_int_equal(lm_parse_path(&arg, "TO:", &path), len <= LM_PATH_MAX);
	}
}

static void test_params(void **state)
{
	static const struct {
		const char *rest, *key, *value;
		enum lm_more more;
		bool has_value;
	} rows[] = {
		{ "", "", "", LM_PARAMS_END, false },
		{ "   ", "", "", LM_PARAMS_END, false },
		{ " SIZE=1", "SIZE", "1", LM_PARAM, true },
		{ " X-Y A=1", "X-Y", "", LM_PARAM, false },
		{ " AUTH=<>", "AUTH", "<>", LM_PARAM, true },
		{ " SIZE=", "", "", LM_PARAM_BAD, false },
		{ " =1", "", "", LM_PARAM_BAD, false },
		{ " A==1", "", "", LM_PARAM_BAD, false },
		{ " A=1=2", "", "", LM_PARAM_BAD, false },
		{ " A_B", "", "", LM_PARAM_BAD, false },
		{ " \xC3\xA4=1", "", "", LM_PARAM_BAD, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lm_text all = text_of(rows[i].rest), rest = all;
		struct lm_param p;

		assert_int_equal(lm_next_param(&rest, &p), rows[i].more);
		if (rows[i].more == LM_PARAM) {
			same(p.key, rows[i].key);
			same(p.value, rows[i].value);
			assert_int_equal(p.has_value, rows[i].has_value);
		}
		drop(all);
	}
}

static void test_chunks(void **state)
{
	static const struct {
		const char *arg;
		bool ok, last;
		uint64_t size;
	} rows[] = {
		{ "0", true, false, 0 },
		{ "1000", true, false, 1000 },
		{ "007 last", true, true, 7 },
		{ "18446744073709551615  LAST", true, true, UINT64_MAX },
		{ "18446744073709551616", false, false, 0 },
		{ "99999999999999999999999", false, false, 0 },
		{ "", false, false, 0 },
		{ "LAST", false, false, 0 },
		{ "-1", false, false, 0 },
		{ "+1", false, false, 0 },
		{ "1x", false, false, 0 },
		{ "0x10", false, false, 0 },
		{ "1 FIRST", false, false, 0 },
		{ "1 LAST x", false, false, 0 },
		{ "1LAST", false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lm_text arg = text_of(rows[i].arg);
		uint64_t size = 0;
		bool last;

		assert_int_equal(lm_parse_chunk(arg, &size, &last), rows[i].ok);
		if (rows[i].ok) {
			assert_int_equal(size, rows[i].size);
			assert_int_equal(last, rows[i].last);
		}
		drop(arg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),       cmocka_unit_test(test_control_octets),
		cmocka_unit_test(test_paths),       cmocka_unit_test(test_bad_paths),
		cmocka_unit_test(test_path_length), cmocka_unit_test(test_params),
		cmocka_unit_test(test_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
