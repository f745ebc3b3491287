/* utf16.c - by hand: iconv needs a handle per thread, tables on disk, and leaves copies of passwords in its buffers. */
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
