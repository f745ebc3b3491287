/* test_oddcase.c - when a list of odd-case names is made anew: at every change of a small directory, now and then of a large one.
 *
 * How large a directory is shows in the processor time of reading it, so that is what is made up here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "server/store/dirlist.h"
#include "server/store/oddcase.h"
#include "tests/unit/store/tree.h"

int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __real_dirlist_read(int dirfd, bool (*want)(const char *name), struct dirlist *out);
int __wrap_dirlist_read(int dirfd, bool (*want)(const char *name), struct dirlist *out);

static struct {
	unsigned n_read, read_ms; /* how often, and the processor time of one */
	unsigned worked_ms, later_ms;
	int trouble; /* errno of reading one */
} world;

static void add_ms(struct timespec *t, unsigned ms)
{
	uint64_t ns = (uint64_t)t->tv_nsec + (uint64_t)ms % 1000 * 1000000;

	t->tv_sec += ms / 1000 + (time_t)(ns / 1000000000);
	t->tv_nsec = (long)(ns % 1000000000);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
	int rc = __real_clock_gettime(id, out);

	if (id == CLOCK_THREAD_CPUTIME_ID) {
		*out = (struct timespec){ 0 };
		add_ms(out, world.worked_ms);
	} else {
		add_ms(out, world.later_ms); /* the wall clock too: what has changed is long past */
	}
	return rc;
}

int __wrap_dirlist_read(int dirfd, bool (*want)(const char *name), struct dirlist *out)
{
	world.n_read++;
	world.worked_ms += world.read_ms;
	if (world.trouble) {
		errno = world.trouble;
		return -1;
	}
	return __real_dirlist_read(dirfd, want, out);
}

struct scene {
	char path[64];
	int dir;
	struct oddcase *odd;
};

static int scene_open(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	memset(&world, 0, sizeof(world));
	strcpy(s->path, "/tmp/winpop-oddcase-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->odd = oddcase_new();
	*state = s;
	return 0;
}

static int scene_close(void **state)
{
	struct scene *s = *state;
	DIR *d = fdopendir(s->dir);

	for (struct dirent *e; (e = readdir(d));)
		unlinkat(s->dir, e->d_name, AT_REMOVEDIR);
	closedir(d);
	rmdir(s->path);
	oddcase_free(&s->odd);
	free(s);
	return 0;
}

static void add(struct scene *s, const char *name)
{
	assert_int_equal(mkdirat(s->dir, name, 0700), 0);
}

static bool finds(struct scene *s, const char *lower)
{
	char actual[NAME_MAX + 1];

	return oddcase_find(s->odd, s->dir, lower, actual);
}

static void every_change_of_a_small_directory_counts(void **state)
{
	struct scene *s = *state;

	world.later_ms = 1000;
	assert_false(finds(s, "p3_kim.mbx"));
	assert_false(finds(s, "p3_lee.mbx"));
	assert_int_equal(world.n_read, 1);
	add(s, "P3_Kim.mbx");
	assert_true(finds(s, "p3_kim.mbx"));
	assert_int_equal(world.n_read, 2);
}

static void a_small_one_that_has_just_changed_is_not_remembered(void **state)
{
	struct scene *s = *state;

	add(s, "P3_Kim.mbx");
	assert_true(finds(s, "p3_kim.mbx"));
	assert_true(finds(s, "p3_kim.mbx"));
	assert_int_equal(world.n_read, 2);
}

/* Twenty times 50 ms. */
static void a_large_ones_list_serves_for_a_while(void **state)
{
	struct scene *s = *state;

	world.read_ms = 50;
	assert_false(finds(s, "p3_kim.mbx"));
	add(s, "P3_Kim.mbx");
	world.later_ms = 900;
	for (int i = 0; i < 100; i++)
		assert_false(finds(s, "p3_kim.mbx"));
	assert_int_equal(world.n_read, 1);
	world.later_ms = 2000;
	assert_true(finds(s, "p3_kim.mbx"));
	assert_int_equal(world.n_read, 2);
}

static void a_large_one_at_rest_is_not_read_again(void **state)
{
	struct scene *s = *state;

	world.read_ms = 50;
	world.later_ms = 1000;
	assert_false(finds(s, "p3_kim.mbx"));
	world.later_ms = 1000000;
	assert_false(finds(s, "p3_kim.mbx"));
	assert_int_equal(world.n_read, 1);
}

/* "No such mailbox" makes mail bounce: it is not said because a directory cannot be read just now. */
static void trouble_is_no_absence(void **state)
{
	struct scene *s = *state;
	struct mailroot *root;
	struct err e;
	int fd;

	add(s, "Example.COM");
	assert_ec(mailroot_open(s->path, &root, &e), EC_OK);
	const struct name domain = tree_name("example.com");
	world.trouble = EIO;
	assert_ec(mailroot_dir(root, &domain, &fd, &e), EC_BROKEN);
	world.trouble = EMFILE;
	assert_ec(mailroot_dir(root, &domain, &fd, &e), EC_TEMP);
	world.trouble = 0;
	assert_ec(mailroot_dir(root, &domain, &fd, &e), EC_OK);
	close(fd);
	mailroot_close(&root);
	assert_false(finds(s, "example.org"));
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_change_of_a_small_directory_counts,
						scene_open, scene_close),
		cmocka_unit_test_setup_teardown(a_small_one_that_has_just_changed_is_not_remembered,
						scene_open, scene_close),
		cmocka_unit_test_setup_teardown(a_large_ones_list_serves_for_a_while, scene_open,
						scene_close),
		cmocka_unit_test_setup_teardown(a_large_one_at_rest_is_not_read_again, scene_open,
						scene_close),
		cmocka_unit_test_setup_teardown(trouble_is_no_absence, scene_open, scene_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
