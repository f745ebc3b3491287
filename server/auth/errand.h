/* errand.h - calls that may never come back, made by somebody who can be left behind. Private to this
 * folder.
 *
 * A few threads run errands; whoever sends one waits for it until a deadline and no longer. One that
 * is overdue keeps its thread until it ends by itself, and while too many are overdue new ones are
 * turned away at once: the other side does not answer anybody.
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

struct errands *errands_new(const char *thread_name, unsigned max_threads, unsigned max_overdue);
/* Does not wait for what is overdue; the rest of the memory goes with the last thread. No errand may
 * be waited for. */
void errands_free(struct errands **e);

/* EC_OK: it has run. EC_TEMP: not in time, or no thread to be had. EC_BUSY: not tried. */
enum ec errands_send(struct errands *es, struct errand *e, unsigned timeout_ms);
