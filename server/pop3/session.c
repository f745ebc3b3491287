/* session.c - states of a session, and what makes it go on: input, answers, room for output, the end.
 *
 * One state says what we are doing, and a table says what may follow what. Only AUTH, SASL and TRANS read input; in every
 * other state the input stays where it is, which is all there is to pipelining: what a client sends behind PASS waits until
 * the password is judged, then goes on in order. Behind STLS it is dropped (RFC 2595 section 4: it was not protected).
 *
 * A handler that asks gets its answer through one table, whether the answer comes at once or later, so both ways are one path.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/mem.h"
#include "server/pop3/p3.h"

static const char *const state_name[P3_STATES] = {
	[P3_AUTH] = "auth",   [P3_SASL] = "sasl",     [P3_SIGNIN] = "signin", [P3_TLS] = "tls",
	[P3_TRANS] = "trans", [P3_TABLE] = "table",   [P3_FETCH] = "fetch",   [P3_READ] = "read",
	[P3_SEND] = "send",   [P3_UPDATE] = "update", [P3_GONE] = "gone",
};

static const uint16_t legal[P3_STATES] = {
	[P3_AUTH] = IN(P3_SIGNIN) | IN(P3_TLS) | IN(P3_GONE),
	[P3_SASL] = IN(P3_SIGNIN) | IN(P3_GONE),
	[P3_SIGNIN] = IN(P3_AUTH) | IN(P3_SASL) | IN(P3_TRANS) | IN(P3_GONE),
	[P3_TLS] = IN(P3_AUTH) | IN(P3_GONE),
	[P3_TRANS] = IN(P3_TABLE) | IN(P3_FETCH) | IN(P3_SEND) | IN(P3_UPDATE) | IN(P3_GONE),
	[P3_TABLE] = IN(P3_TRANS) | IN(P3_GONE),
	[P3_FETCH] = IN(P3_TRANS) | IN(P3_READ) | IN(P3_SEND) | IN(P3_GONE),
	[P3_READ] = IN(P3_TRANS) | IN(P3_SEND) | IN(P3_GONE),
	[P3_SEND] = IN(P3_TRANS) | IN(P3_READ) | IN(P3_GONE),
	[P3_UPDATE] = IN(P3_GONE),
};

#define READS (IN(P3_AUTH) | IN(P3_SASL) | IN(P3_TRANS))

void p3_enter(struct p3 *s, enum p3_state to)
{
	assert(legal[s->state] & IN(to));
	if (log_on(s->log,
		   LV_TRACE)) /* else not even counted: loops would fight over the counter */
		log_event(s->log, LV_TRACE, "state", KV("from", state_name[s->state]),
			  KV("to", state_name[to]));
	s->state = to;
	if (to != P3_GONE)
		s->totals.state = state_name[to];
}

static void take_allowed(struct p3 *s, const struct p3_allowed *a)
{
	s->allowed = (struct p3_allowed){
		.mechs = arena_strz(s->mem, a->mechs ? a->mechs : ""),
		.clear = a->clear,
		.apop_stamp = arena_strz(s->mem, a->apop_stamp),
		.secure = a->secure,
	};
}

struct p3 *p3_new(struct arena *mem, const struct p3_policy *policy,
		  const struct p3_allowed *allowed, const struct p3_out *out, void *ctx,
		  const struct log *log)
{
	struct p3 *s = arena_alloc(mem, sizeof(*s));

	*s = (struct p3){
		.state = P3_AUTH, .policy = policy, .out = out, .ctx = ctx, .log = log, .mem = mem
	};
	s->totals.state = state_name[P3_AUTH];
	take_allowed(s, allowed);
	return s;
}

/* The stamp is shown only where APOP works: some clients see one, try APOP first and never anything else. */
void p3_greet(struct p3 *s)
{
	const char *stamp = s->allowed.apop_stamp;

	if (stamp)
		p3_ok(s, "%s POP3 ready %s", s->policy->hostname, stamp);
	else
		p3_ok(s, "%s POP3 ready", s->policy->hostname);
}

bool p3_full(const struct p3 *s)
{
	return s->out->queued(s->ctx) > P3_HIGH;
}

enum verdict p3_bye(struct p3 *s, const char *why)
{
	if (s->state != P3_GONE) {
		p3_enter(s, P3_GONE);
		s->totals.end = why;
	}
	return V_BYE;
}

size_t p3_longest_line(const struct p3_policy *policy)
{
	return policy->kerberos ? P3_TICKET_LINE_MAX : P3_AUTH_LINE_MAX;
}

/* An AUTH line may carry an initial response, and mail programs put tokens of kilobytes there. */
static size_t line_max(const struct p3 *s, const char *p, size_t len)
{
	bool sasl = s->state == P3_SASL ||
		    (s->state == P3_AUTH && len >= 5 && strncasecmp(p, "AUTH ", 5) == 0);

	return sasl ? p3_longest_line(s->policy) : P3_LINE_MAX;
}

static enum verdict line_too_long(struct p3 *s)
{
	if (s->state == P3_SASL)
		return p3_sasl_cancel(s, "line is too long; sign-in ended");
	return p3_bad(s, "line is too long; a command has at most %u characters", P3_LINE_MAX);
}

static enum verdict one_line(struct p3 *s, enum p3_found found, struct p3_slice line)
{
	if (found == P3_LINE_LONG)
		return line_too_long(s);
	return s->state == P3_SASL ? p3_sasl_line(s, line) : p3_dispatch(s, line);
}

static enum verdict endless_line(struct p3 *s)
{
	p3_err(s, "line without end; closing the connection");
	return p3_bye(s, "endless-line");
}

enum verdict p3_feed(struct p3 *s, const char *p, size_t len, size_t *eaten)
{
	enum verdict v = V_NEXT;

	for (*eaten = 0; v != V_BYE && s->state != P3_GONE;) {
		struct p3_slice line;
		size_t used;

		if (!(READS & IN(s->state)) || p3_full(s))
			return V_WAIT;
		const char *at = p + *eaten;
		size_t left = len - *eaten;
		enum p3_found found =
			p3_find_line(&s->skipped, at, left, line_max(s, at, left), &line, &used);
		if (found == P3_LINE_PART) {
			*eaten += used;
			if (s->skipped <= P3_MAX_SKIP)
				return V_NEXT;
			v = endless_line(s);
			break;
		}
		v = one_line(s, found, line);
		if (s->state != P3_TABLE)
			*eaten += used; /* else the command waits for the table in the input */
		if (s->state == P3_TLS) {
			*eaten = len;
			return V_WAIT;
		}
	}
	*eaten = len;
	return V_BYE;
}

static enum verdict table_answered(struct p3 *s)
{
	p3_enter(s, P3_TRANS);
	if (s->q.class == EC_OK && !s->box->msgs)
		s->q.class = EC_BROKEN;
	s->table_failed = s->q.class;
	return V_NEXT;
}

static enum verdict update_answered(struct p3 *s)
{
	const struct commit *c = &s->q.commit;

	s->box = NULL;
	if (s->q.class != EC_OK || c->n_failed)
		p3_fail(s, s->q.class == EC_OK ? EC_TEMP : s->q.class,
			"some deleted messages were not removed; delete them again later");
	else
		p3_ok(s, "%u %s removed, good bye", c->n_removed,
		      c->n_removed == 1 ? "message" : "messages");
	return p3_bye(s, "quit");
}

static enum verdict (*const answered[P3_STATES])(struct p3 *s) = {
	[P3_SIGNIN] = p3_signin_answered, [P3_TABLE] = table_answered,
	[P3_FETCH] = p3_fetched,          [P3_READ] = p3_read,
	[P3_UPDATE] = update_answered,
};

enum verdict p3_ask(struct p3 *s, enum p3_ask_kind kind, enum p3_state wait_in)
{
	s->q.kind = kind;
	s->q.class = EC_OK;
	p3_enter(s, wait_in);
	return s->out->ask(s->ctx, &s->q) ? answered[s->state](s) : V_WAIT;
}

enum verdict p3_answered(struct p3 *s, struct p3_ask *q)
{
	assert(q == &s->q);
	if (s->state == P3_GONE) {
		if (q->kind == P3_ASK_FETCH && q->class == EC_OK)
			s->out->done(s->ctx, q->blob); /* it came too late */
		return V_BYE;
	}
	assert(answered[s->state]);
	return answered[s->state](s);
}

enum verdict p3_drained(struct p3 *s)
{
	if (s->state == P3_SEND)
		return s->send.more(s);
	if (s->state == P3_GONE)
		return V_BYE;
	return READS & IN(s->state) ? V_NEXT : V_WAIT;
}

/* RFC 2595 section 4: what was known before TLS is forgotten. */
enum verdict p3_secured(struct p3 *s, const struct p3_allowed *allowed)
{
	if (s->state == P3_GONE)
		return V_BYE;
	take_allowed(s, allowed);
	p3_signin_forget(s);
	p3_enter(s, P3_AUTH);
	return V_NEXT;
}

/* RFC 1939 section 3: a session that idles out ends without a word. Otherwise a word is said where a reply can stand: instead of
 * the next one, or of one that is awaited. Within a message it would be taken for mail, and behind QUIT for the outcome. */
enum verdict p3_end(struct p3 *s, enum p3_end why)
{
	static const char *const word[] = {
		[P3_END_IDLE] = "idle", [P3_END_STOP] = "stopping", [P3_END_KICK] = "kicked"
	};

	if ((READS | IN(P3_SIGNIN) | IN(P3_TABLE) | IN(P3_FETCH)) & IN(s->state)) {
		if (why == P3_END_STOP)
			p3_err(s, "[SYS/TEMP] the service is stopping; try again later");
		if (why == P3_END_KICK)
			p3_err(s, "[SYS/TEMP] an administrator ended this session");
	}
	return p3_bye(s, word[why]);
}

void p3_gone(struct p3 *s)
{
	p3_bye(s, NULL);
	p3_signin_forget(s);
	p3_send_forget(s);
	s->box = NULL;
	s->removed = s->fetched = NULL;
}

bool p3_signed_in(const struct p3 *s)
{
	return s->totals.who.domain[0] != '\0';
}

void p3_totals(const struct p3 *s, struct p3_totals *out)
{
	*out = s->totals;
}

bool p3_marked(const uint8_t *marks, uint32_t i)
{
	return marks && (marks[i / 8] >> (i % 8) & 1);
}

bool p3_mark(struct p3 *s, uint8_t **marks, uint32_t i)
{
	if (!*marks)
		*marks = arena_alloc(s->mem, (s->box->n_msgs + 7) / 8);
	if (p3_marked(*marks, i))
		return false;
	(*marks)[i / 8] |= (uint8_t)(1u << (i % 8));
	return true;
}
