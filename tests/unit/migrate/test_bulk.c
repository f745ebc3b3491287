/* test_bulk.c - many at once: each exactly once, whatever goes wrong on the way; and how it ends. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "migrate/bulk.h"
#include "server/base/clock.h"

#define assert_ec(got, want) assert_string_equal(ec_name(got), ec_name(want))

#define MANY 2000

/* A crowd of numbers, and what is told about each when it is asked for. */
struct crowd {
	struct bulk b;
	atomic_bool stop;
	enum bulk_end ends[MANY]; /* LATER: so often as in later[], then OK */
	unsigned later[MANY];
	atomic_uint asked[MANY], done[MANY];
	atomic_uint n_begun, n_now, n_most; /* how many are in hand at a time */
	atomic_uint n_late;                 /* begun when it was stopped already */
	unsigned stop_at;                   /* when so many have begun; 0 = never */
	size_t order[MANY];
	pthread_t caller;
	struct mig_progress last;
	unsigned n_told;
	bool waiting_told;
};

static void note_most(struct crowd *c)
{
	unsigned now = atomic_fetch_add(&c->n_now, 1) + 1, most = atomic_load(&c->n_most);

	while (most < now && !atomic_compare_exchange_weak(&c->n_most, &most, now))
		;
}

static enum bulk_end ask_one(struct crowd *c, size_t i, struct err *e)
{
	if (atomic_fetch_add(&c->asked[i], 1) < c->later[i]) {
		err_set(e, i % 2 ? EC_TEMP : EC_BUSY, "the directory is away");
		return BULK_LATER;
	}
	if (c->ends[i] == BULK_HALT)
		err_set(e, EC_DENIED, "no right to make accounts");
	else
		atomic_fetch_add(&c->done[i], 1);
	return c->ends[i];
}

static enum bulk_end one(void *ctx, size_t i, struct err *e)
{
	struct crowd *c = ctx;
	unsigned at = atomic_fetch_add(&c->n_begun, 1);

	if (at < MANY)
		c->order[at] = i;
	if (atomic_load(&c->stop))
		atomic_fetch_add(&c->n_late, 1);
	if (c->stop_at == at + 1)
		atomic_store(&c->stop, true);
	note_most(c);
	enum bulk_end end = ask_one(c, i, e);
	atomic_fetch_sub(&c->n_now, 1);
	return end;
}

static void progress(void *ctx, const struct mig_progress *now)
{
	struct crowd *c = ctx;

	assert_true(pthread_equal(pthread_self(), c->caller));
	assert_true(now->done >= c->last.done && now->failed <= now->done);
	assert_true(now->done <= now->total);
	c->waiting_told |= now->waiting;
	c->last = *now;
	c->n_told++;
}

static struct crowd *crowd_new(size_t n, unsigned threads)
{
	struct crowd *c = calloc(1, sizeof(*c));

	c->caller = pthread_self();
	c->b = (struct bulk){ .threads = threads,
			      .patience_s = 60,
			      .stop = &c->stop,
			      .n = n,
			      .one = one,
			      .ctx = c,
			      .progress = progress,
			      .progress_ctx = c };
	return c;
}

static enum ec run(struct crowd *c, struct err *e)
{
	struct mig_progress sum = { .total = c->b.n };

	return bulk_run(&c->b, &sum, e);
}

static unsigned count_done(const struct crowd *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->b.n; i++) {
		assert_true(c->done[i] <= 1);
		n += c->done[i];
	}
	return n;
}

static void nobody(void **state)
{
	struct crowd *c = crowd_new(0, 4);
	struct err e;

	(void)state;
	assert_ec(run(c, &e), EC_OK);
	free(c);
}

static void each_once(void **state)
{
	static const struct {
		size_t n;
		unsigned threads;
	} cases[] = { { 1, 1 }, { 1, 16 }, { 2, 64 }, { MANY, 1 }, { MANY, 16 }, { MANY, 64 } };
	struct err e;

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct crowd *c = crowd_new(cases[k].n, cases[k].threads);

		for (size_t i = 0; i < c->b.n; i++)
			c->ends[i] = i % 5 == 4 ? BULK_FAILED : BULK_OK;
		assert_ec(run(c, &e), EC_OK);
		assert_int_equal(count_done(c), c->b.n);
		assert_int_equal(c->n_begun, c->b.n);
		assert_true(c->n_most <= cases[k].threads);
		assert_true(c->n_told > 0 && !c->waiting_told);
		assert_int_equal(c->last.done, c->b.n);
		assert_int_equal(c->last.failed, c->b.n / 5);
		free(c);
	}
}

static void some_again(void **state)
{
	struct crowd *c = crowd_new(MANY, 16);
	struct err e;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		c->later[(i * 163 + 7) % MANY] = 1 + i % 2;
		n += 1 + i % 2;
	}
	assert_ec(run(c, &e), EC_OK);
	assert_int_equal(count_done(c), MANY);
	assert_int_equal(c->n_begun, MANY + n);
	assert_false(c->last.waiting);
	free(c);
}

/* A trouble of its own holds up nobody: it comes behind all others. */
static void goes_behind_the_others(void **state)
{
	struct crowd *c = crowd_new(50, 1);
	struct err e;

	(void)state;
	c->later[3] = 2;
	assert_ec(run(c, &e), EC_OK);
	assert_int_equal(c->order[3], 3);
	assert_int_equal(c->order[4], 4);
	assert_int_equal(c->order[50], 3);
	assert_int_equal(c->order[51], 3);
	assert_int_equal(c->n_begun, 52);
	assert_true(c->waiting_told);
	assert_string_equal(c->last.why.text, "the directory is away");
	free(c);
}

/* In three parts each; nobody has a second turn before all had their first. */
static enum bulk_end in_parts(void *ctx, size_t i, struct err *e)
{
	struct crowd *c = ctx;
	enum bulk_end end = one(ctx, i, e);

	return end == BULK_OK && c->asked[i] < 3 ? BULK_MORE : end;
}

static void more_of_it(void **state)
{
	struct crowd *c = crowd_new(50, 1);
	struct err e;

	(void)state;
	c->b.one = in_parts;
	assert_ec(run(c, &e), EC_OK);
	assert_int_equal(c->last.done, 50);
	assert_int_equal(c->n_begun, 150);
	for (size_t at = 0; at < 150; at++)
		assert_int_equal(c->order[at], at % 50);
	free(c);
}

static void patience_ends(void **state)
{
	struct crowd *c = crowd_new(MANY, 16);
	struct err e;
	uint64_t begun;

	(void)state;
	c->b.patience_s = 1;
	for (size_t i = 100; i < MANY; i++)
		c->later[i] = UINT32_MAX;
	begun = clock_mono_us();
	enum ec rc = run(c, &e);
	assert_true(rc == EC_TEMP || rc == EC_BUSY);
	assert_string_equal(e.text, "the directory is away");
	assert_true(clock_mono_us() - begun >= 1000000);
	assert_int_equal(count_done(c), 100);
	assert_true(c->waiting_told && c->last.waiting);
	/* those in hand when it went away, once more behind each success that comes late, then one at a time */
	assert_true(c->n_begun <= 100 + 16 * 16 + 6);
	free(c);
}

static void the_first_one_alone(void **state)
{
	struct crowd *c = crowd_new(MANY, 16);
	struct err e;

	(void)state;
	c->b.scout = true;
	for (size_t i = 0; i < MANY; i++)
		c->ends[i] = BULK_FAILED;
	assert_ec(run(c, &e), EC_OK);
	assert_int_equal(c->n_most, 1); /* nobody came through */
	assert_int_equal(count_done(c), MANY);
	free(c);

	c = crowd_new(MANY, 16);
	c->b.scout = true;
	for (size_t i = 0; i < MANY; i++)
		c->ends[i] = i < 40 ? BULK_FAILED : i == 40 ? BULK_THROUGH : BULK_OK;
	assert_ec(run(c, &e), EC_OK);
	for (size_t at = 0; at <= 40; at++)
		assert_int_equal(c->order[at], at);
	assert_int_equal(count_done(c), MANY);
	free(c);
}

static void what_everybody_has(void **state)
{
	struct crowd *c = crowd_new(MANY, 16);
	struct err e;

	(void)state;
	c->b.scout = true;
	c->ends[0] = BULK_HALT;
	assert_ec(run(c, &e), EC_DENIED);
	assert_string_equal(e.text, "no right to make accounts");
	assert_int_equal(c->n_begun, 1);
	assert_int_equal(c->last.done, 0);
	free(c);

	c = crowd_new(MANY, 16); /* in the middle: those in hand come to their end */
	c->ends[1000] = BULK_HALT;
	assert_ec(run(c, &e), EC_DENIED);
	assert_int_equal(count_done(c), c->last.done);
	assert_int_equal(c->last.done, c->n_begun - 1);
	free(c);
}

/* The last ones may be done already when it comes: then all is well. */
static void stopped_anywhere(void **state)
{
	struct err e;

	(void)state;
	srand(20260);
	for (unsigned round = 0; round < 100; round++) {
		struct crowd *c = crowd_new(MANY, 1 + (unsigned)rand() % 16);

		c->b.scout = round % 2;
		c->stop_at = 1 + (unsigned)rand() % (round % 10 ? MANY : 20);
		c->later[rand() % MANY] = round % 4 == 0;
		for (size_t i = 0; i < MANY; i++)
			c->ends[i] = rand() % 3 ? BULK_THROUGH : BULK_FAILED;
		enum ec rc = run(c, &e);
		unsigned done = count_done(c);
		assert_ec(rc, done == MANY ? EC_OK : EC_REFUSED);
		assert_int_equal(c->last.done, done);
		assert_true(c->n_late <= c->b.threads);
		free(c);
	}
}

static void stopped_before(void **state)
{
	struct crowd *c = crowd_new(MANY, 16);
	struct err e;

	(void)state;
	atomic_store(&c->stop, true);
	assert_ec(run(c, &e), EC_REFUSED);
	assert_int_equal(c->n_begun, 0);
	free(c);
}

static void stop_when_told(void *ctx, const struct mig_progress *now)
{
	struct crowd *c = ctx;

	progress(ctx, now);
	if (now->waiting)
		atomic_store(&c->stop, true);
}

/* Nobody waits out a back-off of seconds for it. */
static void stopped_while_waiting(void **state)
{
	struct crowd *c = crowd_new(MANY, 16);
	struct err e;

	(void)state;
	c->b.progress = stop_when_told;
	c->b.patience_s = 3600;
	for (size_t i = 0; i < MANY; i++)
		c->later[i] = UINT32_MAX;
	assert_ec(run(c, &e), EC_REFUSED);
	assert_int_equal(count_done(c), 0);
	free(c);
}

static void throttled(void **state)
{
	struct crowd *c = crowd_new(25, 16);
	struct err e;
	uint64_t begun = clock_mono_us();

	(void)state;
	c->b.per_second = 50;
	assert_ec(run(c, &e), EC_OK);
	assert_true(clock_mono_us() - begun >= 24 * 20000); /* the first one at once */
	assert_int_equal(count_done(c), 25);
	free(c);
}

/* ---- threads that cannot be had ---- */

static unsigned n_to_be_had = UINT32_MAX;

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	if (n_to_be_had == 0)
		return EAGAIN;
	n_to_be_had--;
	return __real_pthread_create(t, attr, fn, arg);
}

static void no_more_threads(void **state)
{
	struct err e;

	(void)state;
	for (unsigned n = 0; n < 4; n += 3) {
		struct crowd *c = crowd_new(MANY, 16);

		n_to_be_had = n;
		assert_ec(run(c, &e), EC_TEMP);
		assert_int_equal(c->n_begun, 0); /* nobody begins with what there is */
		free(c);
	}
	n_to_be_had = UINT32_MAX;
}

static void sums_go_on(void **state)
{
	struct crowd *c = crowd_new(10, 2);
	struct mig_progress sum = { .done = 5, .failed = 3, .total = 15 };
	struct err e;

	(void)state;
	c->ends[2] = BULK_FAILED;
	c->b.progress = NULL;
	assert_ec(bulk_run(&c->b, &sum, &e), EC_OK);
	assert_int_equal(sum.done, 15);
	assert_int_equal(sum.failed, 4);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody),
		cmocka_unit_test(each_once),
		cmocka_unit_test(some_again),
		cmocka_unit_test(goes_behind_the_others),
		cmocka_unit_test(more_of_it),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(the_first_one_alone),
		cmocka_unit_test(what_everybody_has),
		cmocka_unit_test(stopped_anywhere),
		cmocka_unit_test(stopped_before),
		cmocka_unit_test(stopped_while_waiting),
		cmocka_unit_test(throttled),
		cmocka_unit_test(no_more_threads),
		cmocka_unit_test(sums_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
