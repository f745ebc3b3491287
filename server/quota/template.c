/* template.c - fills in a template, line by line.
 *
 * Checking is filling in with any words: so nothing can pass the check and fail when it is needed.
 *
 * Header lines are not folded and hold ASCII only, but for Subject, which people write in their language: that one becomes
 * encoded words (RFC 2047) where it must. All other names with foreign letters would need to be taken apart to be encoded
 * rightly, and a warning does not need them. The text goes as it is, in UTF-8.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include "server/base/b64.h"
#include "server/base/utf8.h"
#include "server/quota/template.h"

#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define ENCODED_OCTETS 45 /* 60 characters in base64, 72 with "=?UTF-8?B?" and "?=": below 75 */

static const char *const word_name[WORD_COUNT] = {
	[WORD_MAILBOX] = "mailbox",   [WORD_ACCOUNT] = "account",
	[WORD_PERCENT] = "percent",   [WORD_USED] = "used",
	[WORD_LIMIT] = "limit",       [WORD_MESSAGES] = "messages",
	[WORD_HOSTNAME] = "hostname", [WORD_MESSAGES_LIMIT] = "messages_limit",
	[WORD_DATE] = "date",
};

struct filling {
	const char *const *word;
	const struct template_field *standard;
	size_t n_standard;
	uint32_t has; /* of the standard fields, one bit each */
	unsigned line;
	struct buf *out;
	struct err *e;
};

struct slice {
	const char *p;
	size_t len;
};

/* ---- words ---- */

static const char *find_word(const struct filling *f, struct slice name)
{
	for (int i = 0; i < WORD_COUNT; i++) {
		if (strlen(word_name[i]) == name.len && !memcmp(word_name[i], name.p, name.len))
			return f->word[i];
	}
	return NULL;
}

/* Behind an opening brace. *eaten: what of the rest belongs to it. */
static enum ec fill_word(const struct filling *f, struct slice rest, struct buf *to, size_t *eaten)
{
	size_t n = 0;

	if (rest.len > 0 && *rest.p == '{') {
		buf_add(to, "{", 1);
		*eaten = 1;
		return EC_OK;
	}
	while (n < rest.len && memchr(WORD_CHARS, rest.p[n], sizeof(WORD_CHARS) - 1))
		n++;
	const char *value =
		n < rest.len && rest.p[n] == '}' ? find_word(f, (struct slice){ rest.p, n }) : NULL;
	if (!value)
		return err_set(f->e, EC_USAGE,
			       "line %u: {%.*s%s is nothing that can be filled in; a brace itself "
			       "is written {{",
			       f->line, (int)(n < 40 ? n : 40), rest.p,
			       n < rest.len && rest.p[n] == '}' ? "}" : "");
	buf_addz(to, value);
	*eaten = n + 1;
	return EC_OK;
}

static enum ec fill_words(const struct filling *f, struct slice line, struct buf *to)
{
	enum ec rc = EC_OK;

	while (line.len > 0 && rc == EC_OK) {
		const char *brace = memchr(line.p, '{', line.len);
		size_t plain = brace ? (size_t)(brace - line.p) : line.len, more = 0;

		buf_add(to, line.p, plain);
		if (brace) {
			struct slice rest = { brace + 1, line.len - plain - 1 };

			rc = fill_word(f, rest, to, &more);
			more++;
		}
		line.p += plain + more;
		line.len -= plain + more;
	}
	return rc;
}

/* ---- header ---- */

/* RFC 2047 section 5 (3): no character is cut in two. */
static void add_encoded(struct buf *to, const char *p, size_t len)
{
	char text[B64_ENC_LEN(ENCODED_OCTETS)];
	const char *gap = "";

	while (len > 0) {
		size_t n = 0, step;

		while (n < len && (step = utf8_step(p + n, len - n)) > 0 &&
		       n + step <= ENCODED_OCTETS)
			n += step;
		buf_fmt(to, "%s=?UTF-8?B?%.*s?=", gap, (int)b64_encode(text, p, n), text);
		gap = "\r\n ";
		p += n;
		len -= n;
	}
}

static void note_field(struct filling *f, struct slice name)
{
	for (size_t i = 0; i < f->n_standard; i++) {
		if (strlen(f->standard[i].name) == name.len &&
		    strncasecmp(f->standard[i].name, name.p, name.len) == 0)
			f->has |= 1u << i;
	}
}

/* RFC 5322 section 3.6.8: printable ASCII. */
static size_t field_name_len(struct slice line)
{
	size_t n = 0;

	while (n < line.len && line.p[n] > ' ' && line.p[n] < 127 && line.p[n] != ':')
		n++;
	return n < line.len && line.p[n] == ':' ? n : 0;
}

static enum ec fill_subject(struct filling *f, struct slice value)
{
	struct buf text = { 0 };
	enum ec rc = fill_words(f, value, &text);

	if (rc == EC_OK && ascii_only(buf_at(&text), text.len))
		buf_add(f->out, buf_at(&text), text.len);
	else if (rc == EC_OK)
		add_encoded(f->out, buf_at(&text), text.len);
	buf_drop(&text);
	return rc;
}

static enum ec fill_field(struct filling *f, struct slice line)
{
	struct slice name = { line.p, field_name_len(line) };
	struct slice value = { line.p + name.len + 1, line.len - name.len - 1 };
	enum ec rc;

	if (name.len == 0)
		return err_set(f->e, EC_USAGE,
			       "line %u: expected a header line such as \"Subject: text\", on one "
			       "line, or the empty line in front of the text",
			       f->line);
	bool subject = name.len == 7 && strncasecmp(name.p, "Subject", 7) == 0;
	if (!subject && !ascii_only(value.p, value.len))
		return err_set(
			f->e, EC_USAGE,
			"line %u: of the header lines only Subject may hold other than ASCII",
			f->line);
	while (value.len > 0 && (*value.p == ' ' || *value.p == '\t')) {
		value.p++;
		value.len--;
	}
	note_field(f, name);
	buf_fmt(f->out, "%.*s: ", (int)name.len, name.p);
	rc = subject ? fill_subject(f, value) : fill_words(f, value, f->out);
	buf_add(f->out, "\r\n", 2);
	return rc;
}

static void end_header(struct filling *f)
{
	for (size_t i = 0; i < f->n_standard; i++) {
		if (!(f->has & 1u << i))
			buf_fmt(f->out, "%s: %s\r\n", f->standard[i].name, f->standard[i].value);
	}
	buf_add(f->out, "\r\n", 2);
}

/* ---- lines ---- */

static bool next_line(struct slice *rest, struct slice *line)
{
	const char *lf = memchr(rest->p, '\n', rest->len);
	size_t whole = lf ? (size_t)(lf - rest->p) + 1 : rest->len;

	if (rest->len == 0)
		return false;
	*line = (struct slice){ rest->p, lf ? whole - 1 : whole };
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	rest->p += whole;
	rest->len -= whole;
	return true;
}

static enum ec check_line(const struct filling *f, struct slice line)
{
	if (line.len > TEMPLATE_LINE_MAX)
		return err_set(f->e, EC_USAGE, "line %u: longer than %d octets", f->line,
			       TEMPLATE_LINE_MAX);
	if (!utf8_valid(line.p, line.len))
		return err_set(f->e, EC_USAGE, "line %u: this is not UTF-8", f->line);
	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] != '\t' && has_control(line.p + i, 1))
			return err_set(f->e, EC_USAGE, "line %u: holds a control character",
				       f->line);
	}
	return EC_OK;
}

static enum ec fill_text(const struct filling *f, struct slice line)
{
	enum ec rc = fill_words(f, line, f->out);

	buf_add(f->out, "\r\n", 2);
	return rc;
}

/* Windows editors put a byte order mark in front. */
static struct slice without_mark(const char *text, size_t len)
{
	size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	return (struct slice){ text + mark, len - mark };
}

enum ec template_fill(const char *text, size_t len, const char *const word[WORD_COUNT],
		      const struct template_field *standard, size_t n_standard, struct buf *out,
		      struct err *e)
{
	struct filling f = { word, standard, n_standard, 0, 0, out, e };
	struct slice rest = without_mark(text, len), line;
	bool in_text = false;
	enum ec rc = EC_OK;

	while (rc == EC_OK && next_line(&rest, &line)) {
		f.line++;
		rc = check_line(&f, line);
		if (rc != EC_OK)
			return rc;
		if (in_text) {
			rc = fill_text(&f, line);
		} else if (line.len == 0) {
			end_header(&f);
			in_text = true;
		} else {
			rc = fill_field(&f, line);
		}
	}
	if (rc == EC_OK && !in_text)
		return err_set(e, EC_USAGE,
			       "there is no text: it comes behind the header lines and an empty "
			       "line");
	return rc;
}
