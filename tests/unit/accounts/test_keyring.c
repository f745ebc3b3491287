/* keyring: the file's form and rights, rotation, and two processes' views of it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "server/accounts/keyfile.h"
#include "tests/unit/accounts/people.h"

static void text_of(const char *path, char text[KEYFILE_MAX])
{
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, KEYFILE_MAX - 1);

	assert_true(len >= 0);
	text[len] = '\0';
	close(fd);
}

static void put_text(const char *path, const char *text, mode_t mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void made_and_rotated(void **state)
{
	char path[] = "/tmp/winpop-keys-XXXXXX", text[KEYFILE_MAX], first[9], second[9], id[9];
	unsigned char key1[AEAD_KEY], key2[AEAD_KEY], again[AEAD_KEY];
	struct keyring *r = NULL, *other = NULL;
	struct stat st;
	struct err e;

	(void)state;
	close(mkstemp(path));
	assert_ec(keyring_create(path, geteuid(), getegid(), &e), EC_EXISTS);
	unlink(path);
	assert_ec(keyring_open(path, &r, &e), EC_BROKEN);
	assert_null(r);
	assert_ec(keyring_create(path, geteuid(), getegid(), &e), EC_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ec(keyring_open(path, &r, &e), EC_OK);
	assert_ec(keyring_open(path, &other, &e), EC_OK);
	assert_ec(keyring_get(r, NULL, key1, first, &e), EC_OK);
	assert_ec(keyring_add(r, &e), EC_OK);
	assert_ec(keyring_get(r, NULL, key2, second, &e), EC_OK);
	assert_string_not_equal(first, second);
	assert_memory_not_equal(key1, key2, AEAD_KEY);
	assert_ec(keyring_get(r, first, again, id, &e), EC_OK);
	assert_memory_equal(key1, again, AEAD_KEY);

	/* Who locks sees the newest keys, even if another process made them. */
	int token;
	assert_ec(keyring_lock(other, &token, &e), EC_OK);
	keyring_unlock(other, token);
	assert_ec(keyring_get(other, NULL, again, id, &e), EC_OK);
	assert_string_equal(id, second);

	assert_ec(keyring_prune(r, second, &e), EC_OK);
	assert_ec(keyring_get(r, first, again, id, &e), EC_BROKEN);
	assert_ec(keyring_get(r, NULL, again, id, &e), EC_OK);
	assert_string_equal(id, second);
	text_of(path, text);
	assert_int_equal(strncmp(text, "key = ", 6), 0);
	assert_int_equal(strncmp(text + 6, second, 8), 0);
	for (int i = 0; i < KEYS_MAX - 1; i++)
		assert_ec(keyring_add(r, &e), EC_OK);
	assert_ec(keyring_add(r, &e), EC_REFUSED);
	assert_ec(keyring_get(r, NULL, again, id, &e), EC_OK);
	assert_ec(keyring_prune(r, id, &e), EC_OK);
	assert_ec(keyring_prune(r, second, &e), EC_OK); /* dropped already: nothing is older */
	assert_ec(keyring_add(r, &e), EC_OK);
	keyring_close(&r);
	keyring_close(&r);
	keyring_close(&other);
	unlink(path);
}

#define K "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static void refused_files(void **state)
{
	static const char *const bad[] = {
		"",
		"# nothing\n",
		"key\n",
		"key = \n",
		"key = 01234567\n",
		"key = 0123456 " K "\n",
		"key = 0123456X " K "\n",
		"key = 01234567 " K "=\n",
		"key = 01234567 AAAA\n",
		"lock = 01234567 " K "\n",
		"key = 01234567 " K "\nkey = 01234567 " K "\n",
		"key = 01234567 " K " x\n",
		"\x01",
	};
	char path[] = "/tmp/winpop-keys-XXXXXX", link[64];
	struct keyring *r = NULL;
	struct err e;

	(void)state;
	close(mkstemp(path));
	put_text(path, "# ours\n\nkey = 01234567 " K "\r\n", 0600);
	assert_ec(keyring_open(path, &r, &e), EC_OK);
	keyring_close(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_text(path, bad[i], 0600);
		assert_ec(keyring_open(path, &r, &e), EC_BROKEN);
		assert_null(strstr(e.text, "MDEy")); /* no key in an error text */
	}
	for (mode_t m = 1; m <= 040; m <<= 1) {
		put_text(path, "key = 01234567 " K "\n", 0600 | m);
		assert_ec(keyring_open(path, &r, &e), EC_BROKEN);
	}
	put_text(path, "key = 01234567 " K "\n", 0600);
	snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_ec(keyring_open(link, &r, &e), EC_BROKEN);
	unlink(link);
	unlink(path);
}

/* An unknown id makes us read the file again, but not for every guess. */
static void each_set_of_keys_is_an_era(void **state)
{
	struct people p;
	struct keyring *other = NULL;
	char id[9];
	unsigned char key[AEAD_KEY];
	struct err e;
	uint64_t era;

	(void)state;
	people_setup(&p);
	assert_ec(keyring_open(p.key_file, &other, &e), EC_OK);
	era = keyring_era(other);
	assert_ec(keyring_check(other, &e), EC_OK);
	assert_int_equal(keyring_era(other), era);
	assert_ec(keyring_add(p.ring, &e), EC_OK);
	assert_int_equal(keyring_era(other), era); /* it has not looked */
	assert_ec(keyring_check(other, &e), EC_OK);
	assert_int_not_equal(keyring_era(other), era);
	era = keyring_era(p.ring);
	assert_ec(keyring_get(p.ring, NULL, key, id, &e), EC_OK);
	assert_int_equal(keyring_era(p.ring), era);
	assert_ec(keyring_prune(p.ring, id, &e), EC_OK);
	assert_int_not_equal(keyring_era(p.ring), era);
	keyring_close(&other);
	people_teardown(&p);
}

static void another_process_adds(void **state)
{
	struct people p;
	char id[9];
	unsigned char key[AEAD_KEY];
	struct keyring *other = NULL;
	struct err e;

	(void)state;
	people_setup(&p);
	assert_ec(keyring_open(p.key_file, &other, &e), EC_OK);
	assert_ec(keyring_add(other, &e), EC_OK);
	assert_ec(keyring_get(other, NULL, key, id, &e), EC_OK);
	enum ec rc;
	int tries = 0;
	while ((rc = keyring_get(p.ring, id, key, NULL, &e)) == EC_BROKEN && ++tries < 60000)
		usleep(1000);
	assert_ec(rc, EC_OK);
	keyring_close(&other);
	people_teardown(&p);
}

static void lock_excludes(void **state)
{
	struct people p;
	struct err e;
	int token, status;

	(void)state;
	people_setup(&p);
	assert_ec(keyring_lock(p.ring, &token, &e), EC_OK);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int mine;
		alarm(1); /* it must not get the lock: only the alarm ends this */
		close(token);
		_exit(keyring_lock(p.ring, &mine, &e));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	keyring_unlock(p.ring, token);
	assert_ec(keyring_lock(p.ring, &token, &e), EC_OK);
	keyring_unlock(p.ring, token);
	people_teardown(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_and_rotated),
		cmocka_unit_test(refused_files),
		cmocka_unit_test(each_set_of_keys_is_an_era),
		cmocka_unit_test(another_process_adds),
		cmocka_unit_test(lock_excludes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
