/* test_digits.c - both forms against printf, at every length and at its borders. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include "server/base/digits.h"

static void same_as_printf(uint64_t n)
{
	char text[32], want[32];

	*decimal_put(text, n) = '\0';
	snprintf(want, sizeof(want), "%" PRIu64, n);
	assert_string_equal(text, want);
	*hex_put(text, n) = '\0';
	snprintf(want, sizeof(want), "%" PRIx64, n);
	assert_string_equal(text, want);
}

static void every_length(void **state)
{
	(void)state;
	same_as_printf(0);
	for (uint64_t ten = 1, i = 0; i < 20; i++, ten *= 10) {
		same_as_printf(ten - 1);
		same_as_printf(ten);
	}
	for (unsigned i = 0; i < 64; i++)
		same_as_printf(UINT64_MAX >> i);
}

/* Buffers of the promised size, so that a sanitizer sees one octet too many. */
static void stays_in_its_room(void **state)
{
	char decimal[DECIMAL_MAX], hex[HEX_MAX];

	(void)state;
	assert_ptr_equal(decimal_put(decimal, UINT64_MAX), decimal + sizeof(decimal));
	assert_ptr_equal(hex_put(hex, UINT64_MAX), hex + sizeof(hex));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(stays_in_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
