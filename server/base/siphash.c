/* siphash.c - SipHash-2-4 (Aumasson, Bernstein 2012).
 *
 * HMAC did this before, at fifty times the cost. OpenSSL has SipHash too, behind an interface that
 * allocates for each call.
 */
#include <endian.h>
#include <string.h>
#include "server/base/siphash.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t turn(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void round_once(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = turn(s->v1, 13) ^ s->v0;
	s->v0 = turn(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = turn(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = turn(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = turn(s->v1, 17) ^ s->v2;
	s->v2 = turn(s->v2, 32);
}

static uint64_t word_at(const unsigned char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return le64toh(w);
}

static void take_word(struct state *s, uint64_t w)
{
	s->v3 ^= w;
	round_once(s);
	round_once(s);
	s->v0 ^= w;
}

uint64_t siphash(const unsigned char key[SIPHASH_KEY], const void *p, size_t len)
{
	uint64_t k0 = word_at(key), k1 = word_at(key + 8);
	struct state s = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			   k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	unsigned char last[8] = { [7] = (unsigned char)len };
	const unsigned char *at = p;
	size_t left = len;

	for (; left >= 8; at += 8, left -= 8)
		take_word(&s, word_at(at));
	if (left > 0)
		memcpy(last, at, left);
	take_word(&s, word_at(last));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		round_once(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
