/* mask.h - a text for strangers, without what must stay at home.
 *
 * Two nets, one behind the other. Secrets that are known - the contents of key and password files - are taken out wherever they
 * stand, in base64 too. And whatever looks like one goes, whoever wrote it: values behind words like password, names and
 * passwords in addresses of servers, PEM keys, stored hashes, tokens, long runs of hex digits.
 * Pure but for mask_learn_file. Thread: one at a time.
 */
#pragma once
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/secret.h"

#define MASKED "[masked]"
#define MASK_SECRETS_MAX 512

struct mask {
	struct secret known[MASK_SECRETS_MAX];
	size_t n;
};
/* Shorter than six octets it would be found in every other word, and is passed over. */
void mask_learn(struct mask *m, const char *secret, size_t len);
/* Every line of a file, and each word of it; nothing if it cannot be read. */
void mask_learn_file(struct mask *m, const char *path);
void mask_drop(struct mask *m);
const char *mask_text(const struct mask *m, struct arena *mem, const char *text);
