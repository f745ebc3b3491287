/* A removal that does not succeed loses nothing.
 *
 * The linker puts our functions in front of the C library's (--wrap): at the rename that takes a
 * domain or a mailbox out of sight they do what others may do in that very moment.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "server/store/claim.h"
#include "tests/unit/store/tree.h"

#define KIM "kim@example.com"

int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static struct tree *at_work; /* the test's, while others may come between */
static bool claims, adds, no_sync, no_rename2;
static struct claim claim;

static void take_claim(void)
{
	struct name kim = tree_name(KIM);
	struct err e;

	assert_ec(claim_take(at_work->root, &kim, &claim, &e), EC_OK);
}

static void add_again(const char *name)
{
	struct name domain = tree_name("example.com");
	struct err e;

	if (strncmp(name, "P3_", 3) == 0)
		tree_add_mailbox(at_work, KIM);
	else
		assert_ec(mailroot_add_domain(at_work->root, &domain, &e), EC_OK);
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	bool hides = at_work && strncmp(b, "gone~", 5) == 0;
	bool adds_now = hides && adds;

	if (hides && claims)
		take_claim();
	int rc = __real_renameat(from, a, to, b);
	if (adds_now) {
		bool syncs = !no_sync;
		no_sync = false;
		add_again(a);
		no_sync = !syncs;
	}
	return rc;
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
	if (no_rename2 && strncmp(a, "gone~", 5) == 0) {
		errno = EIO;
		return -1;
	}
	return __real_renameat2(from, a, to, b, flags);
}

/* Once: what comes after it is mended. */
int __wrap_fsync(int fd)
{
	if (at_work && no_sync) {
		no_sync = false;
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

/* The entry below the mail root that begins so; "" if there is none. */
static void find_entry(const struct tree *t, const char *dir, const char *prefix, char out[256])
{
	char path[512];
	const struct dirent *entry;

	tree_path(t, dir, path);
	DIR *d = opendir(path);
	assert_non_null(d);
	out[0] = '\0';
	while ((entry = readdir(d))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			snprintf(out, 256, "%s", entry->d_name);
	}
	closedir(d);
}

static enum ec remove_it(struct tree *t, const char *what, struct err *e)
{
	struct name n = tree_name(what);

	at_work = t;
	enum ec rc = mailroot_remove(t->root, &n, e);
	at_work = NULL;
	claim_drop(&claim);
	return rc;
}

static size_t n_messages(struct tree *t)
{
	struct box *box = tree_claim(t, KIM);
	size_t n = box->n_msgs;

	box->ops->release(&box);
	return n;
}

static void claimed_meanwhile(void **state)
{
	struct tree *t = *state;
	struct err e;

	claims = true;
	assert_ec(remove_it(t, "example.com", &e), EC_LOCKED);
	mailroot_sweep(t->root, true);
	assert_int_equal(n_messages(t), 1);
}

/* The one way back is barred: somebody has the domain again. */
static void claimed_and_added_meanwhile(void **state)
{
	struct tree *t = *state;
	struct err e;
	char kept[256], mailbox[512];

	claims = adds = true;
	assert_ec(remove_it(t, "example.com", &e), EC_BROKEN);
	mailroot_sweep(t->root, true);
	find_entry(t, ".", "kept~", kept);
	assert_string_not_equal(kept, "");
	assert_non_null(strstr(e.text, kept));
	assert_true(tree_has(t, "example.com"));
	assert_false(tree_has(t, "example.com/P3_kim.mbx"));
	snprintf(mailbox, sizeof(mailbox), "%s/P3_kim.mbx", kept);
	find_entry(t, mailbox, "P3", kept);
	assert_string_not_equal(kept, "");
}

static void disk_trouble(void **state)
{
	struct tree *t = *state;
	struct err e;

	no_sync = true;
	assert_ec(remove_it(t, "example.com", &e), EC_BROKEN);
	assert_non_null(strstr(e.text, "durable"));
	no_sync = true;
	assert_ec(remove_it(t, KIM, &e), EC_BROKEN);
	assert_non_null(strstr(e.text, "durable"));
	mailroot_sweep(t->root, true);
	assert_int_equal(n_messages(t), 1);
}

static void mailbox_added_meanwhile(void **state)
{
	struct tree *t = *state;
	struct err e;
	char kept[256];

	no_sync = adds = true;
	assert_ec(remove_it(t, KIM, &e), EC_BROKEN);
	mailroot_sweep(t->root, true);
	find_entry(t, "example.com", "kept~", kept);
	assert_string_not_equal(kept, "");
	assert_non_null(strstr(e.text, kept));
	assert_int_equal(n_messages(t), 0);
}

/* Then nothing is left but to say what it is called now. */
static void no_way_back(void **state)
{
	struct tree *t = *state;
	struct err e;
	char gone[256];

	claims = no_rename2 = true;
	assert_ec(remove_it(t, "example.com", &e), EC_BROKEN);
	find_entry(t, ".", "gone~", gone);
	assert_string_not_equal(gone, "");
	assert_non_null(strstr(e.text, gone));
}

static int setup(void **state)
{
	static struct tree t;

	claims = adds = no_sync = no_rename2 = false;
	claim = (struct claim){ .dir = -1, .file = -1 };
	tree_setup(&t);
	assert_ec(tree_deliver(&t, KIM, "a\r\n", 3), EC_OK);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	tree_teardown(*state);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(claimed_meanwhile), TEST(claimed_and_added_meanwhile),
		TEST(disk_trouble),      TEST(mailbox_added_meanwhile),
		TEST(no_way_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
