/* test_name.c - which names there are, what each becomes, and what a refusal says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/name.h"

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define X63 X60 "xxx"

struct row {
	const char *in;
	enum name_rule rule;
	const char *out; /* NULL: refused, and the text holds `why` */
	const char *why;
};

static const struct row rows[] = {
	{ "kim@example.com", NAME_FILE, "kim@example.com", NULL },
	{ "Kim@Example.COM", NAME_FILE, "kim@example.com", NULL },
	{ "kim@example.com.", NAME_FILE, "kim@example.com", NULL },
	{ "kim@localhost", NAME_FILE, "kim@localhost", NULL },
	{ "k@under_score.a-b.1", NAME_FILE, "k@under_score.a-b.1", NULL },
	{ "%..@example.com", NAME_FILE, "%..@example.com", NULL },
	{ "a.b'c!#$&^`{}~-_@d", NAME_FILE, "a.b'c!#$&^`{}~-_@d", NULL },
	{ "a+b@example.com", NAME_FILE, "a+b@example.com", NULL },
	{ "a+b@example.com", NAME_DIRECTORY, NULL, "'+'" },
	{ "a+b@example.com", NAME_SYSTEM, NULL, "'+'" },
	{ "zo\xC3\xAB@example.com", NAME_FILE, "zo\xC3\xAB@example.com", NULL },
	{ "zo\xEB@example.com", NAME_FILE, NULL, "UTF-8" },
	{ X60 "xxxx@d", NAME_FILE, X60 "xxxx@d", NULL },
	{ X60 "xxxxx@d", NAME_FILE, NULL, "above 64" },
	{ X10 X10 "@d", NAME_SYSTEM, X10 X10 "@d", NULL },
	{ X10 X10 "x@d", NAME_SYSTEM, NULL, "above 20" },
	{ X60 X60 X60 X60 X60 "@d", NAME_FILE, NULL, "shorten" },
	{ "@example.com", NAME_FILE, NULL, "missing" },
	{ "kim@", NAME_FILE, NULL, "missing" },
	{ "kim", NAME_FILE, NULL, "user@domain" },
	{ "", NAME_FILE, NULL, "user@domain" },
	{ "a@b@c", NAME_FILE, NULL, "'@'" },
	{ "a b@c", NAME_FILE, NULL, "blank" },
	{ "a\tb@c", NAME_FILE, NULL, "control" },
	{ "a\x7F@c", NAME_FILE, NULL, "control" },
	{ "a\xC2\x85z@c", NAME_FILE, NULL, "blank" },
	{ "a\xC2\xA0z@c", NAME_FILE, NULL, "blank" },
	{ "../../etc@c", NAME_FILE, NULL, "'/'" },
	{ "a\\b@c", NAME_FILE, NULL, "'\\'" },
	/* domains */
	{ "a@b..c", NAME_FILE, NULL, "empty part" },
	{ "a@.c", NAME_FILE, NULL, "empty part" },
	{ "a@..", NAME_FILE, NULL, "empty part" },
	{ "a@.", NAME_FILE, NULL, "empty part" },
	{ "a@c..", NAME_FILE, NULL, "empty part" },
	{ "a@-c", NAME_FILE, NULL, "begin or end" },
	{ "a@c-.d", NAME_FILE, NULL, "begin or end" },
	{ "a@b/c", NAME_FILE, NULL, "'/'" },
	{ "a@b%c", NAME_FILE, NULL, "'%'" },
	{ "a@b c", NAME_FILE, NULL, "' '" },
	{ "a@[192.0.2.1]", NAME_FILE, NULL, "'['" },
	{ "a@b\nc", NAME_FILE, NULL, "control" },
	{ "a@" X63, NAME_FILE, "a@" X63, NULL },
	{ "a@" X63 "x", NAME_FILE, NULL, "above 63" },
	{ "a@" X63 "." X63 "." X63 "." X60 "x", NAME_FILE, "a@" X63 "." X63 "." X63 "." X60 "x",
	  NULL },
	{ "a@" X63 "." X63 "." X63 "." X60 "x.", NAME_FILE, "a@" X63 "." X63 "." X63 "." X60 "x",
	  NULL },
	{ "a@" X63 "." X63 "." X63 "." X60 "xx", NAME_FILE, NULL, "above 253" },
	/* international domains */
	{ "a@m\xC3\xBCnchen.de", NAME_FILE, "a@xn--mnchen-3ya.de", NULL },
	{ "a@M\xC3\x9CNCHEN.DE.", NAME_FILE, "a@xn--mnchen-3ya.de", NULL },
	{ "a@mu\xCC\x88nchen.de", NAME_FILE, "a@xn--mnchen-3ya.de", NULL }, /* u + diaeresis */
	{ "a@XN--mnchen-3ya.de", NAME_FILE, "a@xn--mnchen-3ya.de", NULL },
	{ "a@fa\xC3\x9F.de", NAME_FILE, "a@xn--fa-hia.de", NULL }, /* non-transitional: not fass */
	{ "a@\xE4\xBE\x8B\xE3\x80\x82jp", NAME_FILE, "a@xn--fsq.jp", NULL }, /* ideographic dot */
	{ "a@x\xEF\xBC\x8Fy", NAME_FILE, NULL, "'/'" },          /* fullwidth solidus maps to '/' */
	{ "a@x\xEF\xBC\x8E\xEF\xBC\x8Ey", NAME_FILE, NULL, "" }, /* two fullwidth dots */
	{ "a@\xE2\x98\x83\xFF", NAME_FILE, NULL, "UTF-8" },
};

static void check(const struct row *r, const char *in, size_t len)
{
	struct name n = { "untouched", "untouched" };
	struct err e = { 0 };
	char text[NAME_TEXT_MAX + 1];

	if (!r->out) {
		assert_int_equal(name_parse(&n, in, len, r->rule, &e), EC_USAGE);
		if (!strstr(e.text, r->why))
			fail_msg("%s: \"%s\" does not hold \"%s\"", r->in, e.text, r->why);
		assert_string_equal(n.local, "untouched");
		assert_int_equal(name_parse(&n, in, len, r->rule, NULL), EC_USAGE);
		return;
	}
	if (name_parse(&n, in, len, r->rule, &e) != EC_OK)
		fail_msg("%s: %s", r->in, e.text);
	assert_string_equal(name_text(&n, text), r->out);
}

/* From a buffer without NUL and of the exact size: a sanitizer sees a read behind the end. */
static void rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = strlen(rows[i].in);
		char *exact = malloc(len ? len : 1);
		memcpy(exact, rows[i].in, len);
		check(&rows[i], exact, len);
		free(exact);
	}
}

static void each_forbidden_character_is_refused_everywhere(void **state)
{
	static const char list[] = "()/\\[]:;,\"<>*=|? ";
	struct name n;
	struct err e;
	char in[16];

	(void)state;
	for (const char *c = list; *c; c++) {
		for (unsigned place = 0; place < 3; place++) {
			strcpy(in, "abc@d");
			in[place] = *c;
			assert_int_equal(name_parse(&n, in, 5, NAME_FILE, &e), EC_USAGE);
		}
	}
	for (unsigned c = 0; c < 32; c++) { /* NUL among them: never cut there */
		strcpy(in, "abc@d");
		in[1] = (char)c;
		assert_int_equal(name_parse(&n, in, 5, NAME_FILE, &e), EC_USAGE);
		strcpy(in, "abc@def");
		in[5] = (char)c;
		assert_int_equal(name_parse(&n, in, 7, NAME_FILE, &e), EC_USAGE);
	}
}

static void what_is_taken_is_a_fixed_point(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct row again = { rows[i].out, rows[i].rule, rows[i].out, NULL };
		if (rows[i].out)
			check(&again, again.in, strlen(again.in));
	}
}

static void domains_alone_and_either(void **state)
{
	struct name a, b;
	struct err e;
	char text[NAME_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(name_parse_domain(&a, "Example.com.", 12, &e), EC_OK);
	assert_true(name_is_domain(&a));
	assert_string_equal(name_text(&a, text), "example.com");
	assert_int_equal(name_parse_any(&b, "EXAMPLE.com", 11, NAME_FILE, &e), EC_OK);
	assert_true(name_equal(&a, &b));
	assert_int_equal(name_parse_any(&b, "kim@EXAMPLE.com", 15, NAME_FILE, &e), EC_OK);
	assert_false(name_is_domain(&b));
	assert_false(name_equal(&a, &b));
	assert_int_equal(name_parse_domain(&a, "kim@example.com", 15, &e), EC_USAGE);
	assert_int_equal(name_parse_domain(&a, NULL, 0, &e), EC_USAGE);
	assert_int_equal(name_parse_any(&a, NULL, 0, NAME_FILE, &e), EC_USAGE);
	assert_int_equal(name_parse(&a, NULL, 0, NAME_FILE, &e), EC_USAGE);
	assert_true(name_is_domain(&a)); /* a refusal leaves it alone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(each_forbidden_character_is_refused_everywhere),
		cmocka_unit_test(what_is_taken_is_a_fixed_point),
		cmocka_unit_test(domains_alone_and_either),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
