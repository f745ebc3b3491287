/* proved.c - a table without locks.
 *
 * A proof is 128 bits, half of which say where it lies. The halves are written one after the other: who reads between two writers
 * finds a mixture that is nobody's proof, and opens the record.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "server/accounts/proved.h"
#include "server/accounts/record.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/base/siphash.h"

#define PLACES 16384 /* 256 KiB when all are used */

struct place {
	_Atomic uint64_t half[2]; /* both 0: nothing */
};

struct proved {
	unsigned char key[2][SIPHASH_KEY];
	struct place places[PLACES];
};

struct proved *proved_new(void)
{
	struct proved *p = mem_new(sizeof(*p));

	random_bytes(p->key, sizeof(p->key));
	return p;
}

void proved_free(struct proved **p)
{
	if (*p)
		wipe((*p)->key, sizeof((*p)->key));
	free(*p);
	*p = NULL;
}

/* What tells one question from another, with borders that cannot move: no name has a NUL in it. The last octets are none of the
 * password's, for siphash leaves them on the stack. */
struct asked {
	uint64_t era;
	size_t len;
	char rest[NAME_TEXT_MAX + 1 + RECORD_FILE_MAX + PASSWORD_MAX + sizeof(uint64_t)];
};

struct proof proved_ask(const struct proved *p, uint64_t era, const struct name *n,
			const char *text, size_t len, const struct secret *s)
{
	struct proof proof = { 0 };
	struct asked a;

	if (len > RECORD_FILE_MAX || s->len > PASSWORD_MAX)
		return proof;
	a.era = era;
	a.len = len;
	char *at = a.rest + strlen(name_text(n, a.rest)) + 1;
	at = mempcpy(at, text, len);
	if (s->len > 0)
		memcpy(at, s->bytes, s->len);
	memset(at + s->len, 0, sizeof(uint64_t));
	size_t total = (size_t)(at + s->len + sizeof(uint64_t) - (char *)&a);
	proof.half[0] = siphash(p->key[0], &a, total);
	proof.half[1] = siphash(p->key[1], &a, total);
	wipe(at, s->len);
	return proof;
}

static size_t place_of(const struct proof *proof)
{
	return proof->half[0] % PLACES;
}

static bool is_proof(const struct proof *proof)
{
	return proof->half[0] || proof->half[1];
}

bool proved_has(const struct proved *p, const struct proof *proof)
{
	const struct place *at = &p->places[place_of(proof)];

	return is_proof(proof) &&
	       atomic_load_explicit(&at->half[0], memory_order_relaxed) == proof->half[0] &&
	       atomic_load_explicit(&at->half[1], memory_order_relaxed) == proof->half[1];
}

void proved_keep(struct proved *p, const struct proof *proof)
{
	struct place *at = &p->places[place_of(proof)];

	if (!is_proof(proof))
		return;
	atomic_store_explicit(&at->half[0], proof->half[0], memory_order_relaxed);
	atomic_store_explicit(&at->half[1], proof->half[1], memory_order_relaxed);
}
