/* session.c - the LMTP session: states, input by the line, answers, endings.
 *
 * The state says what the next octets are: a command, message octets, a chunk to be thrown away, or
 * nothing before an answer has come. Only DATA, CHUNK and DISCARD take octets that are not lines.
 * The transaction (s->mail) is either here or away with a question, never both; every way out of it
 * goes through lm_transaction_over or lm_forget.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "server/lmtp/engine.h"

static const char *const state_name[LM_STATES] = {
	[LM_HELLO] = "hello",       [LM_READY] = "ready",
	[LM_ENVELOPE] = "envelope", [LM_DATA] = "data",
	[LM_CHUNK] = "chunk",       [LM_CHUNKED] = "chunked",
	[LM_DISCARD] = "discard",   [LM_LOOKUP] = "lookup",
	[LM_SPOOLING] = "spooling", [LM_DELIVERING] = "delivering",
	[LM_GONE] = "gone",
};

#define ANYTIME (LM_IN(LM_GONE))
static const uint16_t legal[LM_STATES] = {
	[LM_HELLO] = LM_IN(LM_READY) | LM_IN(LM_DISCARD) | ANYTIME,
	[LM_READY] = LM_IN(LM_READY) | LM_IN(LM_ENVELOPE) | LM_IN(LM_DISCARD) | ANYTIME,
	[LM_ENVELOPE] = LM_IN(LM_READY) | LM_IN(LM_LOOKUP) | LM_IN(LM_DATA) | LM_IN(LM_CHUNK) |
			LM_IN(LM_DISCARD) | ANYTIME,
	[LM_DATA] = LM_IN(LM_SPOOLING) | LM_IN(LM_DELIVERING) | LM_IN(LM_READY) | ANYTIME,
	[LM_CHUNK] = LM_IN(LM_CHUNKED) | LM_IN(LM_SPOOLING) | LM_IN(LM_DELIVERING) |
		     LM_IN(LM_READY) | ANYTIME,
	[LM_CHUNKED] = LM_IN(LM_CHUNK) | LM_IN(LM_READY) | ANYTIME,
	[LM_DISCARD] = LM_IN(LM_HELLO) | LM_IN(LM_READY) | LM_IN(LM_ENVELOPE) | ANYTIME,
	[LM_LOOKUP] = LM_IN(LM_ENVELOPE) | ANYTIME,
	[LM_SPOOLING] =
		LM_IN(LM_DATA) | LM_IN(LM_CHUNK) | LM_IN(LM_DELIVERING) | LM_IN(LM_READY) | ANYTIME,
	[LM_DELIVERING] = LM_IN(LM_READY) | ANYTIME,
	[LM_GONE] = ANYTIME,
};

#define COMMANDS (LM_IN(LM_HELLO) | LM_IN(LM_READY) | LM_IN(LM_ENVELOPE) | LM_IN(LM_CHUNKED))
#define WAITING (LM_IN(LM_LOOKUP) | LM_IN(LM_SPOOLING) | LM_IN(LM_DELIVERING))

static bool is_in(const struct lm *s, unsigned states)
{
	return (LM_IN(s->state) & states) != 0;
}

void lm_enter(struct lm *s, enum lm_state to)
{
	assert(legal[s->state] & LM_IN(to));
	log_event(s->log, LV_TRACE, "state", KV("from", state_name[s->state]),
		  KV("to", state_name[to]));
	s->state = to;
}

void lm_say(struct lm *s, const struct lm_words *w, const char *address)
{
	char line[LM_REPLY_MAX + 1];

	s->out->put(s->ctx, line, lm_reply(line, w, address));
}

void lm_sayf(struct lm *s, const char *fmt, ...)
{
	char line[LM_REPLY_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	assert(n > 0 && (size_t)n < sizeof(line) - 2);
	memcpy(line + n, "\r\n", 2);
	s->out->put(s->ctx, line, (size_t)n + 2);
}

static enum lm_verdict bye(struct lm *s)
{
	lm_gone(s);
	return LM_BYE;
}

enum lm_verdict lm_bad(struct lm *s, const char *reply)
{
	lm_sayf(s, "%s", reply);
	s->totals.n_bad++;
	if (++s->n_bad_row < LM_BAD_MAX)
		return LM_NEXT;
	lm_sayf(s, "421 4.7.0 too many bad commands, closing");
	return bye(s);
}

struct lm *lm_new(struct arena *mem, const struct lm_policy *policy, const struct lm_out *out,
		  void *ctx, const struct log *log)
{
	struct lm *s = arena_alloc(mem, sizeof(*s));

	s->policy = policy;
	s->out = out;
	s->ctx = ctx;
	s->log = log;
	return s;
}

void lm_greet(struct lm *s)
{
	/* RFC 2034 section 4: the greeting and the reply to LHLO carry no enhanced code. */
	lm_sayf(s, "220 %.253s LMTP winpop ready", s->policy->hostname);
}

void lm_forget(struct lm *s)
{
	if (s->mail) {
		struct lm_mail *mail = s->mail;

		s->mail = NULL;
		s->out->forget(s->ctx, mail);
	}
	s->refused = NULL;
}

enum lm_verdict lm_transaction_over(struct lm *s)
{
	lm_forget(s);
	lm_enter(s, LM_READY);
	return s->stopping ? lm_end(s, LM_END_STOP) : LM_NEXT;
}

/* Input. */

/* The rest of a refused line, up to its CRLF. A CR at the end of what is here waits for its LF. */
static size_t skip(struct lm *s, const char *p, size_t len)
{
	const char *end = memmem(p, len, "\r\n", 2);

	s->skipping = !end;
	if (end)
		return (size_t)(end - p) + 2;
	return len - (p[len - 1] == '\r');
}

static enum lm_verdict refuse_line(struct lm *s, const char *reply)
{
	s->skipping = true;
	return lm_bad(s, reply);
}

static enum lm_verdict line_feed(struct lm *s, const char *p, size_t len, size_t *eaten)
{
	if (s->skipping) {
		*eaten = skip(s, p, len);
		return LM_NEXT;
	}
	size_t look = len < LM_LINE_MAX ? len : LM_LINE_MAX;
	const char *lf = memchr(p, '\n', look);

	if (!lf && len < LM_LINE_MAX)
		return LM_NEXT;
	if (!lf) {
		*eaten = LM_LINE_MAX - 1; /* its last octet may be the CR that skip looks for */
		return refuse_line(s, "500 5.5.2 line too long");
	}
	*eaten = (size_t)(lf - p) + 1;
	if (lf == p || lf[-1] != '\r')
		return refuse_line(s, "500 5.5.2 lines end in CR LF, not in LF alone");
	return lm_command(s, p, *eaten - 2);
}

static enum lm_verdict step(struct lm *s, const char *p, size_t len, size_t *eaten)
{
	*eaten = 0;
	if (is_in(s, COMMANDS))
		return line_feed(s, p, len, eaten);
	return lm_body_feed(s, p, len, eaten);
}

enum lm_verdict lm_feed(struct lm *s, const char *p, size_t len, size_t *eaten)
{
	enum lm_verdict v = LM_NEXT;
	size_t n = 1;

	*eaten = 0;
	if (s->state == LM_GONE)
		return LM_BYE;
	if (is_in(s, WAITING))
		return LM_WAIT;
	while (v == LM_NEXT && n > 0 && *eaten < len) {
		v = step(s, p + *eaten, len - *eaten, &n);
		*eaten += n;
	}
	return v;
}

/* Questions. */

enum lm_verdict lm_ask(struct lm *s, enum lm_ask_kind kind, enum lm_state wait)
{
	s->q.kind = kind;
	s->q.class = EC_OK;
	s->q.err = (struct err){ 0 };
	if (kind != LM_ASK_RCPT) {
		s->q.mail = s->mail;
		s->mail = NULL;
	}
	lm_enter(s, wait);
	return s->out->ask(s->ctx, &s->q) ? lm_answered(s, &s->q) : LM_WAIT;
}

enum lm_verdict lm_answered(struct lm *s, struct lm_ask *q)
{
	assert(q == &s->q && is_in(s, WAITING));
	if (q->kind == LM_ASK_RCPT)
		return lm_rcpt_answered(s);
	s->mail = q->mail;
	q->mail = NULL;
	return q->kind == LM_ASK_SPOOL ? lm_spooled(s) : lm_delivered(s);
}

/* Endings. */

enum lm_verdict lm_end(struct lm *s, enum lm_end why)
{
	const unsigned idle = LM_IN(LM_HELLO) | LM_IN(LM_READY);

	if (s->state == LM_GONE)
		return LM_BYE;
	if (why == LM_END_STOP && !is_in(s, idle)) {
		s->stopping = true;
		return is_in(s, WAITING) ? LM_WAIT : LM_NEXT;
	}
	if (is_in(s, WAITING)) /* it is us who take so long */
		return LM_WAIT;
	lm_sayf(s,
		why == LM_END_STOP ? "421 4.3.2 %.253s is shutting down"
				   : "421 4.4.2 %.253s waited too long, closing",
		s->policy->hostname);
	return bye(s);
}

void lm_gone(struct lm *s)
{
	if (s->state == LM_GONE)
		return;
	lm_forget(s);
	arena_drop(&s->asked);
	lm_enter(s, LM_GONE);
}

bool lm_in_command(const struct lm *s)
{
	return is_in(s, COMMANDS);
}

void lm_totals(const struct lm *s, struct lm_totals *out)
{
	*out = s->totals;
}
