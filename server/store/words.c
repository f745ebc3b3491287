/* words.c - a word-wise multiply-and-fold. Every step is a bijection of the state, so a change confined to one word never goes
 * unnoticed. */
#include <endian.h>
#include <string.h>
#include "server/store/words.h"

uint64_t words_sum(const void *p, size_t len)
{
	uint64_t h = 0x9E3779B97F4A7C15u ^ len, w;

	for (const char *at = p; len >= 8; at += 8, len -= 8) {
		memcpy(&w, at, 8);
		h = (h ^ le64toh(w)) * 0xD6E8FEB86659FD93u;
		h ^= h >> 32;
	}
	return h;
}

void words_to_le(void *p, size_t n)
{
	uint64_t *w = p;

	for (size_t i = 0; i < n; i++)
		w[i] = htole64(w[i]);
}

void words_from_le(void *p, size_t n)
{
	uint64_t *w = p;

	for (size_t i = 0; i < n; i++)
		w[i] = le64toh(w[i]);
}
