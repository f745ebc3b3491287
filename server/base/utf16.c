/* utf16.c - UTF-16 and its capitals.
 *
 * An NTLMv2 key is made of the user's name in capitals, and client and server must agree on every one
 * of them. Windows knows one table for all languages and locales, maps each 16-bit unit to one unit,
 * and leaves a letter alone whose capital would not lead back to it: dotless i, long s, final sigma,
 * the micro sign, sharp s. towupper() depends on the locale and follows other rules, so the table is
 * here: the scripts of Europe, Vietnamese, pinyin, full-width forms. A letter that is missing costs
 * its owner nothing unless his client writes its capital.

 *
 * The conversions are by hand: iconv needs a handle per thread, tables on disk, and leaves copies of
 * passwords in its buffers.
 */
#include <stdint.h>
#include "server/base/utf16.h"
#include "server/base/utf8.h"

/* p holds one well-formed character of n octets. */
static uint32_t decode(const char *p, size_t n)
{
	static const unsigned char lead_bits[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	uint32_t c = (unsigned char)p[0] & lead_bits[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3F);
	return c;
}

static unsigned char *put_unit(unsigned char *out, uint32_t unit)
{
	*out++ = (unsigned char)unit;
	*out++ = (unsigned char)(unit >> 8);
	return out;
}

bool utf16_from_utf8(unsigned char *out, size_t *out_len, const char *p, size_t len)
{
	unsigned char *at = out;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_step(p + i, len - i);
		if (n == 0)
			return false;
		uint32_t c = decode(p + i, n);
		if (c >= 0x10000) { /* RFC 2781 section 2.1 */
			at = put_unit(at, 0xD800 + ((c - 0x10000) >> 10));
			c = 0xDC00 + ((c - 0x10000) & 0x3FF);
		}
		at = put_unit(at, c);
	}
	*out_len = (size_t)(at - out);
	return true;
}

static unsigned char *put_character(unsigned char *out, uint32_t c)
{
	static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (unsigned char)(0x80 | (c & 0x3F));
	out[0] = (unsigned char)(lead[n] | c);
	return out + n;
}

static uint32_t unit_at(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

bool utf16_to_utf8(char *out, size_t *out_len, const void *p, size_t len)
{
	const unsigned char *u = p, *end = u + len;
	unsigned char *at = (unsigned char *)out;

	for (; end - u >= 2; u += 2) {
		uint32_t c = unit_at(u), low;

		if (c >= 0xD800 && c < 0xE000) {
			low = end - u >= 4 ? unit_at(u + 2) : 0;
			if (c >= 0xDC00 || low < 0xDC00 || low >= 0xE000)
				return false;
			c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
			u += 2;
		}
		at = put_character(at, c);
	}
	*out_len = (size_t)(at - (unsigned char *)out);
	return u == end;
}

/* ---- capitals ---- */

/* Small letters, every one of them or every second; the capital is `plus` away. Sorted. */
static const struct letters {
	uint16_t from, to;
	uint8_t step;
	int16_t plus;
} small[] = {
	/* ASCII, Latin-1 */
	{ 0x0061, 0x007A, 1, -32 },
	{ 0x00E0, 0x00F6, 1, -32 },
	{ 0x00F8, 0x00FE, 1, -32 },
	{ 0x00FF, 0x00FF, 1, 121 },
	/* Latin Extended-A; of -B what pinyin, Vietnamese, Romanian and the Baltic need */
	{ 0x0101, 0x012F, 2, -1 },
	{ 0x0133, 0x0137, 2, -1 },
	{ 0x013A, 0x0148, 2, -1 },
	{ 0x014B, 0x0177, 2, -1 },
	{ 0x017A, 0x017E, 2, -1 },
	{ 0x01A1, 0x01A5, 2, -1 },
	{ 0x01B0, 0x01B0, 1, -1 },
	{ 0x01CE, 0x01DC, 2, -1 },
	{ 0x01DF, 0x01EF, 2, -1 },
	{ 0x01F5, 0x01F5, 1, -1 },
	{ 0x01F9, 0x021F, 2, -1 },
	{ 0x0223, 0x0233, 2, -1 },
	/* Greek */
	{ 0x03AC, 0x03AC, 1, -38 },
	{ 0x03AD, 0x03AF, 1, -37 },
	{ 0x03B1, 0x03C1, 1, -32 },
	{ 0x03C3, 0x03CB, 1, -32 },
	{ 0x03CC, 0x03CC, 1, -64 },
	{ 0x03CD, 0x03CE, 1, -63 },
	{ 0x03D9, 0x03EF, 2, -1 },
	/* Cyrillic, Armenian */
	{ 0x0430, 0x044F, 1, -32 },
	{ 0x0450, 0x045F, 1, -80 },
	{ 0x0461, 0x0481, 2, -1 },
	{ 0x048B, 0x04BF, 2, -1 },
	{ 0x04C2, 0x04CE, 2, -1 },
	{ 0x04D1, 0x052F, 2, -1 },
	{ 0x0561, 0x0586, 1, -48 },
	/* Latin Extended Additional, full width */
	{ 0x1E01, 0x1E95, 2, -1 },
	{ 0x1EA1, 0x1EFF, 2, -1 },
	{ 0xFF41, 0xFF5A, 1, -32 },
};

static uint32_t capital_of(uint32_t c)
{
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]) && c >= small[i].from; i++) {
		if (c <= small[i].to && (c - small[i].from) % small[i].step == 0)
			return (uint32_t)((int32_t)c + small[i].plus);
	}
	return c;
}

void utf16_upcase(void *p, size_t len)
{
	unsigned char *u = p;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint32_t c = capital_of(unit_at(u + i));

		u[i] = (unsigned char)c;
		u[i + 1] = (unsigned char)(c >> 8);
	}
}
