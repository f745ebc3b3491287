/* mailroot: names on disk, in any case; drafts, removal, sweep; nothing leads out. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/store/claim.h"

static int setup(void **state)
{
	static struct tree t;

	tree_setup(&t);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	tree_teardown(*state);
	return 0;
}

static enum ec open_dir(struct tree *t, const char *name)
{
	struct name n = tree_name(name);
	struct err e;
	int fd;
	enum ec rc = mailroot_dir(t->root, &n, &fd, &e);

	if (rc == EC_OK)
		close(fd);
	return rc;
}

static void make_dir(struct tree *t, const char *below)
{
	char path[512];

	tree_path(t, below, path);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void names_on_disk(void **state)
{
	struct tree *t = *state;

	assert_true(tree_has(t, "example.com/P3_kim.mbx"));
	assert_ec(open_dir(t, "example.com"), EC_OK);
	assert_ec(open_dir(t, "kim@example.com"), EC_OK);
	assert_ec(open_dir(t, "KIM@EXAMPLE.com"), EC_OK);
	assert_ec(open_dir(t, "lee@example.com"), EC_ABSENT);
	assert_ec(open_dir(t, "kim@example.org"), EC_ABSENT);
	assert_ec(open_dir(t, "example.org"), EC_ABSENT);
}

static void odd_case(void **state)
{
	struct tree *t = *state;

	make_dir(t, "Example.ORG");
	make_dir(t, "Example.ORG/p3_Lee.MBX");
	make_dir(t, "Example.ORG/P3_Max.mbx");
	make_dir(t, "Example.ORG/p3_ann.mbx"); /* no capital at all */
	make_dir(t, "example.com/P3_LEE.mbx");
	for (int i = 0; i < 3; i++) { /* with and without what is remembered */
		assert_ec(open_dir(t, "lee@example.org"), EC_OK);
		assert_ec(open_dir(t, "max@example.org"), EC_OK);
		assert_ec(open_dir(t, "ann@example.org"), EC_OK);
		assert_ec(open_dir(t, "lee@example.com"), EC_OK);
		assert_ec(open_dir(t, "nobody@example.com"), EC_ABSENT);
	}
	char path[512];
	tree_path(t, "example.com/P3_LEE.mbx", path);
	assert_int_equal(rmdir(path), 0);
	assert_ec(open_dir(t, "lee@example.com"), EC_ABSENT);
	make_dir(t, "example.com/P3_NoBody.mbx");
	assert_ec(open_dir(t, "nobody@example.com"), EC_OK);
	/* It stands in the way of a new one. */
	struct name n = tree_name("nobody@example.com"), d = tree_name("example.org");
	struct draft *draft;
	struct err e;
	assert_ec(draft_begin(t->root, &n, &draft, &e), EC_EXISTS);
	assert_ec(mailroot_add_domain(t->root, &d, &e), EC_EXISTS);
}

static bool collect(void *ctx, const struct name *n)
{
	char text[NAME_TEXT_MAX + 1];

	strcat(strcat(ctx, name_text(n, text)), " ");
	return true;
}

static bool collect_one(void *ctx, const struct name *n)
{
	collect(ctx, n);
	return false;
}

static void each(void **state)
{
	struct tree *t = *state;
	struct name domain = tree_name("example.com");
	char got[1024] = "";
	struct err e;

	make_dir(t, "B.example");
	make_dir(t, "b.EXAMPLE");
	make_dir(t, "a.example");
	make_dir(t, "not a domain");
	tree_write(t, "file.example", "", 0);
	assert_ec(mailroot_each(t->root, NULL, collect, got, &e), EC_OK);
	assert_string_equal(got, "a.example b.example example.com ");
	got[0] = '\0';
	assert_ec(mailroot_each(t->root, NULL, collect_one, got, &e), EC_OK);
	assert_string_equal(got, "a.example ");

	got[0] = '\0';
	make_dir(t, "example.com/p3_ABE.MBX");
	make_dir(t, "example.com/P3_.mbx");
	make_dir(t, "example.com/P3_a@b.mbx");
	make_dir(t, "example.com/backup");
	make_dir(t, "example.com/P3_x+y.mbx");
	tree_write(t, "example.com/P3_file.mbx", "", 0);
	assert_ec(mailroot_each(t->root, &domain, collect, got, &e), EC_OK);
	assert_string_equal(got, "abe@example.com kim@example.com x+y@example.com ");
	domain = tree_name("nowhere.example");
	assert_ec(mailroot_each(t->root, &domain, collect, got, &e), EC_ABSENT);
}

static void links_lead_nowhere(void **state)
{
	struct tree *t = *state;
	char target[512], path[512];

	tree_path(t, "example.com/P3_kim.mbx", target);
	tree_path(t, "example.com/P3_lee.mbx", path);
	assert_int_equal(symlink(target, path), 0);
	assert_ec(open_dir(t, "lee@example.com"), EC_BROKEN);
	tree_path(t, "link.example", path);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_ec(open_dir(t, "link.example"), EC_BROKEN);
	assert_ec(open_dir(t, "kim@link.example"), EC_BROKEN);
	tree_write(t, "example.com/P3_file.mbx", "x", 1);
	assert_ec(open_dir(t, "file@example.com"), EC_BROKEN);
}

static void drafts(void **state)
{
	struct tree *t = *state;
	struct name n = tree_name("lee@example.com"), far = tree_name("lee@nowhere.example");
	struct draft *a = NULL, *b = NULL;
	struct err e;
	struct stat st;
	char path[512];

	assert_ec(draft_begin(t->root, &far, &a, &e), EC_ABSENT);
	assert_ec(draft_begin(t->root, &n, &a, &e), EC_OK);
	assert_ec(draft_begin(t->root, &n, &b, &e), EC_OK);
	assert_ec(draft_put(a, "password", "secret", 6, &e), EC_OK);
	assert_ec(open_dir(t, "lee@example.com"), EC_ABSENT);
	assert_ec(draft_commit(&a, &e), EC_OK);
	assert_ec(open_dir(t, "lee@example.com"), EC_OK);
	tree_path(t, "example.com/P3_lee.mbx/password", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	tree_path(t, "example.com/P3_lee.mbx", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_ec(draft_commit(&b, &e), EC_EXISTS);
	assert_null(b);
	assert_ec(draft_begin(t->root, &n, &a, &e), EC_EXISTS);
	assert_int_equal(mailroot_sweep(t->root, true), 0); /* nothing was left */
}

static void dropped_drafts_leave_nothing(void **state)
{
	struct tree *t = *state;
	struct name n = tree_name("lee@example.com");
	struct draft *d = NULL;
	struct err e;

	assert_ec(draft_begin(t->root, &n, &d, &e), EC_OK);
	assert_ec(draft_put(d, "password", "x", 1, &e), EC_OK);
	draft_drop(&d);
	draft_drop(&d);
	assert_int_equal(mailroot_sweep(t->root, true), 0);
	assert_ec(open_dir(t, "lee@example.com"), EC_ABSENT);
}

static void removal(void **state)
{
	struct tree *t = *state;
	struct name n = tree_name("kim@example.com"), d = tree_name("example.com");
	struct claim claim;
	struct err e;

	assert_ec(tree_deliver(t, "kim@example.com", "a\r\n", 3), EC_OK);
	assert_ec(claim_take(t->root, &n, &claim, &e), EC_OK);
	assert_ec(mailroot_remove(t->root, &n, &e), EC_LOCKED);
	assert_ec(mailroot_remove(t->root, &d, &e), EC_LOCKED);
	assert_ec(open_dir(t, "kim@example.com"), EC_OK);
	claim_drop(&claim);
	assert_ec(mailroot_remove(t->root, &n, &e), EC_OK);
	assert_ec(mailroot_remove(t->root, &n, &e), EC_ABSENT);
	assert_false(tree_has(t, "example.com/P3_kim.mbx"));

	tree_add_mailbox(t, "kim@example.com");
	make_dir(t, "example.com/other");
	tree_write(t, "example.com/other/file", "x", 1);
	assert_ec(mailroot_remove(t->root, &d, &e), EC_OK);
	assert_ec(mailroot_remove(t->root, &d, &e), EC_ABSENT);
	assert_false(tree_has(t, "example.com"));
	assert_int_equal(mailroot_sweep(t->root, true), 0);
}

static void removal_follows_no_link(void **state)
{
	struct tree *t = *state;
	struct name n = tree_name("kim@example.com");
	struct err e;
	char path[512];

	tree_add_mailbox(t, "lee@example.com");
	tree_write(t, "example.com/P3_lee.mbx/a.eml", "a", 1);
	tree_path(t, "example.com/P3_kim.mbx/way", path);
	assert_int_equal(symlink("../P3_lee.mbx", path), 0);
	assert_ec(mailroot_remove(t->root, &n, &e), EC_OK);
	assert_true(tree_has(t, "example.com/P3_lee.mbx/a.eml"));
}

/* A service starts while winpop makes a mailbox. */
static void sweep_beside_a_draft(void **state)
{
	struct tree *t = *state;
	struct name n;
	struct draft *d;
	struct err e;

	assert_ec(name_parse(&n, "new@example.com", 15, NAME_FILE, &e), EC_OK);
	assert_ec(draft_begin(t->root, &n, &d, &e), EC_OK);
	assert_int_equal(mailroot_sweep(t->root, true), 0);
	assert_ec(draft_put(d, "password", "x", 1, &e), EC_OK);
	assert_ec(draft_commit(&d, &e), EC_OK);
	assert_true(tree_has(t, "example.com/P3_new.mbx/password"));
}

static void sweep(void **state)
{
	struct tree *t = *state;

	make_dir(t, "new~1");
	make_dir(t, "gone~2");
	make_dir(t, "gone~2/P3_x.mbx");
	make_dir(t, "example.com/gone~3");
	tree_write(t, "example.com/gone~3/a.eml", "a", 1);
	tree_write(t, "example.com/.tmp-0", "a", 1);
	make_dir(t, "gonewest.example");
	assert_int_equal(mailroot_sweep(t->root, false), 0); /* too young */
	assert_true(tree_has(t, "gone~2"));
	assert_int_equal(mailroot_sweep(t->root, true), 3);
	assert_true(tree_has(t, "example.com/.tmp-0")); /* somebody may be writing it */
	assert_false(tree_has(t, "new~1"));
	assert_false(tree_has(t, "gone~2"));
	assert_false(tree_has(t, "example.com/gone~3"));
	assert_true(tree_has(t, "gonewest.example"));
	assert_ec(open_dir(t, "kim@example.com"), EC_OK);
}

static void small_files(void **state)
{
	struct tree *t = *state;
	struct name n = tree_name("kim@example.com");
	struct arena *a = arena_new("test", 256);
	struct err e;
	char *text, path[512];
	size_t len;
	int dir;

	assert_ec(mailroot_dir(t->root, &n, &dir, &e), EC_OK);
	assert_ec(mailroot_read(a, dir, "quota", 100, &text, &len, &e), EC_ABSENT);
	assert_ec(mailroot_replace(t->root, dir, "quota", "one", 3, 0640, &e), EC_OK);
	assert_ec(mailroot_replace(t->root, dir, "quota", "three", 5, 0640, &e), EC_OK);
	assert_ec(mailroot_read(a, dir, "quota", 100, &text, &len, &e), EC_OK);
	assert_string_equal(text, "three");
	assert_ec(mailroot_read(a, dir, "quota", 4, &text, &len, &e), EC_BROKEN);
	assert_ec(mailroot_unlink(dir, "quota", &e), EC_OK);
	assert_ec(mailroot_unlink(dir, "quota", &e), EC_OK);
	tree_path(t, "example.com/P3_kim.mbx/quota", path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_ec(mailroot_read(a, dir, "quota", 100000, &text, &len, &e), EC_BROKEN);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_ec(mailroot_read(a, dir, "quota", 100000, &text, &len, &e), EC_BROKEN);
	close(dir);
	arena_drop(&a);
}

/* Of a mailbox that is not there mail bounces; of a mail root that is not there it must not. */
static void a_mail_root_that_is_gone(void **state)
{
	struct tree *t = *state;
	struct name kim = tree_name("kim@example.com"), domain = tree_name("example.com");
	char command[128];
	struct err e;
	int dir;

	snprintf(command, sizeof(command), "rm -r %s", t->path);
	assert_int_equal(system(command), 0);
	assert_ec(mailroot_dir(t->root, &kim, &dir, &e), EC_BROKEN);
	assert_ec(mailroot_dir(t->root, &domain, &dir, &e), EC_BROKEN);
	assert_ec(tree_deliver(t, "kim@example.com", "x\r\n", 3), EC_BROKEN);
}

/* What root makes belongs to whom the mail root belongs to. */
static void owner(void **state)
{
	struct tree *t = *state;
	struct name d = tree_name("own.example");
	struct stat st;
	struct err e;
	char path[512];

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->path, 12345, 54321), 0);
	assert_ec(mailroot_add_domain(t->root, &d, &e), EC_OK);
	tree_add_mailbox(t, "a@own.example");
	assert_ec(tree_deliver(t, "a@own.example", "a\r\n", 3), EC_OK);
	static const char *const made[] = { "own.example", "own.example/P3_a.mbx",
					    "own.example/P3_a.mbx/index" };
	for (size_t i = 0; i < 3; i++) {
		tree_path(t, made[i], path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 12345);
		assert_int_equal(st.st_gid, 54321);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(names_on_disk),
		T(odd_case),
		T(each),
		T(links_lead_nowhere),
		T(drafts),
		T(dropped_drafts_leave_nothing),
		T(removal),
		T(removal_follows_no_link),
		T(sweep),
		T(sweep_beside_a_draft),
		T(small_files),
		T(owner),
		T(a_mail_root_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
