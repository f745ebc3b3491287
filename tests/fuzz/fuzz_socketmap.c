/* fuzz_socketmap.c - any octets at all, cut anywhere, answered at once or later.
 *
 * Invariants: every reply is one netstring with a word that socketmap_table(5) knows; there is one per question; cutting the
 * input differently changes nothing. The first octet chooses the cuts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/mta/netstring.h"
#include "server/mta/socketmap.h"

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

struct run {
	unsigned seed, n_asked, n_replies;
	bool later;
	struct sm *sm;
	struct sm_ask *asked;
	struct buf in, out;
};

static bool begins(struct mta_text t, const char *z)
{
	return t.len >= strlen(z) && memcmp(t.p, z, strlen(z)) == 0;
}

static void put(void *ctx, const void *p, size_t len)
{
	struct run *r = ctx;
	struct mta_text text;
	size_t used;

	MUST(netstring_parse(p, len, 100000, &text, &used) == NETSTRING_WHOLE && used == len);
	MUST(begins(text, "OK ") || begins(text, "NOTFOUND ") || begins(text, "TEMP ") ||
	     begins(text, "PERM "));
	r->n_replies += !begins(text, "PERM ");
	buf_add(&r->out, p, len);
}

static bool ask(void *ctx, struct sm_ask *q)
{
	static const enum ec some[] = { EC_OK, EC_ABSENT, EC_TEMP, EC_BUSY, EC_BROKEN };
	struct run *r = ctx;
	size_t n = q->key.len < SM_VALUE_MAX ? q->key.len : SM_VALUE_MAX;

	MUST(!r->asked && q->map < SM_MAPS && q->key.len <= SM_REQUEST_MAX);
	q->class = some[q->key.len % 5];
	memset(q->value, 'v', n);
	q->value[n] = '\0';
	r->n_asked++;
	if (r->later)
		r->asked = q;
	return !r->later;
}

static void serve(struct run *r)
{
	enum mta_verdict v;
	size_t eaten;

	do {
		v = sm_feed(r->sm, buf_at(&r->in), r->in.len, &eaten);
		MUST(eaten <= r->in.len && (v == MTA_WAIT) == (r->asked != NULL));
		buf_eat(&r->in, eaten);
		if (v == MTA_WAIT) {
			struct sm_ask *q = r->asked;

			r->asked = NULL;
			v = sm_answered(r->sm, q);
		}
		if (v == MTA_BYE)
			MUST(sm_stop(r->sm) == MTA_BYE);
	} while (v == MTA_NEXT && eaten > 0);
}

static void run(struct run *r, const uint8_t *p, size_t len, bool whole)
{
	static const struct sm_out out = { put, ask };
	struct arena *mem = arena_new("fuzz", 1024);

	r->sm = sm_new(mem, &out, r);
	for (size_t at = 0; at < len;) {
		size_t n = whole ? len : 1 + (r->seed + at) % 13;

		n = n < len - at ? n : len - at;
		buf_add(&r->in, p + at, n);
		serve(r);
		at += n;
	}
	MUST(r->n_replies == r->n_asked);
	arena_drop(&mem);
	buf_drop(&r->in);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len == 0)
		return 0;
	struct run a = { .seed = *p }, b = { .seed = *p, .later = true };

	run(&a, p + 1, len - 1, true);
	run(&b, p + 1, len - 1, false);
	MUST(a.out.len == b.out.len && memcmp(buf_at(&a.out), buf_at(&b.out), a.out.len) == 0);
	buf_drop(&a.out);
	buf_drop(&b.out);
	return 0;
}
