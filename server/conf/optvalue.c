/* optvalue.c - one setting's value: text to checked text, checked text to snapshot, snapshot to
 * text.
 *
 * Everything goes through text, defaults included, so that a value has one spelling in the file, in
 * `winpop get` and in comparisons for reload.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/amount.h"
#include "server/base/arena.h"
#include "server/base/utf8.h"
#include "server/conf/options.h"

static const char *const authn_names[] = {
	[AUTHN_AD] = "ad",
	[AUTHN_LOCAL] = "local",
	[AUTHN_FILE] = "file",
};
#define N_AUTHN 3

/* What the original offers by role, and under which number; 0 = not offered. */
static const unsigned char authn_numbers[][N_AUTHN] = {
	[ROLE_STANDALONE] = { [AUTHN_LOCAL] = 1, [AUTHN_FILE] = 2 },
	[ROLE_MEMBER] = { [AUTHN_AD] = 1, [AUTHN_LOCAL] = 2, [AUTHN_FILE] = 3 },
	[ROLE_DC] = { [AUTHN_AD] = 1, [AUTHN_FILE] = 2 },
};

unsigned authn_number(enum authentication m, enum host_role role)
{
	return authn_numbers[role][m];
}

/* ---- words: "a|b|c" ---- */

/* Place of value in words, any case; -1 if it is none of them. */
static int word_index(const char *words, const char *value)
{
	size_t len = strlen(value);

	for (int i = 0;; i++) {
		size_t n = strcspn(words, "|");
		if (n == len && strncasecmp(words, value, n) == 0)
			return i;
		if (words[n] == '\0')
			return -1;
		words += n + 1;
	}
}

static const char *word_at(struct arena *a, const char *words, unsigned index)
{
	while (index-- > 0) {
		words += strcspn(words, "|");
		assert(*words == '|');
		words++;
	}
	return arena_str(a, words, strcspn(words, "|"));
}

/* ---- numbers ---- */

/* Digits only, no sign, no blanks; false too if it does not fit. */
static bool take_plain(const char *z, uint64_t *out)
{
	const char *p = z;

	for (*out = 0; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*p - '0'), out))
			return false;
	}
	return p > z && *p == '\0';
}

static const char *bytes_text(struct arena *a, uint64_t n)
{
	char text[AMOUNT_TEXT_MAX];

	return arena_strz(a, amount_text(n, text));
}

static enum ec check_uint(struct arena *a, const struct option *o, const char *value,
			  const char **stored, struct err *e)
{
	uint64_t n;

	if (!take_plain(value, &n) || n < o->min || n > o->max)
		return err_set(e, EC_USAGE, "%s: expected a number from %" PRIu64 " to %" PRIu64,
			       o->name, o->min, o->max);
	*stored = arena_fmt(a, "%" PRIu64, n);
	return EC_OK;
}

static enum ec check_bytes(struct arena *a, const struct option *o, const char *value,
			   const char **stored, struct err *e)
{
	uint64_t n;

	if (!amount_parse(value, &n) || n < o->min || n > o->max)
		return err_set(e, EC_USAGE,
			       "%s: expected %s to %s octets, as 500000, 64K, 100M or 2G", o->name,
			       bytes_text(a, o->min), bytes_text(a, o->max));
	*stored = bytes_text(a, n);
	return EC_OK;
}

static enum ec check_expire(struct arena *a, const struct option *o, const char *value,
			    const char **stored, struct err *e)
{
	uint64_t n;

	*stored = "never";
	if (strcasecmp(value, "never") == 0)
		return EC_OK;
	if (!take_plain(value, &n) || n > o->max)
		return err_set(e, EC_USAGE, "%s: expected never or 0 to %" PRIu64 " days", o->name,
			       o->max);
	*stored = arena_fmt(a, "%" PRIu64, n);
	return EC_OK;
}

/* ---- words and texts ---- */

static enum ec check_bool(const struct option *o, const char *value, const char **stored,
			  struct err *e)
{
	bool yes = strcmp(value, "1") == 0 || strcasecmp(value, "yes") == 0;
	bool no = strcmp(value, "0") == 0 || strcasecmp(value, "no") == 0;

	if (!yes && !no)
		return err_set(e, EC_USAGE, "%s: expected yes (1) or no (0)", o->name);
	*stored = yes ? "yes" : "no";
	return EC_OK;
}

static enum ec check_word(struct arena *a, const struct option *o, const char *value,
			  const char **stored, struct err *e)
{
	int i = word_index(o->words, value);

	if (i < 0)
		return err_set(e, EC_USAGE, "%s: expected one of %s", o->name, o->words);
	*stored = word_at(a, o->words, (unsigned)i);
	return EC_OK;
}

static size_t count_chars(const char *z)
{
	size_t n = 0;

	for (; *z; z++)
		n += ((unsigned char)*z & 0xC0) != 0x80;
	return n;
}

static enum ec check_text(struct arena *a, const struct option *o, const char *value,
			  const char **stored, struct err *e)
{
	struct err inner;
	size_t len = strlen(value);

	if (!utf8_valid(value, len) || has_control(value, len))
		return err_set(e, EC_USAGE, "%s: must be UTF-8 without control characters",
			       o->name);
	if (len == 0 && o->min > 0)
		return err_set(e, EC_USAGE, "%s: must not be empty", o->name);
	if (count_chars(value) > o->max)
		return err_set(e, EC_USAGE, "%s: longer than %" PRIu64 " characters", o->name,
			       o->max);
	if (o->extra && o->extra(value, &inner) != EC_OK)
		return err_set(e, inner.class, "%s: %s", o->name, inner.text);
	*stored = arena_str(a, value, len);
	return EC_OK;
}

/* A slash at the end is dropped, so that paths may be put together and compared. */
static enum ec check_path(struct arena *a, const struct option *o, const char *value,
			  const char **stored, struct err *e)
{
	size_t len = strlen(value);

	if (len > 0 && value[0] != '/')
		return err_set(e, EC_USAGE, "%s: must be an absolute path, beginning with /",
			       o->name);
	while (len > 1 && value[len - 1] == '/')
		len--;
	return check_text(a, o, arena_str(a, value, len), stored, e);
}

/* A name, or the original's number for this role. */
static enum ec check_authn(const struct option *o, const char *value, enum host_role role,
			   const char **stored, struct err *e)
{
	static const char *const roles[] = { "a stand-alone server", "a member server",
					     "a domain controller" };
	static const char *const offers[] = { "1 = local, 2 = file", "1 = ad, 2 = local, 3 = file",
					      "1 = ad, 2 = file" };
	uint64_t number;

	for (unsigned m = 0; m < N_AUTHN; m++) {
		unsigned here = authn_number(m, role);
		if (here && ((take_plain(value, &number) && number == here) ||
			     strcasecmp(value, authn_names[m]) == 0)) {
			*stored = authn_names[m];
			return EC_OK;
		}
	}
	return err_set(e, EC_USAGE, "%s: %s offers %s; see also role", o->name, roles[role],
		       offers[role]);
}

enum ec option_check(struct arena *a, const struct option *o, const char *value,
		     enum host_role role, const char **stored, struct err *e)
{
	switch (o->type) {
	case OPT_UINT: return check_uint(a, o, value, stored, e);
	case OPT_BYTES: return check_bytes(a, o, value, stored, e);
	case OPT_EXPIRE: return check_expire(a, o, value, stored, e);
	case OPT_BOOL: return check_bool(o, value, stored, e);
	case OPT_WORD: return check_word(a, o, value, stored, e);
	case OPT_TEXT: return (o->words ? check_word : check_text)(a, o, value, stored, e);
	case OPT_PATH: return check_path(a, o, value, stored, e);
	case OPT_AUTHN: return check_authn(o, value, role, stored, e);
	}
	assert(!"an option's type");
	return EC_BROKEN;
}

/* ---- the snapshot ---- */

static enum authentication authn_of(const char *stored)
{
	unsigned m = 0;

	while (strcmp(authn_names[m], stored) != 0)
		m++;
	return m;
}

void option_put(struct conf *c, const struct option *o, const char *stored)
{
	char *field = (char *)c + o->at;
	uint64_t n = 0;

	switch (o->type) {
	case OPT_UINT:
		take_plain(stored, &n);
		*(unsigned *)field = (unsigned)n;
		break;
	case OPT_BYTES: amount_parse(stored, (uint64_t *)field); break;
	case OPT_EXPIRE:
		*(uint32_t *)field = take_plain(stored, &n) ? (uint32_t)n : EXPIRE_NEVER;
		break;
	case OPT_BOOL: *(bool *)field = strcmp(stored, "yes") == 0; break;
	case OPT_WORD: *(unsigned *)field = (unsigned)word_index(o->words, stored); break;
	case OPT_AUTHN: c->authentication = authn_of(stored); break;
	case OPT_TEXT:
	case OPT_PATH: *(const char **)field = arena_strz(c->mem, stored); break;
	}
}

const char *option_text(struct arena *a, const struct option *o, const struct conf *c)
{
	const char *field = (const char *)c + o->at;

	switch (o->type) {
	case OPT_UINT: return arena_fmt(a, "%u", *(const unsigned *)field);
	case OPT_BYTES: return bytes_text(a, *(const uint64_t *)field);
	case OPT_EXPIRE: {
		uint32_t days = *(const uint32_t *)field;
		return days == EXPIRE_NEVER ? "never" : arena_fmt(a, "%u", days);
	}
	case OPT_BOOL: return *(const bool *)field ? "yes" : "no";
	case OPT_WORD: return word_at(a, o->words, *(const unsigned *)field);
	case OPT_AUTHN: return authn_names[c->authentication];
	case OPT_TEXT:
	case OPT_PATH: return arena_strz(a, *(const char *const *)field);
	}
	assert(!"an option's type");
	return NULL;
}
