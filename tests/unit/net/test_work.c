/* test_work.c - the pool when it is empty, full, and ending. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/net/work.h"
#include "tests/unit/net/rig.h"

struct task {
	struct job job;
	sem_t *gate; /* run() waits for it */
	atomic_uint *n_run;
	unsigned *n_done;
};

static void task_run(struct job *j)
{
	struct task *t = (struct task *)j;

	if (t->gate)
		sem_wait(t->gate);
	atomic_fetch_add(t->n_run, 1);
}

static void task_done(struct job *j)
{
	struct task *t = (struct task *)j;

	assert_true(loop_is_here(j->home));
	(*t->n_done)++;
	free(t);
}

struct scene {
	struct loop *loop;
	struct work *work;
	sem_t gate;
	atomic_uint n_run;
	unsigned n_done, want;
};

static void scene_open(struct scene *s, unsigned n_threads, unsigned max_jobs)
{
	struct err e;

	*s = (struct scene){ .loop = rig_loop() };
	sem_init(&s->gate, 0, 0);
	assert_int_equal(work_new("work", n_threads, max_jobs, &s->work, &e), EC_OK);
}

static void scene_close(struct scene *s)
{
	work_free(&s->work);
	assert_null(s->work);
	loop_free(&s->loop);
	sem_destroy(&s->gate);
}

static enum ec submit(struct scene *s, bool gated)
{
	struct task *t = mem_new(sizeof(*t));
	enum ec rc;

	t->job = (struct job){ .home = s->loop, .run = task_run, .done = task_done };
	t->gate = gated ? &s->gate : NULL;
	t->n_run = &s->n_run;
	t->n_done = &s->n_done;
	rc = work_submit(s->work, &t->job);
	if (rc != EC_OK)
		free(t);
	return rc;
}

static bool all_done(void *ctx)
{
	struct scene *s = ctx;

	return s->n_done == s->want;
}

static bool none_waiting(void *ctx)
{
	return work_waiting(((struct scene *)ctx)->work) == 0;
}

static void many_jobs_all_come_back(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, 4, 100000);
	s.want = 20000;
	for (unsigned i = 0; i < s.want; i++)
		assert_int_equal(submit(&s, false), EC_OK);
	rig_until(s.loop, all_done, &s);
	assert_int_equal(s.n_run, s.want);
	scene_close(&s);
}

static void full_is_busy_at_once(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, 1, 2);
	assert_int_equal(submit(&s, true), EC_OK);
	rig_until(s.loop, none_waiting, &s); /* a worker has it */
	assert_int_equal(submit(&s, true), EC_OK);
	assert_int_equal(submit(&s, true), EC_OK);
	assert_int_equal(work_waiting(s.work), 2);
	assert_int_equal(submit(&s, true), EC_BUSY);
	for (int i = 0; i < 3; i++)
		sem_post(&s.gate);
	s.want = 3;
	rig_until(s.loop, all_done, &s);
	assert_int_equal(submit(&s, false), EC_OK);
	s.want = 4;
	rig_until(s.loop, all_done, &s);
	scene_close(&s);
}

static bool is_later(void *ctx)
{
	return clock_mono_ms() > *(uint64_t *)ctx + 1;
}

static void a_queue_that_stands_takes_nobody(void **state)
{
	struct scene s;
	uint64_t now;

	(void)state;
	scene_open(&s, 1, 1000);
	work_patience(s.work, 1);
	assert_int_equal(submit(&s, true), EC_OK);
	rig_until(s.loop, none_waiting, &s); /* a worker has it: nobody waits */
	now = clock_mono_ms();
	rig_until(s.loop, is_later, &now);
	assert_int_equal(submit(&s, true), EC_OK);
	now = clock_mono_ms();
	rig_until(s.loop, is_later, &now);
	assert_int_equal(submit(&s, true), EC_BUSY);
	sem_post(&s.gate);
	sem_post(&s.gate);
	s.want = 2;
	rig_until(s.loop, all_done, &s);
	assert_int_equal(submit(&s, false), EC_OK);
	s.want = 3;
	rig_until(s.loop, all_done, &s);
	scene_close(&s);
}

struct look {
	struct job job;
	int nice;
	bool is_back;
};

static void look_run(struct job *j)
{
	((struct look *)j)->nice = getpriority(PRIO_PROCESS, 0);
}

static void look_done(struct job *j)
{
	((struct look *)j)->is_back = true;
}

static bool looked(void *ctx)
{
	return ((const struct look *)ctx)->is_back;
}

/* Once, and its threads alone. */
static void the_nice_ones_go_last(void **state)
{
	int ours = getpriority(PRIO_PROCESS, 0);
	struct scene s;

	(void)state;
	scene_open(&s, 1, 10);
	work_nice(s.work, 3);
	for (int i = 0; i < 2; i++) {
		struct look look = { .job = {
					     .home = s.loop, .run = look_run, .done = look_done } };
		assert_int_equal(work_submit(s.work, &look.job), EC_OK);
		rig_until(s.loop, looked, &look);
		assert_int_equal(look.nice, ours + 3 > 19 ? 19 : ours + 3);
	}
	assert_int_equal(getpriority(PRIO_PROCESS, 0), ours);
	scene_close(&s);
}

static void free_finishes_what_was_accepted(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, 2, 1000);
	s.want = 500;
	for (unsigned i = 0; i < s.want; i++) {
		assert_int_equal(submit(&s, true), EC_OK);
		sem_post(&s.gate);
	}
	work_free(&s.work);
	assert_int_equal(s.n_run, s.want);
	rig_until(s.loop, all_done, &s);
	work_free(&s.work);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_jobs_all_come_back),
		cmocka_unit_test(full_is_busy_at_once),
		cmocka_unit_test(a_queue_that_stands_takes_nobody),
		cmocka_unit_test(the_nice_ones_go_last),
		cmocka_unit_test(free_finishes_what_was_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
