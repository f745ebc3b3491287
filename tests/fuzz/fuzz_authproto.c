/* fuzz_authproto.c - any octets at all, cut anywhere, answered at once or later, in any way.
 *
 * Invariants: every line we say is an answer that the protocol knows and holds no octet of a client; an exchange that is begun
 * ends exactly once, by its answer or by being dropped; there are never more than there may be; cutting the input differently
 * changes nothing. The first octet chooses the answers and the cuts.
 */
#include "server/mta/authproto.h"
#include "tests/fuzz/talk.h"

struct run {
	struct talk t;
	unsigned n_open, n_asked;
	struct ap *ap;
	struct ap_ask *asked;
	enum mta_verdict last;
};

static void put(void *ctx, const void *p, size_t len)
{
	struct run *r = ctx;
	const char *line = p;

	MUST(len > 4 && memchr(line, '\n', len) == line + len - 1);
	MUST(memcmp(line, "OK\t", 3) == 0 || memcmp(line, "CONT\t", 5) == 0 ||
	     memcmp(line, "FAIL\t", 5) == 0);
	for (size_t i = 0; i < len - 1; i++)
		MUST(line[i] == '\t' || (line[i] >= ' ' && line[i] <= '~'));
	buf_add(&r->t.out, p, len);
}

/* What is said decides, so that both runs are answered alike. */
static void fill(struct run *r, struct ap_ask *q)
{
	static const enum ec some[] = { EC_USAGE,   EC_DENIED, EC_DENIED, EC_DENIED,
					EC_REFUSED, EC_BUSY,   EC_TEMP,   EC_BROKEN };
	static const struct name kim = { "kim", "example.com" };
	unsigned dice = r->t.seed + q->id * 7 + (unsigned)q->data_len;

	q->state = dice % 3 == 0 ? AUTH_DONE : dice % 3 == 1 ? AUTH_MORE : AUTH_FAILED;
	q->class = some[dice / 3 % 8];
	q->refusal = dice / 24 % (REFUSAL_GROUP + 1);
	q->who = kim;
	q->challenge = "<1.2@mx.example.com>";
	q->challenge_len = dice % 20;
}

static bool ask(void *ctx, struct ap_ask *q)
{
	struct run *r = ctx;
	const char *octets = q->data;

	MUST((q->kind == AP_BEGIN) == (q->own == NULL));
	MUST(strlen(q->mech) <= AP_MECH_MAX && strlen(q->rip) <= AP_WORD_MAX && !r->asked);
	r->n_open += q->kind == AP_BEGIN;
	MUST(r->n_open <= AP_EXCHANGES_MAX);
	for (size_t i = 0; i < q->data_len; i++) /* all of it can be read */
		r->n_asked += octets[i] == 'x';
	q->own = r;
	fill(r, q);
	if (r->t.later)
		r->asked = q;
	else
		r->n_open -= q->state != AUTH_MORE;
	return !r->t.later;
}

static void drop(void *ctx, struct ap_ask *q)
{
	struct run *r = ctx;

	r->n_open -= q->own != NULL;
	if (r->asked == q)
		r->asked = NULL;
}

static void serve(struct talk *t)
{
	struct run *r = (struct run *)t;
	size_t eaten;

	do {
		r->last = ap_feed(r->ap, buf_at(&r->t.in), r->t.in.len, &eaten);
		MUST(eaten <= r->t.in.len);
		buf_eat(&r->t.in, eaten);
		if (r->asked && r->last != MTA_BYE) {
			struct ap_ask *q = r->asked;

			r->asked = NULL;
			r->n_open -= q->state != AUTH_MORE;
			r->last = ap_answered(r->ap, q);
		}
		MUST(r->last != MTA_WAIT);
	} while (r->last == MTA_NEXT && eaten > 0);
	t->over = r->last != MTA_NEXT;
}

static void run(struct talk *t, const uint8_t *p, size_t len)
{
	struct run *r = (struct run *)t;
	static const struct ap_out out = { put, ask, drop };

	r->ap = ap_new(t->mem, &out, r);
	talk_feed(t, p, len, serve);
	if (r->t.seed & 1)
		MUST(ap_stop(r->ap) == MTA_BYE);
	ap_gone(r->ap);
	MUST(r->n_open == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct run a = { 0 }, b = { 0 };

	talk_twice(&a.t, &b.t, p, len, run);
	MUST(a.last == b.last);
	return 0;
}
