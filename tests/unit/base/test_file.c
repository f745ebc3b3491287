/* test_file.c - read whole, replace whole, and leave nothing behind when it fails. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server/base/file.h"

struct place {
	char path[64];
	int fd;
	struct arena *a;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->path, "/tmp/winpop-test-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY);
	p->a = arena_new("test", 256);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	DIR *d = fdopendir(p->fd);

	for (struct dirent *de; (de = readdir(d));) {
		if (unlinkat(p->fd, de->d_name, 0) < 0)
			unlinkat(p->fd, de->d_name, AT_REMOVEDIR);
	}
	rmdir(p->path);
	closedir(d);
	arena_drop(&p->a);
	free(p);
	return 0;
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static void holds(struct place *p, const char *name, const char *text, size_t len)
{
	struct err e = { 0 };
	char *got;
	size_t n;

	if (file_read_at(p->a, p->fd, name, 1000, &got, &n, &e) != EC_OK)
		fail_msg("%s", e.text);
	assert_int_equal(n, len);
	assert_memory_equal(got, text, len);
	assert_int_equal(got[n], '\0');
}

static void replaces_with_exact_mode(void **state)
{
	struct place *p = *state;
	struct stat st;
	struct err e;
	mode_t mask = umask(077);

	assert_int_equal(file_replace_at(p->fd, "f", "a\0b", 3, 0644, &e), EC_OK);
	holds(p, "f", "a\0b", 3);
	assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);

	umask(0);
	assert_int_equal(file_replace_at(p->fd, "f", NULL, 0, 0600, &e), EC_OK);
	holds(p, "f", "", 0);
	assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(entries(p->path), 1);
	umask(mask);
}

static void paths_of_every_kind(void **state)
{
	struct place *p = *state;
	char full[128];
	struct err e;

	assert_int_equal(mkdirat(p->fd, "sub", 0700), 0);
	assert_int_equal(file_replace_at(p->fd, "sub/f", "x", 1, 0600, &e), EC_OK);
	holds(p, "sub/f", "x", 1);
	snprintf(full, sizeof(full), "%s/sub/f", p->path);
	assert_int_equal(file_replace_at(AT_FDCWD, full, "y", 1, 0600, &e), EC_OK);
	holds(p, "sub/f", "y", 1);
	assert_int_equal(unlinkat(p->fd, "sub/f", 0), 0);
}

static void the_directory_that_a_path_lies_in(void **state)
{
	static const struct {
		const char *path, *dir, *base;
	} rows[] = {
		{ "/etc/passwd", "/etc", "passwd" },
		{ "/passwd", "/", "passwd" },
		{ "passwd", ".", "passwd" },
		{ "./x", ".", "x" },
		{ "/tmp/", "/tmp", "" },
	};
	struct stat is, should;
	const char *base;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = file_open_parent(AT_FDCWD, rows[i].path, &base);
		assert_true(fd >= 0 && fstat(fd, &is) == 0 && stat(rows[i].dir, &should) == 0);
		assert_true(is.st_dev == should.st_dev && is.st_ino == should.st_ino);
		assert_string_equal(base, rows[i].base);
		close(fd);
	}
	assert_int_equal(file_open_parent(AT_FDCWD, "/nowhere/at/all", &base), -1);
}

static void refuses_what_is_no_small_file(void **state)
{
	struct place *p = *state;
	struct err e;
	char *got;
	size_t n;

	assert_int_equal(file_read_at(p->a, p->fd, "none", 10, &got, &n, &e), EC_ABSENT);
	assert_int_equal(file_read_at(p->a, p->fd, ".", 10, &got, &n, &e), EC_BROKEN);
	assert_int_equal(mkfifoat(p->fd, "fifo", 0600), 0);
	assert_int_equal(file_read_at(p->a, p->fd, "fifo", 10, &got, &n, &e), EC_BROKEN);
	assert_int_equal(symlinkat("loop", p->fd, "loop"), 0);
	assert_int_equal(file_read_at(p->a, p->fd, "loop", 10, &got, &n, &e), EC_BROKEN);

	assert_int_equal(file_replace_at(p->fd, "ten", "0123456789", 10, 0600, &e), EC_OK);
	assert_int_equal(file_read_at(p->a, p->fd, "ten", 10, &got, &n, &e), EC_OK);
	assert_int_equal(file_read_at(p->a, p->fd, "ten", 9, &got, &n, &e), EC_BROKEN);
	assert_non_null(strstr(e.text, "larger than 9"));
}

static void makes_a_directory_for_another(void **state)
{
	struct place *p = *state;
	bool root = geteuid() == 0;
	char path[512];
	struct stat st;
	struct err e;

	snprintf(path, sizeof(path), "%s/made", p->path);
	assert_int_equal(file_make_dir(path, 0750, root ? 1 : (uid_t)-1, 2, &e), EC_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(st.st_uid, root ? 1 : geteuid());
	if (root)
		assert_int_equal(st.st_gid, 2);
	assert_int_equal(file_make_dir(path, 0700, (uid_t)-1, 0, &e), EC_EXISTS);
	assert_int_equal(symlinkat("made", p->fd, "link"), 0);
	snprintf(path, sizeof(path), "%s/link", p->path);
	assert_int_equal(file_make_dir(path, 0700, (uid_t)-1, 0, &e), EC_EXISTS);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750); /* what it leads to is as it was */
}

/* As somebody who may give nothing to root. */
static int as_nobody(struct place *p, enum ec (*what)(const char *path, struct err *e),
		     const char *name)
{
	char path[512];
	struct err e;
	int status = 0;

	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	assert_int_equal(chmod(p->path, 0777), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(100);
		_exit((int)what(path, &e));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(chmod(p->path, 0700), 0);
	return WEXITSTATUS(status);
}

static enum ec make_for_root(const char *path, struct err *e)
{
	return file_make_dir(path, 0750, 0, 0, e);
}

static enum ec replace_for_root(const char *path, struct err *e)
{
	return file_replace_for(path, "new", 3, 0640, 0, 0, e);
}

static void what_cannot_be_given_is_not_made(void **state)
{
	struct place *p = *state;
	struct err e;

	assert_int_not_equal(as_nobody(p, make_for_root, "d"), EC_OK);
	assert_int_equal(entries(p->path), 0);
	assert_int_equal(file_replace_at(p->fd, "f", "old", 3, 0644, &e), EC_OK);
	assert_int_not_equal(as_nobody(p, replace_for_root, "f"), EC_OK);
	holds(p, "f", "old", 3);
	assert_int_equal(entries(p->path), 1);
}

/* Killed between making and giving. */
static void a_directory_half_made_is_swept(void **state)
{
	struct place *p = *state;
	char path[512];
	struct stat st;
	struct err e;

	assert_int_equal(mkdirat(p->fd, "d.tmp", 0700), 0);
	snprintf(path, sizeof(path), "%s/d", p->path);
	assert_int_equal(file_make_dir(path, 0755, (uid_t)-1, 0, &e), EC_OK);
	assert_int_equal(entries(p->path), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
}

static void replaces_for_another(void **state)
{
	struct place *p = *state;
	bool root = geteuid() == 0;
	char path[512];
	struct stat st;
	struct err e;

	snprintf(path, sizeof(path), "%s/f", p->path);
	assert_int_equal(file_replace_for(path, "x", 1, 0640, root ? 1 : (uid_t)-1, 2, &e), EC_OK);
	holds(p, "f", "x", 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_uid, root ? 1 : geteuid());
	assert_int_equal(st.st_gid, root ? 2 : getegid());
}

static void failed_replace_leaves_the_old_file_alone(void **state)
{
	struct place *p = *state;
	struct rlimit was, small = { 4, 4 };
	struct err e;

	assert_int_equal(file_replace_at(p->fd, "none/f", "x", 1, 0600, &e), EC_ABSENT);
	assert_int_equal(mkdirat(p->fd, "dir", 0700), 0);
	assert_int_not_equal(file_replace_at(p->fd, "dir", "x", 1, 0600, &e), EC_OK);
	assert_int_equal(entries(p->path), 1); /* no temporary file */

	/* A file size limit stands in for the full disk: the write fails half-way. */
	assert_int_equal(file_replace_at(p->fd, "f", "old", 3, 0600, &e), EC_OK);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum ec rc = file_replace_at(p->fd, "f", "new and longer", 14, 0600, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(rc, EC_TEMP);
	holds(p, "f", "old", 3);
	assert_int_equal(entries(p->path), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replaces_with_exact_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(paths_of_every_kind, set_up, tear_down),
		cmocka_unit_test(the_directory_that_a_path_lies_in),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_small_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(makes_a_directory_for_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_given_is_not_made, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_directory_half_made_is_swept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaces_for_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failed_replace_leaves_the_old_file_alone, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
