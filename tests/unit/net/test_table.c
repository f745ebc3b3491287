/* test_table.c - references that outlive what they name. */
#include "server/net/work.h"
#include "tests/unit/net/rig.h"

#define MANY 1000

static void a_reference_finds_its_own_and_nothing_else(void **state)
{
	struct table *t = table_new();
	int a, b;
	struct ref ra = table_add(t, &a), rb;

	(void)state;
	assert_ptr_equal(table_get(t, ra), &a);
	assert_null(table_get(t, (struct ref){ 0 }));
	assert_null(table_get(t, (struct ref){ .slot = 1u << 31, .gen = 1 }));
	assert_null(table_get(t, (struct ref){ .slot = ra.slot + 1, .gen = 1 }));
	table_remove(t, ra);
	assert_null(table_get(t, ra));
	rb = table_add(t, &b);
	assert_int_equal(rb.slot, ra.slot); /* reused, and still not mistaken */
	assert_null(table_get(t, ra));
	table_remove(t, ra);
	assert_ptr_equal(table_get(t, rb), &b);
	assert_int_equal(table_count(t), 1);
	table_free(&t);
	assert_null(t);
	table_free(&t);
}

struct each {
	struct table *t;
	struct ref refs[MANY];
	unsigned seen;
};

static void remove_it(void *ctx, void *p)
{
	struct each *e = ctx;

	e->seen++;
	table_remove(e->t, *(struct ref *)p);
}

static void each_may_remove(void **state)
{
	static struct each e;

	(void)state;
	e.t = table_new();
	for (unsigned i = 0; i < MANY; i++)
		e.refs[i] = table_add(e.t, &e.refs[i]);
	for (unsigned i = 0; i < MANY; i++)
		assert_ptr_equal(table_get(e.t, e.refs[i]), &e.refs[i]);
	for (unsigned i = 0; i < MANY; i += 3)
		table_remove(e.t, e.refs[i]);
	assert_int_equal(table_count(e.t), MANY - (MANY + 2) / 3);
	table_each(e.t, remove_it, &e);
	assert_int_equal(e.seen, MANY - (MANY + 2) / 3);
	assert_int_equal(table_count(e.t), 0);
	table_free(&e.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reference_finds_its_own_and_nothing_else),
		cmocka_unit_test(each_may_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
