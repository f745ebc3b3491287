/* wizard.c - see wizard.h.
 *
 * The whole state is the answers and a place among the pages. Whether a page has its place is asked of it anew each time, so
 * nothing has to be undone when an earlier answer changes: the answers of pages that fall away are kept, and do not count.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "admin/wizard.h"

static bool applies(const struct wizard *z, const struct wizard_page *p)
{
	return !p->applies || p->applies(z->ctx);
}

static size_t next_from(const struct wizard *z, size_t at)
{
	while (at < z->n && !applies(z, &z->pages[at]))
		at++;
	return at;
}

void wizard_begin(struct wizard *z, const struct wizard_page *pages, void *ctx, struct arena *mem)
{
	*z = (struct wizard){ .pages = pages, .ctx = ctx, .mem = mem };
	while (pages[z->n].key)
		z->n++;
	assert(z->n <= WIZARD_PAGES_MAX);
	z->at = next_from(z, 0);
}

const struct wizard_page *wizard_page(const struct wizard *z)
{
	return z->at < z->n ? &z->pages[z->at] : NULL;
}

/* ---- what has been said ---- */

static size_t index_of(const struct wizard *z, const char *key)
{
	size_t i = 0;

	while (i < z->n && strcasecmp(z->pages[i].key, key) != 0)
		i++;
	return i;
}

const char *wizard_answer(const struct wizard *z, const char *key)
{
	size_t i = index_of(z, key);

	assert(i < z->n);
	return applies(z, &z->pages[i]) ? z->answers[i] : NULL;
}

bool wizard_is(const struct wizard *z, const char *key, const char *answer)
{
	const char *have = wizard_answer(z, key);

	return have && strcmp(have, answer) == 0;
}

bool wizard_yes(const struct wizard *z, const char *key)
{
	return wizard_is(z, key, "yes");
}

void wizard_place(const struct wizard *z, size_t *nth, size_t *of)
{
	*nth = *of = 0;
	for (size_t i = 0; i < z->n; i++) {
		if (!applies(z, &z->pages[i]))
			continue;
		*nth += i <= z->at;
		++*of;
	}
}

/* ---- choices ---- */

bool wizard_offers(const struct wizard *z, const struct wizard_choice *c)
{
	return !c->offered || c->offered(z->ctx);
}

static const struct wizard_choice *find_choice(const struct wizard *z, const struct wizard_page *p,
					       const char *word)
{
	for (const struct wizard_choice *c = p->choices; c->word; c++) {
		if (strcasecmp(c->word, word) == 0 && wizard_offers(z, c))
			return c;
	}
	return NULL;
}

/* The numbers of what is on offer: what is not has none. */
static const struct wizard_choice *nth_choice(const struct wizard *z, const struct wizard_page *p,
					      unsigned long nth)
{
	for (const struct wizard_choice *c = p->choices; c->word; c++) {
		if (wizard_offers(z, c) && nth-- == 1)
			return c;
	}
	return NULL;
}

static const char *offered_words(const struct wizard *z, const struct wizard_page *p)
{
	const char *text = "";

	for (const struct wizard_choice *c = p->choices; c->word; c++) {
		if (wizard_offers(z, c))
			text = arena_fmt(z->mem, "%s%s%s", text, *text ? ", " : "", c->word);
	}
	return text;
}

static enum ec read_choice(const struct wizard *z, const struct wizard_page *p, const char *answer,
			   const char **out, struct err *e)
{
	const struct wizard_choice *c = find_choice(z, p, answer);

	if (!c && answer[strspn(answer, "0123456789")] == '\0')
		c = nth_choice(z, p, strtoul(answer, NULL, 10));
	if (!c)
		return err_set(e, EC_USAGE, "\"%.40s\" cannot be chosen here: choose one of %s",
			       answer, offered_words(z, p));
	*out = c->word;
	return EC_OK;
}

/* ---- answers ---- */

static const char *preset(const struct wizard *z, const struct wizard_page *p)
{
	const char *text = z->answers[p - z->pages];

	if (!text)
		text = p->preset ? p->preset(z->ctx) : "";
	return text ? text : "";
}

/* Earlier answers may have taken an old choice away. */
const char *wizard_default(const struct wizard *z, const struct wizard_page *p)
{
	const char *text = preset(z, p);
	const struct wizard_choice *c;

	if (p->kind != WIZARD_CHOICE || find_choice(z, p, text))
		return text;
	c = nth_choice(z, p, 1);
	return c ? c->word : "";
}

static enum ec read_yesno(const char *answer, const char **out, struct err *e)
{
	static const char *const words[2][3] = { { "no", "n", "0" }, { "yes", "y", "1" } };

	for (size_t i = 0; i < 6; i++) {
		if (strcasecmp(answer, words[i / 3][i % 3]) == 0) {
			*out = words[i / 3][0];
			return EC_OK;
		}
	}
	return err_set(e, EC_USAGE, "answer yes or no");
}

static bool is_needed(const struct wizard *z, const struct wizard_page *p)
{
	return p->needed && !(p->spares && p->spares(z->ctx));
}

static enum ec read_kind(const struct wizard *z, const struct wizard_page *p, const char *answer,
			 const char **out, struct err *e)
{
	*out = answer;
	if (p->kind == WIZARD_CHOICE)
		return read_choice(z, p, answer, out, e);
	if (p->kind == WIZARD_YESNO)
		return read_yesno(answer, out, e);
	if (!*answer && is_needed(z, p))
		return err_set(e, EC_USAGE, "this must be answered");
	return EC_OK;
}

static enum ec take(struct wizard *z, const struct wizard_page *p, const char *answer,
		    struct err *e)
{
	const char *stored;
	enum ec rc = read_kind(z, p, answer, &stored, e);

	if (rc == EC_OK && p->check)
		rc = p->check(z->ctx, stored, &stored, e);
	if (rc == EC_OK)
		z->answers[p - z->pages] = arena_strz(z->mem, stored);
	return rc;
}

/* ---- what is typed ---- */

static const char *trimmed(struct arena *mem, const char *line)
{
	size_t len;

	line += strspn(line, " \t");
	len = strlen(line);
	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		len--;
	return arena_str(mem, line, len);
}

static enum wizard_said go_back(struct wizard *z, struct err *e)
{
	for (size_t i = z->at; i-- > 0;) {
		if (applies(z, &z->pages[i])) {
			z->at = i;
			return WIZARD_NEXT;
		}
	}
	err_set(e, EC_USAGE, "this is the first page");
	return WIZARD_AGAIN;
}

void wizard_reopen(struct wizard *z)
{
	z->at = z->n;
	go_back(z, NULL);
}

static bool is_clean(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			return false;
	}
	return true;
}

static enum ec answer(struct wizard *z, const char *text, struct err *e)
{
	const struct wizard_page *p = wizard_page(z);

	if (strlen(text) > WIZARD_ANSWER_MAX || !is_clean(text))
		return err_set(e, EC_USAGE, "this cannot be an answer: too long, or not text");
	if (!*text)
		text = wizard_default(z, p);
	else if (strcmp(text, "-") == 0)
		text = "";
	return take(z, p, text, e);
}

enum wizard_said wizard_say(struct wizard *z, const char *line, struct err *e)
{
	const char *text = trimmed(z->mem, line);

	assert(wizard_page(z));
	if (strcmp(text, "?") == 0)
		return WIZARD_HELP;
	if (strcmp(text, "!") == 0)
		return WIZARD_LEFT;
	if (strcmp(text, "<") == 0)
		return go_back(z, e);
	if (answer(z, text, e) != EC_OK)
		return WIZARD_AGAIN;
	z->at = next_from(z, z->at + 1);
	return WIZARD_NEXT;
}

/* ---- a file of answers ---- */

/* The last line with that key counts, as in every such file. */
static const struct kv_line *find_line(const struct kv *answers, const char *key)
{
	const struct kv_line *found = NULL;

	for (size_t i = 0; i < answers->n; i++) {
		if (strcasecmp(answers->lines[i].key, key) == 0)
			found = &answers->lines[i];
	}
	return found;
}

static enum ec check_known(const struct wizard *z, const struct kv *answers, struct err *e)
{
	for (size_t i = 0; i < answers->n; i++) {
		const struct kv_line *l = &answers->lines[i];
		if (index_of(z, l->key) == z->n)
			return err_set(e, EC_USAGE, "line %u: nobody asks for \"%.40s\"", l->line,
				       l->key);
	}
	return EC_OK;
}

static enum ec check_used(const struct wizard *z, const struct kv *answers, struct err *e)
{
	for (size_t i = 0; i < answers->n; i++) {
		const struct kv_line *l = &answers->lines[i];
		if (*l->value && !wizard_answer(z, l->key))
			return err_set(e, EC_USAGE,
				       "line %u: %s has no place here, as the other answers and "
				       "this computer are",
				       l->line, l->key);
	}
	return EC_OK;
}

static enum ec fill_page(struct wizard *z, const struct wizard_page *p, const struct kv_line *l,
			 struct err *e)
{
	struct err why;
	enum ec rc = take(z, p, l ? l->value : wizard_default(z, p), &why);

	if (rc == EC_OK)
		return EC_OK;
	return l ? err_set(e, rc, "line %u: %s: %s", l->line, p->key, why.text)
		 : err_set(e, rc, "%s: %s", p->key, why.text);
}

static bool is_missing(const struct wizard *z, const struct wizard_page *p, const struct kv_line *l)
{
	const char *text = l ? l->value : wizard_default(z, p);

	return p->kind == WIZARD_TEXT && !*text && is_needed(z, p);
}

enum ec wizard_fill(struct wizard *z, const struct kv *answers, struct err *e)
{
	const char *missing = "";
	enum ec rc = check_known(z, answers, e);

	while (rc == EC_OK && wizard_page(z)) {
		const struct wizard_page *p = wizard_page(z);
		const struct kv_line *l = find_line(answers, p->key);
		if (is_missing(z, p, l))
			missing =
				arena_fmt(z->mem, "%s%s%s", missing, *missing ? ", " : "", p->key);
		else
			rc = fill_page(z, p, l, e);
		z->at = next_from(z, z->at + 1);
	}
	if (rc == EC_OK)
		rc = check_used(z, answers, e);
	if (rc == EC_OK && *missing)
		rc = err_set(e, EC_USAGE, "these must be answered: %s", missing);
	return rc;
}
