/* test_out.c - the writers: layout, streaming, and one whole JSON object whatever happens. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/out.h"

struct paper {
	FILE *to, *notes;
	char *text, *note_text;
	size_t len, note_len;
};

static void paper_open(struct paper *p)
{
	p->to = open_memstream(&p->text, &p->len);
	p->notes = open_memstream(&p->note_text, &p->note_len);
}

static void paper_close(struct paper *p)
{
	fclose(p->to);
	fclose(p->notes);
}

static void paper_drop(struct paper *p)
{
	free(p->text);
	free(p->note_text);
}

static void put_answer(struct out *o)
{
	out_list(o, "mailboxes");
	out_record(o);
	out_field(o, "name", "kim@example.com");
	out_field_u(o, "messages", 7);
	out_end(o);
	out_record(o);
	out_field(o, "name", "b\xC3\xB6@x.y");
	out_field_u(o, "messages", 12345678901);
	out_end(o);
	out_end(o);
	out_field(o, "domain", "example.com");
	out_field_u(o, "total", 2);
	out_note(o, "mind the %s", "gap");
	out_say(o, "Done.");
}

static char *written(enum out_layout layout, struct paper *p)
{
	paper_open(p);
	struct out *o = out_text(p->to, p->notes, layout);
	put_answer(o);
	assert_int_equal(out_close(&o, NULL, NULL, NULL), EC_OK);
	assert_null(o);
	paper_close(p);
	return p->text;
}

static void text_is_aligned_for_people(void **state)
{
	struct paper p;

	(void)state;
	assert_string_equal(written(OUT_ALIGNED, &p), "name                messages\n"
						      "kim@example.com            7\n"
						      "b\xC3\xB6@x.y           12345678901\n"
						      "\n"
						      "domain: example.com\n"
						      "total: 2\n"
						      "Done.\n" +
							      0);
	assert_string_equal(p.note_text, "winpop: note: mind the gap\n");
	paper_drop(&p);
}

static void text_has_tabs_for_programs(void **state)
{
	struct paper p;

	(void)state;
	assert_string_equal(written(OUT_TABS, &p), "kim@example.com\t7\n"
						   "b\xC3\xB6@x.y\t12345678901\n"
						   "\n"
						   "domain\texample.com\n"
						   "total\t2\n"
						   "Done.\n");
	paper_drop(&p);
}

static void controls_do_not_reach_a_terminal(void **state)
{
	struct paper p;

	(void)state;
	paper_open(&p);
	struct out *o = out_text(p.to, p.notes, OUT_ALIGNED);
	out_field(o, "path", "a\033[2Jb\nc\td");
	out_say(o, "one\ntwo\r");
	out_note(o, "x\ny");
	out_close(&o, NULL, NULL, NULL);
	paper_close(&p);
	assert_string_equal(p.text, "path: a?[2Jb?c?d\none\ntwo?\n");
	assert_string_equal(p.note_text, "winpop: note: x?y\n");
	paper_drop(&p);
}

static void empty_list_leaves_no_trace(void **state)
{
	struct paper p;

	(void)state;
	paper_open(&p);
	struct out *o = out_text(p.to, p.notes, OUT_ALIGNED);
	out_list(o, "domains");
	out_end(o);
	out_field_u(o, "domains", 0);
	out_close(&o, NULL, NULL, NULL);
	paper_close(&p);
	assert_string_equal(p.text, "domains: 0\n");
	paper_drop(&p);
}

/* What a list keeps back must not grow with it: rows come out while it is being written. */
static void long_list_streams(void **state)
{
	enum { ROWS = 5000 };
	struct paper p;

	(void)state;
	paper_open(&p);
	struct out *o = out_text(p.to, p.notes, OUT_ALIGNED);
	out_list(o, "rows");
	for (unsigned i = 0; i < ROWS; i++) {
		out_record(o);
		out_field_u(o, "n", i);
		out_field(o, "word", "w");
		out_end(o);
		fflush(p.to);
		if (i == 1000)
			assert_true(p.len > 900 * 4);
	}
	out_end(o);
	out_close(&o, NULL, NULL, NULL);
	paper_close(&p);
	unsigned n = 0;
	for (const char *c = p.text; *c; c++)
		n += *c == '\n';
	assert_int_equal(n, ROWS + 1);
	paper_drop(&p);
}

static json_t *json_of(struct paper *p, const struct err *failed, bool midway)
{
	paper_open(p);
	struct out *o = out_json(p->to);
	if (midway) {
		out_list(o, "rows");
		out_record(o);
		out_field(o, "a", "\"quoted\" \\ \xFF");
	} else {
		put_answer(o);
	}
	assert_int_equal(out_close(&o, failed, failed ? "try again" : NULL, NULL), EC_OK);
	paper_close(p);
	json_error_t where;
	json_t *j = json_loads(p->text, JSON_REJECT_DUPLICATES, &where);
	if (!j)
		fail_msg("%s in %s", where.text, p->text);
	return j;
}

static void json_holds_everything(void **state)
{
	struct paper p;
	json_t *j = json_of(&p, NULL, false), *boxes = json_object_get(j, "mailboxes");

	(void)state;
	assert_true(json_is_true(json_object_get(j, "ok")));
	assert_int_equal(json_array_size(boxes), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(boxes, 1), "messages")),
			 12345678901);
	assert_int_equal(json_integer_value(json_object_get(j, "total")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(j, "notes"), 0)),
			    "mind the gap");
	assert_string_equal(json_string_value(json_array_get(json_object_get(j, "text"), 0)),
			    "Done.");
	json_decref(j);
	paper_drop(&p);
}

static void json_is_whole_after_a_failure_midway(void **state)
{
	const struct err failed = { .class = EC_ABSENT, .text = "no such thing" };
	struct paper p;
	json_t *j = json_of(&p, &failed, true), *error = json_object_get(j, "error");

	(void)state;
	assert_true(json_is_false(json_object_get(j, "ok")));
	assert_string_equal(json_string_value(json_object_get(error, "class")), "absent");
	assert_string_equal(json_string_value(json_object_get(error, "text")), "no such thing");
	assert_string_equal(json_string_value(json_object_get(error, "hint")), "try again");
	json_decref(j);
	paper_drop(&p);
}

static char *csv_of(struct paper *p, void (*fill)(struct out *o))
{
	paper_open(p);
	struct out *o = out_csv(p->to, p->notes);
	fill(o);
	assert_int_equal(out_close(&o, NULL, NULL, NULL), EC_OK);
	assert_null(o);
	paper_close(p);
	return p->text;
}

static void csv_has_a_table_for_each_list_and_one_for_facts(void **state)
{
	struct paper p;

	(void)state;
	assert_string_equal(csv_of(&p, put_answer), "name,messages\r\n"
						    "kim@example.com,7\r\n"
						    "b\xC3\xB6@x.y,12345678901\r\n"
						    "\r\n"
						    "domain,total,text\r\n"
						    "example.com,2,Done.\r\n");
	assert_string_equal(p.note_text, "winpop: note: mind the gap\n");
	paper_drop(&p);
}

static void facts_before_lists(struct out *o)
{
	out_field(o, "pid", "7");
	out_list(o, "nothing");
	out_end(o);
	out_list(o, "events");
	out_record(o);
	out_field(o, "event", "start");
	out_end(o);
	out_end(o);
}

static void csv_keeps_the_order_of_tables(void **state)
{
	struct paper p;

	(void)state;
	assert_string_equal(csv_of(&p, facts_before_lists), "pid\r\n7\r\n\r\nevent\r\nstart\r\n");
	paper_drop(&p);
}

/* One value each, and what becomes of it. */
static const struct {
	const char *value, *csv;
} csv_values[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "two words", "two words" },
	{ " led by a blank", "\" led by a blank\"" },
	{ "a,b", "\"a,b\"" },
	{ "say \"hi\"", "\"say \"\"hi\"\"\"" },
	{ "one\ntwo", "\"one\ntwo\"" },
	{ "a\033[2J\tb\r", "\"a?[2J?b?\"" },
	/* names of mailboxes, as they are */
	{ "-kim@example.com", "-kim@example.com" },
	{ "+4912345@example.com", "+4912345@example.com" },
	{ "-", "-" },
	/* formulas that reach further than their sheet */
	{ "=HYPERLINK(A1)", "'=HYPERLINK(A1)" },
	{ "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0" },
	{ "@SUM(1,2)", "\"'@SUM(1,2)\"" },
	{ "+'\\\\host\\[x.xls]y'!A1", "'+'\\\\host\\[x.xls]y'!A1" },
	{ "-1+'file:///x'#A1", "'-1+'file:///x'#A1" },
	/* no formula, whatever is in it */
	{ "a=HYPERLINK(A1)", "a=HYPERLINK(A1)" },
};

static void csv_values_are_quoted_and_no_formulas(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(csv_values) / sizeof(csv_values[0]); i++) {
		char line[200];
		struct paper p;
		paper_open(&p);
		struct out *o = out_csv(p.to, p.notes);
		out_field(o, "v", csv_values[i].value);
		out_close(&o, NULL, NULL, NULL);
		paper_close(&p);
		snprintf(line, sizeof(line), "v\r\n%s\r\n", csv_values[i].csv);
		assert_string_equal(p.text, line);
		paper_drop(&p);
	}
}

static void csv_is_whole_after_a_failure_midway(void **state)
{
	const struct err failed = { .class = EC_ABSENT, .text = "no such thing" };
	struct paper p;

	(void)state;
	paper_open(&p);
	struct out *o = out_csv(p.to, p.notes);
	out_list(o, "rows");
	out_record(o);
	out_field(o, "a", "1");
	assert_int_equal(out_close(&o, &failed, "try again", NULL), EC_OK);
	paper_close(&p);
	assert_string_equal(p.text, "a\r\n1\r\n");
	paper_drop(&p);
}

static void full_disk_is_told(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct out *o = out_text(full, stderr, OUT_TABS);
	struct err e;

	(void)state;
	out_say(o, "lost");
	assert_int_equal(out_close(&o, NULL, NULL, &e), EC_TEMP);
	fclose(full);
	full = fopen("/dev/full", "w");
	o = out_json(full);
	assert_int_equal(out_close(&o, NULL, NULL, &e), EC_TEMP);
	fclose(full);
	full = fopen("/dev/full", "w");
	o = out_csv(full, stderr);
	out_say(o, "lost");
	assert_int_equal(out_close(&o, NULL, NULL, &e), EC_TEMP);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_aligned_for_people),
		cmocka_unit_test(text_has_tabs_for_programs),
		cmocka_unit_test(controls_do_not_reach_a_terminal),
		cmocka_unit_test(empty_list_leaves_no_trace),
		cmocka_unit_test(long_list_streams),
		cmocka_unit_test(json_holds_everything),
		cmocka_unit_test(json_is_whole_after_a_failure_midway),
		cmocka_unit_test(csv_has_a_table_for_each_list_and_one_for_facts),
		cmocka_unit_test(csv_keeps_the_order_of_tables),
		cmocka_unit_test(csv_values_are_quoted_and_no_formulas),
		cmocka_unit_test(csv_is_whole_after_a_failure_midway),
		cmocka_unit_test(full_disk_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
