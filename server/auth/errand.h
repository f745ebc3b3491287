/* errand.h - calls that may never come back, made by somebody who can be left behind. Private to this
 * folder.
 *
 * A few threads run errands; whoever sends one waits for it until a deadline and no longer. One that
 * is overdue keeps its thread until it ends by itself. When several in a row are, the other side does
 * not answer anybody: errands are turned away at once, but for one now and then that tries.
 * Thread: any. Owner: an errand belongs to the sender until it is sent, and again if errands_send
 * says EC_OK; otherwise it is dropped when nobody needs it any more.
 */
#pragma once
#include <pthread.h>
#include "server/base/err.h"

struct errands;

struct errand {
	void (*run)(struct errand *);  /* on a thread of errands: may touch the errand only */
	void (*drop)(struct errand *); /* frees it */
	/* private */
	struct errand *next;
	enum { ERRAND_QUEUED, ERRAND_RUNS, ERRAND_DONE, ERRAND_OVERDUE } state;
	pthread_cond_t done;
};

struct errands_limits {
	unsigned max_threads;
	unsigned max_overdue; /* so many in a row before errands are turned away */
	unsigned retry_ms;    /* and how often one tries all the same */
};
struct errands *errands_new(const char *thread_name, const struct errands_limits *limits);
/* Does not wait for what is overdue; the rest of the memory goes with the last thread. No errand may
 * be waited for. */
void errands_free(struct errands **e);

/* EC_OK: it has run. EC_TEMP: not in time, or no thread to be had. EC_BUSY: turned away. */
enum ec errands_send(struct errands *es, struct errand *e, unsigned timeout_ms);
