/* test_amount.c - amounts of octets, written and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/base/amount.h"

static const struct {
	const char *text;
	uint64_t n;
	const char *back, *about;
} good[] = {
	{ "0", 0, "0", "0" },
	{ "1", 1, "1", "1" },
	{ "1023", 1023, "1023", "1.00K" },
	{ "1k", 1024, "1K", "1.00K" },
	{ "1536", 1536, "1536", "1.50K" },
	{ "500M", 500ull << 20, "500M", "500M" },
	{ "1024M", 1ull << 30, "1G", "1.00G" },
	{ "3t", 3ull << 40, "3T", "3.00T" },
	{ "10300", 10300, "10300", "10.1K" },
	{ "18446744073709551615", UINT64_MAX, "18446744073709551615", "16777216T" },
};
static const char *const bad[] = {
	"",          "K",    "-1",    "1.5G", "1KB", "1 K", " 1", "1P", "18446744073709551616",
	"16777216T", "\x6b", "1\x0b",
};

static void reads_what_it_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char out[AMOUNT_TEXT_MAX];
		uint64_t n = 7;
		assert_true(amount_parse(good[i].text, &n));
		assert_int_equal(n, good[i].n);
		assert_string_equal(amount_text(n, out), good[i].back);
		assert_string_equal(amount_about(n, out), good[i].about);
	}
}

static void refuses_the_rest(void **state)
{
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(amount_parse(bad[i], &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(refuses_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
