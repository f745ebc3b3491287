/* fuzz_b64.c - a strict decoder is one-to-one: what it takes, encoding gives back octet by octet. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/b64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	unsigned char *plain = malloc(size + 3);
	char *again = malloc(B64_ENC_LEN(size) + 2 * size + 1);
	size_t len;

	if (b64_decode(plain, &len, text, size)) {
		check(len <= B64_DEC_MAX(size));
		check(b64_encode(again, plain, len) == size && memcmp(again, text, size) == 0);
	}
	check(b64_encode(again, data, size) == B64_ENC_LEN(size));
	check(b64_decode(plain, &len, again, B64_ENC_LEN(size)));
	check(len == size && (size == 0 || memcmp(plain, data, size) == 0));

	if (hex_decode(plain, text, size)) {
		check(hex_encode(again, plain, size / 2) == size);
		check(strncasecmp(again, text, size) == 0);
	}
	free(again);
	free(plain);
	return 0;
}
