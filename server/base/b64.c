/* b64.c - base64 and hex, strict.
 *
 * Strict, because a lenient decoder maps many texts to one value, and SASL blobs and password
 * records are compared and authenticated as text by others.
 */
#include <stdint.h>
#include "server/base/b64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex[] = "0123456789abcdef";

size_t b64_encode(char *out, const void *p, size_t len)
{
	const unsigned char *in = p;
	char *o = out;

	for (; len >= 3; len -= 3, in += 3) {
		*o++ = digits[in[0] >> 2];
		*o++ = digits[(in[0] & 3) << 4 | in[1] >> 4];
		*o++ = digits[(in[1] & 15) << 2 | in[2] >> 6];
		*o++ = digits[in[2] & 63];
	}
	if (len > 0) {
		unsigned second = len == 2 ? in[1] : 0;
		*o++ = digits[in[0] >> 2];
		*o++ = digits[(in[0] & 3) << 4 | second >> 4];
		*o++ = len == 2 ? digits[(second & 15) << 2] : '=';
		*o++ = '=';
	}
	return (size_t)(o - out);
}

/* One more than what a digit stands for; 0: none. */
static const unsigned char value_of[256] = {
	['+'] = 63, ['/'] = 64, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, /* '0' to '9' */
	['A'] = 1,  2,          3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
	14,         15,         16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28,         29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
	40,         41,         42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
};

/* Four characters, the last `pad` of them '=', to 3 - pad octets. */
static bool decode_four(unsigned char *out, const char *p, unsigned pad)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		unsigned v = i < 4 - pad ? value_of[(unsigned char)p[i]] : 1;
		if (v == 0)
			return false;
		bits = bits << 6 | (v - 1);
	}
	if (bits & ((1u << 8 * pad) - 1)) /* stray bits behind the last octet */
		return false;
	for (unsigned i = 0; i < 3 - pad; i++)
		out[i] = (unsigned char)(bits >> (16 - 8 * i));
	return true;
}

bool b64_decode(unsigned char *out, size_t *out_len, const char *p, size_t len)
{
	unsigned char *o = out;

	if (len % 4 != 0)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		unsigned pad = 0;
		if (i + 4 == len && p[i + 3] == '=')
			pad = p[i + 2] == '=' ? 2 : 1;
		if (!decode_four(o, p + i, pad))
			return false;
		o += 3 - pad;
	}
	*out_len = (size_t)(o - out);
	return true;
}

size_t hex_encode(char *out, const void *p, size_t len)
{
	const unsigned char *in = p;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex[in[i] >> 4];
		out[2 * i + 1] = hex[in[i] & 15];
	}
	return 2 * len;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(unsigned char *out, const char *p, size_t len)
{
	if (len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int hi = hex_digit(p[i]), lo = hex_digit(p[i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		out[i / 2] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}
