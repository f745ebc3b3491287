/* A file system that can do less: no O_TMPFILE, no flock on directories, no RENAME_NOREPLACE, no
 * link from a descriptor.
 *
 * The linker puts our functions in front of the C library's (--wrap), and they refuse what such
 * file systems refuse. /
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/store/index.h"

#define KIM "kim@example.com"
#define BOX "example.com/P3_kim.mbx/"

int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __real_flock(int fd, int how);
int __wrap_flock(int fd, int how);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __real_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags);

static bool no_tmpfile = true; /* the tests' own switches */
static int no_flock = EBADF;
static unsigned refused;

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	unsigned mode =
		flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		refused++;
		return -1;
	}
	return __real_openat64(dir, path, flags, mode);
}

int __wrap_flock(int fd, int how)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = no_flock;
		return -1;
	}
	return __real_flock(fd, how);
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
	(void)from, (void)a, (void)to, (void)b, (void)flags;
	errno = EINVAL;
	return -1;
}

int __wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	if (flags & AT_EMPTY_PATH) {
		errno = ENOENT;
		return -1;
	}
	return __real_linkat(from, a, to, b, flags);
}

static int setup(void **state)
{
	static struct tree t;

	no_tmpfile = true;
	no_flock = EBADF;
	tree_setup(&t);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	tree_teardown(*state);
	return 0;
}

static bool index_is_clean(struct tree *t)
{
	struct name kim = tree_name(KIM);
	struct index_hold h;
	struct err e;
	int dir;

	assert_ec(mailroot_dir(t->root, &kim, &dir, &e), EC_OK);
	index_take(&h, t->root, dir, index_boot_id());
	bool clean = h.clean;
	index_drop(&h);
	close(dir);
	return clean;
}

static void named_temporaries(void **state)
{
	struct tree *t = *state;
	struct box *box = tree_claim(t, KIM);

	box->ops->release(&box);
	for (int i = 0; i < 5; i++) {
		assert_ec(tree_deliver(t, KIM, "one\r\n", 5), EC_OK);
		assert_true(index_is_clean(t)); /* our own temporaries do not cost a scan */
	}
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 5);
	tree_remove_message(box, 0);
	box->ops->release(&box);
	assert_true(index_is_clean(t));
	assert_int_equal(refused, 5); /* or this tested nothing */
	char command[600];
	snprintf(command, sizeof(command), "test -z \"$(find %s -name '.tmp*')\"", t->path);
	assert_int_equal(system(command), 0);
}

/* A quota ledger is made, and grows, all the same. */
static void shared_account(void **state)
{
	struct tree *t = *state;
	struct quota_usage u;
	struct err e;
	char address[40];

	for (unsigned i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "u%u@example.com", i);
		tree_add_mailbox(t, address);
		struct name name = tree_name(address);
		assert_ec(tree_deliver(t, address, "x\r\n", 3), EC_OK);
		assert_ec(t->store->quota->settle(t->store, &name, "team", &e), EC_OK);
	}
	assert_ec(t->store->quota->usage(t->store, "team", &u, &e), EC_OK);
	assert_int_equal(u.octets, 150);
	assert_int_equal(u.messages, 50);
}

static void name_by_proc(void **state)
{
	struct tree *t = *state;

	no_tmpfile = false;
	assert_ec(tree_deliver(t, KIM, "one\r\n", 5), EC_OK);
	struct box *box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 1);
	box->ops->release(&box);
}

static void claim_by_file(void **state)
{
	struct tree *t = *state;
	struct name kim = tree_name(KIM);
	struct box *a = tree_claim(t, KIM), *b = NULL;
	struct err e;
	int status;

	assert_ec(t->store->ops->claim(t->store, &kim, "s", &b, &e), EC_LOCKED);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(t->store->ops->claim(t->store, &kim, "s", &b, &e) == EC_LOCKED ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_ec(mailroot_remove(t->root, &kim, &e), EC_LOCKED);
	a->ops->release(&a);
	a = tree_claim(t, KIM);
	a->ops->release(&a);
	assert_ec(mailroot_remove(t->root, &kim, &e), EC_OK);
}

static void making_does_not_replace(void **state)
{
	struct tree *t = *state;
	struct name d = tree_name("example.com"), lee = tree_name("lee@example.com");
	struct draft *a = NULL, *b = NULL;
	struct err e;

	assert_ec(mailroot_add_domain(t->root, &d, &e), EC_EXISTS);
	assert_ec(draft_begin(t->root, &lee, &a, &e), EC_OK);
	assert_ec(draft_begin(t->root, &lee, &b, &e), EC_OK);
	assert_ec(draft_commit(&a, &e), EC_OK);
	assert_ec(draft_commit(&b, &e), EC_EXISTS);
	assert_true(tree_has(t, "example.com/P3_lee.mbx"));
}

/* Trouble that passes must not lead to another kind of lock. */
static void no_lock_just_now(void **state)
{
	struct tree *t = *state;
	struct name kim = tree_name(KIM);
	struct box *box;
	struct err e;

	no_flock = ENOLCK;
	assert_ec(t->store->ops->claim(t->store, &kim, "s1", &box, &e), EC_TEMP);
}

/* root has the service's mailbox open once: the claim's file is the service's all the same. */
static void claimed_by_root(void **state)
{
	struct tree *t = *state;
	const uid_t service = 65534;
	char path[512];
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->path, service, service), 0);
	struct box *box = tree_claim(t, KIM);
	box->ops->release(&box);
	tree_path(t, BOX "claim", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, service);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(named_temporaries),       T(name_by_proc),     T(claim_by_file),
		T(making_does_not_replace), T(no_lock_just_now), T(claimed_by_root),
		T(shared_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
