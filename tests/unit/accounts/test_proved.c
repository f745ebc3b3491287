/* test_proved.c - what is kept is found again, and nothing that differs from it by an octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/accounts/proved.h"
#include "server/accounts/record.h"
#include "server/base/mem.h"

static const struct name kim = { .domain = "example.com", .local = "kim" };

static struct proof ask_in(uint64_t era, const struct proved *p, const struct name *n,
			   const char *text, size_t len, const char *password)
{
	struct secret s = { 0 };

	secret_set(&s, password, strlen(password));
	struct proof proof = proved_ask(p, era, n, text, len, &s);
	secret_drop(&s);
	return proof;
}

static struct proof ask(const struct proved *p, const struct name *n, const char *text, size_t len,
			const char *password)
{
	return ask_in(1, p, n, text, len, password);
}

static void only_what_was_proved(void **state)
{
	static const char text[] = "v1 = aae97528 KxNt VSOa\n";
	const size_t len = sizeof(text) - 1;
	struct proved *p = proved_new(), *other = proved_new();
	struct name lee = kim;
	struct proof proof = ask(p, &kim, text, len, "Pa55"), p2;

	(void)state;
	strcpy(lee.local, "lee");
	assert_false(proved_has(p, &proof));
	proved_keep(p, &proof);
	assert_true(proved_has(p, &proof));
	assert_false(proved_has(other, &proof));
	p2 = ask(p, &lee, text, len, "Pa55");
	assert_false(proved_has(p, &p2));
	p2 = ask(p, &kim, text, len, "pa55");
	assert_false(proved_has(p, &p2));
	p2 = ask_in(2, p, &kim, text, len, "Pa55");
	assert_false(proved_has(p, &p2));
	p2 = ask(p, &kim, text, len, "");
	assert_false(proved_has(p, &p2));
	for (size_t i = 0; i < len; i++) {
		char changed[sizeof(text)];

		memcpy(changed, text, sizeof(text));
		changed[i] ^= 1;
		p2 = ask(p, &kim, changed, len, "Pa55");
		assert_false(proved_has(p, &p2));
	}
	p2 = ask(other, &kim, text, len, "Pa55"); /* another key, another proof */
	assert_false(proved_has(p, &p2));
	proved_free(&p);
	proved_free(&other);
}

/* The end of the record is not the beginning of the password. */
static void borders_count(void **state)
{
	struct proved *p = proved_new();
	struct proof proof = ask(p, &kim, "v1 = x", 6, "yz"),
		     moved = ask(p, &kim, "v1 = xy", 7, "z");

	(void)state;
	proved_keep(p, &proof);
	assert_false(proved_has(p, &moved));
	proved_free(&p);
}

/* What no account has is not hashed, and never proved. */
static void too_long_is_never_proved(void **state)
{
	char *large = mem_new(RECORD_FILE_MAX + 2);
	struct proved *p = proved_new();
	struct proof proof;

	(void)state;
	memset(large, 'x', RECORD_FILE_MAX + 1);
	proof = ask(p, &kim, large, RECORD_FILE_MAX, "Pa55");
	proved_keep(p, &proof);
	assert_true(proved_has(p, &proof));
	proof = ask(p, &kim, large, RECORD_FILE_MAX + 1, "Pa55");
	proved_keep(p, &proof);
	assert_false(proved_has(p, &proof));
	large[PASSWORD_MAX + 1] = '\0';
	proof = ask(p, &kim, "v1 = x", 6, large);
	proved_keep(p, &proof);
	assert_false(proved_has(p, &proof));
	proved_free(&p);
	free(large);
}

/* New ones push old ones out, and are there themselves. */
static void any_number_is_kept_for_a_while(void **state)
{
	struct proved *p = proved_new();
	unsigned there = 0;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		struct proof proof = ask(p, &kim, (const char *)&i, sizeof(i), "Pa55");

		proved_keep(p, &proof);
		assert_true(proved_has(p, &proof));
	}
	for (unsigned i = 0; i < 100000; i++) {
		struct proof proof = ask(p, &kim, (const char *)&i, sizeof(i), "Pa55");

		there += proved_has(p, &proof);
	}
	assert_in_range(there, 16000, 16384);
	proved_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_was_proved),
		cmocka_unit_test(borders_count),
		cmocka_unit_test(too_long_is_never_proved),
		cmocka_unit_test(any_number_is_kept_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
