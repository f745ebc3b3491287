/* inside.h - the service as attach.c, mapside.c and authside.c share it. Private to this folder.
 *
 *	attach.c     the service and its connections
 *	mapside.c, policyside.c, authside.c     one engine's questions each, put to workers
 *
 * Thread: a session lives on one loop. A task owns or has counted all it touches, so that it can outlive its session.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "server/base/arena.h"
#include "server/base/counter.h"
#include "server/mta/authproto.h"
#include "server/mta/mta.h"
#include "server/mta/policy.h"
#include "server/mta/socketmap.h"
#include "server/net/conn.h"

struct home { /* a loop and its sessions */
	struct mta *m;
	struct loop *loop;
	struct table *table;
	struct task *tasks; /* away on workers */
	struct job drain;
};

struct mta {
	struct mta_work work;
	struct log log;
	pthread_mutex_t lock;
	struct mta_setup setup; /* under the lock */
	atomic_uint next_home;
	atomic_uint n_sessions;
	atomic_bool draining, idle_told;
	_Atomic uint64_t n_total;
	struct counter lookups, signins, failed;
	void (*idle)(void *ctx);
	void *idle_ctx;
	struct job idle_job;
	unsigned n_homes;
	struct home homes[];
};

#define SID_MAX 24

struct session;
struct side { /* what is different between the protocols */
	const char *name;
	size_t in_max; /* of the two doors: octets received ahead of the engine */
	void (*begin)(struct session *);
	enum mta_verdict (*feed)(struct session *, const char *p, size_t len, size_t *eaten);
	enum mta_verdict (*stop)(struct session *);
	void (*gone)(struct session *);
};
extern const struct side maps_door, policy_side, auth_side;

struct session {
	struct home *home;
	struct ref ref;
	const struct side *side;
	struct conn *conn;
	struct arena *mem;
	union {
		struct sm *sm;
		struct policy *policy;
		struct ap *ap;
	};
	struct log log;
	char sid[SID_MAX];
	uint64_t serial;
	uint64_t began_ms;
	uint64_t n_asked; /* questions so far */
	bool eof;         /* the client has no more to say, but may still listen */
	bool half;        /* the deadline for the rest of a request runs */
	bool finishing;   /* the last reply is on its way out */
};

struct task {
	struct job job; /* first, so that the one is the other */
	struct home *home;
	struct task *next, **at; /* home's list */
	struct mta_setup with;   /* references */
	void (*drop)(struct task *);
};

/* attach.c */
void setup_take(struct mta *m, struct mta_setup *out); /* the one of now, with references */
void setup_drop(struct mta_setup *s);
/* Fills in a task of the session, with the setup of now. */
void task_begin(struct task *t, struct session *s, void (*run)(struct job *),
		void (*done)(struct job *), void (*drop)(struct task *));
void task_end(struct task *t);                       /* drops its references */
enum ec task_submit(struct task *t, struct work *w); /* EC_BUSY: it is the caller's still */
/* For done(): the task is nobody's any more; its session, NULL: gone. */
struct session *task_arrived(struct task *t);
void session_put(void *ctx, const void *p, size_t len);
/* Into the log, unless the class says that there was none. */
void session_trouble(const struct session *s, const struct name *asked, enum ec class,
		     const struct err *e);
/* What the engine said to an answer; s may be gone afterwards. */
void session_go_on(struct session *s, enum mta_verdict v);
