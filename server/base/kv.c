/* kv.c - `key = value` lines: parse, look up, edit in place.
 *
 * Editing works on the text, not on the parsed form, because an administrator's comments and order
 * are worth more than our formatting. Both sides cut lines with the same functions, so that what
 * the editor finds is what the parser saw.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>
#include "server/base/buf.h"
#include "server/base/kv.h"
#include "server/base/utf8.h"

#define LINE_MAX_BYTES 4096

struct slice {
	const char *p;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(const char *p, size_t len)
{
	while (len > 0 && is_blank(*p)) {
		p++;
		len--;
	}
	while (len > 0 && is_blank(p[len - 1]))
		len--;
	return (struct slice){ p, len };
}

/* The next line without its end; *rest moves behind the end, which is LF or CRLF or the text's. */
static struct slice next_line(struct slice *rest)
{
	const char *lf = memchr(rest->p, '\n', rest->len);
	struct slice line = { rest->p, lf ? (size_t)(lf - rest->p) : rest->len };
	size_t whole = line.len + (lf ? 1 : 0);

	rest->p += whole;
	rest->len -= whole;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Windows editors put a byte order mark in front. */
static void skip_bom(struct slice *text)
{
	if (text->len >= 3 && memcmp(text->p, "\xEF\xBB\xBF", 3) == 0) {
		text->p += 3;
		text->len -= 3;
	}
}

static bool is_key(struct slice key)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";

	for (size_t i = 0; i < key.len; i++) {
		if (!memchr(allowed, key.p[i], sizeof(allowed) - 1))
			return false;
	}
	return key.len > 0;
}

/* Splits at the first '='; false for blank lines, comments and lines without one. */
static bool split(struct slice line, struct slice *key, struct slice *value)
{
	struct slice t = trim(line.p, line.len);
	const char *eq = t.len > 0 && *t.p != '#' ? memchr(t.p, '=', t.len) : NULL;

	if (!eq)
		return false;
	*key = trim(t.p, (size_t)(eq - t.p));
	*value = trim(eq + 1, t.len - (size_t)(eq + 1 - t.p));
	return true;
}

static bool has_foreign_octet(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] != '\t' && has_control(line.p + i, 1))
			return true;
	}
	return false;
}

/* "a \"b\" c" without its quotes and backslashes; NULL if they do not close or escape properly. */
static char *unquote(struct arena *a, struct slice v)
{
	char *out = arena_alloc(a, v.len), *o = out;
	size_t i = 1;

	for (; i < v.len && v.p[i] != '"'; i++) {
		if (v.p[i] == '\\') {
			i++;
			if (i == v.len || (v.p[i] != '"' && v.p[i] != '\\'))
				return NULL;
		}
		*o++ = v.p[i];
	}
	return i + 1 == v.len ? out : NULL;
}

static enum ec parse_line(struct arena *a, struct slice line, struct kv_line *out, struct err *e)
{
	struct slice key, value;

	if (!split(line, &key, &value))
		return err_set(e, EC_USAGE, "line %u: expected key = value", out->line);
	if (!is_key(key))
		return err_set(e, EC_USAGE,
			       "line %u: the key may hold letters, digits, '_', '-' and '.' only",
			       out->line);
	out->key = arena_str(a, key.p, key.len);
	out->value = value.len > 0 && *value.p == '"' ? unquote(a, value)
						      : arena_str(a, value.p, value.len);
	if (!out->value)
		return err_set(e, EC_USAGE,
			       "line %u: %s: the quoted value must end in \" and may use only \\\" "
			       "and \\\\",
			       out->line, out->key);
	return EC_OK;
}

static size_t count_lines(struct slice text)
{
	size_t n = 0;

	while (text.len > 0) {
		next_line(&text);
		n++;
	}
	return n;
}

enum ec kv_parse(struct arena *a, const char *p, size_t len, struct kv *out, struct err *e)
{
	struct slice rest = { p, len };
	enum ec rc = EC_OK;
	unsigned number = 0;

	skip_bom(&rest);
	*out = (struct kv){ .lines = arena_alloc(a, count_lines(rest) * sizeof(*out->lines)) };
	while (rest.len > 0 && rc == EC_OK) {
		struct slice line = next_line(&rest), t = trim(line.p, line.len);
		struct kv_line *l = &out->lines[out->n];

		l->line = ++number;
		if (line.len > LINE_MAX_BYTES)
			return err_set(e, EC_USAGE, "line %u: longer than %d octets", number,
				       LINE_MAX_BYTES);
		if (has_foreign_octet(line))
			return err_set(e, EC_USAGE, "line %u: holds a control character", number);
		if (t.len == 0 || *t.p == '#')
			continue;
		rc = parse_line(a, line, l, e);
		out->n++;
	}
	return rc;
}

const char *kv_get(const struct kv *kv, const char *key)
{
	for (size_t i = kv->n; i-- > 0;) {
		if (strcasecmp(kv->lines[i].key, key) == 0)
			return kv->lines[i].value;
	}
	return NULL;
}

static bool needs_quotes(const char *value, size_t len)
{
	return len == 0 || *value == '"' || is_blank(value[0]) || is_blank(value[len - 1]);
}

static void add_value(struct buf *b, const char *value)
{
	size_t len = strlen(value);

	if (!needs_quotes(value, len)) {
		buf_add(b, value, len);
		return;
	}
	buf_add(b, "\"", 1);
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_add(b, "\\", 1);
		buf_add(b, p, 1);
	}
	buf_add(b, "\"", 1);
}

/* The last line that sets key; empty at the end of the text if none does. */
static struct slice find_line(struct slice text, const char *key)
{
	struct slice found = { text.p + text.len, 0 }, k, v;
	size_t key_len = strlen(key);

	skip_bom(&text);
	while (text.len > 0) {
		struct slice line = next_line(&text);
		if (split(line, &k, &v) && k.len == key_len && !strncasecmp(k.p, key, key_len))
			found = line;
	}
	return found;
}

char *kv_edit(struct arena *a, const char *text, size_t len, const char *key, const char *value)
{
	struct slice line = find_line((struct slice){ text, len }, key);
	size_t before = line.len > 0 ? (size_t)(line.p - text) : len;
	struct buf b = { 0 };

	for (const char *p = value; *p; p++)
		assert(*p == '\t' || !has_control(p, 1));
	buf_add(&b, text, before);
	if (line.len == 0 && len > 0 && text[len - 1] != '\n')
		buf_add(&b, "\n", 1);
	buf_fmt(&b, "%s = ", key);
	add_value(&b, value);
	if (line.len > 0)
		buf_add(&b, line.p + line.len, len - before - line.len);
	else
		buf_add(&b, "\n", 1);

	char *out = arena_str(a, buf_at(&b), b.len);
	buf_wipe(&b);
	return out;
}
