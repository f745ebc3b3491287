/* link.h - one client's connection and all that hangs on it; for attach.c, link.c and answer.c only.
 *
 *	attach.c   the service: settings, slots, drain, kick     link.c   one connection: events in, replies out
 *	answer.c   the engine's questions, put to workers
 *
 * Thread: a link lives on one loop. What a job of it borrows - question, login, mailbox - is the worker's until the job is back;
 * the link keeps still meanwhile, and if its client leaves it waits for the job before it goes.
 */
#pragma once
#include <stdatomic.h>
#include "server/base/arena.h"
#include "server/pop3/attach.h"
#include "server/pop3/delay.h"
#include "server/pop3/session.h"

#define SID_MAX 24

/* One set of settings, shared by the sessions that began with it. */
struct set {
	_Atomic unsigned refs;
	struct pop3_setup with;
	struct p3_policy policy;
};
struct set *set_new(const struct pop3_setup *with);
struct set *set_ref(struct set *s);
void set_unref(struct set **s);

struct side { /* of one loop */
	struct pop3 *p;
	struct loop *loop;
	struct set *set; /* for new sessions */
	struct table *links;
};

struct pop3 {
	struct side *sides;
	unsigned n_sides;
	struct pop3_work work;
	const struct log *log;
	struct slots *slots;
	struct throttle *throttle;
	struct delay *delay;

	_Atomic unsigned next_side;
	_Atomic unsigned n_links, n_signed_in; /* n_links: from accept on */
	_Atomic uint64_t n_total;
	_Atomic uint64_t denied_said_ms;
	_Atomic uint64_t n_denied_unsaid;
	uint64_t sid_base;
	_Atomic uint64_t n_sids;

	_Atomic bool draining;
	_Atomic bool idle_told;
	void (*idle)(void *ctx);
	void *idle_ctx;
};

enum link_phase {
	LINK_HELD,    /* accepted, silent, waits for a slot */
	LINK_TLS,     /* implicit TLS: handshake, no session yet */
	LINK_OPEN,    /* the engine runs */
	LINK_LEAVING, /* the last reply is on its way out */
	LINK_CLOSED   /* no connection any more; waits for its job or its slot, then goes */
};

struct flight { /* a message whose octets are still on their way out of its file */
	struct link *l;
	struct blob blob;
	uint64_t began_us;
	struct flight *next;
};

struct asking;

struct link {
	struct held held; /* first: go() gets it */
	struct job go_job;
	struct side *at;
	struct set *set;
	struct ref ref;
	enum link_phase phase;
	bool has_slot, slot_comes; /* slot_comes: go() was called, its job is on the way */
	bool throttled;
	bool implicit_tls, loopback;
	bool ended;      /* the client sends no more; what it has sent is still done */
	bool tls_wanted; /* the engine said so while it had our input */
	bool blob_given; /* the message lent last is in flight, or was copied */
	bool doubted;    /* kicked while signing in: by the time the answer comes it may be stale */
	bool signed_in;
	bool shaking; /* hands, for TLS */

	struct conn *conn;
	struct arena *mem;
	struct p3 *engine;
	struct login *login;
	struct box *box;         /* NULL: none, or a job has it */
	struct asking *asking;   /* the job that is out */
	struct p3_ask *question; /* its answer waits for the timer */
	struct timer *timer;
	unsigned n_flying;
	struct flight *landed; /* while a job had the mailbox */

	uint64_t born_ms, asked_us;
	uint64_t spent_us;      /* on the steps of an exchange before the present one */
	uint64_t fetch_us;      /* when the message that is lent was asked for */
	uint64_t rest_until_ms; /* a failed sign-in's wait; hanging up does not shorten it */
	const char *why;        /* it ends, if the engine does not know; NULL */
	struct log log;
	char sid[SID_MAX];
	char peer[PEER_TEXT_MAX];
	struct sockaddr_storage sa;
	socklen_t sa_len;
};

/* link.c */
void link_arrive(struct side *at, int fd, const struct sockaddr *sa, socklen_t len,
		 bool implicit_tls);
/* The engine's question is answered. l may be gone afterwards. */
void link_answered(struct link *l, struct p3_ask *q);
void link_drop_answer(struct link *l, struct p3_ask *q); /* it came too late */
void link_end(struct link *l, enum p3_end why);
void link_close(struct link *l, const char *why); /* l may be gone afterwards */
void link_bury(struct link *l); /* at once; for answer.c and the end of the process */

/* answer.c */
bool answer_ask(struct link *l, struct p3_ask *q);
void answer_abandon(struct link *l); /* workers have stopped: takes back what the job had */
void answer_release(struct link *l); /* gives the mailbox back, on a worker if that may wait */

/* attach.c */
void pop3_link_gone(struct pop3 *p);
