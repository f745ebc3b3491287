/* test_scram.c - SCRAM keys: the published examples, and what the table finds and forgets. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/auth/scram.h"
#include "server/base/b64.h"

static struct secret lend(const char *z)
{
	return (struct secret){ .bytes = (unsigned char *)z, .len = strlen(z) };
}

static size_t unbase(unsigned char *out, const char *z)
{
	size_t len = 0;

	assert_true(b64_decode(out, &len, z, strlen(z)));
	return len;
}

/* The dialogues of RFC 5802 section 5 and RFC 7677 section 3. */
static const struct {
	enum hash hash;
	const char *salt, *messages, *proof, *signature;
} dialogues[] = {
	{ HASH_SHA1, "QSXCR+Q6sek8bf92",
	  "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
	  "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
	  "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
	  "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ HASH_SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==",
	  "n=user,r=rOprNGfwEbeRWgbNEkqO,"
	  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
	  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	  "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	  "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

/* The client's proof proves StoredKey, and ServerKey signs as the example does. */
static void the_dialogues_of_the_rfcs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dialogues) / sizeof(dialogues[0]); i++) {
		enum hash h = dialogues[i].hash;
		const char *said = dialogues[i].messages;
		struct secret pass = lend("pencil");
		unsigned char salt[32], proof[64], signature[64], mac[HASH_MAX];
		struct scram_keys keys;

		scram_derive(h, &pass, salt, unbase(salt, dialogues[i].salt), &keys);
		assert_int_equal(unbase(proof, dialogues[i].proof), hash_size(h));
		hmac(h, mac, keys.stored, hash_size(h), said, strlen(said));
		for (size_t k = 0; k < hash_size(h); k++)
			proof[k] ^= mac[k];
		hash_bytes(h, mac, proof, hash_size(h));
		assert_memory_equal(mac, keys.stored, hash_size(h));

		hmac(h, mac, keys.server, hash_size(h), said, strlen(said));
		assert_int_equal(unbase(signature, dialogues[i].signature), hash_size(h));
		assert_memory_equal(mac, signature, hash_size(h));
	}
}

static bool ask(struct scram *s, const char *mech, const char *account, const char *peer,
		const char *pass, char out[SCRAM_VALUE_MAX])
{
	struct scram_query q = { .mech = mech, .account = account, .peer = peer };
	struct secret lent = lend(pass);

	return scram_value(s, &q, &lent, out);
}

/* Every part in its place, and the keys those of the salt that is shown. */
static void the_value_has_its_form(void **state)
{
	static const char *const mechs[] = { "SCRAM-SHA-256", "SCRAM-SHA-1" };
	struct scram *s = scram_new();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		enum hash h = i ? HASH_SHA1 : HASH_SHA256;
		char value[SCRAM_VALUE_MAX], mech[32], salt64[64], stored64[64], server64[64];
		unsigned char salt[64], stored[64], server[64];
		struct secret pass = lend("tanstaaf");
		struct scram_keys keys;

		ask(s, mechs[i], "kim@example.com", NULL, "tanstaaf", value);
		assert_int_equal(sscanf(value, "%31[^$]$4096:%63[^$]$%63[^:]:%63s", mech, salt64,
					stored64, server64),
				 4);
		assert_string_equal(mech, mechs[i]);
		assert_int_equal(unbase(salt, salt64), SCRAM_SALT);
		assert_int_equal(unbase(stored, stored64), hash_size(h));
		assert_int_equal(unbase(server, server64), hash_size(h));
		scram_derive(h, &pass, salt, SCRAM_SALT, &keys);
		assert_memory_equal(keys.stored, stored, hash_size(h));
		assert_memory_equal(keys.server, server, hash_size(h));
	}
	scram_unref(&s);
}

static void found_by_the_same_question_only(void **state)
{
	static const struct {
		const char *mech, *account, *peer, *pass;
	} others[] = {
		{ "SCRAM-SHA-1", "kim@example.com", "192.0.2.7", "tanstaaf" },
		{ "SCRAM-SHA-256", "kim@example.org", "192.0.2.7", "tanstaaf" },
		{ "SCRAM-SHA-256", "kim@example.com", "192.0.2.8", "tanstaaf" },
		{ "SCRAM-SHA-256", "kim@example.com", NULL, "tanstaaf" },
		{ "SCRAM-SHA-256", "kim@example.com", "192.0.2.7", "tanstaag" },
		{ "SCRAM-SHA-256", "kim@example.com", "192.0.2.7t", "anstaaf" },
	};
	struct scram *s = scram_new();
	char value[SCRAM_VALUE_MAX], again[SCRAM_VALUE_MAX];

	(void)state;
	assert_false(ask(s, "SCRAM-SHA-256", "kim@example.com", "192.0.2.7", "tanstaaf", value));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(ask(s, others[i].mech, others[i].account, others[i].peer,
				 others[i].pass, again));
	assert_true(ask(s, "SCRAM-SHA-256", "kim@example.com", "192.0.2.7", "tanstaaf", again));
	assert_string_equal(value, again);
	scram_unref(&s);
}

static void salt_part(const char *value, char out[64])
{
	assert_int_equal(sscanf(value, "%*[^:]:%63[^$]", out), 1);
}

/* Clients remember what they derived from a salt: it may not hang on what they do not know. */
static void the_salt_is_the_accounts(void **state)
{
	struct scram *s = scram_new(), *other = scram_new();
	char value[SCRAM_VALUE_MAX], salt[64], more[64];

	(void)state;
	ask(s, "SCRAM-SHA-1", "kim@example.com", "192.0.2.7", "tanstaaf", value);
	salt_part(value, salt);
	ask(s, "SCRAM-SHA-1", "kim@example.com", "192.0.2.8", "changed", value);
	salt_part(value, more);
	assert_string_equal(salt, more);
	ask(s, "SCRAM-SHA-256", "kim@example.com", "192.0.2.7", "tanstaaf", value);
	salt_part(value, more);
	assert_string_not_equal(salt, more);
	ask(s, "SCRAM-SHA-1", "kim@example.org", "192.0.2.7", "tanstaaf", value);
	salt_part(value, more);
	assert_string_not_equal(salt, more);
	ask(other, "SCRAM-SHA-1", "kim@example.com", "192.0.2.7", "tanstaaf", value);
	salt_part(value, more);
	assert_string_not_equal(salt, more);
	scram_unref(&s);
	scram_unref(&other);
}

static void a_stand_in_repeats(void **state)
{
	struct scram *s = scram_new(), *other = scram_new();
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	scram_stand_in(s, "ghost@example.com", &a);
	scram_stand_in(s, "ghost@example.com", &b);
	assert_true(a.len >= 32 && secret_equal(&a, &b));
	scram_stand_in(s, "ghost@example.org", &b);
	assert_false(secret_equal(&a, &b));
	scram_stand_in(other, "ghost@example.com", &b); /* a key of its own */
	assert_false(secret_equal(&a, &b));
	secret_drop(&a);
	secret_drop(&b);
	scram_unref(&s);
	scram_unref(&other);
}

static unsigned count_found(struct scram *s, unsigned from, unsigned n)
{
	char value[SCRAM_VALUE_MAX], name[32];
	unsigned n_found = 0;

	for (unsigned i = from; i < from + n; i++) {
		snprintf(name, sizeof(name), "u%u@example.com", i);
		n_found += ask(s, "SCRAM-SHA-1", name, NULL, "x", value);
	}
	return n_found;
}

/* More accounts than places: what is used stays, and of the rest the newer. Where each has its place
 * is chance, hence the margins, which are seven standard deviations and more. */
static void a_full_table_forgets_what_is_not_used(void **state)
{
	enum { MANY = 1100, PROBE = 60 };
	struct scram *s = scram_new();
	char kim[SCRAM_VALUE_MAX], value[SCRAM_VALUE_MAX];

	(void)state;
	ask(s, "SCRAM-SHA-1", "kim@example.com", NULL, "tanstaaf", kim);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(count_found(s, i, 1), 0);
		assert_true(ask(s, "SCRAM-SHA-1", "kim@example.com", NULL, "tanstaaf", value));
		assert_string_equal(kim, value);
	}
	assert_true(count_found(s, MANY - PROBE, PROBE) >= PROBE - 10);
	assert_true(count_found(s, 0, PROBE) < PROBE - 10);
	scram_unref(&s);
}

static void *ask_often(void *context)
{
	struct scram *s = context;
	char value[SCRAM_VALUE_MAX], kept[8][SCRAM_VALUE_MAX] = { "" }, name[32];
	uintptr_t bad = 0;

	for (unsigned i = 0; i < 400; i++) {
		char *before = kept[i % 8];

		snprintf(name, sizeof(name), "u%u@example.com", i % 8);
		ask(s, "SCRAM-SHA-1", name, NULL, "x", value);
		bad += before[0] && strcmp(before, value) != 0;
		memcpy(before, value, sizeof(value));
	}
	return (void *)bad;
}

static void threads_share_a_table(void **state)
{
	struct scram *s = scram_new();
	pthread_t t[8];
	void *bad;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&t[i], NULL, ask_often, s), 0);
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	scram_unref(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dialogues_of_the_rfcs),
		cmocka_unit_test(the_value_has_its_form),
		cmocka_unit_test(found_by_the_same_question_only),
		cmocka_unit_test(the_salt_is_the_accounts),
		cmocka_unit_test(a_stand_in_repeats),
		cmocka_unit_test(a_full_table_forgets_what_is_not_used),
		cmocka_unit_test(threads_share_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
