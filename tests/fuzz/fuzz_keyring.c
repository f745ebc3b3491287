/* fuzz_keyring.c - a key file that parses forms to the same keys again; an error quotes nothing of it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/accounts/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[KEYFILE_MAX];
	struct keys k, again;
	struct err e;

	if (keyfile_parse((const char *)data, size, "keys", &k, &e) != EC_OK) {
		check(e.class == EC_BROKEN && strncmp(e.text, "key file keys", 13) == 0);
		return 0;
	}
	size_t len = keyfile_form(&k, text);
	check(len < sizeof(text) && k.n >= 1 && k.n <= KEYS_MAX);
	check(keyfile_parse(text, len, "keys", &again, &e) == EC_OK);
	check(memcmp(&k, &again, sizeof(k)) == 0);
	check(keys_find(&k, NULL) == &k.all[k.n - 1]);
	return 0;
}
