/* canon: every case whole, octet by octet, and cut at every position; and twice is once. */
#include <stdlib.h>
#include <string.h>
#include "tests/unit/store/tree.h"
#include "server/store/canon.h"

#define R MSG_REPAIR
#define D MSG_DOTS
#define U MSG_UTF8

static const struct {
	const char *in;
	size_t in_len;
	const char *out;
	uint32_t flags;
} cases[] = {
#define CASE(in, out, flags)                                                                       \
	{                                                                                          \
		in, sizeof(in) - 1, out, flags                                                     \
	}
	CASE("", "", 0),
	CASE("a\r\n", "a\r\n", 0),
	CASE("a\n", "a\r\n", R),
	CASE("a", "a\r\n", R),
	CASE("\n", "\r\n", R),
	CASE("\r\n", "\r\n", 0),
	CASE("\r", "\r\r\n", R),
	CASE("a\r", "a\r\r\n", R),
	CASE("a\rb\r\n", "a\rb\r\n", 0),
	CASE("a\r\r\nb\r\n", "a\r\r\nb\r\n", 0),
	CASE("\r\r\n", "\r\r\n", 0),
	CASE("a\n\nb\n", "a\r\n\r\nb\r\n", R),
	CASE("a\r\nb\nc\r\n", "a\r\nb\r\nc\r\n", R),
	CASE(".", ".\r\n", D | R),
	CASE(".\r\n", ".\r\n", D),
	CASE("a\r\n.b\r\n", "a\r\n.b\r\n", D),
	CASE("a.\r\n b.\r\n", "a.\r\n b.\r\n", 0),
	CASE("a\r.\r\n", "a\r.\r\n", 0),
	CASE("a\n.\n", "a\r\n.\r\n", D | R),
	CASE("S: \xC3\xA4\r\n\r\nx\r\n", "S: \xC3\xA4\r\n\r\nx\r\n", U),
	CASE("S: a\r\n\r\n\xC3\xA4\r\n", "S: a\r\n\r\n\xC3\xA4\r\n", 0),
	CASE("S: a\n\n\xC3\xA4\n", "S: a\r\n\r\n\xC3\xA4\r\n", R),
	CASE("\xFF", "\xFF\r\n", U | R),
	CASE("a\rb\n\xE9\n", "a\rb\r\n\xE9\r\n", U | R),
};

static void check(size_t i, const struct canon *c, struct buf *out)
{
	size_t want = strlen(cases[i].out);

	if (out->len != want || (want && memcmp(buf_at(out), cases[i].out, want) != 0))
		fail_msg("case %zu: got %.*s", i, (int)out->len, buf_at(out));
	assert_int_equal(c->in, cases[i].in_len);
	assert_int_equal(c->out, want);
	assert_int_equal(c->flags, cases[i].flags);
	buf_drop(out);
}

static void whole_and_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf out = { 0 };
		struct canon c, only;
		canon_begin(&c);
		canon_feed(&c, cases[i].in, cases[i].in_len, &out);
		canon_end(&c, &out);
		check(i, &c, &out);
		canon_begin(&only);
		canon_feed(&only, cases[i].in, cases[i].in_len, NULL);
		canon_end(&only, NULL);
		assert_int_equal(only.out, c.out);
		assert_int_equal(only.flags, c.flags);
	}
}

static void cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t cut = 0; cut <= cases[i].in_len; cut++) {
			struct buf out = { 0 };
			struct canon c;
			canon_begin(&c);
			canon_feed(&c, cases[i].in, cut, &out);
			canon_feed(&c, cases[i].in + cut, cases[i].in_len - cut, &out);
			canon_end(&c, &out);
			check(i, &c, &out);
		}
	}
}

static void octet_by_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf out = { 0 };
		struct canon c;
		canon_begin(&c);
		for (size_t k = 0; k < cases[i].in_len; k++)
			canon_feed(&c, cases[i].in + k, 1, &out);
		canon_end(&c, &out);
		check(i, &c, &out);
	}
}

static void nul_is_an_octet(void **state)
{
	static const char in[] = "a\0b\n\0";
	static const char want[] = "a\0b\r\n\0\r\n";
	struct buf out = { 0 };
	struct canon c;

	(void)state;
	canon_begin(&c);
	canon_feed(&c, in, sizeof(in) - 1, &out);
	canon_end(&c, &out);
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(buf_at(&out), want, sizeof(want) - 1);
	buf_drop(&out);
}

static void canonical_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct canon c;
		canon_begin(&c);
		canon_feed(&c, cases[i].out, strlen(cases[i].out), NULL);
		canon_end(&c, NULL);
		assert_int_equal(c.flags & MSG_REPAIR, 0);
		assert_int_equal(c.in, c.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_counted), cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(octet_by_octet),    cmocka_unit_test(nul_is_an_octet),
		cmocka_unit_test(canonical_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
