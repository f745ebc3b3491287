/* A full disk: delivery says "later", nothing half is left, what is there stays readable and
 * removable. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"

#define KIM "kim@example.com"

static char big[200000];

static uint32_t count(struct tree *t)
{
	struct name kim = tree_name(KIM);
	struct err e;
	uint64_t octets;
	uint32_t n;

	assert_ec(t->store->ops->usage(t->store, &kim, &n, &octets, &e), EC_OK);
	return n;
}

static int on_small_disk(struct tree *t)
{
	uint32_t n = 0;
	struct box *box;
	size_t len;
	struct name domain = tree_name("example.com");
	struct err e;

	if (unshare(CLONE_NEWNS) ||
	    (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) && errno != EINVAL) ||
	    mount("none", t->path, "tmpfs", 0, "size=1m,mode=0755"))
		return errno;
	tree_reopen(t, false);
	assert_ec(mailroot_add_domain(t->root, &domain, &e), EC_OK);
	tree_add_mailbox(t, KIM);
	while (n < 100 && tree_deliver(t, KIM, big, sizeof(big)) == EC_OK)
		n++;
	assert_in_range(n, 1, 8);
	assert_ec(tree_deliver(t, KIM, big, sizeof(big)), EC_TEMP);
	assert_int_equal(count(t), n);
	for (uint32_t left = n; left > 0; left--) {
		box = tree_claim(t, KIM);
		assert_int_equal(box->n_msgs, left);
		free(tree_fetch(box, 0, &len));
		assert_int_equal(len, sizeof(big));
		tree_remove_message(box, 0);
		box->ops->release(&box);
	}
	assert_ec(tree_deliver(t, KIM, big, sizeof(big)), EC_OK);
	assert_int_equal(count(t), 1);
	return 0;
}

static int with_small_files(struct tree *t)
{
	struct rlimit limit = { 100000, 100000 };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return errno;
	assert_ec(tree_deliver(t, KIM, "a\r\n", 3), EC_OK);
	assert_ec(tree_deliver(t, KIM, big, sizeof(big)), EC_TEMP);
	assert_int_equal(count(t), 1);
	return 0;
}

static void in_child(int (*fn)(struct tree *))
{
	struct tree t;
	int status;

	tree_setup(&t);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(fn(&t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	tree_teardown(&t);
}

static void disk_full(void **state)
{
	(void)state;
	if (geteuid() != 0) /* mounts are root's */
		skip();
	in_child(on_small_disk);
}

static void file_too_large(void **state)
{
	(void)state;
	in_child(with_small_files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_full),
		cmocka_unit_test(file_too_large),
	};

	memset(big, 'x', sizeof(big));
	memcpy(big + sizeof(big) - 2, "\r\n", 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
