/* name.c - foreign bytes to names.
 *
 * A domain may come in as UTF-8; libidn2 maps it, and its *result* is checked by the same rules as
 * plain ASCII: compatibility mapping can turn harmless-looking characters into '/' or '.'. Nothing
 * is ever cut to fit: a name is taken whole or refused with a text that says what to change.
 */
#include <assert.h>
#include <idn2.h>
#include <string.h>
#include "server/base/name.h"
#include "server/base/utf8.h"

#define LABEL_MAX 63
#define LOCAL_SYSTEM_MAX 20
/* No A-label is shorter than a quarter of its UTF-8 form, so more can never fit. */
#define DOMAIN_UTF8_MAX (4 * NAME_DOMAIN_MAX)

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static enum ec check_label(const char *p, size_t len, struct err *e)
{
	if (len == 0)
		return err_set(e, EC_USAGE, "domain name has an empty part: remove the extra dot");
	if (len > LABEL_MAX)
		return err_set(e, EC_USAGE,
			       "domain name has a part above %d characters: shorten it", LABEL_MAX);
	if (p[0] == '-' || p[len - 1] == '-')
		return err_set(e, EC_USAGE,
			       "a part of a domain name must not begin or end with '-'");
	for (size_t i = 0; i < len; i++) {
		if (!is_label_char(p[i]))
			return err_set(e, EC_USAGE,
				       "domain name must not hold '%c': use letters, "
				       "digits, hyphens and dots",
				       p[i]);
	}
	return EC_OK;
}

/* p is printable ASCII or nearly so; out gets it lower-cased. */
static enum ec take_ascii_domain(char out[NAME_DOMAIN_MAX + 1], const char *p, size_t len,
				 struct err *e)
{
	if (len > 1 && p[len - 1] == '.')
		len--;
	if (len > NAME_DOMAIN_MAX)
		return err_set(e, EC_USAGE, "domain name is above %d characters: shorten it",
			       NAME_DOMAIN_MAX);
	for (size_t i = 0; i < len; i++)
		out[i] = lower(p[i]);
	out[len] = '\0';

	for (const char *label = out;;) {
		size_t n = strcspn(label, ".");
		enum ec rc = check_label(label, n, e);
		if (rc != EC_OK || label[n] == '\0')
			return rc;
		label += n + 1;
	}
}

static enum ec take_utf8_domain(char out[NAME_DOMAIN_MAX + 1], const char *p, size_t len,
				struct err *e)
{
	char u8[DOMAIN_UTF8_MAX + 1], *ascii = NULL;

	if (len > DOMAIN_UTF8_MAX)
		return err_set(e, EC_USAGE, "domain name is too long: shorten it");
	if (!utf8_valid(p, len))
		return err_set(e, EC_USAGE,
			       "domain name is not UTF-8: write it in UTF-8 or in its "
			       "xn-- form");
	memcpy(u8, p, len);
	u8[len] = '\0';
	int bad = idn2_to_ascii_8z(u8, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (bad)
		return err_set(e, EC_USAGE, "domain name has no international form: %s",
			       idn2_strerror(bad));
	enum ec rc = take_ascii_domain(out, ascii, strlen(ascii), e);
	idn2_free(ascii);
	return rc;
}

static enum ec take_domain(char out[NAME_DOMAIN_MAX + 1], const char *p, size_t len, struct err *e)
{
	if (len == 0)
		return err_set(e, EC_USAGE, "domain name is missing");
	if (has_control(p, len))
		return err_set(e, EC_USAGE, "domain name must not hold control characters");
	return ascii_only(p, len) ? take_ascii_domain(out, p, len, e)
				  : take_utf8_domain(out, p, len, e);
}

/* The original's list; '+' is allowed in the password file only. */
static bool is_forbidden(char c, enum name_rule rule)
{
	static const char list[] = "@()/\\[]:;,\"<>*=|?";

	return memchr(list, c, sizeof(list) - 1) || (c == '+' && rule != NAME_FILE);
}

/* U+0080..U+009F are control characters and U+00A0 is a blank, only longer. */
static bool is_c1_or_nbsp(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return u[0] == 0xC2 && u[1] <= 0xA0;
}

static enum ec check_local(const char *p, size_t len, enum name_rule rule, struct err *e)
{
	size_t max = rule == NAME_SYSTEM ? LOCAL_SYSTEM_MAX : NAME_LOCAL_MAX;

	if (len == 0)
		return err_set(e, EC_USAGE, "mailbox name is missing in front of '@'");
	if (len > max)
		return err_set(e, EC_USAGE, "mailbox name is above %zu characters: shorten it",
			       max);
	if (!utf8_valid(p, len))
		return err_set(e, EC_USAGE, "mailbox name is not UTF-8");
	if (has_control(p, len))
		return err_set(e, EC_USAGE, "mailbox name must not hold control characters");
	for (size_t i = 0; i < len; i++) {
		if (p[i] == ' ' || is_c1_or_nbsp(p + i))
			return err_set(e, EC_USAGE, "mailbox name must not hold blanks");
		if (is_forbidden(p[i], rule))
			return err_set(e, EC_USAGE, "mailbox name must not hold '%c'", p[i]);
	}
	return EC_OK;
}

enum ec name_parse_domain(struct name *out, const char *p, size_t len, struct err *e)
{
	struct name n = { 0 };
	enum ec rc = take_domain(n.domain, p, len, e);

	if (rc == EC_OK)
		*out = n;
	return rc;
}

enum ec name_parse(struct name *out, const char *p, size_t len, enum name_rule rule, struct err *e)
{
	const char *at = len ? memchr(p, '@', len) : NULL;
	struct name n = { 0 };

	if (!at)
		return err_set(e, EC_USAGE, "expected user@domain");
	size_t local_len = (size_t)(at - p);
	enum ec rc = check_local(p, local_len, rule, e);
	if (rc == EC_OK)
		rc = take_domain(n.domain, at + 1, len - local_len - 1, e);
	if (rc != EC_OK)
		return rc;
	for (size_t i = 0; i < local_len; i++)
		n.local[i] = lower(p[i]);
	*out = n;
	return EC_OK;
}

enum ec name_parse_any(struct name *out, const char *p, size_t len, enum name_rule rule,
		       struct err *e)
{
	return len > 0 && memchr(p, '@', len) ? name_parse(out, p, len, rule, e)
					      : name_parse_domain(out, p, len, e);
}

bool name_is_domain(const struct name *n)
{
	return n->local[0] == '\0';
}

bool name_equal(const struct name *a, const struct name *b)
{
	return strcmp(a->local, b->local) == 0 && strcmp(a->domain, b->domain) == 0;
}

const char *name_text(const struct name *n, char out[NAME_TEXT_MAX + 1])
{
	char *end = stpcpy(out, n->local);

	if (end > out)
		*end++ = '@';
	strcpy(end, n->domain);
	return out;
}
