/* test_siphash.c - vectors of the algorithm's authors: key 00 01 02 .. 0f, text 00 01 02 .. of every length up to a few words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/base/siphash.h"

static void vectors_of_the_authors(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },  { 2, 0x0d6c8009d9a94f5a },
		{ 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 },
	};
	unsigned char key[SIPHASH_KEY], text[16];

	(void)state;
	for (unsigned char i = 0; i < 16; i++)
		key[i] = text[i] = i;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_true(siphash(key, text, cases[i].len) == cases[i].hash);
}

static void another_key_is_another_hash(void **state)
{
	unsigned char key[SIPHASH_KEY] = { 0 };
	uint64_t before = siphash(key, "kim", 3);

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = 1;
		assert_true(siphash(key, "kim", 3) != before);
		key[i] = 0;
	}
	assert_true(siphash(key, "kim", 3) == before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_authors),
		cmocka_unit_test(another_key_is_another_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
