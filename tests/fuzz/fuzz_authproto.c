/* fuzz_authproto.c - any octets at all, cut anywhere, answered at once or later, in any way.
 *
 * Invariants: every line we say is an answer that the protocol knows and holds no octet of a client; an exchange that is begun
 * ends exactly once, by its answer or by being dropped; there are never more than there may be; cutting the input differently
 * changes nothing. The first octet chooses the answers and the cuts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/mta/authproto.h"

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

struct run {
	unsigned seed, n_open, n_asked;
	bool later;
	struct ap *ap;
	struct ap_ask *asked;
	struct buf in, out;
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
	buf_add(&r->out, p, len);
}

/* What is said decides, so that both runs are answered alike. */
static void fill(struct run *r, struct ap_ask *q)
{
	static const enum ec some[] = { EC_USAGE,   EC_DENIED, EC_DENIED, EC_DENIED,
					EC_REFUSED, EC_BUSY,   EC_TEMP,   EC_BROKEN };
	static const struct name kim = { "kim", "example.com" };
	unsigned dice = r->seed + q->id * 7 + (unsigned)q->data_len;

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
	if (r->later)
		r->asked = q;
	else
		r->n_open -= q->state != AUTH_MORE;
	return !r->later;
}

static void drop(void *ctx, struct ap_ask *q)
{
	struct run *r = ctx;

	r->n_open -= q->own != NULL;
	if (r->asked == q)
		r->asked = NULL;
}

static void serve(struct run *r)
{
	size_t eaten;

	do {
		r->last = ap_feed(r->ap, buf_at(&r->in), r->in.len, &eaten);
		MUST(eaten <= r->in.len);
		buf_eat(&r->in, eaten);
		if (r->asked && r->last != MTA_BYE) {
			struct ap_ask *q = r->asked;

			r->asked = NULL;
			r->n_open -= q->state != AUTH_MORE;
			r->last = ap_answered(r->ap, q);
		}
		MUST(r->last != MTA_WAIT);
	} while (r->last == MTA_NEXT && eaten > 0);
}

static void run(struct run *r, const uint8_t *p, size_t len, bool whole)
{
	static const struct ap_out out = { put, ask, drop };
	struct arena *mem = arena_new("fuzz", 1024);

	r->ap = ap_new(mem, &out, r);
	for (size_t at = 0; at < len && r->last == MTA_NEXT;) {
		size_t n = whole ? len : 1 + (r->seed + at) % 13;

		n = n < len - at ? n : len - at;
		buf_add(&r->in, p + at, n);
		serve(r);
		at += n;
	}
	if (r->seed & 1)
		MUST(ap_stop(r->ap) == MTA_BYE);
	ap_gone(r->ap);
	MUST(r->n_open == 0);
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
	MUST(a.last == b.last && a.out.len == b.out.len);
	MUST(memcmp(buf_at(&a.out), buf_at(&b.out), a.out.len) == 0);
	buf_drop(&a.out);
	buf_drop(&b.out);
	return 0;
}
