/* out_csv.c - answers as comma-separated values (RFC 4180).
 *
 * A list is a table with a heading; facts beside it are a table of one row; an empty line separates tables, as in text for
 * programs. So `winpop list --csv` is one table that any reader takes. Tables stream; facts are kept until they are complete,
 * since the heading comes first. Notes and errors are no data: they are on standard error.
 *
 * A spreadsheet takes a value that begins with = + - @ for a formula, and some values were written by strangers (texts of a
 * directory's server). A formula that reaches out of its sheet - to a function, another program, another file - needs one of
 * ( | [ \ : / for that; such a value gets an apostrophe in front. No name of a mailbox can hold one of these, so names come out
 * as they are: a program that reads them must not get another mailbox's.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/base/mem.h"
#include "admin/out.h"

/* Heading and values of one row, in the making. */
struct row {
	struct buf keys, values;
	bool any;
};

struct csv {
	struct out out;
	FILE *to, *notes;
	bool in_list, in_record, heading_shown;
	bool any; /* a table before this one */
	struct row record, facts;
	struct buf said;
};

static struct csv *self(struct out *o)
{
	return (struct csv *)o;
}

static bool is_formula(const char *value)
{
	return *value && strchr("=+-@", *value) && strpbrk(value, "(|[\\:/");
}

static void put_quoted(struct buf *b, const char *guard, const char *value)
{
	buf_fmt(b, "\"%s", guard);
	for (const char *p = value; *p; p++) {
		bool control = ((unsigned char)*p < 0x20 && *p != '\n') || *p == 0x7F;
		buf_addz(b, *p == '"' ? "\"" : "");
		buf_add(b, control ? "?" : p, 1);
	}
	buf_addz(b, "\"");
}

/* Quotes that nothing asks for are left out: what people see is easier to read. */
static bool is_plain(const char *value)
{
	for (const char *p = value; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7F || *p == ',' || *p == '"')
			return false;
	}
	return *value != ' ' && (*value == '\0' || value[strlen(value) - 1] != ' ');
}

static void put_value(struct buf *b, const char *value)
{
	const char *guard = is_formula(value) ? "'" : "";

	if (is_plain(value))
		buf_fmt(b, "%s%s", guard, value);
	else
		put_quoted(b, guard, value);
}

static void row_add(struct row *r, const char *key, const char *value)
{
	if (r->any) {
		buf_addz(&r->keys, ",");
		buf_addz(&r->values, ",");
	}
	r->any = true;
	put_value(&r->keys, key);
	put_value(&r->values, value);
}

static void put_line(struct csv *c, struct buf *line)
{
	fwrite(buf_at(line), 1, line->len, c->to);
	fputs("\r\n", c->to);
}

static void row_put(struct csv *c, struct row *r, bool with_heading)
{
	if (with_heading && c->any)
		fputs("\r\n", c->to);
	if (with_heading)
		put_line(c, &r->keys);
	put_line(c, &r->values);
	buf_drop(&r->keys);
	buf_drop(&r->values);
	r->any = false;
	c->any = true;
}

static void put_facts(struct csv *c)
{
	if (c->facts.any)
		row_put(c, &c->facts, true);
}

static void csv_list(struct out *o, const char *key)
{
	struct csv *c = self(o);

	(void)key;
	assert(!c->in_list);
	put_facts(c);
	c->in_list = true;
	c->heading_shown = false;
}

static void csv_record(struct out *o)
{
	struct csv *c = self(o);

	assert(c->in_list && !c->in_record);
	c->in_record = true;
}

static void csv_field(struct out *o, const char *key, const char *value)
{
	struct csv *c = self(o);

	assert(c->in_record || !c->in_list);
	row_add(c->in_record ? &c->record : &c->facts, key, value);
}

static void csv_number(struct out *o, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%ju", (uintmax_t)value);
	csv_field(o, key, digits);
}

static void csv_end(struct out *o)
{
	struct csv *c = self(o);

	assert(c->in_list);
	if (!c->in_record) {
		c->in_list = false;
		return;
	}
	c->in_record = false;
	if (!c->record.any)
		return;
	row_put(c, &c->record, !c->heading_shown);
	c->heading_shown = true;
}

static void csv_say(struct out *o, const char *text)
{
	struct csv *c = self(o);

	buf_fmt(&c->said, "%s%s", c->said.len > 0 ? "\n" : "", text);
}

static void csv_note(struct out *o, const char *text)
{
	struct csv *c = self(o);

	fflush(c->to);
	fputs("winpop: note: ", c->notes);
	for (; *text; text++)
		putc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, c->notes);
	putc('\n', c->notes);
}

static void put_said(struct csv *c)
{
	if (c->said.len == 0)
		return;
	char *text = buf_take(&c->said);
	row_add(&c->facts, "text", text);
	free(text);
}

static enum ec csv_close(struct out **o, const struct err *failed, const char *hint, struct err *e)
{
	struct csv *c = self(*o);
	enum ec rc = EC_OK;

	(void)failed, (void)hint; /* told on stderr by whoever closes */
	while (c->in_list)
		csv_end(*o);
	put_said(c);
	put_facts(c);
	if (fflush(c->to) != 0 || ferror(c->to))
		rc = err_sys(e, "cannot write the answer");
	free(c);
	*o = NULL;
	return rc;
}

struct out *out_csv(FILE *to, FILE *notes)
{
	static const struct out_ops ops = {
		.list = csv_list,
		.record = csv_record,
		.field = csv_field,
		.number = csv_number,
		.end = csv_end,
		.say = csv_say,
		.note = csv_note,
		.close = csv_close,
	};
	struct csv *c = mem_new(sizeof(*c));

	*c = (struct csv){ .out.ops = &ops, .to = to, .notes = notes };
	return &c->out;
}
