/* test_template.c - what templates become, and what is no template. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/buf.h"
#include "server/quota/template.h"

#define N "\r\n"

static const char *const word[WORD_COUNT] = {
	[WORD_MAILBOX] = "kim@example.com",
	[WORD_ACCOUNT] = "all@example.com",
	[WORD_PERCENT] = "91",
	[WORD_USED] = "455M",
	[WORD_LIMIT] = "500M",
	[WORD_MESSAGES] = "12",
	[WORD_MESSAGES_LIMIT] = "none",
	[WORD_HOSTNAME] = "pop.example.com",
	[WORD_DATE] = "today",
};
static const struct template_field standard[] = { { "From", "us" }, { "Subject", "full" } };

static enum ec fill(const char *text, size_t len, struct buf *out, struct err *e)
{
	return template_fill(text, len, word, standard, 2, out, e);
}

static const struct {
	const char *name, *text, *want;
} good[] = {
	{ "as it is", "From: me\nSubject: x\n\ntext\n", "From: me" N "Subject: x" N N "text" N },
	{ "CRLF", "From: me" N "Subject: x" N N "text" N, "From: me" N "Subject: x" N N "text" N },
	{ "no header, no text", "\n", "From: us" N "Subject: full" N N },
	{ "what it has is not added, in any case of letters", "fRoM:\tme\n\n",
	  "fRoM: me" N "Subject: full" N N },
	{ "no last line end", "X: 1\n\nlast", "X: 1" N "From: us" N "Subject: full" N N "last" N },
	{ "a byte order mark", "\xEF\xBB\xBF\nx\n", "From: us" N "Subject: full" N N "x" N },
	{ "empty lines of the text", "\n\n\nx\n\n", "From: us" N "Subject: full" N N N N "x" N N },
	{ "all words",
	  "\n{mailbox} {account} {percent} {used} {limit} {messages} {messages_limit} {hostname} "
	  "{date}\n",
	  "From: us" N "Subject: full" N N "kim@example.com all@example.com 91 455M 500M 12 none "
	  "pop.example.com today" N },
	{ "words in the header, side by side", "From: {used}{limit}\nSubject:{percent}%\n\n",
	  "From: 455M500M" N "Subject: 91%" N N },
	{ "braces", "\nb {{ color } {{percent} }} {{{{ {{{percent}}\n",
	  "From: us" N "Subject: full" N N "b { color } {percent} }} {{ {91}" N },
	{ "letters of the world in the text", "\n\xC3\xA4\n",
	  "From: us" N "Subject: full" N N "\xC3\xA4" N },
	{ "and in the subject", "From: me\nSubject: \xC3\xA4 {percent}\n\n",
	  "From: me" N "Subject: =?UTF-8?B?w6QgOTE=?=" N N },
	/* 15 characters of three octets are 45; the 16th is not cut in two. */
	{ "a long subject",
	  "From: me\nSubject: "
	  "a\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"
	  "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"
	  "\xE2\x82\xAC\n\n",
	  "From: me" N
	  "Subject: =?UTF-8?B?YeKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrA==?=" N
	  " =?UTF-8?B?4oKs?=" N N },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf out = { 0 };
		struct err e;
		enum ec rc = fill(good[i].text, strlen(good[i].text), &out, &e);

		if (rc != EC_OK)
			fail_msg("%s: %s", good[i].name, e.text);
		*buf_room(&out, 1) = '\0';
		assert_string_equal(buf_at(&out), good[i].want);
		buf_drop(&out);
	}
}

static const struct {
	const char *text, *says;
} bad[] = {
	{ "", "there is no text" },
	{ "From: me\n", "there is no text" },
	{ "From: me\nhello\n\n", "line 2: expected a header line" },
	{ "From: me\n folded\n\n", "line 2: expected a header line" },
	{ "Fr om: me\n\n", "line 1: expected a header line" },
	{ ": me\n\n", "line 1: expected a header line" },
	{ "\xC3\xA4: me\n\n", "line 1: expected a header line" },
	{ "From: \xC3\xA4\n\n", "line 1: of the header lines only Subject" },
	{ "\nx\n{quota}\n", "line 3: {quota} is nothing that can be filled in" },
	{ "\n{Percent}\n", "line 2: {Percent} is nothing" },
	{ "\n{percent\n}\n", "line 2: {percent is nothing" },
	{ "\n{percen}\n", "line 2: {percen} is nothing" },
	{ "\n{}\n", "line 2: {} is nothing" },
	{ "\nx {", "line 2: { is nothing" },
	{ "\n{ percent}\n", "line 2: { is nothing" },
	{ "Subject: {no}\n\n", "line 1: {no} is nothing" },
	{ "From: {no}\n\n", "line 1: {no} is nothing" },
	{ "\nx\xFFy\n", "line 2: this is not UTF-8" },
	{ "\nx\ry\n", "line 2: holds a control character" },
	{ "\nx\n\x1b[0m\n", "line 3: holds a control character" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out = { 0 };
		struct err e = { 0 };

		assert_int_equal(fill(bad[i].text, strlen(bad[i].text), &out, &e), EC_USAGE);
		if (strncmp(e.text, bad[i].says, strlen(bad[i].says)) != 0)
			fail_msg("want %s, got %s", bad[i].says, e.text);
		buf_drop(&out);
	}
}

static void test_nul(void **state)
{
	struct buf out = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(fill("\nx\0y\n", 5, &out, &e), EC_USAGE);
	assert_string_equal(e.text, "line 2: holds a control character");
	buf_drop(&out);
}

static void test_long_lines(void **state)
{
	char text[TEMPLATE_LINE_MAX + 4];

	(void)state;
	for (int over = 0; over < 2; over++) {
		struct buf out = { 0 };
		struct err e;

		memset(text, 'x', sizeof(text));
		text[0] = text[TEMPLATE_LINE_MAX + over + 1] = '\n';
		assert_int_equal(fill(text, TEMPLATE_LINE_MAX + over + 2, &out, &e),
				 over ? EC_USAGE : EC_OK);
		buf_drop(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
