/* test_wipe.c - nothing that is given back to malloc still holds a password.
 *
 * The linker sends every free() of the code under test through __wrap_free, which looks at the block
 * before it goes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/secret.h"

static const char password[] = "correct horse battery staple";
static unsigned n_freed, n_leaked;

void __real_free(void *p);
void __wrap_free(void *p);

void __wrap_free(void *p)
{
	n_freed += p != NULL;
	if (p && memmem(p, malloc_usable_size(p), password, sizeof(password) - 1))
		n_leaked++;
	__real_free(p);
}

static int start(void **state)
{
	(void)state;
	n_freed = n_leaked = 0;
	return 0;
}

static void nothing_leaked(void)
{
	assert_true(n_freed > 0);
	assert_int_equal(n_leaked, 0);
}

static void arena_of_many_chunks(void **state)
{
	struct arena *a = arena_new("test", 16);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		arena_strz(a, password);
	for (unsigned i = 0; i < 100; i++)
		arena_fmt(a, "PASS %s", password);
	arena_drop(&a);
	nothing_leaked();
}

/* Also while it grows, and also what was eaten already. */
static void buffer_that_grows(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		buf_fmt(&b, "PASS %s\r\n", password);
		if (i % 3 == 0)
			buf_eat(&b, b.len / 2);
	}
	buf_wipe(&b);
	nothing_leaked();
}

static void secret_that_is_set_again(void **state)
{
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	secret_set(&a, password, sizeof(password));
	secret_set(&b, password, sizeof(password));
	secret_move(&a, &b);
	secret_set(&a, "x", 1);
	secret_set(&b, password, sizeof(password));
	secret_drop(&b);
	secret_drop(&a);
	nothing_leaked();
}

/* The test must be able to see a leak. */
static void dropped_buffer_is_seen(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_addz(&b, password);
	buf_drop(&b);
	assert_int_equal(n_leaked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(arena_of_many_chunks, start),
		cmocka_unit_test_setup(buffer_that_grows, start),
		cmocka_unit_test_setup(secret_that_is_set_again, start),
		cmocka_unit_test_setup(dropped_buffer_is_seen, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
