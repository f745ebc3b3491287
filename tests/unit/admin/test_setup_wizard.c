/* test_setup_wizard.c - pages of questions: scripts of lines go in, answers come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/wizard.h"

/* A small wizard: a fruit, how much of it, a bag only with much of it, and a last word. */
struct shop {
	struct wizard z;
	struct arena *mem;
	bool plums_sold_out;
	int checked;
};

static bool has_plums(void *ctx)
{
	return !((struct shop *)ctx)->plums_sold_out;
}

static bool wants_much(void *ctx)
{
	const char *n = wizard_answer(&((struct shop *)ctx)->z, "amount");

	return n && strlen(n) > 1;
}

static const char *preset_amount(void *ctx)
{
	return wizard_is(&((struct shop *)ctx)->z, "fruit", "plum") ? "20" : "3";
}

static enum ec check_amount(void *ctx, const char *answer, const char **stored, struct err *e)
{
	struct shop *s = ctx;

	s->checked++;
	if (strspn(answer, "0123456789") != strlen(answer))
		return err_set(e, EC_USAGE, "a number");
	*stored = arena_strz(s->mem, answer + strspn(answer, "0"));
	return EC_OK;
}

static const struct wizard_choice fruits[] = {
	{ "apple", "Apples", "red", NULL },
	{ "plum", "Plums", "blue", has_plums },
	{ "pear", "Pears", "green", NULL },
	{ 0 },
};

static const struct wizard_page pages[] = {
	{ .key = "fruit", .kind = WIZARD_CHOICE, .choices = fruits },
	{ .key = "amount", .needed = true, .preset = preset_amount, .check = check_amount },
	{ .key = "bag", .kind = WIZARD_YESNO, .applies = wants_much },
	{ .key = "name", .needed = true },
	{ .key = "note" },
	{ 0 },
};

static void open_shop(struct shop *s)
{
	*s = (struct shop){ .mem = arena_new("test", 1024) };
	wizard_begin(&s->z, pages, s, s->mem);
}

/* Lines parted by '|'; the last thing said. */
static enum wizard_said say(struct shop *s, const char *script, struct err *e)
{
	enum wizard_said said = WIZARD_NEXT;

	for (size_t len; *script; script += len + (script[len] == '|')) {
		len = strcspn(script, "|");
		said = wizard_say(&s->z, arena_str(s->mem, script, len), e);
	}
	return said;
}

static const char *answers(const struct shop *s)
{
	const char *text = "";

	for (const struct wizard_page *p = pages; p->key; p++) {
		const char *a = wizard_answer(&s->z, p->key);
		text = arena_fmt(s->mem, "%s%s%s", text, *text ? " " : "", a ? a : ".");
	}
	return text;
}

static const struct {
	const char *script;
	enum wizard_said said;
	const char *at; /* "": at the end */
	const char *answers;
} scripts[] = {
	{ "", WIZARD_NEXT, "fruit", ". . . . ." },
	{ "apple", WIZARD_NEXT, "amount", "apple . . . ." },
	{ " APPLE \r", WIZARD_NEXT, "amount", "apple . . . ." },
	{ "2", WIZARD_NEXT, "amount", "plum . . . ." },
	{ "4", WIZARD_AGAIN, "fruit", ". . . . ." },
	{ "0", WIZARD_AGAIN, "fruit", ". . . . ." },
	{ "2x", WIZARD_AGAIN, "fruit", ". . . . ." },
	{ "grape", WIZARD_AGAIN, "fruit", ". . . . ." },
	{ "-", WIZARD_AGAIN, "fruit", ". . . . ." },
	{ "apple\x1b[A", WIZARD_AGAIN, "fruit", ". . . . ." },
	{ "?", WIZARD_HELP, "fruit", ". . . . ." },
	{ "!", WIZARD_LEFT, "fruit", ". . . . ." },
	{ "<", WIZARD_AGAIN, "fruit", ". . . . ." },
	/* nothing is the first choice, then the preset, which may depend on what was said */
	{ "|", WIZARD_NEXT, "amount", "apple . . . ." },
	{ "|4", WIZARD_NEXT, "name", "apple 4 . . ." },
	{ "plum||", WIZARD_NEXT, "bag", "plum 20 . . ." },
	{ "apple|many", WIZARD_AGAIN, "amount", "apple . . . ." },
	{ "apple|007", WIZARD_NEXT, "name", "apple 7 . . ." },
	{ "apple|-", WIZARD_AGAIN, "amount", "apple . . . ." },
	/* yes and no */
	{ "plum|20|Y", WIZARD_NEXT, "name", "plum 20 yes . ." },
	{ "plum|20|0", WIZARD_NEXT, "name", "plum 20 no . ." },
	{ "plum|20|maybe", WIZARD_AGAIN, "bag", "plum 20 . . ." },
	/* needed or not */
	{ "apple|1||", WIZARD_AGAIN, "name", "apple 1 . . ." },
	{ "apple|1|kim|-", WIZARD_NEXT, "", "apple 1 . kim " },
	{ "apple|1|kim|a b  c", WIZARD_NEXT, "", "apple 1 . kim a b  c" },
	/* back: over pages that have no place, and what was said is the default */
	{ "apple|1|<", WIZARD_NEXT, "amount", "apple 1 . . ." },
	{ "apple|1|<|<|pear|", WIZARD_NEXT, "amount", "pear 1 . . ." },
	{ "apple|1|kim|<|<||", WIZARD_NEXT, "name", "apple 1 . kim ." },
	/* an answer whose page has fallen away does not count, and is remembered */
	{ "plum|20|yes|<|<|5", WIZARD_NEXT, "name", "plum 5 . . ." },
	{ "plum|20|yes|<|<|5|<|20", WIZARD_NEXT, "bag", "plum 20 yes . ." },
};

static void lines_lead_where_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct shop s;
		struct err e = { 0 };
		open_shop(&s);
		enum wizard_said said = say(&s, scripts[i].script, &e);
		const struct wizard_page *p = wizard_page(&s.z);
		const char *at = p ? p->key : "";
		if (said != scripts[i].said || strcmp(at, scripts[i].at) != 0 ||
		    strcmp(answers(&s), scripts[i].answers) != 0)
			fail_msg("\"%s\": said %d at \"%s\" with \"%s\"", scripts[i].script, said,
				 at, answers(&s));
		assert_int_equal(said == WIZARD_AGAIN, e.text[0] != '\0');
		arena_drop(&s.mem);
	}
}

/* The shop runs out of plums between two looks at the page. */
static void a_choice_may_go(void **state)
{
	struct shop s;
	struct err e;

	(void)state;
	open_shop(&s);
	assert_int_equal(say(&s, "plum|<", &e), WIZARD_NEXT);
	assert_string_equal(wizard_default(&s.z, pages), "plum");
	s.plums_sold_out = true;
	assert_string_equal(wizard_default(&s.z, pages), "apple");
	assert_int_equal(say(&s, "plum", &e), WIZARD_AGAIN);
	assert_non_null(strstr(e.text, "apple, pear"));
	assert_int_equal(say(&s, "2", &e), WIZARD_NEXT);
	assert_true(wizard_is(&s.z, "fruit", "pear")); /* the second of what there is */
	arena_drop(&s.mem);
}

static void each_pass_checks_again(void **state)
{
	struct shop s;
	struct err e;

	(void)state;
	open_shop(&s);
	say(&s, "apple|4|<||", &e);
	assert_int_equal(s.checked, 2);
	arena_drop(&s.mem);
}

static void the_end_opens_again(void **state)
{
	struct shop s;
	struct err e;
	size_t nth, of;

	(void)state;
	open_shop(&s);
	wizard_place(&s.z, &nth, &of);
	assert_int_equal(nth, 1);
	assert_int_equal(of, 4);
	say(&s, "plum|20|yes|kim|-", &e);
	assert_null(wizard_page(&s.z));
	wizard_reopen(&s.z);
	assert_string_equal(wizard_page(&s.z)->key, "note");
	wizard_place(&s.z, &nth, &of);
	assert_int_equal(nth, 5);
	assert_int_equal(of, 5);
	arena_drop(&s.mem);
}

static void long_lines_are_no_answers(void **state)
{
	char line[WIZARD_ANSWER_MAX + 2];
	struct shop s;
	struct err e;

	(void)state;
	open_shop(&s);
	say(&s, "apple|1", &e);
	memset(line, 'x', sizeof(line));
	line[WIZARD_ANSWER_MAX + 1] = '\0';
	assert_int_equal(wizard_say(&s.z, line, &e), WIZARD_AGAIN);
	line[WIZARD_ANSWER_MAX] = '\0';
	assert_int_equal(wizard_say(&s.z, line, &e), WIZARD_NEXT);
	arena_drop(&s.mem);
}

/* ---- a file of answers ---- */

static const struct {
	const char *file;
	enum ec rc;
	const char *says; /* answers, or what is in the error */
} files[] = {
	{ "name = kim\n", EC_OK, "apple 3 . kim " },
	{ "NAME = kim\nfruit = plum\nbag = yes\n", EC_OK, "plum 20 yes kim " },
	{ "name = kim\nname = lee\n", EC_OK, "apple 3 . lee " },
	{ "name = kim\nnote =\nbag =\n", EC_OK, "apple 3 . kim " },
	{ "", EC_USAGE, "these must be answered: name" },
	{ "amount =\n", EC_USAGE, "these must be answered: amount, name" },
	{ "name = kim\namount = x\n", EC_USAGE, "line 2: amount: a number" },
	{ "fruit = grape\n", EC_USAGE, "line 1: fruit: \"grape\" cannot be chosen" },
	{ "# shop\nnmae = kim\n", EC_USAGE, "line 2: nobody asks for \"nmae\"" },
	{ "name = kim\nbag = yes\n", EC_USAGE, "line 2: bag has no place here" },
	{ "fruit = plum\nname = kim\n", EC_USAGE, "bag: answer yes or no" },
};

static void files_answer_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct shop s;
		struct kv kv;
		struct err e = { 0 };
		open_shop(&s);
		assert_int_equal(kv_parse(s.mem, files[i].file, strlen(files[i].file), &kv, &e),
				 EC_OK);
		enum ec rc = wizard_fill(&s.z, &kv, &e);
		const char *says = rc == EC_OK ? answers(&s) : e.text;
		if (rc != files[i].rc || !strstr(says, files[i].says))
			fail_msg("%s: %d %s", files[i].file, rc, says);
		arena_drop(&s.mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_lead_where_they_should),
		cmocka_unit_test(a_choice_may_go),
		cmocka_unit_test(each_pass_checks_again),
		cmocka_unit_test(the_end_opens_again),
		cmocka_unit_test(long_lines_are_no_answers),
		cmocka_unit_test(files_answer_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
