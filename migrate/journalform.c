/* journalform.c - lines of words, each ended by a sum.
 *
 * Text, because after a bad day somebody will read it. The sum tells a line that was cut short, or never came to the disk while its
 * neighbours did, from a whole one; it guards against accidents, not against people.
 *
 * What a crash leaves at the end may be more than one line: writers share a sync, and a disk may have taken the second half of what
 * they wrote together, not the first. All of that was promised to nobody and is cut off. An empty line stands wherever a sync ended,
 * so a bad line with one behind it was on disk once and was damaged since: then nothing is believed. What was damaged behind the last
 * sync cannot be told from what never came to the disk, and counts as that.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "migrate/journalform.h"

#define MAGIC "winpop-migration"
#define VERSION "1"
#define SUM_LEN 16
#define WORDS_MOST 6

enum { HAS_MARK = 1, HAS_KEY = 2, HAS_CHANGED = 4 };

static const struct {
	const char *word;
	unsigned has;
	const char *flag; /* a word that may be added */
} verbs[] = {
	[JOURNAL_INTENT] = { "intent", HAS_MARK, NULL },
	[JOURNAL_MADE] = { "made", HAS_MARK | HAS_KEY | HAS_CHANGED, "new" },
	[JOURNAL_LINKED] = { "linked", HAS_KEY, "registered" },
	[JOURNAL_GONE] = { "gone", 0, NULL },
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* FNV-1a. Every step can be undone, so octets that differ in one place never have the same sum. */
static uint64_t sum_of(const char *p, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* ---- words ---- */

/* An empty word is a '%' alone. UTF-8 stays readable. */
static bool is_plain(unsigned char c)
{
	return c > ' ' && c != '%' && c != 0x7F;
}

static void add_word(struct buf *out, const char *word)
{
	if (!*word)
		buf_addz(out, "%");
	for (; *word; word++) {
		unsigned char c = (unsigned char)*word;
		if (is_plain(c))
			buf_add(out, word, 1);
		else
			buf_fmt(out, "%%%02x", c);
	}
	buf_addz(out, " ");
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "%xx", of an octet that has to be written so: there is one way to write a word. */
static bool take_escape(const char *p, const char *end, char *out)
{
	if (end - p < 3)
		return false;
	int high = hex_digit(p[1]), low = hex_digit(p[2]);
	if (high < 0 || low < 0)
		return false;
	*out = (char)(high << 4 | low);
	return *out != '\0' && !is_plain((unsigned char)*out);
}

struct slice {
	const char *p;
	size_t len;
};

static bool take_word(const struct slice *w, char *out, size_t size)
{
	const char *p = w->p, *end = p + w->len;
	size_t n = 0;

	if (w->len == 1 && *p == '%')
		p = end;
	else if (w->len == 0)
		return false;
	for (; p < end && n + 1 < size; n++) {
		if (*p == '%') {
			if (!take_escape(p, end, &out[n]))
				return false;
			p += 3;
		} else if (is_plain((unsigned char)*p)) {
			out[n] = *p++;
		} else {
			return false;
		}
	}
	out[n] = '\0';
	return p == end;
}

/* How many there are; more than most is one more than that. */
static size_t split(const char *p, size_t len, struct slice *words, size_t most)
{
	const char *end = p + len;
	size_t n = 0;

	while (n < most) {
		const char *blank = memchr(p, ' ', (size_t)(end - p));
		const char *to = blank ? blank : end;
		words[n++] = (struct slice){ p, (size_t)(to - p) };
		if (!blank)
			return n;
		p = blank + 1;
	}
	return most + 1;
}

static bool word_is(const struct slice *w, const char *z)
{
	return w->len == strlen(z) && memcmp(w->p, z, w->len) == 0;
}

/* ---- lines ---- */

/* Behind the last word stands a blank: the sum goes there and is of all before it. */
void journal_seal(struct buf *line, size_t from)
{
	uint64_t sum = sum_of(buf_at(line) + from, line->len - from);

	buf_fmt(line, "%016llx\n", (unsigned long long)sum);
}

/* What is left of a line without its sum and the blank before it. */
static bool unseal(const char *p, size_t *len)
{
	char want[SUM_LEN + 1];

	if (*len < SUM_LEN + 2 || p[*len - SUM_LEN - 1] != ' ')
		return false;
	*len -= SUM_LEN;
	snprintf(want, sizeof(want), "%016llx", (unsigned long long)sum_of(p, *len));
	if (memcmp(p + *len, want, SUM_LEN) != 0)
		return false;
	(*len)--;
	return true;
}

void journal_form_head(struct buf *out, const char *directory)
{
	size_t from = out->len;

	add_word(out, MAGIC);
	add_word(out, VERSION);
	add_word(out, directory);
	journal_seal(out, from);
}

static const char *flag_of(const struct journal_entry *what)
{
	bool on = what->state == JOURNAL_MADE ? what->new_password : what->registered;

	return on ? verbs[what->state].flag : NULL;
}

void journal_form_line(struct buf *out, const struct name *n, const struct journal_entry *what)
{
	char text[NAME_TEXT_MAX + 1];
	size_t from = out->len;

	add_word(out, verbs[what->state].word);
	add_word(out, name_text(n, text));
	if (verbs[what->state].has & HAS_MARK)
		add_word(out, what->mark);
	if (verbs[what->state].has & HAS_KEY)
		add_word(out, what->key);
	if (verbs[what->state].has & HAS_CHANGED)
		add_word(out, what->changed);
	if (flag_of(what))
		add_word(out, flag_of(what));
	journal_seal(out, from);
}

void journal_form_mark(struct buf *out)
{
	buf_addz(out, "\n");
}

static enum journal_state verb_of(const struct slice *w)
{
	for (size_t i = JOURNAL_INTENT; i < VERBS; i++)
		if (word_is(w, verbs[i].word))
			return (enum journal_state)i;
	return JOURNAL_NONE;
}

/* A name is written as name_text gives it, so only that is one. */
static bool take_name(const struct slice *w, struct name *out)
{
	char text[NAME_TEXT_MAX + 1], again[NAME_TEXT_MAX + 1];

	return take_word(w, text, sizeof(text)) &&
	       name_parse(out, text, strlen(text), NAME_FILE, NULL) == EC_OK &&
	       strcmp(text, name_text(out, again)) == 0;
}

static void take_flag(struct journal_entry *out)
{
	out->new_password = out->state == JOURNAL_MADE;
	out->registered = out->state == JOURNAL_LINKED;
}

/* The words of a line that are left to be taken. */
struct rest {
	const struct slice *at, *end;
};

static bool take_next(struct rest *r, bool has, char *out, size_t size)
{
	if (!has)
		return true;
	return r->at < r->end && take_word(r->at++, out, size);
}

static bool take_rest(struct rest *r, struct journal_entry *out)
{
	unsigned has = verbs[out->state].has;
	const char *flag = verbs[out->state].flag;

	if (!take_next(r, has & HAS_MARK, out->mark, sizeof(out->mark)) ||
	    !take_next(r, has & HAS_KEY, out->key, sizeof(out->key)) ||
	    !take_next(r, has & HAS_CHANGED, out->changed, sizeof(out->changed)))
		return false;
	if (r->at < r->end && flag && word_is(r->at, flag)) {
		take_flag(out);
		r->at++;
	}
	return r->at == r->end;
}

bool journal_parse_line(const char *p, size_t len, struct name *n, struct journal_entry *out)
{
	struct slice w[WORDS_MOST];

	*out = (struct journal_entry){ 0 };
	if (!unseal(p, &len))
		return false;
	size_t n_words = split(p, len, w, WORDS_MOST);
	if (n_words < 2 || n_words > WORDS_MOST)
		return false;
	struct rest rest = { w + 2, w + n_words };
	out->state = verb_of(&w[0]);
	return out->state != JOURNAL_NONE && take_name(&w[1], n) && take_rest(&rest, out);
}

/* ---- the whole ---- */

static enum ec other_directory(const struct slice *word, const char *directory, const char *path,
			       struct err *e)
{
	char known[80];

	take_word(word, known, sizeof(known)); /* as much as there is room for */
	return err_set(
		e, EC_REFUSED,
		"%s tells of accounts in another directory (%s): set that one again, or move "
		"the file away to begin anew in %s",
		path, known, directory);
}

static enum ec check_head(const char *p, size_t len, const char *directory, const char *path,
			  struct err *e)
{
	struct slice w[3];
	struct buf want = { 0 };

	if (!unseal(p, &len) || split(p, len, w, 3) != 3 || !word_is(&w[0], MAGIC))
		return err_set(e, EC_BROKEN,
			       "%s does not begin as a journal of migrations: put back a copy of "
			       "it, or move it away to begin anew",
			       path);
	if (!word_is(&w[1], VERSION))
		return err_set(e, EC_BROKEN, "%s is of another version of winpop: use that one",
			       path);
	add_word(&want, directory);
	bool same = want.len == w[2].len + 1 && memcmp(buf_at(&want), w[2].p, w[2].len) == 0;
	buf_drop(&want);
	return same ? EC_OK : other_directory(&w[2], directory, path, e);
}

static enum ec damaged(size_t line, const char *path, struct err *e)
{
	return err_set(e, EC_BROKEN,
		       "%s is damaged in line %zu: put back a copy of it, or move it away to begin "
		       "anew; accounts made so far then count as somebody else's",
		       path, line);
}

/* Of a bad line. One that is good but for its last octet has lost its line end alone, and took that of the empty line behind it: no
 * crash cuts so finely. */
static bool was_on_disk(const char *line, const char *nl, const char *end)
{
	struct journal_entry what;
	struct name n;

	if (memmem(line, (size_t)(end - line), "\n\n", 2))
		return true;
	return nl && journal_parse_line(line, (size_t)(nl - line) - 1, &n, &what);
}

enum ec journal_read(const char *p, size_t len, const char *directory, const char *path,
		     journal_line_fn *fn, void *ctx, size_t *keep, struct err *e)
{
	const char *end = p + len, *nl = len > 0 ? memchr(p, '\n', len) : NULL;
	size_t line = 1;
	enum ec rc = check_head(p, nl ? (size_t)(nl - p) : len, directory, path, e);

	if (rc == EC_OK && !nl)
		rc = damaged(line, path, e);
	if (rc != EC_OK)
		return rc;
	for (const char *at = nl + 1; at < end; at = nl + 1) {
		struct journal_entry what;
		struct name n;

		*keep = (size_t)(at - p);
		line++;
		nl = memchr(at, '\n', (size_t)(end - at));
		if (nl == at)
			continue;
		if (!nl || !journal_parse_line(at, (size_t)(nl - at), &n, &what))
			return was_on_disk(at, nl, end) ? damaged(line, path, e) : EC_OK;
		fn(ctx, &n, &what);
	}
	*keep = len;
	return EC_OK;
}
