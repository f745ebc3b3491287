/* test_buf.c - a buffer must read like one long stream, however it is fed and eaten. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"

static void empty_is_usable(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_non_null(buf_at(&b));
	buf_add(&b, NULL, 0);
	buf_eat(&b, 0);
	buf_trim(&b);
	buf_wipe(&b);
	buf_drop(&b);
	char *z = buf_take(&b);
	assert_string_equal(z, "");
	free(z);
}

/* Adds and eats odd amounts; what is left must always be the next bytes of the stream 0,1,2,... */
static void stream_stays_in_order(void **state)
{
	struct buf b = { 0 };
	size_t put = 0, got = 0;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		for (unsigned n = round * 7 % 97; n > 0; n--) {
			unsigned char c = (unsigned char)put++;
			buf_add(&b, &c, 1);
		}
		size_t eat = round * 13 % 101;
		eat = eat > b.len ? b.len : eat;
		for (size_t i = 0; i < eat; i++)
			assert_int_equal((unsigned char)buf_at(&b)[i], (unsigned char)(got + i));
		buf_eat(&b, eat);
		got += eat;
		assert_int_equal(b.len, put - got);
	}
	assert_true(b.cap <= 1 << 15);
	buf_drop(&b);
}

/* A steady flow through the buffer must not make it grow. */
static void eaten_space_is_used_again(void **state)
{
	struct buf b = { 0 };
	char piece[100] = { 0 };

	(void)state;
	buf_add(&b, piece, sizeof(piece));
	for (unsigned i = 0; i < 100000; i++) {
		buf_add(&b, piece, sizeof(piece));
		buf_eat(&b, sizeof(piece));
	}
	assert_true(b.cap <= 512);
	buf_drop(&b);
}

static void room_and_grew(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_addz(&b, "ab");
	buf_eat(&b, 1);
	memcpy(buf_room(&b, 1000), "cd", 2);
	buf_grew(&b, 2);
	assert_int_equal(b.len, 3);
	assert_memory_equal(buf_at(&b), "bcd", 3);
	buf_eat(&b, 3);
	assert_int_equal(b.off, 0);
	buf_trim(&b);
	assert_null(b.mem);
}

static void formats_at_every_fill_level(void **state)
{
	(void)state;
	for (size_t fill = 0; fill < 600; fill += 7) {
		for (int width = 0; width < 300; width += 31) {
			struct buf b = { 0 };
			for (size_t i = 0; i < fill; i++)
				buf_add(&b, ".", 1);
			buf_fmt(&b, "%*d", width, 5);
			assert_int_equal(b.len, fill + (width > 1 ? (size_t)width : 1));
			assert_int_equal(buf_at(&b)[b.len - 1], '5');
			buf_wipe(&b);
		}
	}
}

static void take_hands_over_a_string(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_addz(&b, "xhello");
	buf_eat(&b, 1);
	char *z = buf_take(&b);
	assert_string_equal(z, "hello");
	assert_null(b.mem);
	assert_int_equal(b.len, 0);
	free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_is_usable),
		cmocka_unit_test(stream_stays_in_order),
		cmocka_unit_test(eaten_space_is_used_again),
		cmocka_unit_test(room_and_grew),
		cmocka_unit_test(formats_at_every_fill_level),
		cmocka_unit_test(take_hands_over_a_string),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
