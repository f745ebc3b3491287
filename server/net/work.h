/* work.h - a bounded pool of threads for everything that may wait.
 *
 * A job carries values and a reference, never a session pointer. run() is on a worker and touches *job only; done() is back on
 * the job's home loop, looks up who asked (a miss is a normal answer) and frees the job. Full means EC_BUSY now, never a wait.
 * Thread: work_submit any. Owner: the job is the pool's from submit until done(); after EC_BUSY it is still the caller's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"

struct work;
struct loop;

struct ref { /* names a session; stale ones just miss */
	uint32_t slot, gen;
};

struct job {
	struct ref who;
	struct loop *home; /* where done() runs */
	void (*run)(struct job *);
	void (*done)(struct job *);
	struct job *next; /* the pool's */
	uint64_t since_ms;
};

enum ec work_new(const char *name, unsigned n_threads, unsigned max_jobs, struct work **out,
		 struct err *e);
/* While the oldest job has waited for longer, newcomers get EC_BUSY: their turn would come when nobody listens any more. Before
 * the first submit; without it only max_jobs counts. */
void work_patience(struct work *w, unsigned ms);
/* Its threads leave the processor to everybody else's first. Before the first submit. */
void work_nice(struct work *w, int by);
enum ec work_submit(struct work *w, struct job *j);
unsigned work_waiting(const struct work *w);
uint64_t work_oldest_ms(struct work *w); /* for how long the oldest job waits; 0: none does */
void work_free(
	struct work *
		*w); /* finishes what was accepted: every run() is called and every done() posted */

/* Sessions of one loop by reference: slot numbers are reused, generations are not. Thread: one loop. */
struct table;
struct table *table_new(void);
void table_free(struct table **t);
struct ref table_add(struct table *t, void *p);
void *table_get(const struct table *t, struct ref r); /* NULL: gone */
void table_remove(struct table *t, struct ref r);
unsigned table_count(const struct table *t);
/* Those in the next n_slots slots from *slot on, which moves on; false: that was the end. */
bool table_some(const struct table *t, uint32_t *slot, uint32_t n_slots,
		void (*fn)(void *ctx, void *p), void *ctx);
void table_each(struct table *t, void (*fn)(void *ctx, void *p), void *ctx); /* fn may remove p */
