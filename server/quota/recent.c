/* recent.c - a table with one place for each hash: who comes later takes it. Forgetting costs a look at the store. */
#include <pthread.h>
#include <stdlib.h>
#include "server/base/mem.h"
#include "server/quota/recent.h"
#include "server/store/account.h"

#define PLACES 4096

struct place {
	struct account_key key;
	struct quota_usage holds;
	uint64_t at_ms; /* 0: empty */
};

/* The mutex: deliveries and looks on all workers; held for one copy. */
struct recent {
	pthread_mutex_t lock;
	struct place place[PLACES];
};

struct recent *recent_new(void)
{
	struct recent *r = mem_new(sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void recent_free(struct recent **r)
{
	if (!*r)
		return;
	pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}

void recent_keep(struct recent *r, const char *account, const struct quota_usage *holds,
		 uint64_t now_ms)
{
	struct account_key key = account_key(account);

	pthread_mutex_lock(&r->lock);
	r->place[key.word[1] % PLACES] = (struct place){ key, *holds, now_ms };
	pthread_mutex_unlock(&r->lock);
}

bool recent_ask(struct recent *r, const char *account, uint64_t now_ms, struct quota_usage *out)
{
	struct account_key key = account_key(account);

	pthread_mutex_lock(&r->lock);
	struct place p = r->place[key.word[1] % PLACES];
	pthread_mutex_unlock(&r->lock);
	*out = p.holds;
	return p.at_ms > 0 && now_ms - p.at_ms < RECENT_MS && p.key.word[0] == key.word[0] &&
	       p.key.word[1] == key.word[1];
}
