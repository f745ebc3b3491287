/* test_brief.c - who waits for a hold that should be over in moments, and for how long. The clock is ours: a wait that does not end
 * by itself ends as if its time were up. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <cmocka.h>
#include "server/store/brief.h"

static const struct name kim = { .local = "kim", .domain = "example.com" };
static const struct name lee = { .local = "lee", .domain = "example.com" };

/* What happens while somebody waits. */
static struct {
	void (*meanwhile)(struct brief *b);
	struct brief *b;
	unsigned n;
} wait;

int __wrap_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
				  const struct timespec *until);
int __wrap_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
				  const struct timespec *until)
{
	(void)c, (void)clock, (void)until;
	wait.n++;
	if (!wait.meanwhile)
		return ETIMEDOUT;
	pthread_mutex_unlock(m);
	wait.meanwhile(wait.b);
	pthread_mutex_lock(m);
	return 0;
}

static void ends_and_begins_again(struct brief *b)
{
	brief_end(b);
	brief_begin(b, &kim);
}

static void another_comes_too(struct brief *b)
{
	assert_false(brief_again(b, &kim, brief_mark(b)));
	assert_int_equal(wait.n, 1);
	brief_end(b);
}

/* Kim finds the mailbox held. */
static bool again(void (*before)(struct brief *b), void (*after)(struct brief *b),
		  void (*meanwhile)(struct brief *b))
{
	struct brief b;

	brief_open(&b);
	wait.meanwhile = meanwhile;
	wait.b = &b;
	wait.n = 0;
	if (before)
		before(&b);
	uint64_t mark = brief_mark(&b);
	if (after)
		after(&b);
	bool answer = brief_again(&b, &kim, mark);
	brief_close(&b);
	return answer;
}

static void of_kim(struct brief *b)
{
	brief_begin(b, &kim);
}

static void of_lee(struct brief *b)
{
	brief_begin(b, &lee);
}

static void of_kim_all(struct brief *b)
{
	brief_begin(b, &kim);
	brief_end(b);
}

static void a_session_is_not_waited_for(void **state)
{
	(void)state;
	assert_false(again(NULL, NULL, brief_end));
	assert_false(again(of_kim_all, NULL, brief_end));
	assert_int_equal(wait.n, 0);
}

static void what_came_in_between_is_seen(void **state)
{
	(void)state;
	assert_true(again(NULL, of_kim_all, brief_end));
	assert_true(again(of_kim, brief_end, brief_end));
	assert_true(again(NULL, of_lee, brief_end));
	assert_int_equal(wait.n, 0);
}

static void an_end_is_waited_for(void **state)
{
	(void)state;
	assert_true(again(of_kim, NULL, brief_end));
	assert_int_equal(wait.n, 1);
	assert_true(again(NULL, of_kim, ends_and_begins_again));
	assert_int_equal(wait.n, 1);
}

static void not_by_two_and_not_for_ever(void **state)
{
	(void)state;
	assert_true(again(of_kim, NULL, another_comes_too));
	assert_false(again(of_kim, NULL, NULL));
	assert_int_equal(wait.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_not_waited_for),
		cmocka_unit_test(what_came_in_between_is_seen),
		cmocka_unit_test(an_end_is_waited_for),
		cmocka_unit_test(not_by_two_and_not_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
