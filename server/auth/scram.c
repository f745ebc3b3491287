/* scram.c - SCRAM keys: derived, kept, found again.
 *
 * Salt, stand-in and place in the table are keyed hashes, under a key made anew in every process. So
 * the salt of an account is the same at every try, whether the account exists or not, and changes
 * for all alike at a restart; nobody can aim at a place of the table; and an entry is found by a tag
 * that covers the password without holding it.
 *
 * The mutex: look-ups come from every worker and hold it for a scan of WAYS tags and a copy of 64
 * octets; hashing and deriving are done outside. Two workers that miss the same entry at once both
 * derive the same keys and store them in the same place: rarer than one waiting for the other would
 * be worth. A lock for many readers would not do: finding an entry marks it as used.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/scram.h"
#include "server/base/b64.h"
#include "server/base/mem.h"

#define WAYS 4
#define SETS 256
#define TAG 32

struct entry {
	unsigned char tag[TAG];
	struct scram_keys keys;
	uint64_t used; /* by the table's own clock; 0: empty */
};

struct scram {
	atomic_uint refs;
	unsigned char key[32];
	pthread_mutex_t lock;
	uint64_t clock; /* counts uses */
	struct entry set[SETS][WAYS];
};

struct scram *scram_new(void)
{
	struct scram *s = mem_new(sizeof(*s));

	atomic_init(&s->refs, 1);
	random_bytes(s->key, sizeof(s->key));
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

struct scram *scram_ref(struct scram *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void scram_unref(struct scram **pp)
{
	struct scram *s = *pp;

	*pp = NULL;
	if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&s->lock);
	wipe(s, sizeof(*s));
	free(s);
}

static const struct kind {
	const char *mech;
	enum hash hash;
} kinds[] = { { "SCRAM-SHA-256", HASH_SHA256 }, { "SCRAM-SHA-1", HASH_SHA1 } };

static enum hash hash_of(const char *mech)
{
	const struct kind *k = kinds;

	while (strcmp(k->mech, mech) != 0) {
		k++;
		assert(k < kinds + sizeof(kinds) / sizeof(kinds[0]));
	}
	return k->hash;
}

/* A keyed hash of several fields: what came out of one is the key of the next, so no two lists of
 * fields run together. Every use has its own purpose and a fixed number of fields. */
static void mac_begin(const struct scram *s, const char *purpose, unsigned char mac[32])
{
	hmac_sha256(mac, s->key, sizeof(s->key), purpose, strlen(purpose));
}

static void mac_add(unsigned char mac[32], const void *p, size_t len)
{
	hmac_sha256(mac, mac, 32, p, len);
}

static void mac_addz(unsigned char mac[32], const char *z)
{
	mac_add(mac, z, strlen(z));
}

static void salt_of(const struct scram *s, const struct scram_query *q, unsigned char out[32])
{
	mac_begin(s, "salt", out);
	mac_addz(out, q->mech);
	mac_addz(out, q->account);
}

static void tag_of(const struct scram *s, const struct scram_query *q, const struct secret *pass,
		   unsigned char out[TAG])
{
	mac_begin(s, "keys", out);
	mac_addz(out, q->mech);
	mac_addz(out, q->account);
	mac_addz(out, q->peer ? q->peer : "");
	mac_add(out, pass->bytes, pass->len);
}

void scram_stand_in(struct scram *s, const char *account, struct secret *out)
{
	unsigned char mac[32];
	char text[2 * sizeof(mac)];

	mac_begin(s, "stand-in", mac);
	mac_addz(mac, account);
	hex_encode(text, mac, sizeof(mac));
	secret_set(out, text, sizeof(text));
	wipe(mac, sizeof(mac));
	wipe(text, sizeof(text));
}

void scram_derive(enum hash h, const struct secret *pass, const void *salt, size_t salt_len,
		  struct scram_keys *out)
{
	unsigned char salted[HASH_MAX], client[HASH_MAX];
	size_t n = hash_size(h);

	pbkdf2(h, salted, pass->bytes, pass->len, salt, salt_len, SCRAM_ROUNDS);
	hmac(h, client, salted, n, "Client Key", 10);
	hash_bytes(h, out->stored, client, n);
	hmac(h, out->server, salted, n, "Server Key", 10);
	wipe(salted, sizeof(salted));
	wipe(client, sizeof(client));
}

/* ---- the table ---- */

static struct entry *set_of(struct scram *s, const unsigned char tag[TAG])
{
	uint64_t n;

	memcpy(&n, tag, sizeof(n));
	return s->set[n % SETS];
}

/* Not in constant time: nobody outside can choose a tag, knowing neither key nor password. */
static struct entry *entry_find(struct scram *s, const unsigned char tag[TAG])
{
	struct entry *set = set_of(s, tag);

	for (struct entry *e = set; e < set + WAYS; e++) {
		if (e->used && memcmp(e->tag, tag, TAG) == 0)
			return e;
	}
	return NULL;
}

static bool recall(struct scram *s, const unsigned char tag[TAG], struct scram_keys *out)
{
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	e = entry_find(s, tag);
	if (e) {
		e->used = ++s->clock;
		*out = e->keys;
	}
	pthread_mutex_unlock(&s->lock);
	return e;
}

static struct entry *oldest(struct entry *set)
{
	struct entry *found = set;

	for (struct entry *e = set; e < set + WAYS; e++) {
		if (e->used < found->used)
			found = e;
	}
	return found;
}

/* In the place of the same entry, or else of the one of its set that was not used for longest. */
static void keep(struct scram *s, const unsigned char tag[TAG], const struct scram_keys *keys)
{
	struct entry *to;

	pthread_mutex_lock(&s->lock);
	to = entry_find(s, tag);
	if (!to)
		to = oldest(set_of(s, tag));
	*to = (struct entry){ .keys = *keys,
			      .used = ++s->clock }; /* of the old one nothing stays */
	memcpy(to->tag, tag, TAG);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the value ---- */

static void write_value(const struct scram_query *q, const unsigned char salt[SCRAM_SALT],
			const struct scram_keys *keys, size_t n, char out[SCRAM_VALUE_MAX])
{
	char salt64[B64_ENC_LEN(SCRAM_SALT)];
	char stored64[B64_ENC_LEN(HASH_MAX)], server64[B64_ENC_LEN(HASH_MAX)];
	int n_salt = (int)b64_encode(salt64, salt, SCRAM_SALT);
	int n_stored = (int)b64_encode(stored64, keys->stored, n);
	int n_server = (int)b64_encode(server64, keys->server, n);

	int len = snprintf(out, SCRAM_VALUE_MAX, "%s$%d:%.*s$%.*s:%.*s", q->mech, SCRAM_ROUNDS,
			   n_salt, salt64, n_stored, stored64, n_server, server64);
	assert(len < SCRAM_VALUE_MAX);
	wipe(stored64, sizeof(stored64));
	wipe(server64, sizeof(server64));
}

bool scram_value(struct scram *s, const struct scram_query *q, const struct secret *pass,
		 char out[SCRAM_VALUE_MAX])
{
	enum hash h = hash_of(q->mech);
	unsigned char salt[32], tag[TAG];
	struct scram_keys keys = { 0 };
	bool known;

	salt_of(s, q, salt);
	tag_of(s, q, pass, tag);
	known = recall(s, tag, &keys);
	if (!known) {
		scram_derive(h, pass, salt, SCRAM_SALT, &keys);
		keep(s, tag, &keys);
	}
	write_value(q, salt, &keys, hash_size(h), out);
	wipe(&keys, sizeof(keys));
	return known;
}
