/* 100,000 messages: claiming and STAT must not depend on their number, and whoever walks over all of them gives way. The times are
 * printed, and bounded loosely. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/base/clock.h"
#include "server/base/pace.h"
#include "server/store/uidl.h"

#define KIM "kim@example.com"
#define MANY 100000

static unsigned n_given_way; /* the linker's wrapping gives no context */

int __wrap_sched_yield(void);

int __wrap_sched_yield(void)
{
	n_given_way++;
	return 0;
}

/* Since the last time. */
static void assert_gave_way(unsigned times)
{
	assert_in_range(n_given_way, times, UINT32_MAX);
	n_given_way = 0;
}

/* One file under many names: making 100,000 of them would take longer than everything else. */
static void fill(struct tree *t)
{
	char first[512], path[512];

	tree_write(t, "example.com/P3_kim.mbx/first.eml", "Subject: x\r\n\r\nx\r\n", 17);
	tree_path(t, "example.com/P3_kim.mbx/first.eml", first);
	for (unsigned i = 1, links = 1; i < MANY; i++) {
		char name[MESSAGE_NAME_MAX], below[128];
		message_name_make(name, 1763690000000000 + i);
		snprintf(below, sizeof(below), "example.com/P3_kim.mbx/%s", name);
		tree_path(t, below, path);
		if (++links < 60000 && link(first, path) == 0)
			continue;
		tree_write(t, below, "Subject: x\r\n\r\nx\r\n",
			   17); /* a file has so many links only */
		strcpy(first, path);
		links = 1;
	}
}

static double ms_since(uint64_t from)
{
	return (double)(clock_mono_us() - from) / 1000;
}

static void a_hundred_thousand(void **state)
{
	struct tree t;
	struct box *box;
	struct name kim = tree_name(KIM);
	struct err e;
	uint64_t from, octets;
	uint32_t n;
	double best = 1e9;

	(void)state;
	tree_setup(&t);
	fill(&t);
	from = clock_mono_us();
	assert_ec(t.store->ops->claim(t.store, &kim, "s", &box, &e), EC_OK);
	print_message("first claim, every message read: %.0f ms\n", ms_since(from));
	assert_int_equal(box->n_msgs, MANY);
	assert_int_equal(box->octets, UINT64_C(17) * MANY);
	assert_gave_way(MANY / PACE_TURN * PACE_FILE);
	assert_ec(box->ops->table_now(box, &e), EC_OK); /* all of it was read a moment ago */
	assert_false(box->release_now);                 /* not that table, on an event loop */
	box->ops->release(&box);

	for (int i = 0; i < 10; i++) {
		from = clock_mono_us();
		assert_ec(t.store->ops->claim(t.store, &kim, "s", &box, &e), EC_OK);
		double ms = ms_since(from);
		best = ms < best ? ms : best;
		assert_int_equal(box->n_msgs, MANY);
		box->ops->release(&box);
	}
	print_message("claim: %.3f ms\n", best);
	assert_true(best < 20);

	from = clock_mono_us();
	n_given_way = 0;
	box = tree_claim(&t, KIM);
	assert_gave_way(MANY / PACE_TURN * PACE_ENTRY);
	print_message("claim and table: %.1f ms\n", ms_since(from));
	assert_false(box->release_now);
	from = clock_mono_us();
	tree_remove_message(box, MANY / 2);
	print_message("QUIT with one removal: %.2f ms\n", ms_since(from));
	box->ops->release(&box);

	assert_ec(tree_deliver(&t, KIM, "a\r\n", 3), EC_OK);
	from = clock_mono_us();
	assert_ec(t.store->ops->usage(t.store, &kim, &n, &octets, &e), EC_OK);
	print_message("usage: %.3f ms\n", ms_since(from));
	assert_int_equal(n, MANY);

	tree_write(&t, "example.com/P3_kim.mbx/foreign.eml", "a\r\n", 3);
	from = clock_mono_us();
	assert_ec(t.store->ops->usage(t.store, &kim, &n, &octets, &e), EC_OK);
	print_message("after a change by somebody else: %.0f ms\n", ms_since(from));
	assert_int_equal(n, MANY + 1);

	box = tree_claim(&t, KIM);
	uint8_t *all = malloc(MANY / 8 + 1);
	struct commit done;
	memset(all, 0xFF, MANY / 8 + 1);
	n_given_way = 0;
	from = clock_mono_us();
	assert_ec(box->ops->commit(box, &(struct marks){ .removed = all }, &done, &e), EC_OK);
	print_message("removing all: %.0f ms\n", ms_since(from));
	assert_int_equal(done.n_removed, MANY + 1);
	assert_gave_way(MANY / 64); /* a batch */
	free(all);
	box->ops->release(&box);
	assert_ec(t.store->ops->usage(t.store, &kim, &n, &octets, &e), EC_OK);
	assert_int_equal(n, 0);
	tree_teardown(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_hundred_thousand) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
