/* fuzz_lmtp.c - any octets at all, cut anywhere, answered in any way.
 *
 * Invariants: every reply is whole lines of at most 512 octets; after end of data there is one
 * reply per accepted recipient; a message is delivered only from end of data, and only in canonical
 * form; cutting the input differently changes nothing.
 * The first octet chooses the answers and the cuts.
 */
#include "server/lmtp/session.h"
#include "tests/fuzz/talk.h"

struct run {
	struct talk t;
	struct lm *lm;
	struct lm_ask *asked;
	struct buf got;
	unsigned n_final; /* replies still due */
};

static void put(void *ctx, const void *p, size_t len)
{
	struct run *r = ctx;
	const char *line = p;

	MUST(len >= 6 && len <= 512 && memchr(line, '\n', len) == line + len - 1);
	MUST(line[len - 2] == '\r' && (line[3] == ' ' || line[3] == '-'));
	MUST(line[0] >= '2' && line[0] <= '5');
	buf_add(&r->t.out, p, len);
}

static void answer(struct run *r, struct lm_ask *q)
{
	static const enum ec some[] = { EC_OK,   EC_OK,     EC_OK,      EC_ABSENT, EC_QUOTA,
					EC_TEMP, EC_BROKEN, EC_REFUSED, EC_BUSY,   EC_LOCKED };

	q->full_waits = r->t.seed % 2;
	strcpy(q->account, "fuzz");
	q->charge = (struct charge){ .account = q->account };

	if (q->kind == LM_ASK_RCPT) {
		q->class = name_parse(&q->name, q->address, strlen(q->address), NAME_FILE, NULL);
		if (q->class == EC_OK)
			q->class = some[strlen(q->address) % 10];
		return;
	}
	const char *body = buf_at(&q->mail->body);
	size_t len = q->mail->body.len;

	MUST(q->mail->n_rcpts > 0 && q->kind == LM_ASK_DELIVER);
	MUST(len == 0 || (len >= 2 && memcmp(body + len - 2, "\r\n", 2) == 0));
	for (size_t i = 0; i < len; i++)
		MUST(body[i] != '\n' || (i > 0 && body[i - 1] == '\r'));
	for (struct lm_rcpt *p = q->mail->rcpts; p; p = p->next)
		p->class = some[strlen(p->address) * 7 % 10];
	buf_add(&r->got, body, len);
	buf_addz(&r->got, "|");
	r->n_final = q->mail->n_rcpts;
}

static bool ask(void *ctx, struct lm_ask *q)
{
	struct run *r = ctx;

	MUST(!r->asked);
	if (r->t.later)
		r->asked = q;
	else
		answer(r, q);
	return !r->t.later;
}

static void forget(void *ctx, struct lm_mail *m)
{
	(void)ctx;
	lm_mail_free(&m);
}

/* One reply line for each recipient, and nothing else, came with the answer. */
static void check_final(struct run *r, size_t before)
{
	unsigned n = 0;

	for (size_t i = before; i < r->t.out.len; i++)
		n += buf_at(&r->t.out)[i] == '\n';
	MUST(n == r->n_final);
	r->n_final = 0;
}

static enum lm_verdict answer_now(struct run *r)
{
	struct lm_ask *q = r->asked;
	size_t before = r->t.out.len;
	bool deliver = q->kind == LM_ASK_DELIVER;

	r->asked = NULL;
	answer(r, q);
	enum lm_verdict v = lm_answered(r->lm, q);

	if (deliver)
		check_final(r, before);
	return v;
}

static void serve(struct talk *t)
{
	struct run *r = (struct run *)t;
	enum lm_verdict v;
	size_t eaten;

	do {
		v = lm_feed(r->lm, buf_at(&r->t.in), r->t.in.len, &eaten);
		MUST(eaten <= r->t.in.len);
		buf_eat(&r->t.in, eaten);
		while (v == LM_WAIT && r->asked) {
			v = answer_now(r);
			eaten = 1;
		}
		MUST(v != LM_WAIT);
	} while (v == LM_NEXT && eaten > 0 && r->t.in.len > 0);
}

static void run(struct talk *t, const uint8_t *p, size_t len)
{
	struct run *r = (struct run *)t;
	static const struct lm_policy policy = { "mx.example.com", 500 };
	static const struct lm_out out = { put, ask, forget };
	static const struct log silent;

	r->lm = lm_new(t->mem, &policy, &out, r, &silent);
	lm_greet(r->lm);
	talk_feed(t, p, len, serve);
	if (r->t.seed & 1)
		lm_end(r->lm, r->t.seed & 2 ? LM_END_STOP : LM_END_IDLE);
	lm_gone(r->lm);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct run a = { 0 }, b = { 0 };

	talk_twice(&a.t, &b.t, p, len, run);
	talk_same(&a.got, &b.got);
	return 0;
}
