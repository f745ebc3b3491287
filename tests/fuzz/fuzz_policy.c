/* fuzz_policy.c - any octets at all, cut anywhere, answered at once or later.
 *
 * Invariants: every answer is one action and an empty line, so that no recipient or sender can put words into it; there is one
 * per question that names a recipient; who breaks the protocol is hung up on and told no more; cutting the input differently
 * changes nothing. The first octet chooses the cuts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/mta/policy.h"

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

struct run {
	unsigned seed, n_asked, n_named; /* answers that only a question can have */
	bool later;
	struct policy *s;
	struct policy_ask *asked;
	struct buf in, out;
};

static void put(void *ctx, const void *p, size_t len)
{
	static const char dunno[] = "action=DUNNO\n\n";
	struct run *r = ctx;

	const char *end = (const char *)p + len - 2;

	MUST(len > 9 && memcmp(p, "action=", 7) == 0);
	MUST(memchr(p, '\n', len) == end && end[1] == '\n');
	r->n_named += len != strlen(dunno);
	buf_add(&r->out, p, len);
}

static bool ask(void *ctx, struct policy_ask *q)
{
	struct run *r = ctx;

	MUST(!r->asked && q->recipient.len > 0 && q->recipient.len < POLICY_REQUEST_MAX);
	MUST(!memchr(q->recipient.p, '\n', q->recipient.len) && q->octets <= INT64_MAX);
	q->action = 1 + (q->recipient.len + q->octets) % (POLICY_ACTIONS - 1);
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
		v = policy_feed(r->s, buf_at(&r->in), r->in.len, &eaten);
		MUST(eaten <= r->in.len && (v == MTA_WAIT) == (r->asked != NULL));
		MUST((v == MTA_BYE) == (policy_fault(r->s) != NULL));
		buf_eat(&r->in, eaten);
		if (v == MTA_WAIT) {
			struct policy_ask *q = r->asked;

			r->asked = NULL;
			v = policy_answered(r->s, q);
		}
	} while (v == MTA_NEXT && eaten > 0);
	MUST(v == MTA_BYE || r->in.len < POLICY_REQUEST_MAX);
}

static void run(struct run *r, const uint8_t *p, size_t len, bool whole)
{
	static const struct policy_out out = { put, ask };
	struct arena *mem = arena_new("fuzz", 1024);

	r->s = policy_new(mem, &out, r);
	for (size_t at = 0; at < len;) {
		size_t n = whole ? len : 1 + (r->seed + at) % 13;

		n = n < len - at ? n : len - at;
		buf_add(&r->in, p + at, n);
		serve(r);
		at += n;
	}
	MUST(r->n_named == r->n_asked);
	MUST(policy_stop(r->s) == MTA_BYE);
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
