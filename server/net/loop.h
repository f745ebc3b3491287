/* loop.h - one event base per thread.
 *
 * Whatever belongs to a loop (connections, timers, sessions) is touched by its thread alone. Other threads hand over work with
 * loop_post; the loop is woken by an eventfd, once per batch.
 * Thread: loop_post any; loop_new/free/run/stop as said; the rest on the loop's own thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"

struct loop;
struct event_base;
struct job;
struct timer;

enum ec loop_new(unsigned index, struct loop **out, struct err *e);
void loop_free(struct loop **l);                   /* after its thread has ended; runs nothing */
enum ec loop_start(struct loop *l, struct err *e); /* its own thread, named winpopd/N */
void loop_run(struct loop *l);                     /* or: on the calling thread, until loop_stop */
void loop_stop(struct loop *l);                    /* any thread */
void loop_join(struct loop *l);
unsigned loop_index(const struct loop *l);
struct event_base *loop_base(struct loop *l);
bool loop_is_here(const struct loop *l); /* for assert */

/* job->done will run on this loop. Never fails, never waits. */
void loop_post(struct loop *l, struct job *j);

/* One-shot timers. A fired or cancelled timer is NULL again. */
void timer_set(struct loop *l, struct timer **t, uint64_t in_ms, void (*fn)(void *ctx), void *ctx);
void timer_cancel(struct timer **t);
