/* adopt: ended at every single step that changes the disk, by death and by a full disk; then again. Nothing twice, nothing lost.
 *
 * The linker puts our functions in front of the C library's (--wrap). They count, and at the step that is chosen the process ends
 * there, or the call fails. Then somebody fetches and deletes what is in the mailbox, and the command is given again.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "migrate/adopt.h"

#define DEAD 77
#define LEE "lee@example.org"
#define STEPS_MAX 400

enum how { HARMLESS, DIES, FAILS };

static struct {
	enum how how;
	unsigned at, now;
} fault; /* the tests' own switch */

static bool strikes(void)
{
	if (fault.how == HARMLESS || ++fault.now != fault.at)
		return false;
	if (fault.how == DIES)
		_exit(DEAD);
	errno = ENOSPC;
	return true;
}

ssize_t __real_write(int fd, const void *p, size_t len);
ssize_t __wrap_write(int fd, const void *p, size_t len);
int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __real_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
int __real_unlinkat(int dir, const char *path, int flags);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_syncfs(int fd);
int __wrap_syncfs(int fd);

ssize_t __wrap_write(int fd, const void *p, size_t len)
{
	return fd > 2 && strikes() ? -1 : __real_write(fd, p, len);
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	unsigned mode =
		flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	return (flags & O_CREAT) && strikes() ? -1 : __real_openat64(dir, path, flags, mode);
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	return strikes() ? -1 : __real_renameat(from, a, to, b);
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
	return strikes() ? -1 : __real_renameat2(from, a, to, b, flags);
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
	return strikes() ? -1 : __real_mkdirat(dir, path, mode);
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
	return strikes() ? -1 : __real_unlinkat(dir, path, flags);
}

int __wrap_fsync(int fd)
{
	return strikes() ? -1 : __real_fsync(fd);
}

int __wrap_syncfs(int fd)
{
	return strikes() ? -1 : __real_syncfs(fd);
}

/* ---- accounts that are a file in the mailbox ---- */

struct plain {
	struct accounts accounts;
	struct mailroot *root;
};

static enum ec plain_find(struct accounts *a, const struct name *n, struct account *out,
			  struct err *e)
{
	int dir;
	enum ec rc = mailroot_dir(((struct plain *)a)->root, n, &dir, e);

	*out = (struct account){ .name = *n };
	if (rc != EC_OK)
		return rc;
	bool is = faccessat(dir, "password", F_OK, 0) == 0;
	close(dir);
	return is ? EC_OK : err_set(e, EC_ABSENT, "no account");
}

static enum ec plain_create(struct accounts *a, const struct account_wish *wish,
			    const struct secret *s, struct draft *draft, struct err *e)
{
	(void)a;
	(void)wish;
	assert_non_null(draft);
	return draft_put(draft, "password", s->bytes, s->len, e);
}

static const struct accounts_ops plain_ops = { .name = "plain",
					       .rule = NAME_FILE,
					       .needs_create = true,
					       .find = plain_find,
					       .create = plain_create };

/* Users of a computer: whoever is asked for has a mailbox already, or may have one, wherever it is. */
static enum ec users_find(struct accounts *a, const struct name *n, struct account *out,
			  struct err *e)
{
	struct name elsewhere = *n;
	int dir;

	*out = (struct account){ .name = *n };
	strcpy(elsewhere.domain, strcmp(n->domain, "example.org") ? "example.org" : "example.net");
	if (mailroot_dir(((struct plain *)a)->root, &elsewhere, &dir, NULL) != EC_OK)
		return EC_OK;
	close(dir);
	return err_set(e, EC_REFUSED, "has a mailbox in %s", elsewhere.domain);
}

static const struct accounts_ops users_ops = { .name = "users",
					       .rule = NAME_SYSTEM,
					       .find = users_find };

/* ---- a scene: our mail root, and somebody's tree ---- */

struct scene {
	struct tree t;
	struct catalog *catalog;
	struct plain accounts;
	char from[64];
	bool merge, stopped;
	/* Of the last run. */
	struct adopt_totals totals;
	enum adopt_what what;
	/* Every message that was ever fetched. */
	char seen[64][40];
	size_t n_seen;
};

static void put(struct scene *s, const char *name, const char *text, int second)
{
	char path[256];
	const struct timespec times[2] = { { .tv_sec = second }, { .tv_sec = second } };

	snprintf(path, sizeof(path), "%s/Example.ORG/P3_LEE.mbx/%s", s->from, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void setup(struct scene *s)
{
	char path[256];
	struct err e;

	*s = (struct scene){ .from = "/tmp/winpop-from-XXXXXX" };
	tree_setup(&s->t);
	assert_ec(catalog_local_open(s->t.root, &s->catalog, &e), EC_OK);
	s->accounts = (struct plain){ { .ops = &plain_ops }, s->t.root };
	assert_non_null(mkdtemp(s->from));
	snprintf(path, sizeof(path), "%s/Example.ORG", s->from);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/P3_LEE.mbx");
	assert_int_equal(mkdir(path, 0755), 0);
	put(s, "P3b.eml", "first\r\n", 100);
	put(s, "P3a.EML", "second\n", 200);
	put(s, "P3c.eml", "third\r\n.", 200);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void teardown(struct scene *s)
{
	s->catalog->ops->close(&s->catalog);
	tree_teardown(&s->t);
	nftw(s->from, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static enum ec password(void *ctx, const struct name *n, struct secret *out, struct err *e)
{
	(void)ctx;
	(void)n;
	(void)e;
	secret_set(out, "pw", 2);
	return EC_OK;
}

static bool is_stopped(void *ctx)
{
	const struct scene *s = ctx;

	return s->stopped;
}

static bool take_row(void *ctx, const struct adopt_row *row)
{
	struct scene *s = ctx;

	s->what = row->what;
	return true;
}

static void odd(void *ctx, const char *path, enum winroot_why why, int error)
{
	(void)ctx;
	(void)error;
	fail_msg("%s: %s", path, winroot_why_words[why]);
}

static enum ec adopt(struct scene *s, struct err *e)
{
	const struct winroot_eye eye = { .odd = odd, .ctx = s };
	const struct adopt_setup how = { .root = s->t.root,
					 .store = s->t.store,
					 .catalog = s->catalog,
					 .accounts = &s->accounts.accounts,
					 .mailroot = s->t.path,
					 .from = s->from,
					 .merge = s->merge,
					 .password = password,
					 .stop = is_stopped,
					 .ctx = s };
	struct adopt *a;
	int fd = open(s->from, O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	s->what = ADOPT_WHAT_COUNT;
	enum ec rc = adopt_open(&how, fd, &eye, &a, e);
	if (rc != EC_OK)
		return rc;
	rc = adopt_run(a, take_row, s, &s->totals, e);
	adopt_close(&a);
	return rc;
}

static void adopt_well(struct scene *s)
{
	struct err e = { 0 };

	fault.how = HARMLESS;
	if (adopt(s, &e) != EC_OK)
		fail_msg("%s", e.text);
	assert_int_equal(s->totals.n_missing, 0);
	assert_int_equal(s->totals.n_found, s->totals.n_new + s->totals.n_before);
}

/* True if the fault struck. */
static bool adopt_badly(struct scene *s, enum how how, unsigned at)
{
	struct err e;
	int status = 0;

	fault.how = how;
	fault.at = at;
	fault.now = 0;
	if (how == FAILS) {
		adopt(s, &e);
		fault.how = HARMLESS;
		return fault.now >= at;
	}
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(adopt(s, &e) == EC_OK ? 0 : 1);
	fault.how = HARMLESS;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DEAD));
	return WEXITSTATUS(status) == DEAD;
}

static bool is_there(struct scene *s)
{
	return tree_has(&s->t, "example.org/P3_lee.mbx");
}

/* What its owner does with a mailbox; what there is in it must be whole and in the order of the tree. */
static uint32_t fetch(struct scene *s, bool and_delete)
{
	struct box *box = tree_claim(&s->t, LEE);
	uint32_t n = box->n_msgs;

	for (uint32_t i = 0; i < n; i++) {
		size_t len;
		char *text = tree_fetch(box, i, &len);
		assert_in_range(len, 1, sizeof(s->seen[0]) - 1);
		assert_true(s->n_seen < sizeof(s->seen) / sizeof(s->seen[0]));
		memcpy(s->seen[s->n_seen++], text, len);
		free(text);
	}
	box->ops->release(&box);
	for (uint32_t i = 0; and_delete && i < n; i++) {
		box = tree_claim(&s->t, LEE);
		tree_remove_message(box, 0);
		box->ops->release(&box);
	}
	return n;
}

static void forget(struct scene *s)
{
	memset(s->seen, 0, sizeof(s->seen));
	s->n_seen = 0;
}

static void check_whole(struct scene *s)
{
	forget(s);
	assert_int_equal(fetch(s, false), 3);
	assert_string_equal(s->seen[0], "first\r\n");
	assert_string_equal(s->seen[1], "second\n"); /* of one moment: by name */
	assert_string_equal(s->seen[2], "third\r\n.");
	assert_true(tree_has(&s->t, "example.org/P3_lee.mbx/password"));
	struct box *box = tree_claim(&s->t, LEE);
	assert_string_equal(box->msgs[0].uidl, "P3b");
	assert_string_equal(box->msgs[2].uidl, "P3c");
	assert_int_equal(box->octets, 7 + 8 + 10);
	box->ops->release(&box);
}

static unsigned times_seen(const struct scene *s, const char *text)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n_seen; i++)
		n += strcmp(s->seen[i], text) == 0;
	return n;
}

/* ---- tests ---- */

static void a_new_mailbox(void **state)
{
	struct scene s;

	(void)state;
	setup(&s);
	adopt_well(&s);
	assert_int_equal(s.what, ADOPT_NEW);
	assert_int_equal(s.totals.domains_new, 1);
	check_whole(&s);
	adopt_well(&s);
	assert_int_equal(s.what, ADOPT_DONE);
	assert_int_equal(s.totals.n_before, 3);
	fetch(&s, true);
	adopt_well(&s);
	assert_int_equal(s.what, ADOPT_DONE);
	assert_int_equal(fetch(&s, false), 0); /* deleted stays deleted */
	teardown(&s);
}

/* Ended at each step while a mailbox is made: it is not there, or it is whole. */
static void made_in_spite_of(enum how how)
{
	unsigned at = 1;

	for (bool struck = true; struck; at++) {
		struct scene s;
		assert_true(at < STEPS_MAX);
		setup(&s);
		struck = adopt_badly(&s, how, at);
		if (is_there(&s))
			check_whole(&s);
		else
			assert_true(struck);
		adopt_well(&s);
		check_whole(&s);
		teardown(&s);
	}
	assert_true(at > 15); /* the steps were really counted */
}

static void made_in_spite_of_death(void **state)
{
	(void)state;
	made_in_spite_of(DIES);
}

static void made_in_spite_of_a_full_disk(void **state)
{
	(void)state;
	made_in_spite_of(FAILS);
}

/* More messages for a mailbox that was adopted, one of them under a name that another one had. */
static void set_up_more(struct scene *s)
{
	setup(s);
	adopt_well(s);
	fetch(s, true);
	put(s, "P3d.eml", "fourth\r\n", 300);
	put(s, "P3b.eml", "not the first\r\n", 50);
	put(s, "P3e.eml", "fifth\r\n", 300);
	assert_int_equal(tree_deliver(&s->t, LEE, "delivered\r\n", 11), EC_OK);
}

static void check_each_once(const struct scene *s)
{
	static const char *const all[] = { "first\r\n",    "second\n",          "third\r\n.",
					   "fourth\r\n",   "not the first\r\n", "fifth\r\n",
					   "delivered\r\n" };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (times_seen(s, all[i]) != 1)
			fail_msg("%u times: %s", times_seen(s, all[i]), all[i]);
	}
	assert_int_equal(s->n_seen, sizeof(all) / sizeof(*all));
}

static void more_comes(void **state)
{
	struct scene s;

	(void)state;
	set_up_more(&s);
	adopt_well(&s);
	assert_int_equal(s.what, ADOPT_MORE);
	assert_int_equal(s.totals.n_new, 3);
	struct box *box = tree_claim(&s.t, LEE);
	assert_int_equal(box->n_msgs, 4);
	assert_memory_equal(box->msgs[0].uidl, "P3b-",
			    4); /* oldest first, and never another one's UIDL */
	assert_int_equal(strlen(box->msgs[0].uidl), 4 + 12);
	assert_string_equal(box->msgs[1].uidl, "P3d");
	box->ops->release(&box);
	fetch(&s, true);
	check_each_once(&s);
	teardown(&s);
}

static void added_in_spite_of(enum how how)
{
	unsigned at = 1;

	for (bool struck = true; struck; at++) {
		struct scene s;
		assert_true(at < STEPS_MAX);
		set_up_more(&s);
		struck = adopt_badly(&s, how, at);
		fetch(&s, true); /* in between, its owner reads and deletes */
		adopt_well(&s);
		fetch(&s, true);
		check_each_once(&s);
		adopt_well(&s);
		assert_int_equal(s.totals.n_new, 0);
		teardown(&s);
	}
	assert_true(at > 15);
}

static void added_in_spite_of_death(void **state)
{
	(void)state;
	added_in_spite_of(DIES);
}

static void added_in_spite_of_a_full_disk(void **state)
{
	(void)state;
	added_in_spite_of(FAILS);
}

/* A record that nobody can read is no reason to bring anything in twice. */
static void a_damaged_record(void **state)
{
	struct scene s;

	(void)state;
	setup(&s);
	adopt_well(&s);
	fetch(&s, true);
	tree_write(&s.t, "example.org/P3_lee.mbx/adopted", "winpop-adopted 1 /x\n", 20);
	fault.how = HARMLESS;
	struct err e;
	assert_ec(adopt(&s, &e), EC_OK);
	assert_int_equal(s.what, ADOPT_FAILED);
	assert_int_equal(s.totals.n_missing, 3);
	assert_int_equal(fetch(&s, false), 0);
	teardown(&s);
}

static void somebody_elses_mailbox(void **state)
{
	struct scene s;
	struct err e;

	(void)state;
	setup(&s);
	struct name domain = tree_name("example.org");
	assert_ec(mailroot_add_domain(s.t.root, &domain, &e), EC_OK);
	tree_add_mailbox(&s.t, LEE);
	assert_ec(tree_deliver(&s.t, LEE, "ours\r\n", 6), EC_OK);
	assert_ec(adopt(&s, &e), EC_OK);
	assert_int_equal(s.what, ADOPT_LEFT);
	assert_int_equal(fetch(&s, false), 1);
	s.merge = true;
	struct box *box = tree_claim(&s.t, LEE);
	assert_ec(adopt(&s, &e), EC_OK);
	assert_int_equal(s.what, ADOPT_LEFT); /* a session has it */
	box->ops->release(&box);
	adopt_well(&s);
	assert_int_equal(s.what, ADOPT_MORE);
	assert_int_equal(fetch(&s, false), 4);
	teardown(&s);
}

/* One password must not open two mailboxes, though each of them alone would have been fine. */
static void one_mailbox_for_a_user(void **state)
{
	struct scene s;
	char path[256];
	struct err e = { 0 };

	(void)state;
	setup(&s);
	s.accounts.accounts.ops = &users_ops;
	snprintf(path, sizeof(path), "%s/example.net", s.from);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/P3_lee.mbx");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_ec(adopt(&s, &e), EC_OK);
	assert_int_equal(s.totals.n_rows[ADOPT_NEW], 1);
	assert_int_equal(s.totals.n_rows[ADOPT_NO_ACCOUNT], 1);
	assert_true(tree_has(&s.t, "example.net/P3_lee.mbx"));
	assert_false(is_there(&s));
	teardown(&s);
}

/* Also where there is no message to stop at: a mailbox without any, a tree in place. */
static void stopped_between_mailboxes(void **state)
{
	static const char *const names[] = { "P3a.EML", "P3b.eml", "P3c.eml" };
	struct scene s;
	struct err e;

	(void)state;
	setup(&s);
	for (int i = 0; i < 3; i++) {
		char path[256];
		snprintf(path, sizeof(path), "%s/Example.ORG/P3_LEE.mbx/%s", s.from, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	s.stopped = true;
	assert_ec(adopt(&s, &e), EC_REFUSED);
	assert_int_equal(s.what, ADOPT_WHAT_COUNT); /* it was not begun */
	assert_false(is_there(&s));
	s.stopped = false;
	adopt_well(&s);
	assert_true(is_there(&s));
	teardown(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_mailbox),
		cmocka_unit_test(made_in_spite_of_death),
		cmocka_unit_test(made_in_spite_of_a_full_disk),
		cmocka_unit_test(more_comes),
		cmocka_unit_test(one_mailbox_for_a_user),
		cmocka_unit_test(stopped_between_mailboxes),
		cmocka_unit_test(added_in_spite_of_death),
		cmocka_unit_test(added_in_spite_of_a_full_disk),
		cmocka_unit_test(a_damaged_record),
		cmocka_unit_test(somebody_elses_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
