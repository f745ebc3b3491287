/* out_text.c - answers as lines: aligned for people, tab-separated for programs.
 *
 * Columns get their width from the first ROWS_LOOKED_AT records, which are kept until then; the
 * rest streams. A later value that is wider pushes its own line out of place, which is a fair price
 * for memory that does not grow with a million mailboxes.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/base/mem.h"
#include "admin/out.h"

#define COLUMNS_MAX 12
#define ROWS_LOOKED_AT 200

struct column {
	const char *key; /* keys are literals of the commands */
	size_t width;
	bool is_number;
};

struct text {
	struct out out;
	FILE *to, *notes;
	enum out_layout layout;
	bool in_list, in_record, any, blank_due;
	struct column columns[COLUMNS_MAX];
	size_t n_columns, at; /* at: next column of this record */
	struct buf kept;      /* rows held back: values, each with its NUL */
	size_t n_kept;
	bool widths_known, heading_shown;
};

static struct text *self(struct out *o)
{
	return (struct text *)o;
}

/* Characters, not octets: names may be UTF-8. */
static size_t width_of(const char *z)
{
	size_t n = 0;

	for (; *z; z++)
		n += ((unsigned char)*z & 0xC0) != 0x80;
	return n;
}

static void put_clean(FILE *f, const char *z, bool lines_too)
{
	for (; *z; z++) {
		bool control = (unsigned char)*z < 0x20 || *z == 0x7F;
		putc(control && !(lines_too && *z == '\n') ? '?' : *z, f);
	}
}

static void put_spaces(FILE *f, size_t n)
{
	while (n-- > 0)
		putc(' ', f);
}

static void separate(struct text *t)
{
	if (t->blank_due)
		putc('\n', t->to);
	t->blank_due = false;
	t->any = true;
}

/* ---- lists ---- */

static void put_cell(struct text *t, size_t i, const char *value)
{
	bool last = i + 1 == t->n_columns;
	size_t width = width_of(value), pad = t->columns[i].width;

	pad = pad > width ? pad - width : 0;
	if (t->layout == OUT_TABS) {
		put_clean(t->to, value, false);
		putc(last ? '\n' : '\t', t->to);
		return;
	}
	if (t->columns[i].is_number)
		put_spaces(t->to, pad);
	put_clean(t->to, value, false);
	if (last)
		putc('\n', t->to);
	else
		put_spaces(t->to, (t->columns[i].is_number ? 0 : pad) + 2);
}

static void put_heading(struct text *t)
{
	if (t->heading_shown || t->layout == OUT_TABS || t->n_columns == 0)
		return;
	for (size_t i = 0; i < t->n_columns; i++)
		put_cell(t, i, t->columns[i].key);
	t->heading_shown = true;
}

static void flush_kept(struct text *t)
{
	const char *p = buf_at(&t->kept), *end = p + t->kept.len;

	if (t->n_columns > 0)
		separate(t);
	put_heading(t);
	for (size_t i = 0; p < end; i = (i + 1) % t->n_columns) {
		put_cell(t, i, p);
		p += strlen(p) + 1;
	}
	buf_drop(&t->kept);
	t->n_kept = 0;
	t->widths_known = true;
}

static void text_list(struct out *o, const char *key)
{
	struct text *t = self(o);

	(void)key;
	assert(!t->in_list);
	t->in_list = true;
	t->n_columns = 0;
	t->n_kept = 0;
	t->widths_known = t->heading_shown = false;
	t->blank_due = t->any;
}

static void text_record(struct out *o)
{
	struct text *t = self(o);

	assert(t->in_list && !t->in_record);
	t->in_record = true;
	t->at = 0;
}

static void keep_cell(struct text *t, struct column *c, const char *value)
{
	size_t width = width_of(value);

	if (width > c->width)
		c->width = width;
	buf_add(&t->kept, value, strlen(value) + 1);
}

/* The first record names the columns; all others have the same ones. */
static struct column *column_of(struct text *t, const char *key, bool is_number)
{
	if (t->at == t->n_columns && t->n_kept == 0 && !t->widths_known) {
		assert(t->n_columns < COLUMNS_MAX);
		t->columns[t->n_columns++] =
			(struct column){ .key = key, .width = strlen(key), .is_number = is_number };
	}
	assert(t->at < t->n_columns && strcmp(t->columns[t->at].key, key) == 0);
	return &t->columns[t->at];
}

static void put_value(struct text *t, const char *key, const char *value, bool is_number)
{
	if (!t->in_record) {
		separate(t);
		fprintf(t->to, t->layout == OUT_TABS ? "%s\t" : "%s: ", key);
		put_clean(t->to, value, false);
		putc('\n', t->to);
		return;
	}
	struct column *c = column_of(t, key, is_number);
	if (t->widths_known)
		put_cell(t, t->at, value);
	else
		keep_cell(t, c, value);
	t->at++;
}

static void text_field(struct out *o, const char *key, const char *value)
{
	put_value(self(o), key, value, false);
}

static void text_number(struct out *o, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%ju", (uintmax_t)value);
	put_value(self(o), key, digits, true);
}

static void text_end(struct out *o)
{
	struct text *t = self(o);

	if (t->in_record) {
		assert(t->at == t->n_columns);
		t->in_record = false;
		if (!t->widths_known && ++t->n_kept == ROWS_LOOKED_AT)
			flush_kept(t);
		return;
	}
	assert(t->in_list);
	if (!t->widths_known)
		flush_kept(t);
	t->in_list = false;
	t->blank_due = t->any;
}

/* ---- sentences ---- */

static void text_say(struct out *o, const char *text)
{
	struct text *t = self(o);
	size_t len = strlen(text);

	separate(t);
	put_clean(t->to, text, true);
	if (len == 0 || text[len - 1] != '\n')
		putc('\n', t->to);
}

static void text_note(struct out *o, const char *text)
{
	struct text *t = self(o);

	fflush(t->to); /* on a terminal both are seen in the order they were said */
	fputs("winpop: note: ", t->notes);
	put_clean(t->notes, text, false);
	putc('\n', t->notes);
}

static enum ec text_close(struct out **o, const struct err *failed, const char *hint, struct err *e)
{
	struct text *t = self(*o);
	enum ec rc = EC_OK;

	(void)failed, (void)hint; /* told on stderr by whoever closes */
	while (t->in_list)
		text_end(*o);
	if (fflush(t->to) != 0 || ferror(t->to))
		rc = err_sys(e, "cannot write the answer");
	buf_drop(&t->kept);
	free(t);
	*o = NULL;
	return rc;
}

struct out *out_text(FILE *to, FILE *notes, enum out_layout layout)
{
	static const struct out_ops ops = {
		.list = text_list,
		.record = text_record,
		.field = text_field,
		.number = text_number,
		.end = text_end,
		.say = text_say,
		.note = text_note,
		.close = text_close,
	};
	struct text *t = mem_new(sizeof(*t));

	*t = (struct text){ .out.ops = &ops, .to = to, .notes = notes, .layout = layout };
	return &t->out;
}
