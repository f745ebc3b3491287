/* newpass: passwords that every policy takes and nobody misreads, written down whole or not at all. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "migrate/newpass.h"
#include "server/accounts/record.h"
#include "tests/unit/store/tree.h"

static void all_kinds(void **state)
{
	unsigned seen[256] = { 0 };
	struct secret s = { 0 };

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		newpass_make(&s);
		const char *text = (const char *)s.bytes;
		assert_int_equal(s.len, NEWPASS_LEN);
		assert_int_equal(strlen(text), NEWPASS_LEN);
		assert_ec(password_check(&s, NULL), EC_OK);
		assert_non_null(strpbrk(text, "ABCDEFGHJKLMNPQRSTUVWXYZ"));
		assert_non_null(strpbrk(text, "abcdefghijkmnopqrstuvwxyz"));
		assert_non_null(strpbrk(text, "23456789"));
		assert_non_null(strpbrk(text, "-_.+"));
		assert_null(strpbrk(text, "0O1lI \t\"'\\`$&;,<>|%:@"));
		for (size_t k = 0; k < s.len; k++)
			seen[s.bytes[k]]++;
	}
	/* 32000 letters of 61: 525 each, and more of the kinds that are few and must be there */
	for (const char *p = "AZaz29-"; *p; p++)
		assert_true(seen[(unsigned char)*p] > 350 && seen[(unsigned char)*p] < 1000);
	secret_drop(&s);
}

static void never_the_same(void **state)
{
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		newpass_make(&a);
		newpass_make(&b);
		assert_false(secret_equal(&a, &b));
	}
	secret_drop(&a);
	secret_drop(&b);
}

/* ---- writing down ---- */

static int open_list(char path[64])
{
	strcpy(path, "/tmp/winpop-test-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "first\n", 6), 6);
	lseek(fd, 0, SEEK_SET); /* whoever opened it may have read it */
	return fd;
}

static void must_hold(const char *path, const char *want)
{
	char text[512] = "";
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text) - 1);

	assert_int_equal(len, strlen(want));
	assert_string_equal(text, want);
	close(fd);
}

static enum ec note(int fd, const char *who, const char *password)
{
	struct name n = tree_name(who);
	struct secret s = { 0 };
	struct err e = { 0 };

	secret_set(&s, password, strlen(password));
	enum ec rc = newpass_note(fd, &n, &s, &e);
	assert_null(strstr(e.text, password));
	secret_drop(&s);
	return rc;
}

static void at_the_end(void **state)
{
	char path[64];
	int fd = open_list(path);

	(void)state;
	assert_ec(note(fd, "kim@example.com", "One-1"), EC_OK);
	assert_ec(note(fd, "lee@example.com", "Two-2"), EC_OK);
	must_hold(path, "first\nkim@example.com\tOne-1\nlee@example.com\tTwo-2\n");
	close(fd);
	assert_ec(note(fd, "kim@example.com", "One-1"), EC_TEMP);
	unlink(path);
}

/* What did not fit leaves nothing, so that the next line is one. */
static void without_room(int fd)
{
	const struct rlimit least = { .rlim_cur = 35, .rlim_max = RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &least);
	_exit(note(fd, "kim@example.com", "One-1") == EC_OK &&
			      note(fd, "lee@example.com", "Two-2") != EC_OK
		      ? 0
		      : 1);
}

static void whole_lines(void **state)
{
	char path[64];
	int fd = open_list(path), status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		without_room(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	must_hold(path, "first\nkim@example.com\tOne-1\n");
	assert_ec(note(fd, "lee@example.com", "Two-2"), EC_OK);
	must_hold(path, "first\nkim@example.com\tOne-1\nlee@example.com\tTwo-2\n");
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(never_the_same),
		cmocka_unit_test(at_the_end),
		cmocka_unit_test(whole_lines),
	};
	return cmocka_run_group_tests_name("newpass", tests, NULL, NULL);
}
