/* known.c - a table of fixed size, found by a hash.
 *
 * An account has one of WAYS places in its set; a full set gives up the answer that gets old first. Half of the hash picks the
 * set, all of it is compared. It needs no key, as a cache of passwords does: who is asked about is decided by the
 * administrator's links, not by whoever sends mail.
 *
 * The mutex is held for a look at WAYS places; hashing is done before.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/quota/known.h"

#define WAYS 4
#define SETS (KNOWN_PLACES / WAYS)
#define TAG 16

struct place {
	unsigned char tag[TAG];
	uint64_t until_ms; /* 0: empty */
	uint64_t changes;
	struct answer answer;
};

struct known {
	pthread_mutex_t lock;
	struct place set[SETS][WAYS];
};

struct known *known_new(void)
{
	struct known *k = mem_new(sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	return k;
}

void known_free(struct known **k)
{
	if (!*k)
		return;
	pthread_mutex_destroy(&(*k)->lock);
	free(*k);
	*k = NULL;
}

static struct place *set_of(struct known *k, const unsigned char *hash)
{
	uint64_t pick;

	memcpy(&pick, hash, sizeof(pick));
	return k->set[pick % SETS];
}

/* NULL: not there. */
static struct place *find(struct known *k, const unsigned char *hash)
{
	struct place *set = set_of(k, hash);

	for (struct place *p = set; p < set + WAYS; p++) {
		if (p->until_ms > 0 && memcmp(p->tag, hash, TAG) == 0)
			return p;
	}
	return NULL;
}

static struct place *spare(struct known *k, const unsigned char *hash)
{
	struct place *set = set_of(k, hash), *oldest = set;

	for (struct place *p = set; p < set + WAYS; p++) {
		if (p->until_ms < oldest->until_ms)
			oldest = p;
	}
	return oldest;
}

enum known_age known_ask(struct known *k, const char *account, uint64_t changes, uint64_t now_ms,
			 struct answer *out)
{
	unsigned char hash[HASH_MAX];
	enum known_age age = KNOWN_NOT;

	sha256(hash, account, strlen(account));
	pthread_mutex_lock(&k->lock);
	struct place *p = find(k, hash);
	if (p) {
		*out = p->answer;
		age = p->changes == changes && p->until_ms > now_ms ? KNOWN_FRESH : KNOWN_OLD;
		if (p->until_ms <= now_ms)
			p->until_ms = now_ms + KNOWN_RETRY_MS;
	}
	pthread_mutex_unlock(&k->lock);
	return age;
}

void known_keep(struct known *k, const char *account, uint64_t changes, uint64_t until_ms,
		const struct answer *a)
{
	unsigned char hash[HASH_MAX];

	sha256(hash, account, strlen(account));
	pthread_mutex_lock(&k->lock);
	struct place *p = find(k, hash);
	if (!p)
		p = spare(k, hash);
	*p = (struct place){ .until_ms = until_ms, .changes = changes, .answer = *a };
	memcpy(p->tag, hash, TAG);
	pthread_mutex_unlock(&k->lock);
}
