/* who.h - who is being served, a look at some sessions at a time.
 *
 * A look visits one loop and a bounded number of sessions there, so it costs nobody more than a moment, however many there are;
 * the next one goes on where it ended. A session that stays is seen once; one that comes or goes between two looks may be missed.
 * Thread: pop3_look any; done() on the look's home.
 */
#pragma once
#include "server/net/work.h"
#include "server/pop3/attach.h"

#define POP3_LOOK_MOST 1000 /* sessions at a time */

struct pop3_at {
	unsigned side;
	uint32_t slot;
};
struct pop3_session {
	struct pop3_at at; /* a look from here begins with it */
	char sid[24], peer[PEER_TEXT_MAX], mech[24];
	struct name who; /* empty: not signed in yet */
	bool tls;
	uint64_t born_ms, idle_ms; /* born: so long ago */
	uint32_t n_retr, n_dele;
	uint64_t octets_out;
};
struct pop3_look {
	struct job job;      /* first */
	struct pop3_at from; /* then: where the next look begins */
	unsigned n_slots;    /* at most POP3_LOOK_MOST */
	bool everybody;
	struct name who; /* else: a mailbox, or a domain */
	struct loop *home;
	void (*done)(struct pop3_look *); /* frees the look, and found */

	struct pop3 *pop3;
	struct pop3_session *found;
	unsigned n_found;
	bool more;
};
/* The look is ours until done(). */
void pop3_look(struct pop3 *p, struct pop3_look *look);
