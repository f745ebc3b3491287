/* policy.c - see policy.h.
 *
 * The protocol has no word for "I do not understand you": where that is so the connection ends, and Postfix does what its
 * default_action says. Attributes grow with its versions, so those that we do not need are passed over, and so is
 * protocol_state: before RCPT there is no recipient, and at END-OF-MESSAGE the size is the true one.
 */
#include <assert.h>
#include <string.h>
#include "server/mta/policy.h"

struct policy {
	const struct policy_out *out;
	void *ctx;
	struct policy_ask q;
	bool asking, stopping;
	const char *fault;
};

static const char *const said[POLICY_ACTIONS] = {
	[POLICY_DUNNO] = "action=DUNNO\n\n",
	[POLICY_HELD] = "action=450 4.2.1 mailbox takes no mail for now\n\n",
	[POLICY_FULL] = "action=552 5.2.2 mailbox is full (over quota)\n\n",
	[POLICY_FULL_LATER] = "action=452 4.2.2 mailbox is full (over quota), try again\n\n",
};

struct policy *policy_new(struct arena *mem, const struct policy_out *out, void *ctx)
{
	struct policy *s = arena_alloc(mem, sizeof(*s));

	s->out = out;
	s->ctx = ctx;
	return s;
}

static void tell(struct policy *s, const struct policy_ask *q)
{
	s->out->put(s->ctx, said[q->action], strlen(said[q->action]));
}

static bool is(struct mta_text t, const char *z)
{
	return t.len == strlen(z) && memcmp(t.p, z, t.len) == 0;
}

/* Digits alone; what cannot be read was not said, what is beyond all limits stays so. */
static uint64_t take_size(struct mta_text t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return 0;
		n = n < INT64_MAX / 10 ? n * 10 + (uint64_t)(t.p[i] - '0') : INT64_MAX;
	}
	return n;
}

struct request {
	bool ours; /* the one kind of request that there is */
	struct policy_ask q;
};

static bool take_line(struct request *r, const char *p, size_t len)
{
	const char *sign = memchr(p, '=', len);

	if (!sign)
		return false;
	const struct mta_text name = { p, (size_t)(sign - p) };
	const struct mta_text value = { sign + 1, len - name.len - 1 };

	if (is(name, "request"))
		r->ours = is(value, "smtpd_access_policy");
	else if (is(name, "recipient"))
		r->q.recipient = value;
	else if (is(name, "size"))
		r->q.octets = take_size(value);
	return true;
}

enum found { WHOLE, PART, BAD };

/* What is at the front? WHOLE: a request of *used octets. */
static enum found take_request(struct request *r, const char *p, size_t len, size_t *used)
{
	*r = (struct request){ 0 };
	for (*used = 0; *used < len;) {
		const char *line = p + *used, *lf = memchr(line, '\n', len - *used);

		if (!lf)
			return PART;
		*used = (size_t)(lf + 1 - p);
		if (lf == line)
			return r->ours ? WHOLE : BAD;
		if (!take_line(r, line, (size_t)(lf - line)))
			return BAD;
	}
	return PART;
}

static enum mta_verdict serve(struct policy *s, const struct policy_ask *q)
{
	s->q = *q;
	if (q->recipient.len > 0) {
		s->asking = !s->out->ask(s->ctx, &s->q);
		if (s->asking)
			return MTA_WAIT;
	}
	tell(s, &s->q);
	return MTA_NEXT;
}

static enum mta_verdict hang_up(struct policy *s, const char *why)
{
	s->fault = why;
	return MTA_BYE;
}

enum mta_verdict policy_feed(struct policy *s, const char *p, size_t len, size_t *eaten)
{
	struct request r;
	size_t used;

	*eaten = 0;
	if (s->asking)
		return MTA_WAIT;
	if (s->stopping || s->fault)
		return MTA_BYE;
	/* whatever its pieces, a request is too long at the same octet */
	if (len > POLICY_REQUEST_MAX)
		len = POLICY_REQUEST_MAX;
	switch (take_request(&r, p, len, &used)) {
	case WHOLE: *eaten = used; return serve(s, &r.q);
	case BAD: return hang_up(s, "no request=smtpd_access_policy");
	case PART: break;
	}
	return len < POLICY_REQUEST_MAX ? MTA_NEXT : hang_up(s, "a request that is too long");
}

enum mta_verdict policy_answered(struct policy *s, struct policy_ask *q)
{
	assert(s->asking && q == &s->q);
	s->asking = false;
	tell(s, q);
	return s->stopping ? MTA_BYE : MTA_NEXT;
}

enum mta_verdict policy_stop(struct policy *s)
{
	s->stopping = true;
	return s->asking ? MTA_WAIT : MTA_BYE;
}

const char *policy_fault(const struct policy *s)
{
	return s->fault;
}
