/* digits.c - made from the end in a place of their own, then moved as a whole: a copy of known length
 * is a few moves and no call. */
#include <string.h>
#include "server/base/digits.h"

char *decimal_put(char *to, uint64_t n)
{
	char digits[2 * DECIMAL_MAX] = { 0 };
	unsigned at = DECIMAL_MAX;

	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	memcpy(to, digits + at, DECIMAL_MAX);
	return to + DECIMAL_MAX - at;
}

char *hex_put(char *to, uint64_t n)
{
	char digits[2 * HEX_MAX] = { 0 };
	unsigned at = HEX_MAX;

	do
		digits[--at] = "0123456789abcdef"[n % 16];
	while ((n /= 16) != 0);
	memcpy(to, digits + at, HEX_MAX);
	return to + HEX_MAX - at;
}
