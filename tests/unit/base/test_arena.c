/* test_arena.c - alignment, zeros, growth, strings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdalign.h>
#include <string.h>
#include "server/base/arena.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct arena *a = arena_new("test", 16);
	unsigned char *p[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(a, i);
		assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++) {
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[i][k], i);
	}
	arena_drop(&a);
	assert_null(a);
	arena_drop(&a);
}

static void large_piece_and_small_ones_live_together(void **state)
{
	struct arena *a = arena_new("test", 0);
	char *small = arena_strz(a, "before");
	char *large = arena_alloc(a, 1 << 20);

	(void)state;
	memset(large, 'x', 1 << 20);
	assert_string_equal(arena_strz(a, "after"), "after");
	assert_string_equal(small, "before");
	assert_true(arena_used_bytes(a) >= (1 << 20) + 13);
	arena_drop(&a);
}

static void strings_are_copies(void **state)
{
	struct arena *a = arena_new("test", 64);
	char word[] = "word";
	char *copy = arena_str(a, word, 3);

	(void)state;
	word[0] = 'x';
	assert_string_equal(copy, "wor");
	assert_null(arena_strz(a, NULL));
	assert_string_equal(arena_str(a, NULL, 0), "");
	assert_string_equal(arena_fmt(a, "%s-%d", "n", 7), "n-7");
	assert_int_equal(strlen(arena_fmt(a, "%5000d", 1)), 5000);
	assert_memory_equal(arena_str(a, "a\0b", 3), "a\0b", 4);
	arena_drop(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(large_piece_and_small_ones_live_together),
		cmocka_unit_test(strings_are_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
