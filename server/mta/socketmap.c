/* socketmap.c - see socketmap.h.
 *
 * What a reply says is chosen by class: the MTA logs it, and what really happened is in our own log. A request that cannot be
 * understood is PERM - somebody wrote a wrong map into main.cf, which asking again does not mend - and the connection goes on;
 * octets that are no netstring end it, as nobody knows where the next request begins.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "server/mta/netstring.h"
#include "server/mta/socketmap.h"

#define REPLY_MAX (SM_VALUE_MAX + 80)

struct sm {
	const struct sm_out *out;
	void *ctx;
	struct sm_ask q;
	bool asking, stopping;
};

static const char *const map_name[SM_MAPS] = {
	[SM_DOMAINS] = "domains",
	[SM_MAILBOXES] = "mailboxes",
	[SM_SENDERS] = "senders",
};

static const char *const later[EC_COUNT] = {
	[EC_BUSY] = "TEMP too many questions at once; ask again later",
	[EC_BROKEN] = "TEMP winpopd cannot tell; its log says what an administrator must look at",
};

struct sm *sm_new(struct arena *mem, const struct sm_out *out, void *ctx)
{
	struct sm *s = arena_alloc(mem, sizeof(*s));

	s->out = out;
	s->ctx = ctx;
	return s;
}

static void reply(struct sm *s, const char *word, const char *text)
{
	char frame[REPLY_MAX + 16];
	size_t len = strlen(word) + strlen(text);

	assert(len <= REPLY_MAX);
	int n = snprintf(frame, sizeof(frame), "%zu:%s%s,", len, word, text);
	s->out->put(s->ctx, frame, (size_t)n);
}

static void tell(struct sm *s, const struct sm_ask *q)
{
	if (q->class == EC_OK)
		reply(s, "OK ", q->value);
	else if (q->class == EC_ABSENT)
		reply(s, "NOTFOUND ", "");
	else if (later[q->class])
		reply(s, later[q->class], "");
	else
		reply(s, "TEMP winpopd cannot tell just now; ask again later", "");
}

/* "MAP KEY"; a key may be anything, also hold blanks. */
static bool take_request(struct sm_ask *q, struct mta_text request)
{
	const char *blank = memchr(request.p, ' ', request.len);
	size_t word = blank ? (size_t)(blank - request.p) : request.len;

	for (q->map = 0; q->map < SM_MAPS; q->map++)
		if (strlen(map_name[q->map]) == word &&
		    memcmp(map_name[q->map], request.p, word) == 0)
			break;
	if (!blank || q->map == SM_MAPS)
		return false;
	q->key = (struct mta_text){ blank + 1, request.len - word - 1 };
	return true;
}

static enum mta_verdict serve(struct sm *s, struct mta_text request)
{
	s->q = (struct sm_ask){ 0 };
	if (!take_request(&s->q, request)) {
		reply(s, "PERM ", "ask for domains, mailboxes or senders, and a key");
		return MTA_NEXT;
	}
	s->asking = !s->out->ask(s->ctx, &s->q);
	if (s->asking)
		return MTA_WAIT;
	tell(s, &s->q);
	return MTA_NEXT;
}

enum mta_verdict sm_feed(struct sm *s, const char *p, size_t len, size_t *eaten)
{
	struct mta_text request;

	*eaten = 0;
	if (s->asking)
		return MTA_WAIT;
	if (s->stopping)
		return MTA_BYE;
	switch (netstring_parse(p, len, SM_REQUEST_MAX, &request, eaten)) {
	case NETSTRING_WHOLE: return serve(s, request);
	case NETSTRING_PART: return MTA_NEXT;
	case NETSTRING_BAD: break;
	}
	reply(s, "PERM ", "not a netstring of at most 10000 octets");
	return MTA_BYE;
}

enum mta_verdict sm_answered(struct sm *s, struct sm_ask *q)
{
	assert(s->asking && q == &s->q);
	s->asking = false;
	tell(s, q);
	return s->stopping ? MTA_BYE : MTA_NEXT;
}

enum mta_verdict sm_stop(struct sm *s)
{
	s->stopping = true;
	return s->asking ? MTA_WAIT : MTA_BYE;
}
