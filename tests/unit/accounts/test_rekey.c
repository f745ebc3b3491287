/* rekey: all records under the new key, while passwords change and mailboxes are made. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "tests/unit/accounts/people.h"

#define MANY 40

static void add_many(struct people *p)
{
	for (int i = 0; i < MANY; i++) {
		char who[32], password[16];
		snprintf(who, sizeof(who), "u%d@example.com", i);
		snprintf(password, sizeof(password), "pw%d", i);
		assert_ec(people_add(p, who, password), EC_OK);
	}
}

static void count_failed(void *ctx, const struct name *n, const struct err *e)
{
	assert_string_equal(n->local, "u7");
	assert_int_equal(e->class, EC_BROKEN);
	++*(int *)ctx;
}

static void all_records(void **state)
{
	struct people p;
	struct rekey_result r;
	struct err e;
	int failed = 0;

	(void)state;
	people_setup(&p);
	add_many(&p);
	assert_ec(accounts_file_rekey(p.a, NULL, NULL, &r, &e), EC_OK);
	assert_int_equal(r.n_already, MANY);
	assert_ec(keyring_add(p.ring, &e), EC_OK);
	tree_write(&p.tree, "example.com/P3_u7.mbx/password", "damaged", 7);
	assert_ec(accounts_file_rekey(p.a, count_failed, &failed, &r, &e), EC_OK);
	assert_int_equal(r.n_done, MANY - 1);
	assert_int_equal(r.n_failed, 1);
	assert_int_equal(failed, 1);
	assert_ec(people_change(&p, "u7@example.com", "pw7"), EC_OK);
	assert_ec(accounts_file_rekey(p.a, NULL, NULL, &r, &e), EC_OK);
	assert_int_equal(r.n_already, MANY); /* again after a crash: nothing left to do */
	assert_int_equal(r.n_done, 0);
	assert_ec(keyring_prune(p.ring, r.key_id, &e), EC_OK);
	for (int i = 0; i < MANY; i++) {
		char who[32], password[16];
		snprintf(who, sizeof(who), "u%d@example.com", i);
		snprintf(password, sizeof(password), "pw%d", i);
		assert_ec(people_verify(&p, who, password), EC_OK);
	}
	people_teardown(&p);
}

struct race {
	struct people *p;
	_Atomic bool stop;
	unsigned n_changed, n_added;
};

/* Another process in all but its number: a keyring of its own, which learns of new keys by the file
 * alone. */
static void *change_passwords(void *arg)
{
	static const struct log silent = { 0 };
	struct race *r = arg;
	struct people own = *r->p;
	struct err e;

	assert_ec(keyring_open(own.key_file, &own.ring, &e), EC_OK);
	assert_ec(accounts_file_open(own.tree.root, own.ring, &silent, &own.a, &e), EC_OK);
	while (!r->stop || r->n_changed < 20) {
		char who[32], password[16];
		snprintf(who, sizeof(who), "u%u@example.com", r->n_changed % MANY);
		snprintf(password, sizeof(password), "c%u", r->n_changed);
		assert_ec(people_change(&own, who, password), EC_OK);
		assert_ec(people_verify(&own, who, password), EC_OK);
		r->n_changed++;
		snprintf(who, sizeof(who), "n%u@example.com", r->n_added);
		assert_ec(people_add(&own, who, "new"), EC_OK);
		r->n_added++;
	}
	own.a->ops->close(&own.a);
	keyring_close(&own.ring);
	return NULL;
}

static void check_latest(struct people *p, const struct race *r)
{
	char who[32], password[16];

	for (unsigned i = 0; i < MANY; i++) {
		unsigned last = r->n_changed;
		while (last > 0 && (last - 1) % MANY != i)
			last--;
		snprintf(who, sizeof(who), "u%u@example.com", i);
		if (last > 0)
			snprintf(password, sizeof(password), "c%u", last - 1);
		else
			snprintf(password, sizeof(password), "pw%u", i);
		assert_ec(people_verify(p, who, password), EC_OK);
	}
	for (unsigned i = 0; i < r->n_added; i++) {
		snprintf(who, sizeof(who), "n%u@example.com", i);
		assert_ec(people_verify(p, who, "new"), EC_OK);
	}
}

/* add, rekey, prune - three times over while passwords change: no password is lost, none comes
 * back. */
static void while_in_use(void **state)
{
	struct people p;
	struct race race = { .p = &p };
	struct rekey_result r;
	pthread_t thread;
	struct err e;

	(void)state;
	people_setup(&p);
	add_many(&p);
	assert_int_equal(pthread_create(&thread, NULL, change_passwords, &race), 0);
	for (int i = 0; i < 3; i++) {
		assert_ec(keyring_add(p.ring, &e), EC_OK);
		assert_ec(accounts_file_rekey(p.a, NULL, NULL, &r, &e), EC_OK);
		assert_int_equal(r.n_failed, 0);
		assert_ec(keyring_prune(p.ring, r.key_id, &e), EC_OK);
	}
	race.stop = true;
	pthread_join(thread, NULL);
	check_latest(&p, &race);
	people_teardown(&p);
}

/* A second rekeying begins when the first is through the records and has not yet dropped the old keys. */
static void two_at_once(void **state)
{
	struct people p;
	struct keyring *other;
	struct rekey_result r;
	struct err e;
	char id[KEY_ID_LEN + 1];
	unsigned char key[AEAD_KEY];

	(void)state;
	people_setup(&p);
	add_many(&p);
	assert_ec(keyring_add(p.ring, &e), EC_OK);
	assert_ec(accounts_file_rekey(p.a, NULL, NULL, &r, &e), EC_OK);
	assert_ec(keyring_open(p.key_file, &other, &e), EC_OK);
	assert_ec(keyring_add(other, &e), EC_OK);
	assert_ec(keyring_prune(p.ring, r.key_id, &e), EC_OK);
	assert_ec(people_verify(&p, "u0@example.com", "pw0"), EC_OK);

	/* The second goes on and drops the first's key; the first may drop once more what is gone. */
	assert_ec(keyring_get(other, NULL, key, id, &e), EC_OK);
	char first[KEY_ID_LEN + 1];
	strcpy(first, r.key_id);
	assert_ec(accounts_file_rekey(p.a, NULL, NULL, &r, &e), EC_OK);
	assert_string_equal(r.key_id, id);
	assert_int_equal(r.n_done, MANY);
	assert_ec(keyring_prune(other, r.key_id, &e), EC_OK);
	assert_ec(keyring_prune(p.ring, first, &e), EC_OK);
	assert_ec(keyring_get(p.ring, first, key, id, &e), EC_BROKEN);
	assert_ec(people_verify(&p, "u0@example.com", "pw0"), EC_OK);
	keyring_close(&other);
	people_teardown(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_records),
		cmocka_unit_test(while_in_use),
		cmocka_unit_test(two_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
