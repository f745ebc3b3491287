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

static void count_it(void *ctx, void *p)
{
	(void)p;
	++*(unsigned *)ctx;
}

/* Each that stays is seen once, however the looks are cut; the end is told with the last of them. */
static void some_at_a_time(void **state)
{
	static const uint32_t cuts[] = { 1, 7, 63, 64, 1000, 1024, 5000 };
	struct table *t = table_new();
	struct ref refs[MANY];
	int any;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		refs[i] = table_add(t, &any);
	for (unsigned i = 0; i < MANY; i += 2)
		table_remove(t, refs[i]);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		uint32_t slot = 0;
		unsigned seen = 0, looks = 1;
		while (table_some(t, &slot, cuts[i], count_it, &seen))
			looks++;
		assert_int_equal(seen, MANY / 2);
		assert_true(looks <= 1024 / cuts[i] + 1);
	}
	uint32_t beyond = UINT32_MAX;
	unsigned seen = 0;
	assert_false(table_some(t, &beyond, 10, count_it, &seen));
	assert_int_equal(seen, 0);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reference_finds_its_own_and_nothing_else),
		cmocka_unit_test(each_may_remove),
		cmocka_unit_test(some_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
