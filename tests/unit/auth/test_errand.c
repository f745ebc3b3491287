/* test_errand.c - errands that come back in time, too late, or never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sched.h>
#include <cmocka.h>
#include "server/auth/errand.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

#define SOON 20        /* milliseconds: too short for what waits for us */
#define PATIENCE 30000 /* and long enough for what does not */

static atomic_uint n_run, n_dropped;

static struct errands *some(unsigned max_threads, unsigned max_overdue, unsigned retry_ms)
{
	return errands_new("test", &(struct errands_limits){ max_threads, max_overdue, retry_ms });
}

/* Runs until its gate is open. */
struct task {
	struct errand errand;
	atomic_bool *gate, *inside; /* NULL: none */
};

static void run(struct errand *e)
{
	struct task *t = (struct task *)e;

	if (t->inside)
		*t->inside = true;
	while (t->gate && !*t->gate)
		sched_yield();
	n_run++;
}

static void drop(struct errand *e)
{
	free(e);
	n_dropped++;
}

static struct errand *task(atomic_bool *gate)
{
	struct task *t = mem_new(sizeof(*t));

	t->errand.run = run;
	t->errand.drop = drop;
	t->gate = gate;
	return &t->errand;
}

static void wait_for(atomic_uint *n, unsigned want)
{
	uint64_t until = clock_mono_ms() + PATIENCE;

	while (*n != want) {
		assert_true(clock_mono_ms() < until);
		sched_yield();
	}
}

static int reset(void **state)
{
	(void)state;
	n_run = n_dropped = 0;
	return 0;
}

static void comes_back(void **state)
{
	struct errands *es = some(2, 1, PATIENCE);

	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		struct errand *e = task(NULL);

		assert_int_equal(errands_send(es, e, PATIENCE), EC_OK);
		assert_int_equal(n_run, i);
		drop(e);
	}
	errands_free(&es);
	assert_null(es);
	errands_free(&es);
}

static void too_late(void **state)
{
	struct errands *es = some(2, 1, PATIENCE);
	atomic_bool gate = false;
	struct errand *e;

	(void)state;
	assert_int_equal(errands_send(es, task(&gate), SOON), EC_TEMP);
	/* One is overdue, which is as many as may be: nothing is tried. */
	assert_int_equal(errands_send(es, task(NULL), PATIENCE), EC_BUSY);
	assert_int_equal(n_run, 0);
	assert_int_equal(n_dropped, 1);
	gate = true;
	wait_for(&n_dropped, 2);
	/* Then the way is free again: it is counted down under the same lock. */
	e = task(NULL);
	assert_int_equal(errands_send(es, e, PATIENCE), EC_OK);
	drop(e);
	errands_free(&es);
}

/* Nobody is left to run it. */
static void all_are_lost(void **state)
{
	struct errands *es = some(2, 9, 0);
	atomic_bool gate = false;

	(void)state;
	assert_int_equal(errands_send(es, task(&gate), SOON), EC_TEMP);
	assert_int_equal(errands_send(es, task(&gate), SOON), EC_TEMP);
	assert_int_equal(errands_send(es, task(NULL), PATIENCE), EC_BUSY);
	gate = true;
	wait_for(&n_dropped, 3);
	assert_int_equal(n_run, 2);
	errands_free(&es);
}

/* The other side is back before the errands that it kept: one that tries finds out. */
static void one_tries(void **state)
{
	struct errands *es = some(3, 1, 0);
	atomic_bool gate = false;
	struct errand *e;

	(void)state;
	assert_int_equal(errands_send(es, task(&gate), SOON), EC_TEMP);
	assert_int_equal(errands_send(es, task(&gate), SOON), EC_TEMP); /* tries in vain */
	for (int i = 0; i < 3; i++) {
		e = task(NULL);
		assert_int_equal(errands_send(es, e, PATIENCE), EC_OK);
		drop(e);
	}
	gate = true;
	wait_for(&n_dropped, 5);
	errands_free(&es);
}

struct sender {
	struct errands *es;
	struct errand *errand;
};

static void *send_one(void *arg)
{
	struct sender *s = arg;

	assert_int_equal(errands_send(s->es, s->errand, PATIENCE), EC_OK);
	drop(s->errand);
	return NULL;
}

/* The only thread is busy with somebody else's: what has not begun in time never does. */
static void never_begun(void **state)
{
	struct errands *es = some(1, 3, PATIENCE);
	atomic_bool gate = false, inside = false;
	struct sender s = { es, task(&gate) };
	pthread_t t;

	(void)state;
	((struct task *)s.errand)->inside = &inside;
	assert_int_equal(pthread_create(&t, NULL, send_one, &s), 0);
	while (!inside)
		sched_yield();
	assert_int_equal(errands_send(es, task(NULL), SOON), EC_TEMP);
	assert_int_equal(errands_send(es, task(NULL), SOON), EC_TEMP);
	assert_int_equal(n_dropped, 2);
	gate = true;
	pthread_join(t, NULL);
	assert_int_equal(n_run, 1);
	errands_free(&es);
}

static void freed_under_way(void **state)
{
	struct errands *es = some(1, 1, PATIENCE);
	atomic_bool gate = false;

	(void)state;
	assert_int_equal(errands_send(es, task(&gate), SOON), EC_TEMP);
	errands_free(&es);
	gate = true;
	wait_for(&n_dropped, 1);
}

struct crowd {
	struct errands *es;
	atomic_uint n_ok;
};

static void *many(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < 200; i++) {
		struct errand *e = task(NULL);

		if (errands_send(c->es, e, PATIENCE) == EC_OK) {
			c->n_ok++;
			drop(e);
		}
	}
	return NULL;
}

/* More senders than threads, one thread lost. */
static void many_at_once(void **state)
{
	atomic_bool gate = false;
	struct crowd c = { .es = some(3, 2, PATIENCE) };
	pthread_t t[8];

	(void)state;
	assert_int_equal(errands_send(c.es, task(&gate), SOON), EC_TEMP);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&t[i], NULL, many, &c), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(c.n_ok, 1600);
	gate = true;
	wait_for(&n_dropped, 1601);
	errands_free(&c.es);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(comes_back, reset),
		cmocka_unit_test_setup(too_late, reset),
		cmocka_unit_test_setup(all_are_lost, reset),
		cmocka_unit_test_setup(one_tries, reset),
		cmocka_unit_test_setup(never_begun, reset),
		cmocka_unit_test_setup(freed_under_way, reset),
		cmocka_unit_test_setup(many_at_once, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
