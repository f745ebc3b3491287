/* test_slots.c - served, held, denied; also from many threads at once. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include "server/net/slots.h"
#include "tests/unit/net/rig.h"

struct waiter {
	struct held held; /* first */
	unsigned went;
	unsigned *order, n_in_order;
};

static void on_go(struct held *h)
{
	struct waiter *w = (struct waiter *)h;

	w->went++;
	if (w->order)
		w->n_in_order = ++*w->order;
}

static struct slots_now now_of(struct slots *s)
{
	struct slots_now now;

	slots_now(s, &now);
	return now;
}

static void serve_hold_deny(void **state)
{
	struct slots *s = slots_new(2, 1, 2, 1);
	unsigned order = 0;
	struct waiter w[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		w[i] = (struct waiter){ .held.go = on_go, .order = &order };
	assert_int_equal(slots_take(s, &w[0].held), SLOT_SERVE);
	assert_int_equal(slots_take(s, &w[1].held), SLOT_SERVE);
	assert_int_equal(slots_take(s, &w[2].held), SLOT_HELD);
	assert_int_equal(slots_take(s, &w[3].held), SLOT_HELD);
	assert_int_equal(slots_take(s, &w[4].held), SLOT_DENIED);
	assert_int_equal(now_of(s).served, 2);
	assert_int_equal(now_of(s).held, 2);
	assert_int_equal(now_of(s).denied, 1);
	assert_int_equal(order, 0);
	slots_give(s); /* the oldest waiter has it now */
	assert_int_equal(w[2].n_in_order, 1);
	assert_int_equal(now_of(s).served, 2);
	assert_false(slots_leave(s, &w[2].held)); /* too late to leave: it was given */
	assert_true(slots_leave(s, &w[3].held));
	assert_false(slots_leave(s, &w[3].held));
	slots_give(s);
	assert_int_equal(w[3].went, 0);
	assert_int_equal(now_of(s).served, 1);
	slots_give(s);
	assert_int_equal(now_of(s).served, 0);
	slots_free(&s);
	assert_null(s);
	slots_free(&s);
}

static void waiters_go_in_order_when_the_maximum_grows(void **state)
{
	struct slots *s = slots_new(1, 0, 10, 1);
	unsigned order = 0;
	struct waiter w[6];

	(void)state;
	for (int i = 0; i < 6; i++) {
		w[i] = (struct waiter){ .held.go = on_go, .order = &order };
		slots_take(s, &w[i].held);
	}
	slots_leave(s, &w[3].held);
	slots_set(s, 4, 0, 10, 1);
	assert_int_equal(w[1].n_in_order, 1);
	assert_int_equal(w[2].n_in_order, 2);
	assert_int_equal(w[4].n_in_order, 3);
	assert_int_equal(w[5].went, 0);
	slots_set(s, 1, 0, 10, 1); /* lowered: nobody is thrown out, nobody comes in */
	slots_give(s);
	slots_give(s);
	slots_give(s);
	assert_int_equal(w[5].went, 0);
	assert_int_equal(now_of(s).served, 1);
	slots_give(s);
	assert_int_equal(w[5].went, 1);
	slots_free(&s);
}

static void places_are_kept_ready_in_steps(void **state)
{
	struct slots *s = slots_new(50, 10, 0, 10);
	struct held h[50] = { 0 };
	static const struct {
		unsigned served, ready;
	} up[] = { { 1, 10 }, { 10, 10 }, { 11, 20 }, { 20, 20 }, { 41, 50 }, { 50, 50 } };
	unsigned served = 0;

	(void)state;
	assert_int_equal(now_of(s).ready, 10);
	for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
		while (served < up[i].served)
			assert_int_equal(slots_take(s, &h[served++]), SLOT_SERVE);
		assert_int_equal(now_of(s).ready, up[i].ready);
	}
	while (served-- > 0)
		slots_give(s);
	assert_int_equal(now_of(s).ready, 10);
	slots_set(s, 30, 30, 0, 0); /* min = max, threshold 0 */
	assert_int_equal(now_of(s).ready, 30);
	slots_free(&s);
}

#define THREADS 8
#define ROUNDS 5000
#define MAX_SERVED 3

struct crowd {
	struct slots *s;
	atomic_int served;
	atomic_bool too_many;
};

struct guest {
	struct held held; /* first */
	atomic_bool may;
};

static void on_may(struct held *h)
{
	atomic_store(&((struct guest *)h)->may, true);
}

static void be_served(struct crowd *c)
{
	if (atomic_fetch_add(&c->served, 1) >= MAX_SERVED)
		atomic_store(&c->too_many, true);
	sched_yield();
	atomic_fetch_sub(&c->served, 1);
	slots_give(c->s);
}

static void *come_and_go(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct guest g = { .held.go = on_may };
		enum slot_answer a = slots_take(c->s, &g.held);

		if (a == SLOT_DENIED)
			continue;
		if (a == SLOT_HELD && i % 3 == 0 && slots_leave(c->s, &g.held))
			continue;
		while (a == SLOT_HELD && !atomic_load(&g.may))
			sched_yield();
		be_served(c);
	}
	return NULL;
}

static void threads_never_exceed_the_maximum(void **state)
{
	struct crowd c = { .s = slots_new(MAX_SERVED, 1, 4, 1) };
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, come_and_go, &c);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_false(c.too_many);
	assert_int_equal(now_of(c.s).served, 0);
	assert_int_equal(now_of(c.s).held, 0);
	slots_free(&c.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serve_hold_deny),
		cmocka_unit_test(waiters_go_in_order_when_the_maximum_grows),
		cmocka_unit_test(places_are_kept_ready_in_steps),
		cmocka_unit_test(threads_never_exceed_the_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
