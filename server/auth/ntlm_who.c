/* ntlm_who.c - who the client says it is.
 *
 * With UNICODE agreed, names are UTF-16. Without, they are in "the client's character set", which
 * nobody tells us: curl, the one client of today that does so, sends what its user typed - UTF-8 - but
 * computes its response as if every octet were a character of Latin-1. So such a name is read as
 * UTF-8, or as Latin-1 if it is none, and tried in both spellings.
 */
#include <stdio.h>
#include <string.h>
#include "server/auth/mech.h"
#include "server/auth/ntlm_who.h"
#include "server/base/utf16.h"
#include "server/base/utf8.h"

/* Each octet a character: what curl does, and Latin-1. */
static size_t widen(unsigned char *to, const struct ntlm_bytes *b)
{
	for (size_t i = 0; i < b->len; i++) {
		to[2 * i] = b->p[i];
		to[2 * i + 1] = 0;
	}
	return 2 * b->len;
}

static bool is_utf8(const struct ntlm_bytes *b)
{
	return utf8_valid((const char *)b->p, b->len);
}

/* As UTF-16, whatever it was. */
static size_t decode(unsigned char *to, const struct ntlm_bytes *b, bool unicode)
{
	size_t len;

	if (unicode) {
		memcpy(to, b->p, b->len);
		return b->len;
	}
	if (is_utf8(b) && utf16_from_utf8(to, &len, (const char *)b->p, b->len))
		return len;
	return widen(to, b);
}

static bool text_of(char *to, const unsigned char *wide, size_t wide_len)
{
	size_t len;

	if (wide_len > NTLM_NAME_MAX || !utf16_to_utf8(to, &len, wide, wide_len))
		return false;
	to[len] = 0;
	return !has_control(to, len);
}

static bool plain_ascii(const struct ntlm_bytes *b)
{
	return ascii_only((const char *)b->p, b->len);
}

/* Small letters of ASCII only. */
static void upcase_ascii(unsigned char *wide, size_t len)
{
	for (size_t i = 0; i < len; i += 2) {
		if (wide[i] >= 'a' && wide[i] <= 'z')
			utf16_upcase(wide + i, 2);
	}
}

static void spell_as_octets(const struct ntlm_answer *a, struct ntlm_spelling *s)
{
	s->user_len = widen(s->user, &a->user);
	s->domain_len = widen(s->domain, &a->domain);
	upcase_ascii(s->user, s->user_len);
}

static bool read_workstation(const struct ntlm_answer *a, bool unicode, struct ntlm_who *out)
{
	unsigned char wide[2 * NTLM_NAME_MAX];
	size_t len = decode(wide, &a->workstation, unicode);

	return text_of(out->workstation, wide, len);
}

bool ntlm_who_read(const struct ntlm_answer *a, uint32_t flags, struct ntlm_who *out)
{
	bool unicode = flags & NTLM_UNICODE;
	struct ntlm_spelling *s = &out->spelling[0];

	s->user_len = decode(s->user, &a->user, unicode);
	s->domain_len = decode(s->domain, &a->domain, unicode);
	if (!text_of(out->user, s->user, s->user_len) ||
	    !text_of(out->domain, s->domain, s->domain_len) || !read_workstation(a, unicode, out))
		return false;
	utf16_upcase(s->user, s->user_len);
	out->n_spellings = 1;
	if (!unicode && (!plain_ascii(&a->user) || !plain_ascii(&a->domain)))
		spell_as_octets(a, &out->spelling[out->n_spellings++]);
	return mech_name_sane(out->user, strlen(out->user));
}

void ntlm_who_typed(const struct ntlm_who *w, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", w->domain, *w->domain ? "\\" : "", w->user);
}
