/* penalty.c - two tables of fixed size, one for addresses and one for accounts.
 *
 * Names are whatever clients type, so the tables must not grow and must not be steered: an entry is
 * found by a keyed hash whose key nobody outside knows, lives in one of WAYS places of its set, and
 * a full set gives up the entry that would be forgotten first. Two tables, because a flood of
 * invented account names must not push out the addresses that send it. Tags may collide in 2^-64 of
 * cases; two strangers would share a delay, which is no harm.
 *
 * The mutex: failures come from any worker, a handful per second, and hold it for a scan of WAYS
 * entries; hashing is done before. Atomics per entry would have to make "find, evict, queue up" one
 * step all the same, and a queue that two threads join at once must give them different places.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/penalty.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/base/siphash.h"

#define WAYS 4
#define SETS 1024
#define MINUTE_MS 60000

struct entry {
	uint64_t tag;       /* 0: empty */
	uint64_t due_ms;    /* when the last answer in the queue is due */
	uint64_t minute_ms; /* when the present count began */
	uint32_t recent;    /* failures since then */
	uint32_t failures;
};

struct table {
	struct entry set[SETS][WAYS];
};

struct penalty {
	atomic_uint refs;
	unsigned char key[SIPHASH_KEY];
	pthread_mutex_t lock;
	struct table peers, accounts;
};

struct penalty *penalty_new(void)
{
	struct penalty *p = mem_new(sizeof(*p));

	atomic_init(&p->refs, 1);
	random_bytes(p->key, sizeof(p->key));
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

struct penalty *penalty_ref(struct penalty *p)
{
	atomic_fetch_add(&p->refs, 1);
	return p;
}

void penalty_unref(struct penalty **pp)
{
	struct penalty *p = *pp;

	*pp = NULL;
	if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static uint64_t tag_of(const struct penalty *p, const void *what, size_t len)
{
	uint64_t tag = siphash(p->key, what, len);

	return tag ? tag : 1;
}

/* An address that counts: all of IPv4, the network half of IPv6. 0: does not count. */
static uint64_t peer_tag(const struct penalty *p, const char *peer)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (!peer)
		return 0;
	if (inet_pton(AF_INET6, peer, &v6) == 1) {
		if (IN6_IS_ADDR_LOOPBACK(&v6))
			return 0;
		if (!IN6_IS_ADDR_V4MAPPED(&v6))
			return tag_of(p, &v6, 8);
		memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
	} else if (inet_pton(AF_INET, peer, &v4) != 1) {
		return 0;
	}
	return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET ? 0 : tag_of(p, &v4, sizeof(v4));
}

static bool expired(const struct entry *b, uint64_t now)
{
	return b->tag == 0 || now > b->due_ms + PENALTY_EXPIRY_MS;
}

/* The entry of this tag, or the one that is easiest to spare, emptied. */
static struct entry *entry_take(struct table *t, uint64_t tag, uint64_t now)
{
	struct entry *set = t->set[tag % SETS], *spare = set;

	for (struct entry *b = set; b < set + WAYS; b++) {
		if (b->tag == tag && !expired(b, now))
			return b;
		if (expired(b, now))
			b->tag = b->due_ms = 0;
		if (b->due_ms < spare->due_ms)
			spare = b;
	}
	*spare = (struct entry){ .tag = tag, .due_ms = now, .minute_ms = now };
	return spare;
}

static uint64_t step_ms(unsigned base, uint32_t failures)
{
	uint64_t ms = (uint64_t)base << (failures < 16 ? failures : 16);

	return ms < PENALTY_STEP_MAX_MS ? ms : PENALTY_STEP_MAX_MS;
}

/* Takes a place at the end of the queue; the next one stands behind it. */
static unsigned queue_up(struct entry *b, unsigned base, uint64_t longest, uint64_t now)
{
	uint64_t from = b->due_ms > now ? b->due_ms : now;
	uint64_t due = from + step_ms(base, b->failures);

	if (due > now + longest)
		due = now + longest;
	b->due_ms = due;
	b->failures++;
	return (unsigned)(due - now);
}

static bool burst(struct entry *b, uint64_t now)
{
	if (now >= b->minute_ms + MINUTE_MS) {
		b->minute_ms = now;
		b->recent = 0;
	}
	return ++b->recent == PENALTY_BURST;
}

struct penalty_verdict penalty_fail(struct penalty *p, unsigned base_ms, const char *peer,
				    const char *account, uint64_t now_ms)
{
	uint64_t from = peer_tag(p, peer), whom = tag_of(p, account, strlen(account));
	struct penalty_verdict v = { 0 };
	struct entry *b;

	pthread_mutex_lock(&p->lock);
	b = entry_take(&p->accounts, whom, now_ms);
	v.delay_ms = queue_up(b, base_ms, PENALTY_ACCOUNT_WAIT_MAX_MS, now_ms);
	v.account_burst = burst(b, now_ms);
	if (from) {
		unsigned ms;

		b = entry_take(&p->peers, from, now_ms);
		ms = queue_up(b, base_ms, PENALTY_PEER_WAIT_MAX_MS, now_ms);
		v.delay_ms = ms > v.delay_ms ? ms : v.delay_ms;
		v.peer_burst = burst(b, now_ms);
	}
	pthread_mutex_unlock(&p->lock);
	return v;
}

void penalty_forgive(struct penalty *p, const char *account)
{
	uint64_t tag = tag_of(p, account, strlen(account));
	struct entry *set = p->accounts.set[tag % SETS];

	pthread_mutex_lock(&p->lock);
	for (struct entry *b = set; b < set + WAYS; b++) {
		if (b->tag == tag)
			*b = (struct entry){ 0 };
	}
	pthread_mutex_unlock(&p->lock);
}
