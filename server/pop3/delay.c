/* delay.c - when did a mailbox last sign in?
 *
 * A table of buckets: a keyed hash of the name picks one, and the name's place in it. Only the hash is kept. The key is random, so
 * nobody can choose names that push each other out.
 *
 * The mutex: sign-ins are judged on loops and workers, a few at a time, and hold it for the time of one bucket; atomics per place would
 * save nothing that could be measured and would need care in two fields. Nothing is called with it held.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/pop3/delay.h"

#define BUCKET 8

struct place {
	uint64_t id; /* 0: free */
	uint64_t at_ms;
};
struct delay {
	pthread_mutex_t lock;
	unsigned char key[32];
	size_t n_buckets;
	struct place (*buckets)[BUCKET];
};

struct delay *delay_new(size_t n_places)
{
	struct delay *d = mem_new(sizeof(*d));

	pthread_mutex_init(&d->lock, NULL);
	random_bytes(d->key, sizeof(d->key));
	d->n_buckets = n_places / BUCKET + 1;
	d->buckets = mem_new(d->n_buckets * sizeof(*d->buckets));
	return d;
}

void delay_free(struct delay **d)
{
	if (!*d)
		return;
	pthread_mutex_destroy(&(*d)->lock);
	free((*d)->buckets);
	free(*d);
	*d = NULL;
}

static uint64_t id_of(const struct delay *d, const struct name *who)
{
	char text[NAME_TEXT_MAX + 1];
	unsigned char mac[32];
	uint64_t id;

	name_text(who, text);
	hmac_sha256(mac, d->key, sizeof(d->key), text, strlen(text));
	memcpy(&id, mac, sizeof(id));
	return id ? id : 1;
}

/* The name's place, or NULL. */
static struct place *find(struct delay *d, uint64_t id)
{
	struct place *b = d->buckets[id % d->n_buckets];

	for (size_t i = 0; i < BUCKET; i++)
		if (b[i].id == id)
			return &b[i];
	return NULL;
}

unsigned delay_left_s(struct delay *d, const struct name *who, unsigned delay_s, uint64_t now_ms)
{
	uint64_t id = id_of(d, who), until = 0;

	pthread_mutex_lock(&d->lock);
	const struct place *p = find(d, id);
	if (p)
		until = p->at_ms + (uint64_t)delay_s * 1000;
	pthread_mutex_unlock(&d->lock);
	return until > now_ms ? (unsigned)((until - now_ms + 999) / 1000) : 0;
}

void delay_note(struct delay *d, const struct name *who, uint64_t now_ms)
{
	uint64_t id = id_of(d, who);

	pthread_mutex_lock(&d->lock);
	struct place *b = d->buckets[id % d->n_buckets], *p = find(d, id);
	for (size_t i = 0; i < BUCKET && (!p || p->id != id); i++)
		if (!p || !b[i].id || b[i].at_ms < p->at_ms)
			p = &b[i];
	*p = (struct place){ id, now_ms };
	pthread_mutex_unlock(&d->lock);
}
