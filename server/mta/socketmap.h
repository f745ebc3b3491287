/* socketmap.h - the engine of maps_socket: requests in, replies and questions out, no sockets inside.
 *
 * A request is a netstring "MAP KEY", a reply one of "OK value", "NOTFOUND ", "TEMP why", "PERM why" (socketmap_table(5)).
 * Requests may be pipelined; they are answered one after the other, in order.
 *
 * Thread: one at a time, never blocks. Owner: the arena given to sm_new.
 */
#pragma once
#include <stdbool.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/name.h"
#include "server/mta/engine.h"

#define SM_REQUEST_MAX 10000 /* octets in a netstring */
#define SM_VALUE_MAX NAME_TEXT_MAX

enum sm_map { SM_DOMAINS, SM_MAILBOXES, SM_SENDERS, SM_MAPS };

/* A question; the first half is the engine's, the second the answerer's. */
struct sm_ask {
	enum sm_map map;
	struct mta_text key; /* lent while ask() runs */

	enum ec class; /* EC_OK: value; EC_ABSENT: there is nothing; else: ask again later */
	char value[SM_VALUE_MAX + 1];
};
struct sm_out {
	void (*put)(void *ctx, const void *p, size_t len);
	/* true: answered at once, the second half is filled in. false: sm_answered follows. */
	bool (*ask)(void *ctx, struct sm_ask *q);
};

struct sm;
struct sm *sm_new(struct arena *mem, const struct sm_out *out, void *ctx);
/* Takes one request, if there is a whole one; *eaten octets are done with. Call again until it takes none. */
enum mta_verdict sm_feed(struct sm *s, const char *p, size_t len, size_t *eaten);
/* The question asked is answered (q is the one given to ask). Then feed what is left. */
enum mta_verdict sm_answered(struct sm *s, struct sm_ask *q);
/* No more requests: MTA_WAIT, if one is still to be answered. */
enum mta_verdict sm_stop(struct sm *s);
