/* fuzz_socketmap.c - any octets at all, cut anywhere, answered at once or later.
 *
 * Invariants: every reply is one netstring with a word that socketmap_table(5) knows; there is one per question; cutting the
 * input differently changes nothing. The first octet chooses the cuts.
 */
#include "server/mta/netstring.h"
#include "server/mta/socketmap.h"
#include "tests/fuzz/talk.h"

struct run {
	struct talk t;
	unsigned n_asked, n_replies;
	struct sm *sm;
	struct sm_ask *asked;
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
	buf_add(&r->t.out, p, len);
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
	if (r->t.later)
		r->asked = q;
	return !r->t.later;
}

static void serve(struct talk *t)
{
	struct run *r = (struct run *)t;
	enum mta_verdict v;
	size_t eaten;

	do {
		v = sm_feed(r->sm, buf_at(&r->t.in), r->t.in.len, &eaten);
		MUST(eaten <= r->t.in.len && (v == MTA_WAIT) == (r->asked != NULL));
		buf_eat(&r->t.in, eaten);
		if (v == MTA_WAIT) {
			struct sm_ask *q = r->asked;

			r->asked = NULL;
			v = sm_answered(r->sm, q);
		}
		if (v == MTA_BYE)
			MUST(sm_stop(r->sm) == MTA_BYE);
	} while (v == MTA_NEXT && eaten > 0);
}

static void run(struct talk *t, const uint8_t *p, size_t len)
{
	struct run *r = (struct run *)t;
	static const struct sm_out out = { put, ask };

	r->sm = sm_new(t->mem, &out, r);
	talk_feed(t, p, len, serve);
	MUST(r->n_replies == r->n_asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct run a = { 0 }, b = { 0 };

	talk_twice(&a.t, &b.t, p, len, run);
	return 0;
}
