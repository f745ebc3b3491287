/* fuzz_policy.c - any octets at all, cut anywhere, answered at once or later.
 *
 * Invariants: every answer is one action and an empty line, so that no recipient or sender can put words into it; there is one
 * per question that names a recipient; who breaks the protocol is hung up on and told no more; cutting the input differently
 * changes nothing. The first octet chooses the cuts.
 */
#include "server/mta/policy.h"
#include "tests/fuzz/talk.h"

struct run {
	struct talk t;
	unsigned n_asked, n_named; /* answers that only a question can have */
	struct policy *s;
	struct policy_ask *asked;
};

static void put(void *ctx, const void *p, size_t len)
{
	static const char dunno[] = "action=DUNNO\n\n";
	struct run *r = ctx;

	const char *end = (const char *)p + len - 2;

	MUST(len > 9 && memcmp(p, "action=", 7) == 0);
	MUST(memchr(p, '\n', len) == end && end[1] == '\n');
	r->n_named += len != strlen(dunno);
	buf_add(&r->t.out, p, len);
}

static bool ask(void *ctx, struct policy_ask *q)
{
	struct run *r = ctx;

	MUST(!r->asked && q->recipient.len > 0 && q->recipient.len < POLICY_REQUEST_MAX);
	MUST(!memchr(q->recipient.p, '\n', q->recipient.len) && q->octets <= INT64_MAX);
	q->action = 1 + (q->recipient.len + q->octets) % (POLICY_ACTIONS - 1);
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
		v = policy_feed(r->s, buf_at(&r->t.in), r->t.in.len, &eaten);
		MUST(eaten <= r->t.in.len && (v == MTA_WAIT) == (r->asked != NULL));
		MUST((v == MTA_BYE) == (policy_fault(r->s) != NULL));
		buf_eat(&r->t.in, eaten);
		if (v == MTA_WAIT) {
			struct policy_ask *q = r->asked;

			r->asked = NULL;
			v = policy_answered(r->s, q);
		}
	} while (v == MTA_NEXT && eaten > 0);
	MUST(v == MTA_BYE || r->t.in.len < POLICY_REQUEST_MAX);
}

static void run(struct talk *t, const uint8_t *p, size_t len)
{
	struct run *r = (struct run *)t;
	static const struct policy_out out = { put, ask };

	r->s = policy_new(t->mem, &out, r);
	talk_feed(t, p, len, serve);
	MUST(r->n_named == r->n_asked);
	MUST(policy_stop(r->s) == MTA_BYE);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct run a = { 0 }, b = { 0 };

	talk_twice(&a.t, &b.t, p, len, run);
	return 0;
}
