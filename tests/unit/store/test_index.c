/* The index is a cache: lost, torn, foreign, hostile or stale it costs a scan and nothing else. And
 * foreign trees. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/base/mem.h"
#include "server/store/index.h"
#include "server/store/uidl.h"

#define KIM "kim@example.com"
#define BOX "example.com/P3_kim.mbx/"

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

static void put(struct tree *t, const char *text)
{
	assert_ec(tree_deliver(t, KIM, text, strlen(text)), EC_OK);
}

static void release(struct box **box)
{
	(*box)->ops->release(box);
}

struct shot {
	uint32_t n;
	uint64_t octets;
	char *uidl[16];
	char *text[16];
};

static void take_shot(struct box *box, struct shot *s)
{
	size_t len;

	s->n = box->n_msgs;
	s->octets = box->octets;
	assert_true(s->n <= 16);
	for (uint32_t i = 0; i < s->n; i++) {
		s->uidl[i] = strdup(box->msgs[i].uidl);
		s->text[i] = tree_fetch(box, i, &len);
	}
}

static void drop_shot(struct shot *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		free(s->uidl[i]);
		free(s->text[i]);
	}
}

static void same_as(struct tree *t, const struct shot *want)
{
	struct box *box = tree_claim(t, KIM);
	struct shot got;

	take_shot(box, &got);
	assert_int_equal(got.n, want->n);
	assert_int_equal(got.octets, want->octets);
	for (uint32_t i = 0; i < got.n; i++) {
		assert_string_equal(got.uidl[i], want->uidl[i]);
		assert_string_equal(got.text[i], want->text[i]);
	}
	drop_shot(&got);
	release(&box);
}

static void fill(struct tree *t, struct shot *s)
{
	put(t, "one\r\n");
	put(t, ".two\r\n");
	tree_write(t, BOX "old one.eml", "three\n", 6);
	put(t, "four\r\n");
	struct box *box = tree_claim(t, KIM);
	take_shot(box, s);
	release(&box);
	assert_int_equal(s->n, 4);
	assert_int_equal(s->octets, 5 + 6 + 7 + 6);
}

static void every_damaged_octet(void **state)
{
	struct tree *t = *state;
	char path[512], index[2048];
	struct shot s;

	fill(t, &s);
	tree_path(t, BOX "index", path);
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, index, sizeof(index));
	close(fd);
	assert_in_range(len, 200, sizeof(index) - 1);
	for (ssize_t i = 0; i < len; i++) {
		index[i] ^= 0x41;
		tree_write(t, BOX "index", index, (size_t)len);
		same_as(t, &s);
		index[i] ^= 0x41;
	}
	for (ssize_t cut = 0; cut < len; cut += 7) {
		tree_write(t, BOX "index", index, (size_t)cut);
		same_as(t, &s);
	}
	drop_shot(&s);
}

static void a_damaged_index_and_a_delivery(void **state)
{
	struct tree *t = *state;

	put(t, "one\r\n");
	tree_write(t, BOX "index", "garbage", 7);
	put(t, "two\r\n");
	struct box *box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 2);
	release(&box);
}

static void deleted_at_any_moment(void **state)
{
	struct tree *t = *state;
	struct shot s;
	struct box *box = NULL;
	struct name kim = tree_name(KIM);
	struct err e;

	fill(t, &s);
	tree_unlink(t, BOX "index");
	same_as(t, &s);

	/* Between claim and table, with a delivery in between: what was counted is what is seen. */
	assert_ec(t->store->ops->claim(t->store, &kim, "s", &box, &e), EC_OK);
	tree_unlink(t, BOX "index");
	put(t, "later\r\n");
	assert_ec(box->ops->table(box, &e), EC_OK);
	assert_int_equal(box->n_msgs, 4);
	assert_string_equal(box->msgs[0].uidl, s.uidl[0]);
	/* Between table and commit. */
	tree_unlink(t, BOX "index");
	tree_remove_message(box, 0);
	release(&box);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 4);
	assert_string_equal(box->msgs[0].uidl, s.uidl[1]);
	assert_int_equal(box->octets, s.octets - 5 + 7);
	release(&box);
	drop_shot(&s);
}

static void things_in_its_place(void **state)
{
	struct tree *t = *state;
	struct shot s;
	char path[512], target[512];

	fill(t, &s);
	tree_path(t, BOX "index", path);
	tree_path(t, BOX "elsewhere", target);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
	same_as(t, &s);
	assert_false(tree_has(t, BOX "elsewhere"));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	same_as(t, &s);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	same_as(t, &s);
	put(t, "five\r\n"); /* delivery does not need it either */
	struct box *box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 5);
	tree_remove_message(box, 4);
	release(&box);
	same_as(t, &s);
	rmdir(path);
	same_as(t, &s);
	drop_shot(&s);
}

static void others_change_the_directory(void **state)
{
	struct tree *t = *state;
	struct box *box;
	struct err e;

	put(t, "one\r\n");
	put(t, "two\r\n");
	box = tree_claim(t, KIM);
	release(&box);
	tree_write(t, BOX "a.eml", "three\r\n", 7);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 3);
	tree_unlink(t, BOX "a.eml"); /* under the session's hands */
	uint32_t mine = 0;
	while (strcmp(box->msgs[mine].uidl, "a") != 0)
		mine++;
	struct blob b;
	assert_ec(box->ops->fetch(box, mine, 0, &b, &e), EC_ABSENT);
	tree_remove_message(box, mine); /* gone is gone */
	release(&box);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 2);
	release(&box);
}

static void a_message_that_changes(void **state)
{
	struct tree *t = *state;
	struct box *box;
	struct blob b;
	struct err e;

	tree_write(t, BOX "a.eml", "one\r\n", 5);
	box = tree_claim(t, KIM);
	tree_write(t, BOX "a.eml", "longer\n", 7); /* same inode, same directory mtime */
	assert_ec(box->ops->fetch(box, 0, 0, &b, &e), EC_TEMP);
	release(&box);
	box = tree_claim(t, KIM);
	assert_int_equal(box->octets, 8);
	size_t len;
	free(tree_fetch(box, 0, &len));
	assert_int_equal(len, 7);
	release(&box);
}

static void changed_between_claim_and_table(void **state)
{
	struct tree *t = *state;
	struct name kim = tree_name(KIM);
	struct box *box = NULL;
	struct err e;

	put(t, "one\r\n");
	tree_write(t, BOX "a.eml", "two\r\n", 5);
	box = tree_claim(t, KIM);
	release(&box);
	assert_ec(t->store->ops->claim(t->store, &kim, "s", &box, &e), EC_OK);
	tree_unlink(t, BOX "a.eml");
	tree_unlink(t, BOX "index");
	assert_ec(box->ops->table(box, &e), EC_TEMP);
	release(&box);
}

static void foreign_messages(void **state)
{
	static const struct {
		const char *file, *text;
		size_t len;
		uint64_t octets;
		uint32_t flags;
	} rows[] = {
		{ "P347865.eml", "a\r\nb\r\n", 6, 6, 0 },
		{ "P3AB.EML", "a\nb\n", 4, 6, MSG_REPAIR },
		{ "no end.eml", "a\r\nb", 4, 6, MSG_REPAIR },
		{ "nul.eml", "a\0b\r\n", 5, 5, 0 },
		{ "empty.Eml", "", 0, 0, 0 },
		{ "dot.eml", ".", 1, 3, MSG_DOTS | MSG_REPAIR },
		{ "\xC3\xA4.eml", "S: \xC3\xA4\r\n", 7, 7, MSG_UTF8 },
		{ "lone\tcr.eml", "a\rb\r\n", 5, 5, 0 },
	};
	struct tree *t = *state;
	char path[512], uidl[UIDL_MAX + 1];
	size_t n = sizeof(rows) / sizeof(*rows);

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), BOX "%s", rows[i].file);
		tree_write(t, path, rows[i].text, rows[i].len);
	}
	tree_write(t, BOX "notes.txt", "x", 1);
	tree_write(t, BOX "lock", "x", 1);
	char target[512];
	tree_path(t, BOX "link.eml", path);
	tree_path(t, BOX "notes.txt", target);
	assert_int_equal(symlink(target, path), 0);
	tree_path(t, BOX "pipe.eml", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	tree_path(t, BOX "dir.eml", path);
	assert_int_equal(mkdir(path, 0700), 0);

	struct box *box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t at = 0;
		size_t len;
		uidl_of(rows[i].file, uidl);
		while (strcmp(box->msgs[at].uidl, uidl) != 0)
			assert_true(++at < n);
		assert_int_equal(box->msgs[at].octets, rows[i].octets);
		assert_int_equal(box->msgs[at].flags, rows[i].flags);
		char *text = tree_fetch(box, at, &len);
		assert_int_equal(len, rows[i].len);
		assert_memory_equal(text, rows[i].text, len);
		free(text);
	}
	release(&box);
}

/* Old mail first: foreign files take their place by their mtime. */
static void arrival_orders(void **state)
{
	struct tree *t = *state;
	struct timespec old[2] = { { 1000000, 0 }, { 1000000, 0 } };
	char path[512];

	put(t, "new\r\n");
	tree_write(t, BOX "z.eml", "old\r\n", 5);
	tree_path(t, BOX "z.eml", path);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	struct box *box = tree_claim(t, KIM);
	assert_string_equal(box->msgs[0].uidl, "z");
	assert_int_equal(box->msgs[0].arrived_us, INT64_C(1000000) * 1000000);
	release(&box);
}

static void unreadable_message(void **state)
{
	struct tree *t = *state;
	struct box *box;
	int status;

	if (geteuid() != 0)
		skip();
	put(t, "one\r\n");
	tree_write(t, BOX "a.eml", "two\r\n", 5);
	char path[512];
	tree_path(t, BOX "a.eml", path);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(chmod(t->path, 0755), 0);
	tree_path(t, "example.com", path);
	assert_int_equal(chmod(path, 0755), 0);
	tree_path(t, BOX, path);
	assert_int_equal(chmod(path, 0777), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(9);
		/* The index is not ours either: an unreadable file in its place. */
		box = tree_claim(t, KIM);
		_exit(box->n_msgs == 0 ? 0 : 1); /* the delivered one is 0640 and root's */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 2);
	release(&box);
}

/* In a mount namespace of the child's own: the mail root as it would be on a read-only disk. */
static int read_only_child(struct tree *t)
{
	struct box *box;
	struct err e;
	uint8_t bits = 1;
	struct commit done;

	if (unshare(CLONE_NEWNS) ||
	    (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) && errno != EINVAL) ||
	    mount(t->path, t->path, NULL, MS_BIND, NULL) ||
	    mount(NULL, t->path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		return errno;
	tree_reopen(t, false);
	for (int i = 0; i < 2; i++) {
		size_t len;
		box = tree_claim(t, KIM);
		assert_int_equal(box->n_msgs, 2);
		free(tree_fetch(box, 1, &len));
		assert_int_equal(len, 5);
		if (i == 1) {
			assert_ec(box->ops->commit(box, &(struct marks){ .removed = &bits }, &done,
						   &e),
				  EC_BROKEN);
			assert_int_equal(done.n_failed, 1);
			assert_int_equal(done.n_removed, 0);
		}
		release(&box);
	}
	assert_ec(tree_deliver(t, KIM, "x\r\n", 3), EC_BROKEN);
	return 0;
}

static void read_only_root(void **state)
{
	struct tree *t = *state;
	char path[512];
	int status;

	if (geteuid() != 0) /* mounts are root's */
		skip();
	put(t, "one\r\n");
	put(t, "two\r\n");
	for (int with_index = 1; with_index >= 0; with_index--) {
		tree_path(t, BOX "index", path);
		if (with_index) {
			struct box *box = tree_claim(t, KIM);
			release(&box);
		} else {
			unlink(path);
		}
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0)
			_exit(read_only_child(t));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void leftovers_are_swept(void **state)
{
	struct tree *t = *state;
	struct timespec old[2] = { { 1000000, 0 }, { 1000000, 0 } };
	char path[512];

	tree_write(t, BOX ".tmp-1", "half", 4);
	tree_write(t, BOX ".tmp-2", "half", 4);
	tree_path(t, BOX ".tmp-1", path);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	struct box *box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 0);
	release(&box);
	assert_false(tree_has(t, BOX ".tmp-1"));
	assert_true(tree_has(t, BOX ".tmp-2")); /* somebody may be at work */
}

static struct timespec box_stamp(struct tree *t)
{
	char path[512];
	struct stat st;

	tree_path(t, "example.com/P3_kim.mbx", path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mtim;
}

/* As a clock with coarse ticks would: what has happened since does not show. */
static void set_box_stamp(struct tree *t, struct timespec to)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, to };
	char path[512];

	tree_path(t, "example.com/P3_kim.mbx", path);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void messages_are(struct tree *t, uint32_t n)
{
	struct box *box = tree_claim(t, KIM);

	assert_int_equal(box->n_msgs, n);
	release(&box);
}

static struct index_hold take_index(struct tree *t)
{
	struct name kim = tree_name(KIM);
	struct index_hold h;
	struct err e;
	int dir;

	assert_ec(mailroot_dir(t->root, &kim, &dir, &e), EC_OK);
	index_take(&h, t->root, dir, index_boot_id());
	return h;
}

static void drop_index(struct index_hold *h)
{
	int dir = h->dir;

	index_drop(h);
	close(dir);
}

/* Whoever is told that a message is gone and signs in again is not told so for ever. */
static void a_vanished_message_is_not_promised_twice(void **state)
{
	struct tree *t = *state;
	char path[512];
	struct blob b;
	struct err e;

	put(t, "one\r\n");
	put(t, "two\r\n");
	struct timespec stamp = box_stamp(t);
	struct box *box = tree_claim(t, KIM);
	snprintf(path, sizeof(path), "%s/" BOX "%s.eml", t->path, box->msgs[0].uidl);
	assert_int_equal(unlink(path), 0);
	set_box_stamp(t, stamp);
	assert_ec(box->ops->fetch(box, 0, FETCH_NOWAIT, &b, &e), EC_BUSY);
	assert_ec(box->ops->fetch(box, 0, 0, &b, &e), EC_ABSENT);
	release(&box);
	messages_are(t, 1);
}

/* What it has grown by does not lie in memory, if the kernel lets us have our way. */
static void change_length(const char *path, size_t len, int by)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len + (by < 0 ? by : 0)), 0);
	if (by > 0)
		assert_int_equal(pwrite(fd, "x", 1, (off_t)len), 1);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, (off_t)len, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

/* A large message that is not as long as it was counted is never given out: on a loop a worker is to look at it. */
static void large_and_changed(struct tree *t, size_t len, int by)
{
	char *text = mem_new(len), path[512];
	struct err e;
	struct blob b;

	memset(text, 'x', len);
	memcpy(text + len - 2, "\r\n", 2);
	tree_write(t, BOX "large.eml", text, len);
	struct box *box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 1);
	snprintf(path, sizeof(path), "%s/" BOX "large.eml", t->path);
	change_length(path, len, by);
	enum ec rc = box->ops->fetch(box, 0, FETCH_NOWAIT, &b, &e);
	if (by || rc == EC_BUSY)
		assert_ec(rc, EC_BUSY);
	else
		box->ops->blob_done(box, &b);
	rc = box->ops->fetch(box, 0, 0, &b, &e);
	assert_ec(rc, by ? EC_TEMP : EC_OK);
	if (rc == EC_OK) {
		assert_int_equal(b.len, len);
		box->ops->blob_done(box, &b);
	}
	release(&box);
	tree_unlink(t, BOX "large.eml");
	free(text);
}

static void large_without_waiting(void **state)
{
	static const size_t lens[] = { 32769,   36864,         36865,        65536,
				       1 << 20, (1 << 20) - 1, (1 << 20) + 1 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (int by = -1; by <= 1; by++)
			large_and_changed(*state, lens[i], by);
}

/* The index is deleted while somebody is at work under its lock; another makes a new one. Whoever was at work tells the
 * new one that the directory has changed. */
static void deleted_under_somebody_at_work(void **state)
{
	struct tree *t = *state;

	put(t, "one\r\n");
	struct index_hold h = take_index(t);
	index_begin(&h);
	tree_unlink(t, BOX "index");
	messages_are(t, 1);
	struct timespec stamp = box_stamp(t);
	tree_write(t, BOX "two.eml", "two\r\n", 5);
	set_box_stamp(t, stamp);
	index_end(&h);
	drop_index(&h);
	messages_are(t, 2);
}

static int64_t looks_again_in_s(struct tree *t)
{
	struct index_hold h = take_index(t);
	int64_t at = h.head.look_again_s;

	assert_true(h.clean);
	drop_index(&h);
	return at - time(NULL);
}

/* Within the tick of the last change there may be another one. */
static void looked_at_again(void **state)
{
	struct tree *t = *state;
	struct timespec now;

	put(t, "one\r\n");
	tree_unlink(t, BOX "index");
	tree_write(t, BOX "index", "", 0);
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec -= 3600;
	set_box_stamp(t, now);
	messages_are(t, 1);
	assert_in_range(looks_again_in_s(t), 86400 - 30, 86400);
	for (int64_t in_s = 86400; in_s > 2;) { /* on a slow machine not at the first attempt */
		tree_write(t, BOX "index", "", 0);
		clock_gettime(CLOCK_REALTIME, &now);
		set_box_stamp(t, now);
		messages_are(t, 1);
		in_s = looks_again_in_s(t);
	}
}

/* Only what we name like our own temporary files, and those end in no ".eml". */
static void a_message_named_like_a_temporary_file(void **state)
{
	struct tree *t = *state;
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char path[512];

	tree_write(t, BOX ".tmp-letter.eml", "one\r\n", 5);
	tree_path(t, BOX ".tmp-letter.eml", path);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	messages_are(t, 1);
	assert_true(tree_has(t, BOX ".tmp-letter.eml"));
}

static long memory_kib(void)
{
	struct rusage use;

	assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
	return use.ru_maxrss;
}

static void a_vast_index(void **state)
{
	struct tree *t = *state;
	char path[512];
	long before = memory_kib();

	put(t, "one\r\n");
	tree_path(t, BOX "index", path);
	for (unsigned gib = 1; gib <= 64; gib *= 64) {
		assert_int_equal(truncate(path, 10), 0);
		assert_int_equal(truncate(path, (off_t)gib << 30), 0);
		messages_are(t, 1);
		assert_in_range(memory_kib() - before, 0, 400 << 10);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_damaged_octet),
		T(a_damaged_index_and_a_delivery),
		T(deleted_at_any_moment),
		T(things_in_its_place),
		T(others_change_the_directory),
		T(a_message_that_changes),
		T(changed_between_claim_and_table),
		T(foreign_messages),
		T(arrival_orders),
		T(unreadable_message),
		T(read_only_root),
		T(leftovers_are_swept),
		T(a_vanished_message_is_not_promised_twice),
		T(large_without_waiting),
		T(deleted_under_somebody_at_work),
		T(looked_at_again),
		T(a_message_named_like_a_temporary_file),
		T(a_vast_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
