/* policy.h - the engine of Postfix's access policy protocol: requests in, actions and questions out, no sockets inside.
 *
 * A request is lines "name=value" and an empty one, an answer "action=..." and an empty line (SMTPD_POLICY_README). What it has
 * over a map is the size of the message, which its sender gives with MAIL. Each request is answered before the next is read.
 *
 * Thread: one at a time, never blocks. Owner: the arena given to policy_new.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/arena.h"
#include "server/mta/engine.h"

#define POLICY_REQUEST_MAX 10000 /* octets in a request */

/* DUNNO: nothing speaks against it, or nobody can tell; other rules and the delivery decide. */
enum policy_action { POLICY_DUNNO, POLICY_HELD, POLICY_FULL, POLICY_FULL_LATER, POLICY_ACTIONS };

/* A question; the first half is the engine's, the second the answerer's. */
struct policy_ask {
	struct mta_text recipient; /* lent while ask() runs */
	uint64_t octets;           /* 0: the sender has not said */

	enum policy_action action;
};
struct policy_out {
	void (*put)(void *ctx, const void *p, size_t len);
	/* true: answered at once, the second half is filled in. false: policy_answered follows. */
	bool (*ask)(void *ctx, struct policy_ask *q);
};

struct policy;
struct policy *policy_new(struct arena *mem, const struct policy_out *out, void *ctx);
/* Takes one request, if there is a whole one; *eaten octets are done with. Call again until it takes none. */
enum mta_verdict policy_feed(struct policy *s, const char *p, size_t len, size_t *eaten);
/* The question asked is answered (q is the one given to ask). Then feed what is left. */
enum mta_verdict policy_answered(struct policy *s, struct policy_ask *q);
/* No more requests: MTA_WAIT, if one is still to be answered. */
enum mta_verdict policy_stop(struct policy *s);
/* Why it hung up; NULL: it did not. */
const char *policy_fault(const struct policy *s);
