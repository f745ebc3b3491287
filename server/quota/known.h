/* known.h - what the accounts said about somebody's limit, remembered.
 *
 * Bounded: what does not fit is forgotten, and asked again. Nothing is forgotten because it is old: an old answer is better
 * than none while the directory is away.
 * Thread: any; never blocks.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/store/quota.h"

#define KNOWN_PLACES 16384
#define KNOWN_MS 60000
#define KNOWN_RETRY_MS 5000

struct known;
struct answer {
	bool admin;
	bool has_limit;
	struct quota_limit limit;
};
enum known_age { KNOWN_NOT, KNOWN_OLD, KNOWN_FRESH };

struct known *known_new(void);
void known_free(struct known **k);
/* changes: how often limits were changed so far; an answer from before the last time is old. Old by its age alone, it is so
 * for one asker: the others go on with it for some seconds while he asks. */
enum known_age known_ask(struct known *k, const char *account, uint64_t changes, uint64_t now_ms,
			 struct answer *out);
/* changes: as counted before the accounts were asked. */
void known_keep(struct known *k, const char *account, uint64_t changes, uint64_t until_ms,
		const struct answer *a);
