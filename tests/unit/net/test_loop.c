/* test_loop.c - jobs from other threads, timers, turns. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "server/base/mem.h"
#include "server/net/turn.h"
#include "server/net/work.h"
#include "tests/unit/net/rig.h"

#define THREADS 4
#define EACH 20000

struct tally {
	struct loop *loop;
	unsigned next[THREADS], n;
	bool in_order, here;
};

struct numbered {
	struct job job;
	struct tally *tally;
	unsigned thread, seq;
};

static void on_done(struct job *j)
{
	struct numbered *n = (struct numbered *)j;
	struct tally *t = n->tally;

	t->in_order = t->in_order && t->next[n->thread] == n->seq;
	t->here = t->here && loop_is_here(t->loop);
	t->next[n->thread]++;
	if (++t->n == THREADS * EACH)
		loop_stop(t->loop);
	free(n);
}

struct poster {
	struct tally *tally;
	unsigned thread;
};

static void *post_all(void *arg)
{
	struct poster *p = arg;

	for (unsigned i = 0; i < EACH; i++) {
		struct numbered *n = mem_new(sizeof(*n));

		n->job.done = on_done;
		n->tally = p->tally;
		n->thread = p->thread;
		n->seq = i;
		loop_post(p->tally->loop, &n->job);
	}
	return NULL;
}

static void posts_arrive_in_order(void **state)
{
	struct tally t = { .in_order = true, .here = true };
	struct poster posters[THREADS];
	pthread_t threads[THREADS];
	struct err e;

	(void)state;
	assert_int_equal(loop_new(3, &t.loop, &e), EC_OK);
	assert_int_equal(loop_index(t.loop), 3);
	assert_int_equal(loop_start(t.loop, &e), EC_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		posters[i] = (struct poster){ &t, i };
		pthread_create(&threads[i], NULL, post_all, &posters[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	loop_join(t.loop);
	assert_int_equal(t.n, THREADS * EACH);
	assert_true(t.in_order);
	assert_true(t.here);
	loop_free(&t.loop);
	assert_null(t.loop);
	loop_free(&t.loop);
}

struct ping {
	struct job job;
	sem_t pong;
};

static void on_ping(struct job *j)
{
	sem_post(&((struct ping *)j)->pong);
}

/* One at a time, each to a loop that has gone to sleep. */
static void a_single_post_wakes_the_loop(void **state)
{
	struct loop *l = rig_loop();
	struct ping p = { .job.done = on_ping };

	(void)state;
	sem_init(&p.pong, 0, 0);
	assert_int_equal(loop_start(l, NULL), EC_OK);
	for (int i = 0; i < 2000; i++) {
		loop_post(l, &p.job);
		sem_wait(&p.pong);
	}
	loop_stop(l);
	loop_join(l);
	sem_destroy(&p.pong);
	loop_free(&l);
}

static void stop_before_run_is_kept(void **state)
{
	struct loop *l = rig_loop();

	(void)state;
	loop_stop(l);
	loop_run(l);
	loop_free(&l);
}

struct alarm {
	struct loop *loop;
	struct timer *t;
	unsigned fired;
};

static void on_alarm(void *ctx)
{
	struct alarm *a = ctx;

	assert_null(a->t);
	if (++a->fired < 3)
		timer_set(a->loop, &a->t, 1, on_alarm, a);
}

static bool fired_thrice(void *ctx)
{
	return ((struct alarm *)ctx)->fired == 3;
}

static void timers_fire_once_and_can_be_set_again(void **state)
{
	struct alarm a = { .loop = rig_loop() }, never = { .loop = a.loop };

	(void)state;
	timer_set(a.loop, &never.t, 1, on_alarm, &never);
	timer_set(a.loop, &never.t, 1, on_alarm, &never); /* moved, not doubled */
	timer_set(a.loop, &a.t, 1, on_alarm, &a);
	timer_cancel(&never.t);
	assert_null(never.t);
	timer_cancel(&never.t);
	rig_until(a.loop, fired_thrice, &a);
	rig_spin(a.loop);
	assert_int_equal(a.fired, 3);
	assert_int_equal(never.fired, 0);
	loop_free(&a.loop);
}

struct walker {
	struct turn turn;
	struct loop *loop;
	unsigned ran, until;
	bool soon;
	struct turn *cancels;
};

static void on_walk(struct turn *t)
{
	struct walker *w = (struct walker *)t;

	w->ran++;
	if (w->cancels)
		turn_cancel(w->cancels);
	if (w->ran < w->until)
		loop_again(w->loop, &w->turn);
}

static bool has_walked(void *ctx)
{
	struct walker *w = ctx;

	return w->ran >= w->until;
}

/* One that always wants another turn must not keep a timer from firing. */
static void nobody_is_starved(void **state)
{
	struct alarm a = { .loop = rig_loop() };
	struct walker greedy = { { .fn = on_walk }, .loop = a.loop, .until = UINT32_MAX };

	(void)state;
	loop_again(a.loop, &greedy.turn);
	timer_set(a.loop, &a.t, 1, on_alarm, &a);
	rig_until(a.loop, fired_thrice, &a);
	assert_true(greedy.ran > 1);
	turn_cancel(&greedy.turn);
	loop_free(&a.loop);
}

static void turns_run_once_and_can_be_cancelled(void **state)
{
	struct loop *l = rig_loop();
	struct walker b = { { .fn = on_walk }, .loop = l, .until = 1 };
	struct walker a = { { .fn = on_walk }, .loop = l, .until = 1, .cancels = &b.turn };
	struct walker c = { { .fn = on_walk }, .loop = l, .until = 3 };

	(void)state;
	loop_soon(l, &a.turn);
	loop_soon(l, &a.turn);
	loop_soon(l, &b.turn);
	loop_soon(l, &c.turn);
	rig_until(l, has_walked, &c);
	rig_spin(l);
	assert_int_equal(a.ran, 1);
	assert_int_equal(b.ran, 0);
	assert_int_equal(c.ran, 3);
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_arrive_in_order),
		cmocka_unit_test(a_single_post_wakes_the_loop),
		cmocka_unit_test(stop_before_run_is_kept),
		cmocka_unit_test(timers_fire_once_and_can_be_set_again),
		cmocka_unit_test(nobody_is_starved),
		cmocka_unit_test(turns_run_once_and_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
