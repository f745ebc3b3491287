/* test_outq.c - what goes out together, and what does not. */
#include <string.h>
#include <unistd.h>
#include "server/net/outq.h"
#include "tests/unit/net/rig.h"

#define LARGE (OUTQ_SMALL_FILE + 1)

static char to[4 * LARGE];

/* "head", a large file, "tail" */
static void fill(struct outq *q, struct loop *l, int file)
{
	outq_add(q, l, "head", 4);
	outq_add_file(q, file, 0, LARGE, NULL, NULL);
	outq_add(q, l, "tail", 4);
}

static void copies_to_the_end(void **state)
{
	struct loop *l = rig_loop();
	struct outq q = { 0 };
	int file = rig_file(LARGE);
	size_t total;

	(void)state;
	fill(&q, l, file);
	assert_true(outq_copy(&q, true, to, sizeof(to), &total));
	assert_int_equal(total, 4 + LARGE + 4);
	assert_memory_equal(to, "head", 4);
	for (size_t i = 0; i < LARGE; i++)
		assert_int_equal((unsigned char)to[4 + i], rig_octet(i));
	assert_memory_equal(to + 4 + LARGE, "tail", 4);
	assert_true(outq_copy(&q, true, to, 10, &total));
	assert_int_equal(total, 10);
	outq_drop(&q, l);
	close(file);
	loop_free(&l);
}

/* What sendfile is to send must not be tried in any other way before. */
static void stops_before_what_goes_by_sendfile(void **state)
{
	struct loop *l = rig_loop();
	struct outq q = { 0 };
	struct outq_file f;
	int file = rig_file(LARGE);
	size_t total;

	(void)state;
	fill(&q, l, file);
	assert_false(outq_large_file(&q, &f));
	assert_true(outq_copy(&q, false, to, sizeof(to), &total));
	assert_int_equal(total, 4);
	outq_sent(&q, l, 4);
	assert_true(outq_large_file(&q, &f));
	outq_no_sendfile(&q);
	assert_false(outq_large_file(&q, &f));
	assert_true(outq_copy(&q, false, to, sizeof(to), &total));
	assert_int_equal(total, LARGE + 4);
	outq_drop(&q, l);
	close(file);
	loop_free(&l);
}

static void a_file_that_ends_too_soon(void **state)
{
	struct loop *l = rig_loop();
	struct outq q = { 0 };
	int file = rig_file(10);
	size_t total;

	(void)state;
	outq_add_file(&q, file, 0, 11, NULL, NULL);
	assert_false(outq_copy(&q, true, to, sizeof(to), &total));
	outq_drop(&q, l);
	close(file);
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_to_the_end),
		cmocka_unit_test(stops_before_what_goes_by_sendfile),
		cmocka_unit_test(a_file_that_ends_too_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
