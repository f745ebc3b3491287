/* amount.c - amounts of octets. Suffixes are powers of 1024, as file systems and their quotas count. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "server/base/amount.h"

static const char suffixes[] = "KMGT";

bool amount_parse(const char *text, uint64_t *out)
{
	const char *p = text;

	for (*out = 0; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*p - '0'), out))
			return false;
	}
	if (p == text || *p == '\0')
		return p != text;
	const char *at = strchr(suffixes, *p & ~0x20);
	if (!at || !*at || p[1] != '\0')
		return false;
	return !__builtin_mul_overflow(*out, 1ull << 10 * (at - suffixes + 1), out);
}

const char *amount_text(uint64_t n, char out[AMOUNT_TEXT_MAX])
{
	int i = -1;

	while (i < 3 && n > 0 && n % 1024 == 0) {
		n /= 1024;
		i++;
	}
	snprintf(out, AMOUNT_TEXT_MAX, "%" PRIu64 "%.*s", n, i >= 0, suffixes + (i >= 0 ? i : 0));
	return out;
}

const char *amount_about(uint64_t n, char out[AMOUNT_TEXT_MAX])
{
	double v = (double)n;
	int i = -1;

	while (i < 3 && v >= 999.5) {
		v /= 1024;
		i++;
	}
	int digits = i < 0 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2;
	snprintf(out, AMOUNT_TEXT_MAX, "%.*f%.*s", digits, v, i >= 0, suffixes + (i >= 0 ? i : 0));
	return out;
}
