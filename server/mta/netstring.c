/* netstring.c - see netstring.h. Lengths are digits without leading zeros, so that there is one way to write each. */
#include <stdbool.h>
#include "server/mta/netstring.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The length at the front; false: too large, or not as it is to be written. *n: its digits so far. */
static bool take_length(const char *p, size_t len, size_t max, size_t *value, size_t *n)
{
	*value = 0;
	for (*n = 0; *n < len && is_digit(p[*n]); ++*n) {
		if (*n > 0 && p[0] == '0')
			return false;
		*value = *value * 10 + (size_t)(p[*n] - '0');
		if (*value > max)
			return false;
	}
	return true;
}

enum netstring netstring_parse(const char *p, size_t len, size_t max, struct mta_text *out,
			       size_t *used)
{
	size_t value, n;

	if (!take_length(p, len, max, &value, &n))
		return NETSTRING_BAD;
	if (n == len)
		return NETSTRING_PART;
	if (n == 0 || p[n] != ':')
		return NETSTRING_BAD;
	n++;
	if (len - n <= value)
		return NETSTRING_PART;
	if (p[n + value] != ',')
		return NETSTRING_BAD;
	*out = (struct mta_text){ p + n, value };
	*used = n + value + 1;
	return NETSTRING_WHOLE;
}
