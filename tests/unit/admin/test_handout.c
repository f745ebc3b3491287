/* test_handout.c - the file of new passwords: closed to others, gone on with, and never somebody else's. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/handout.h"

struct place {
	char dir[64], file[80], other[80];
	struct wp w;
};

static void place_make(struct place *p)
{
	strcpy(p->dir, "/tmp/winpop-handout-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/new", p->dir);
	snprintf(p->other, sizeof(p->other), "%s/other", p->dir);
	p->w = (struct wp){ .mem = arena_new("test", 256) };
}

static void place_drop(struct place *p)
{
	unlink(p->file);
	unlink(p->other);
	assert_int_equal(rmdir(p->dir), 0);
	arena_drop(&p->w.mem);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void made_for_nobody_else(void **state)
{
	struct handout h;
	struct place p;

	(void)state;
	place_make(&p);
	mode_t was = umask(0);
	assert_int_equal(handout_open(&p.w, p.file, &h, NULL), EC_OK);
	umask(was);
	assert_int_equal(mode_of(p.file), 0600);
	assert_int_equal(write(h.fd, "one\n", 4), 4);
	handout_close(&h);
	assert_int_equal(h.fd, -1);
	handout_close(&h);
	assert_int_equal(handout_open(&p.w, p.file, &h, NULL), EC_OK);
	assert_int_equal(write(h.fd, "two\n", 4), 4);
	handout_close(&h);
	struct stat st;
	assert_int_equal(stat(p.file, &st), 0);
	assert_int_equal(st.st_size, 8); /* appended to */
	place_drop(&p);
}

static void one_with_nothing_in_it_goes_again(void **state)
{
	struct handout h;
	struct place p;

	(void)state;
	place_make(&p);
	assert_int_equal(handout_open(&p.w, p.file, &h, NULL), EC_OK);
	handout_close(&h);
	assert_int_equal(access(p.file, F_OK), -1);
	close(open(p.file, O_CREAT | O_WRONLY, 0600)); /* but not one that was there */
	assert_int_equal(handout_open(&p.w, p.file, &h, NULL), EC_OK);
	handout_close(&h);
	assert_int_equal(access(p.file, F_OK), 0);
	place_drop(&p);
}

static void refused(struct place *p, const char *path)
{
	struct handout h;

	assert_int_equal(handout_open(&p->w, path, &h, NULL), EC_REFUSED);
	assert_int_equal(h.fd, -1);
}

static void what_others_could_read_is_refused(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	close(open(p.file, O_CREAT | O_WRONLY, 0600));
	chmod(p.file, 0640);
	refused(&p, p.file);
	chmod(p.file, 0600);
	assert_int_equal(symlink(p.file, p.other), 0);
	refused(&p, p.other);
	unlink(p.other);
	assert_int_equal(link(p.file, p.other),
			 0); /* under another name in a directory of others */
	refused(&p, p.file);
	refused(&p, "/dev/null");
	assert_int_equal(mode_of(p.file), 0600);
	place_drop(&p);
}

static void half_a_line_is_left_as_it_is(void **state)
{
	struct handout h;
	struct place p;

	(void)state;
	place_make(&p);
	int fd = open(p.file, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "one\ntwo", 7), 7);
	refused(&p, p.file);
	assert_int_equal(lseek(fd, 0, SEEK_END), 7);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	assert_int_equal(handout_open(&p.w, p.file, &h, NULL), EC_OK);
	handout_close(&h);
	place_drop(&p);
}

static void nowhere(void **state)
{
	struct handout h;
	struct place p;

	(void)state;
	place_make(&p);
	assert_int_equal(handout_open(&p.w, "/nowhere/at/all", &h, NULL), EC_ABSENT);
	place_drop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_for_nobody_else),
		cmocka_unit_test(one_with_nothing_in_it_goes_again),
		cmocka_unit_test(what_others_could_read_is_refused),
		cmocka_unit_test(half_a_line_is_left_as_it_is),
		cmocka_unit_test(nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
