/* fuzz_password.c - a password record: what parses forms to the same again, and opens for nobody without the key. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/accounts/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct name kim = { "kim", "example.com" };
	static const unsigned char key[AEAD_KEY] = "0123456789abcdef0123456789abcde";
	char text[RECORD_TEXT_MAX];
	struct secret s = { 0 };
	struct record r, again;
	struct err e;

	if (record_parse((const char *)data, size, &kim, &r, &e) != EC_OK) {
		check(e.class == EC_BROKEN);
		return 0;
	}
	size_t len = record_form(&r, text);
	check(len < sizeof(text));
	check(record_parse(text, len, &kim, &again, &e) == EC_OK);
	check(memcmp(&r, &again, sizeof(r)) == 0);
	if (record_open(&r, key, &kim, &s, &e) == EC_OK) /* the seeds hold one that does */
		check(s.len >= 1 && s.len <= PASSWORD_MAX);
	secret_drop(&s);
	return 0;
}
