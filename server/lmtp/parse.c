/* parse.c - LMTP command lines.
 *
 * A cursor walks the text; each small function takes one element of the grammar off the front or
 * leaves the cursor alone and says no. So the grammar can be read off the code, and a text that
 * ends early ends every walk: no function looks behind the last octet.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include "server/base/utf8.h"
#include "server/lmtp/parse.h"

static void advance(struct lm_text *t, size_t n)
{
	t->p += n;
	t->len -= n;
}

static bool take(struct lm_text *t, char c)
{
	if (t->len == 0 || *t->p != c)
		return false;
	advance(t, 1);
	return true;
}

static void skip_blanks(struct lm_text *t)
{
	while (take(t, ' '))
		;
}

static void trim_end(struct lm_text *t)
{
	while (t->len > 0 && t->p[t->len - 1] == ' ')
		t->len--;
}

bool lm_text_is(struct lm_text t, const char *word)
{
	return t.len == strlen(word) && strncasecmp(t.p, word, t.len) == 0;
}

bool lm_parse_line(const char *p, size_t len, struct lm_req *out)
{
	const char *blank = memchr(p, ' ', len);
	size_t n = blank ? (size_t)(blank - p) : len;

	out->verb = (struct lm_text){ p, n };
	out->arg = (struct lm_text){ p + n, len - n };
	skip_blanks(&out->arg);
	trim_end(&out->arg);
	return !has_control(p, len);
}

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_atom(unsigned char c)
{
	return is_alnum(c) || (c != '\0' && strchr(".!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_domain(unsigned char c)
{
	return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* The longest run of characters that `is` allows or that are well-formed UTF-8 above ASCII. */
static struct lm_text take_run(struct lm_text *t, bool (*is)(unsigned char))
{
	struct lm_text run = { t->p, 0 };

	while (t->len > 0) {
		bool high = (unsigned char)*t->p >= 0x80;
		size_t n = high ? utf8_step(t->p, t->len) : is((unsigned char)*t->p);

		if (n == 0)
			break;
		advance(t, n);
		run.len += n;
	}
	return run;
}

/* RFC 5321 Quoted-string; control octets were refused with the line. */
static bool take_quoted(struct lm_text *t, struct lm_text *out)
{
	struct lm_text at = *t;

	if (!take(&at, '"'))
		return false;
	while (at.len > 0 && *at.p != '"') {
		if (take(&at, '\\') && (at.len == 0 || (unsigned char)*at.p >= 0x80))
			return false;
		size_t n = utf8_step(at.p, at.len);
		if (n == 0)
			return false;
		advance(&at, n);
	}
	if (!take(&at, '"'))
		return false;
	*out = (struct lm_text){ t->p, (size_t)(at.p - t->p) };
	*t = at;
	return true;
}

static bool take_literal(struct lm_text *t, struct lm_text *out)
{
	struct lm_text at = *t;

	if (!take(&at, '['))
		return false;
	while (at.len > 0 && (is_domain((unsigned char)*at.p) || *at.p == ':'))
		advance(&at, 1);
	if (!take(&at, ']'))
		return false;
	*out = (struct lm_text){ t->p, (size_t)(at.p - t->p) };
	*t = at;
	return true;
}

/* "@a,@b:" - RFC 5321 appendix F.2: to be accepted and ignored. */
static bool skip_route(struct lm_text *t)
{
	if (t->len == 0 || *t->p != '@')
		return true;
	do {
		if (!take(t, '@') || take_run(t, is_domain).len == 0)
			return false;
	} while (take(t, ','));
	return take(t, ':');
}

static bool take_domain(struct lm_text *t, struct lm_path *out)
{
	out->literal = take_literal(t, &out->domain);
	if (!out->literal)
		out->domain = take_run(t, is_domain);
	return out->domain.len > 0;
}

static bool take_mailbox(struct lm_text *t, struct lm_path *out)
{
	const char *from = t->p;

	if (!take_quoted(t, &out->local))
		out->local = take_run(t, is_atom);
	if (out->local.len == 0)
		return false;
	if (take(t, '@') && !take_domain(t, out))
		return false;
	out->text = (struct lm_text){ from, (size_t)(t->p - from) };
	out->utf8 = !ascii_only(out->text.p, out->text.len);
	return out->text.len <= LM_PATH_MAX;
}

static bool take_lead(struct lm_text *t, const char *lead)
{
	size_t n = strlen(lead);

	if (t->len < n || strncasecmp(t->p, lead, n) != 0)
		return false;
	advance(t, n);
	skip_blanks(t); /* not in the grammar; old senders put a blank here */
	return true;
}

bool lm_parse_path(struct lm_text *arg, const char *lead, struct lm_path *out)
{
	struct lm_text t = *arg;

	*out = (struct lm_path){ .text = { "", 0 }, .local = { "", 0 }, .domain = { "", 0 } };
	if (!take_lead(&t, lead) || !take(&t, '<'))
		return false;
	if (!take(&t, '>') && !(skip_route(&t) && take_mailbox(&t, out) && take(&t, '>')))
		return false;
	if (t.len > 0 && *t.p != ' ')
		return false;
	*arg = t;
	return true;
}

size_t lm_path_local(const struct lm_path *path, char *out)
{
	const char *p = path->local.p, *end = p + path->local.len;
	size_t n = 0;

	if (p == end || *p != '"') {
		memcpy(out, p, path->local.len);
		return path->local.len;
	}
	for (p++, end--; p < end; p++) {
		if (*p == '\\')
			p++;
		out[n++] = *p;
	}
	return n;
}

static bool is_key(unsigned char c)
{
	return is_alnum(c) || c == '-';
}

static bool is_value(unsigned char c)
{
	return c > ' ' && c < 0x7F && c != '=';
}

enum lm_more lm_next_param(struct lm_text *rest, struct lm_param *out)
{
	skip_blanks(rest);
	if (rest->len == 0)
		return LM_PARAMS_END;
	out->key = take_run(rest, is_key);
	if (out->key.len == 0 || !ascii_only(out->key.p, out->key.len))
		return LM_PARAM_BAD;
	out->has_value = take(rest, '=');
	out->value = out->has_value ? take_run(rest, is_value) : (struct lm_text){ "", 0 };
	if (out->has_value && out->value.len == 0)
		return LM_PARAM_BAD;
	return rest->len == 0 || *rest->p == ' ' ? LM_PARAM : LM_PARAM_BAD;
}

bool lm_parse_number(struct lm_text t, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		unsigned digit = (unsigned char)t.p[i] - (unsigned)'0';

		if (digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*out = n;
	return t.len > 0;
}

bool lm_parse_chunk(struct lm_text arg, uint64_t *size, bool *last)
{
	const char *blank = memchr(arg.p, ' ', arg.len);
	struct lm_text number = { arg.p, blank ? (size_t)(blank - arg.p) : arg.len };

	advance(&arg, number.len);
	skip_blanks(&arg);
	*last = arg.len > 0;
	return lm_parse_number(number, size) && (!*last || lm_text_is(arg, "LAST"));
}
