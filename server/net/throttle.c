/* throttle.c - connections by address, as long as there are any.
 *
 * An entry exists only while its address holds a connection that has not signed in, and those are
 * bounded by the slots: so is the table. It is keyed with a random seed, or a client with a /32 of
 * IPv6 could choose addresses that all meet in one bucket.
 *
 * One short mutex for all loops, passed twice in a connection's life: an address comes in on any.
 */
#include <endian.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/net/conn.h"
#include "server/net/throttle.h"

#define BUCKETS 4096

struct entry {
	struct entry *next;
	uint64_t net;
	unsigned n;
};

struct throttle {
	pthread_mutex_t lock;
	unsigned max_each;
	uint64_t seed[2];
	struct entry *buckets[BUCKETS];
};

struct throttle *throttle_new(unsigned max_each)
{
	struct throttle *t = mem_new(sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	t->max_each = max_each;
	random_bytes(t->seed, sizeof(t->seed));
	return t;
}

void throttle_free(struct throttle **tp)
{
	struct throttle *t = *tp;

	if (!t)
		return;
	*tp = NULL;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (t->buckets[i]) {
			struct entry *next = t->buckets[i]->next;

			free(t->buckets[i]);
			t->buckets[i] = next;
		}
	}
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* What is counted as one: an IPv4 address, or the /64 that one IPv6 customer has. IPv4 is put where
 * no IPv6 network is (::/64 is reserved). */
static bool net_of(const struct sockaddr *sa, socklen_t len, uint64_t *out)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;
	uint32_t a;

	if (peer_is_loopback(sa, len))
		return false;
	*out = 0;
	if ((size_t)len >= sizeof(*v4) && sa->sa_family == AF_INET) {
		*out = ntohl(v4->sin_addr.s_addr);
		return true;
	}
	if ((size_t)len < sizeof(*v6) || sa->sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		memcpy(&a, v6->sin6_addr.s6_addr + 12, sizeof(a));
		*out = ntohl(a);
		return true;
	}
	memcpy(out, v6->sin6_addr.s6_addr, sizeof(*out));
	*out = be64toh(*out);
	return true;
}

static struct entry **find(struct throttle *t, uint64_t net)
{
	unsigned __int128 wide = (unsigned __int128)(net ^ t->seed[0]) * (t->seed[1] | 1);
	struct entry **at = &t->buckets[((uint64_t)(wide >> 64) ^ (uint64_t)wide) % BUCKETS];

	while (*at && (*at)->net != net)
		at = &(*at)->next;
	return at;
}

static bool count_one(struct throttle *t, uint64_t net)
{
	struct entry **at = find(t, net);

	if (!*at) {
		*at = mem_new(sizeof(**at));
		(*at)->net = net;
	}
	if ((*at)->n >= t->max_each)
		return false;
	(*at)->n++;
	return true;
}

static void uncount_one(struct throttle *t, uint64_t net)
{
	struct entry **at = find(t, net), *e = *at;

	if (e && --e->n == 0) {
		*at = e->next;
		free(e);
	}
}

bool throttle_enter(struct throttle *t, const struct sockaddr *sa, socklen_t len)
{
	uint64_t net;
	bool may;

	if (t->max_each == 0 || !net_of(sa, len, &net))
		return true;
	pthread_mutex_lock(&t->lock);
	may = count_one(t, net);
	pthread_mutex_unlock(&t->lock);
	return may;
}

void throttle_leave(struct throttle *t, const struct sockaddr *sa, socklen_t len)
{
	uint64_t net;

	if (t->max_each == 0 || !net_of(sa, len, &net))
		return;
	pthread_mutex_lock(&t->lock);
	uncount_one(t, net);
	pthread_mutex_unlock(&t->lock);
}
