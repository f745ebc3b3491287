/* accounts: what accounts.h promises, for every backend that is built, and what is the password
 * file's own. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "server/accounts/record.h"
#include "tests/unit/accounts/people.h"

#define LEE "lee@example.com"
#define RECORD "example.com/P3_lee.mbx/password"

static int setup(void **state)
{
	static struct people p;

	people_setup(&p);
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	people_teardown(*state);
	return 0;
}

static void sign_in(void **state)
{
	struct people *p = *state;
	struct name lee = tree_name(LEE);
	struct account found;
	struct err e;

	assert_ec(people_verify(p, LEE, "Pa55"), EC_DENIED);
	assert_ec(people_add(p, LEE, "Pa55"), EC_OK);
	assert_ec(people_add(p, LEE, "Pa55"), EC_EXISTS);
	assert_ec(people_verify(p, LEE, "Pa55"), EC_OK);
	assert_ec(people_verify(p, LEE, "pa55"), EC_DENIED);
	assert_ec(people_verify(p, LEE, "Pa55x"), EC_DENIED);
	assert_ec(people_verify(p, LEE, ""), EC_DENIED);
	assert_ec(people_verify(p, "kim@example.com", "Pa55"), EC_DENIED); /* no account */
	assert_ec(people_verify(p, "x@nowhere.example", "Pa55"), EC_DENIED);
	assert_ec(p->a->ops->find(p->a, &lee, &found, &e), EC_OK);
	assert_true(found.enabled && !found.admin && name_equal(&found.name, &lee));
	lee = tree_name("kim@example.com");
	assert_ec(p->a->ops->find(p->a, &lee, &found, &e), EC_ABSENT);
}

static void without_waiting(void **state)
{
	struct people *p = *state;
	char large[RECORD_FILE_MAX + 1];

	assert_ec(people_verify_now(p, LEE, "Pa55"), EC_BUSY);
	assert_ec(people_add(p, LEE, "Pa55"), EC_OK);
	assert_ec(people_verify_now(p, LEE, "Pa55"), EC_OK);
	assert_ec(people_verify_now(p, LEE, "pa55"), EC_BUSY);
	assert_ec(people_verify_now(p, "x@nowhere.example", "Pa55"), EC_BUSY);
	assert_ec(people_change(p, LEE, "two"), EC_OK);
	assert_ec(people_verify_now(p, LEE, "Pa55"), EC_BUSY);
	assert_ec(people_verify_now(p, LEE, "two"), EC_OK);
	assert_ec(people_verify_now(p, LEE, "two"), EC_OK);
	assert_ec(people_verify_now(p, LEE, "Pa55"), EC_BUSY);
	memset(large, '#', sizeof(large));
	tree_write(&p->tree, RECORD, large, sizeof(large));
	assert_ec(people_verify_now(p, LEE, "two"), EC_BUSY);
	assert_ec(people_verify(p, LEE, "two"), EC_BROKEN);
}

static void change_and_remove(void **state)
{
	struct people *p = *state;
	struct name lee = tree_name(LEE);
	struct err e;

	assert_ec(people_change(p, LEE, "x"), EC_ABSENT);
	assert_ec(people_change(p, "kim@example.com", "x"),
		  EC_OK); /* a mailbox from a copied tree */
	assert_ec(people_verify(p, "kim@example.com", "x"), EC_OK);
	assert_ec(people_add(p, LEE, "one"), EC_OK);
	assert_ec(people_change(p, LEE, "two"), EC_OK);
	assert_ec(people_verify(p, LEE, "one"), EC_DENIED);
	assert_ec(people_verify(p, LEE, "two"), EC_OK);
	assert_ec(people_change(p, LEE, ""), EC_USAGE);
	assert_ec(people_change(p, LEE, "a\nb"), EC_USAGE);
	assert_ec(people_verify(p, LEE, "two"), EC_OK);
	assert_ec(p->a->ops->remove(p->a, &(struct account){ .name = lee }, &e), EC_OK);
	assert_ec(p->a->ops->remove(p->a, &(struct account){ .name = lee }, &e), EC_ABSENT);
	assert_ec(people_verify(p, LEE, "two"), EC_DENIED);
	assert_true(tree_has(&p->tree, "example.com/P3_lee.mbx")); /* the mailbox stays */
}

static void reveal(void **state)
{
	struct people *p = *state;
	struct account lee = { .name = tree_name(LEE) };
	struct secret s = { 0 };
	struct err e;

	assert_ec(p->a->ops->reveal(p->a, &lee, SECRET_CLEAR, &s, &e), EC_ABSENT);
	assert_ec(people_add(p, LEE, "Pa55"), EC_OK);
	assert_ec(p->a->ops->reveal(p->a, &lee, SECRET_CLEAR, &s, &e), EC_OK);
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.bytes, "Pa55", 4);
	assert_ec(p->a->ops->reveal(p->a, &lee, SECRET_NT_HASH, &s, &e), EC_REFUSED);
	secret_drop(&s);
}

static void whole_or_not_at_all(void **state)
{
	struct people *p = *state;

	assert_ec(people_add(p, LEE, ""), EC_USAGE);
	assert_ec(people_add(p, LEE, "\xFF"), EC_USAGE);
	assert_false(tree_has(&p->tree, "example.com/P3_lee.mbx"));
	assert_int_equal(mailroot_sweep(p->tree.root, true), 0);
}

/* Without a draft: an account for a mailbox that is there. */
static void for_an_existing_mailbox(void **state)
{
	struct people *p = *state;
	struct account_wish account = { .name = tree_name("kim@example.com") };
	struct secret s = { 0 };
	struct err e;

	secret_set(&s, "Pa55", 4);
	assert_ec(p->a->ops->create(p->a, &account, &s, NULL, &e), EC_OK);
	assert_ec(p->a->ops->create(p->a, &account, &s, NULL, &e), EC_EXISTS);
	assert_ec(people_verify(p, "kim@example.com", "Pa55"), EC_OK);
	account.name = tree_name(LEE);
	assert_ec(p->a->ops->create(p->a, &account, &s, NULL, &e), EC_ABSENT);
	secret_drop(&s);
}

static void copy(struct tree *t, const char *from, const char *to)
{
	char path[512], text[4096];

	tree_path(t, from, path);
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text));
	close(fd);
	assert_true(len > 0);
	tree_write(t, to, text, (size_t)len);
}

static void damage(void **state)
{
	struct people *p = *state;
	struct stat st;
	char path[512];

	assert_ec(people_add(p, LEE, "Pa55"), EC_OK);
	tree_path(&p->tree, RECORD, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	copy(&p->tree, RECORD, "example.com/P3_kim.mbx/password");
	assert_ec(people_verify(p, "kim@example.com", "Pa55"), EC_BROKEN);
	tree_write(&p->tree, RECORD, "v1 = nonsense\n", 14);
	assert_ec(people_verify(p, LEE, "Pa55"), EC_BROKEN);
	assert_ec(people_change(p, LEE, "new"), EC_OK); /* mends it */
	assert_ec(people_verify(p, LEE, "new"), EC_OK);
	unlink(path);
	assert_int_equal(symlink("../P3_kim.mbx/password", path), 0);
	assert_ec(people_verify(p, LEE, "new"), EC_BROKEN);
}

static void wrong_key(void **state)
{
	struct people *p = *state;
	unsigned char key[AEAD_KEY];
	char id[KEY_ID_LEN + 1];
	struct err e;

	assert_ec(people_add(p, LEE, "Pa55"), EC_OK);
	assert_ec(keyring_add(p->ring, &e), EC_OK);
	assert_ec(people_verify(p, LEE, "Pa55"), EC_OK); /* old keys open old records */
	assert_ec(keyring_get(p->ring, NULL, key, id, &e), EC_OK);
	assert_ec(keyring_prune(p->ring, id, &e), EC_OK);
	assert_ec(people_verify(p, LEE, "Pa55"), EC_BROKEN);
	unlink(p->key_file);
	assert_ec(people_change(p, LEE, "new"), EC_BROKEN);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(sign_in), T(without_waiting),     T(change_and_remove),
		T(reveal),  T(whole_or_not_at_all), T(for_an_existing_mailbox),
		T(damage),  T(wrong_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
