/* utf8.c - well-formed UTF-8 after the table in RFC 3629 section 4.
 *
 * Only the second octet has a range that depends on the first; that one table shuts out overlong
 * forms, surrogates and everything above U+10FFFF at once.
 */
#include "server/base/utf8.h"

struct lead {
	unsigned char from, to; /* first octet */
	unsigned char lo, hi;   /* second octet */
	unsigned char len;
};

static const struct lead leads[] = {
	{ 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
	{ 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

static const struct lead *lead_of(unsigned char c)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(*leads); i++) {
		if (c >= leads[i].from && c <= leads[i].to)
			return &leads[i];
	}
	return NULL;
}

size_t utf8_step(const char *p, size_t len)
{
	const unsigned char *u = (const unsigned char *)p;

	if (len == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	const struct lead *l = lead_of(u[0]);
	if (!l || len < l->len || u[1] < l->lo || u[1] > l->hi)
		return 0;
	for (size_t i = 2; i < l->len; i++) {
		if ((u[i] & 0xC0) != 0x80)
			return 0;
	}
	return l->len;
}

bool utf8_valid(const char *p, size_t len)
{
	while (len > 0) {
		size_t n = utf8_step(p, len);
		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

bool ascii_only(const char *p, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)p[i];
	return all < 0x80;
}

/* Without a way out of the loop the compiler takes sixteen octets at a time. */
bool has_control(const char *p, size_t len)
{
	unsigned char found = 0;

	for (size_t i = 0; i < len; i++)
		found |= (unsigned char)((unsigned char)p[i] < 32) | (unsigned char)(p[i] == 127);
	return found != 0;
}
