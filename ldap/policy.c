/* policy.c - the password rules of Active Directory: a least length, and "password must meet complexity requirements".
 *
 * Source: Microsoft's description of that security setting. Kinds of characters are: capitals, small letters, digits, the ASCII
 * punctuation it lists, and letters that have no case. All is judged in UTF-16, in which Windows keeps passwords; which letters are
 * capitals is the table's that upcases names (utf16.h), for the locale of this process says nothing about the server's. What is in no
 * table counts as a letter without case: too much may be expected to pass, never too little.
 */
#include <stdint.h>
#include <string.h>
#include "ldap/policy.h"
#include "server/base/arena.h"
#include "server/base/utf16.h"

#define NAME_PART_MIN 3 /* units; a shorter one may be in the password */
#define KINDS_MIN 3

enum kind {
	KIND_CAPITAL = 1,
	KIND_SMALL = 2,
	KIND_DIGIT = 4,
	KIND_SIGN = 8,
	KIND_CASELESS = 16,
	KIND_NONE = 0
};

struct wide { /* UTF-16, little-endian */
	unsigned char *p;
	size_t len; /* octets */
};

static uint16_t unit_at(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint16_t upcase(uint16_t u)
{
	unsigned char p[2] = { (unsigned char)u, (unsigned char)(u >> 8) };

	utf16_upcase(p, sizeof(p));
	return unit_at(p);
}

/* The table is made to be read the other way; nearly all passwords are ASCII. */
static bool is_capital(uint16_t u)
{
	for (uint32_t small = 0x80; small <= 0xFFFF; small++) {
		if (small != u && upcase((uint16_t)small) == u)
			return true;
	}
	return false;
}

static enum kind kind_of(uint16_t u)
{
	if (u >= 'A' && u <= 'Z')
		return KIND_CAPITAL;
	if (u >= 'a' && u <= 'z')
		return KIND_SMALL;
	if (u >= '0' && u <= '9')
		return KIND_DIGIT;
	if (u < 0x80)
		return u > ' ' && u != 0x7F ? KIND_SIGN : KIND_NONE;
	if (upcase(u) != u)
		return KIND_SMALL;
	return is_capital(u) ? KIND_CAPITAL : KIND_CASELESS;
}

static bool is_complex(const struct wide *pass)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < pass->len; i += 2)
		kinds |= kind_of(unit_at(pass->p + i));
	return __builtin_popcount(kinds) >= KINDS_MIN;
}

/* ---- names inside ---- */

/* In capitals, as names are compared. Everything here was valid UTF-8 when it came in; what is not is as good as empty. */
static struct wide widen(struct arena *mem, const char *p, size_t len)
{
	struct wide w = { .p = arena_alloc(mem, 2 * len + 1) };

	if (!utf16_from_utf8(w.p, &w.len, p, len))
		w.len = 0;
	return w;
}

static bool holds(const struct wide *pass, const unsigned char *part, size_t len)
{
	if (len < (size_t)2 * NAME_PART_MIN)
		return false;
	for (size_t i = 0; i + len <= pass->len; i += 2) {
		if (memcmp(pass->p + i, part, len) == 0)
			return true;
	}
	return false;
}

static bool parts_name(uint16_t u)
{
	return u < 0x80 && u != 0 && strchr(",.-_ #\t", (int)u);
}

/* Each part of a display name counts, the whole of a logon name does. */
static bool holds_part(const struct wide *pass, const struct wide *display)
{
	size_t from = 0;

	for (size_t i = 0; i <= display->len; i += 2) {
		if (i < display->len && !parts_name(unit_at(display->p + i)))
			continue;
		if (holds(pass, display->p + from, i - from))
			return true;
		from = i + 2;
	}
	return false;
}

static bool holds_name(struct arena *mem, const struct wide *pass, const char *logon,
		       const char *display)
{
	struct wide name = widen(mem, logon, strlen(logon));
	struct wide shown = widen(mem, display, strlen(display));

	utf16_upcase(pass->p, pass->len);
	utf16_upcase(name.p, name.len);
	utf16_upcase(shown.p, shown.len);
	return holds(pass, name.p, name.len) || holds_part(pass, &shown);
}

static enum ec judge(struct arena *mem, const struct password_policy *p, const char *logon,
		     const char *display, const struct secret *s, struct err *e)
{
	struct wide pass = widen(mem, (const char *)s->bytes, s->len);

	if (pass.len / 2 < p->units_min)
		return err_set(e, EC_REFUSED,
			       "the domain wants passwords of at least %u characters",
			       p->units_min);
	if (!p->complex)
		return EC_OK;
	if (!is_complex(&pass))
		return err_set(e, EC_REFUSED,
			       "the domain wants characters of three kinds in a password: "
			       "capitals, small letters, digits, signs, others");
	if (p->no_names && holds_name(mem, &pass, logon, display))
		return err_set(e, EC_REFUSED,
			       "the domain wants no password with the user's name in it");
	return EC_OK;
}

enum ec password_policy_judge(const struct password_policy *p, const char *logon,
			      const char *display, const struct secret *pass, struct err *e)
{
	struct arena *mem = arena_new("password", 2048); /* wipes itself */
	enum ec rc = judge(mem, p, logon, display, pass, e);

	arena_drop(&mem);
	return rc;
}
