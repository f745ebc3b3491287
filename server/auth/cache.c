/* cache.c - a table of fixed size, found by keyed hashes.
 *
 * As in penalty.c an entry lives in one of WAYS places of its set, chosen by a hash whose key nobody
 * knows, and a full set gives up the entry that ends first. Unlike there it must not be found by
 * mistake, so half of the hash is kept and compared: 2^-128.
 *
 * The mutex: every sign-in with a password takes it once or twice, for a scan of WAYS entries;
 * hashing is done before. That is 50 ns against the millisecond that a directory takes, and shards
 * would only buy what a single loop of sign-ins cannot use. Forgetting scans the whole table, a
 * fraction of a millisecond, when an administrator changes an account.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/cache.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

#define WAYS 4
#define SETS (CACHE_PLACES / WAYS)
#define TAG 16

struct entry {
	unsigned char tag[TAG];
	uint64_t account;
	uint64_t until_ms; /* 0: empty */
	enum cached what;
};

struct cache {
	atomic_uint refs;
	unsigned char key[32];
	pthread_mutex_t lock;
	uint64_t era;
	struct entry set[SETS][WAYS];
};

struct cache *cache_new(void)
{
	struct cache *c = mem_new(sizeof(*c));

	atomic_init(&c->refs, 1);
	random_bytes(c->key, sizeof(c->key));
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

struct cache *cache_ref(struct cache *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void cache_unref(struct cache **pc)
{
	struct cache *c = *pc;

	*pc = NULL;
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&c->lock);
	wipe(c, sizeof(*c));
	free(c);
}

static uint64_t account_tag(const struct cache *c, const struct name *n)
{
	char text[NAME_TEXT_MAX + 1];
	unsigned char mac[32];
	uint64_t tag;

	name_text(n, text);
	hmac_sha256(mac, c->key, sizeof(c->key), text, strlen(text));
	memcpy(&tag, mac, sizeof(tag));
	return tag;
}

/* The person, if the accounts know one behind the name: two names share what is remembered. A NUL ends each part but the
 * last, and there is none in them: no password can take over a part of them. An account that is enabled again is another:
 * some servers call every password of a disabled one wrong. */
bool cache_tag(struct cache *c, uint64_t whose, const struct account *who,
	       const struct secret *pass, struct cache_tag *out)
{
	char text[NAME_TEXT_MAX + 1];
	struct buf b = { 0 };

	if (!who->stamp[0])
		return false;
	buf_add(&b, &whose, sizeof(whose));
	buf_addz(&b, who->key[0] ? who->key : name_text(&who->name, text));
	buf_add(&b, "", 1);
	buf_addz(&b, who->stamp);
	buf_add(&b, who->enabled ? "\0+" : "\0-", 2);
	buf_add(&b, pass->bytes, pass->len);
	hmac_sha256(out->mac, c->key, sizeof(c->key), buf_at(&b), b.len);
	buf_wipe(&b);
	pthread_mutex_lock(&c->lock);
	out->era = c->era;
	pthread_mutex_unlock(&c->lock);
	return true;
}

static struct entry *set_of(struct cache *c, const struct cache_tag *t)
{
	uint64_t pick;

	memcpy(&pick, t->mac + TAG, sizeof(pick));
	return c->set[pick % SETS];
}

enum cached cache_ask(struct cache *c, const struct cache_tag *t, uint64_t now_ms)
{
	struct entry *set = set_of(c, t);
	enum cached what = CACHED_NOTHING;

	pthread_mutex_lock(&c->lock);
	for (struct entry *en = set; en < set + WAYS; en++) {
		if (en->until_ms > now_ms && memcmp(en->tag, t->mac, TAG) == 0)
			what = en->what;
	}
	pthread_mutex_unlock(&c->lock);
	return what;
}

/* Its own place, or the one that ends first; an empty one ended long ago. */
static struct entry *place_for(struct entry *set, const struct cache_tag *t)
{
	struct entry *spare = set;

	for (struct entry *en = set; en < set + WAYS; en++) {
		if (en->until_ms > 0 && memcmp(en->tag, t->mac, TAG) == 0)
			return en;
		if (en->until_ms < spare->until_ms)
			spare = en;
	}
	return spare;
}

void cache_keep(struct cache *c, const struct cache_tag *t, const struct name *who,
		enum cached what, uint64_t until_ms)
{
	uint64_t account = account_tag(c, who);
	struct entry *en;

	pthread_mutex_lock(&c->lock);
	if (c->era == t->era) {
		en = place_for(set_of(c, t), t);
		*en = (struct entry){ .account = account, .until_ms = until_ms, .what = what };
		memcpy(en->tag, t->mac, TAG);
	}
	pthread_mutex_unlock(&c->lock);
}

void cache_forget(struct cache *c, const struct name *who)
{
	uint64_t tag = who ? account_tag(c, who) : 0;

	pthread_mutex_lock(&c->lock);
	c->era++;
	for (size_t i = 0; i < CACHE_PLACES; i++) {
		struct entry *en = &c->set[i / WAYS][i % WAYS];

		if (!who || en->account == tag)
			wipe(en, sizeof(*en));
	}
	pthread_mutex_unlock(&c->lock);
}
