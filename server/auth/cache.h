/* cache.h - what was proved about a password a moment ago.
 *
 * Wrong ones are remembered so that a forgotten device, trying an old password all day, does not use up the tries that a
 * directory allows: the answer comes from here and nobody counts it (the shield). Right ones only if the administrator wants
 * to spare the directory. Both are found by a hash, under a key of this process, over account (its state included), stamp and password: neither a
 * password nor anything to guess it by is kept, and after a change of password nothing is found any more.
 *
 * Thread: any. Bounded; what does not fit is forgotten, and proved again.
 */
#pragma once
#include <stdint.h>
#include "server/accounts/accounts.h"

#define CACHE_PLACES 16384

struct cache;
enum cached { CACHED_NOTHING, CACHED_RIGHT, CACHED_WRONG };

struct cache *cache_new(void);
struct cache *cache_ref(struct cache *c);
void cache_unref(struct cache **c);

struct cache_tag {
	unsigned char mac[32];
	uint64_t era; /* of forgetting: what was proved before must not be kept after */
};
/* whose: a number that other accounts than these never had in this process; what was said by those is not found. False: nothing
 * may be remembered, because nobody could tell a new password from the old one. */
bool cache_tag(struct cache *c, uint64_t whose, const struct account *who,
	       const struct secret *pass, struct cache_tag *out);
enum cached cache_ask(struct cache *c, const struct cache_tag *t, uint64_t now_ms);
void cache_keep(struct cache *c, const struct cache_tag *t, const struct name *who,
		enum cached what, uint64_t until_ms);
/* who NULL: everything. */
void cache_forget(struct cache *c, const struct name *who);
