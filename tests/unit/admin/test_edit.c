/* test_edit.c - changing the settings file: whole, kept as it was, and no edit lost. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/file.h"
#include "admin/edit.h"

struct place {
	char dir[64], path[96];
	struct arena *mem;
};

static void put_file(const char *path, const char *text, unsigned mode)
{
	assert_int_equal(file_replace_at(AT_FDCWD, path, text, strlen(text), mode, NULL), EC_OK);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/winpop-edit-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/winpop.conf", p->dir);
	p->mem = arena_new("test", 1024);
	put_file(p->path, "# mine\nport = 1110 \nlogging=1\n", 0640);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	assert_int_equal(rmdir(p->dir), 0); /* nothing was left beside it */
	arena_drop(&p->mem);
	free(p);
	return 0;
}

static const char *text_of(struct place *p)
{
	char *text;
	size_t len;

	assert_int_equal(file_read_at(p->mem, AT_FDCWD, p->path, 1 << 20, &text, &len, NULL),
			 EC_OK);
	return text;
}

static void keeps_comments_mode_and_owner(void **state)
{
	struct place *p = *state;
	struct stat was, now;
	struct edit ed;

	if (geteuid() == 0)
		assert_int_equal(chown(p->path, 1, 2), 0);
	stat(p->path, &was);
	assert_int_equal(edit_begin(p->path, p->mem, &ed, NULL), EC_OK);
	assert_int_equal(ed.was->port, 1110);
	edit_put(&ed, "port", "2110");
	edit_put(&ed, "drain", "5");
	assert_int_equal(edit_commit(&ed, NULL), EC_OK);
	edit_end(&ed);
	stat(p->path, &now);
	assert_int_equal(now.st_mode, was.st_mode);
	assert_int_equal(now.st_uid, was.st_uid);
	assert_int_equal(now.st_gid, was.st_gid);
	assert_string_equal(text_of(p), "# mine\nport = 2110\nlogging=1\ndrain = 5\n");
}

static void faults_name_no_line_nobody_will_see(void **state)
{
	struct place *p = *state;
	struct conf *now = NULL;
	struct edit ed;
	struct err e;

	assert_int_equal(edit_begin(p->path, p->mem, &ed, NULL), EC_OK);
	edit_put(&ed, "socketmin", "49");
	assert_int_equal(edit_check(&ed, &now, &e), EC_USAGE);
	assert_null(strstr(e.text, "line"));
	assert_non_null(strstr(e.text, "socketmax"));
	edit_end(&ed);
	assert_string_equal(text_of(p), "# mine\nport = 1110 \nlogging=1\n");
}

static void mends_a_broken_file(void **state)
{
	struct place *p = *state;
	struct conf *now = NULL;
	struct edit ed;
	struct err e;

	put_file(p->path, "port = many\n", 0640);
	assert_int_equal(edit_begin(p->path, p->mem, &ed, NULL), EC_OK);
	assert_null(ed.was);
	assert_int_equal(edit_check(&ed, &now, &e), EC_USAGE);
	assert_non_null(strstr(e.text, "line 1"));
	edit_put(&ed, "port", "110");
	assert_int_equal(edit_check(&ed, &now, &e), EC_OK);
	assert_int_equal(now->port, 110);
	conf_unref(&now);
	edit_end(&ed);
}

static void follows_a_link(void **state)
{
	struct place *p = *state;
	char link[128];
	struct edit ed;
	struct stat st;

	snprintf(link, sizeof(link), "%s/link", p->dir);
	assert_int_equal(symlink("winpop.conf", link), 0);
	assert_int_equal(edit_begin(link, p->mem, &ed, NULL), EC_OK);
	edit_put(&ed, "port", "3110");
	assert_int_equal(edit_commit(&ed, NULL), EC_OK);
	edit_end(&ed);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_non_null(strstr(text_of(p), "port = 3110"));
	unlink(link);
}

static void add_one(const char *path, int times)
{
	for (int i = 0; i < times; i++) {
		struct arena *mem = arena_new("child", 1024);
		struct edit ed;
		char n[16];
		if (edit_begin(path, mem, &ed, NULL) != EC_OK || !ed.was)
			_exit(1);
		snprintf(n, sizeof(n), "%u", ed.was->port + 1);
		edit_put(&ed, "port", n);
		if (edit_commit(&ed, NULL) != EC_OK)
			_exit(1);
		edit_end(&ed);
		arena_drop(&mem);
	}
	_exit(0);
}

/* Four processes count in the file; a lost edit is a lower sum. */
static void loses_no_edit(void **state)
{
	enum { WRITERS = 4, TIMES = 25 };
	struct place *p = *state;
	struct edit ed;

	for (int i = 0; i < WRITERS; i++) {
		if (fork() == 0)
			add_one(p->path, TIMES);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(edit_begin(p->path, p->mem, &ed, NULL), EC_OK);
	assert_int_equal(ed.was->port, 1110 + WRITERS * TIMES);
	edit_end(&ed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_comments_mode_and_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(faults_name_no_line_nobody_will_see, setup,
						teardown),
		cmocka_unit_test_setup_teardown(mends_a_broken_file, setup, teardown),
		cmocka_unit_test_setup_teardown(follows_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(loses_no_edit, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
