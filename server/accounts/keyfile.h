/* keyfile.h - the key file's text, and the keys in it.
 *
 *	key = 5f3a9c10 Base64OfThe32Bytes...
 *
 * Pure. Owner: struct keys is a plain value; whoever holds one wipes it.
 * Thread: any. /
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/accounts/keyring.h"

#define KEYS_MAX 16 /* one is the rule, two while rekeying */
#define KEYFILE_MAX 8192

struct key {
	char id[KEY_ID_LEN + 1];
	unsigned char bytes[AEAD_KEY];
};
struct keys {
	struct key all[KEYS_MAX];
	size_t n; /* the last one is current */
};

/* EC_BROKEN: no key at all, a damaged line (its number is told, nothing of its text), twice the
 * same id. */
enum ec keyfile_parse(const char *p, size_t len, const char *path, struct keys *out, struct err *e);
size_t keyfile_form(const struct keys *k, char out[KEYFILE_MAX]);
const struct key *keys_find(const struct keys *k, const char *id); /* id NULL: the current one */
bool keys_add_fresh(struct keys *k);                               /* false: full */
void keys_keep_from(struct keys *k,
		    const char *id); /* that one and newer ones; all if it is not there */
