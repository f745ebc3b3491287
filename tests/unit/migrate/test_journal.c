/* journal: what was put is there again, whatever the end of the file looks like; anything else is refused. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "migrate/journalform.h"
#include "tests/unit/store/tree.h"

#define DIRECTORY "ldap dc=example,dc=com 100%"

struct desk {
	char dir[64], path[96];
};

static int setup(void **state)
{
	static struct desk d;

	strcpy(d.dir, "/tmp/winpop-test-XXXXXX");
	assert_non_null(mkdtemp(d.dir));
	snprintf(d.path, sizeof(d.path), "%s/.migration", d.dir);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	unlink(d->path);
	return rmdir(d->dir); /* nothing else was left there */
}

static struct journal *must_open(const struct desk *d)
{
	struct journal *j;
	struct err e;

	if (journal_open(d->path, DIRECTORY, true, &j, &e) != EC_OK)
		fail_msg("%s", e.text);
	return j;
}

static enum ec try_open(const struct desk *d)
{
	struct journal *j;
	struct err e;
	enum ec rc = journal_open(d->path, DIRECTORY, true, &j, &e);

	assert_true((rc == EC_OK) == (j != NULL));
	journal_close(&j);
	return rc;
}

static struct name name_no(unsigned i)
{
	char text[64];

	snprintf(text, sizeof(text), "user%u@%s.example", i, i % 3 ? "a" : "b");
	return tree_name(text);
}

static struct journal_entry entry_no(unsigned i)
{
	struct journal_entry what = { .state = JOURNAL_INTENT + i % 4 };

	if (what.state == JOURNAL_INTENT || what.state == JOURNAL_MADE)
		snprintf(what.mark, sizeof(what.mark), "mark %u", i);
	if (what.state == JOURNAL_MADE || what.state == JOURNAL_LINKED)
		snprintf(what.key, sizeof(what.key), "cn=\xC3\x9Cser %u,ou=a%%b", i);
	if (what.state == JOURNAL_MADE && i % 3)
		snprintf(what.changed, sizeof(what.changed), "2026%u", i);
	what.new_password = what.state == JOURNAL_MADE && i % 8 < 4;
	what.registered = what.state == JOURNAL_LINKED && i % 8 < 4;
	return what;
}

static void put(struct journal *j, unsigned i)
{
	struct name n = name_no(i);
	struct journal_entry what = entry_no(i);
	struct err e;

	if (journal_put(j, &n, &what, &e) != EC_OK)
		fail_msg("%s", e.text);
}

static bool same(const struct journal_entry *a, const struct journal_entry *b)
{
	return a->state == b->state && strcmp(a->mark, b->mark) == 0 &&
	       strcmp(a->key, b->key) == 0 && strcmp(a->changed, b->changed) == 0 &&
	       a->new_password == b->new_password && a->registered == b->registered;
}

static void must_have(struct journal *j, unsigned i, bool there)
{
	struct name n = name_no(i);
	struct journal_entry got, want = there ? entry_no(i) : (struct journal_entry){ 0 };

	journal_get(j, &n, &got);
	if (!same(&got, &want))
		fail_msg("account %u: state %d, mark \"%s\", key \"%s\"", i, got.state, got.mark,
			 got.key);
}

static char *slurp(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	char *p = malloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	close(fd);
	*len = (size_t)st.st_size;
	return p;
}

static void spill(const char *path, const char *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	close(fd);
}

/* ---- whole ---- */

static void round_trip(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	struct stat st;

	for (unsigned i = 0; i < 40; i++) {
		must_have(j, i, false);
		put(j, i);
		must_have(j, i, true);
	}
	journal_close(&j);
	assert_int_equal(stat(d->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	j = must_open(d);
	for (unsigned i = 0; i < 40; i++)
		must_have(j, i, true);
	must_have(j, 40, false);
	journal_close(&j);
	journal_close(&j);
}

/* The last line of an account counts. */
static void last_counts(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	struct name n = name_no(2);
	struct err e;

	for (unsigned i = 0; i < 8; i++) {
		struct journal_entry what = entry_no(i), got;
		assert_ec(journal_put(j, &n, &what, &e), EC_OK);
		journal_close(&j);
		j = must_open(d);
		journal_get(j, &n, &got);
		assert_true(same(&got, &what));
	}
	journal_close(&j);
}

struct walk {
	struct name last;
	unsigned n, stop;
};

static bool step(void *ctx, const struct name *n, const struct journal_entry *what)
{
	struct walk *w = ctx;
	int domains = strcmp(w->last.domain, n->domain);

	assert_true(what->state != JOURNAL_NONE);
	assert_true(domains < 0 || (domains == 0 && strcmp(w->last.local, n->local) < 0));
	w->last = *n;
	return ++w->n != w->stop;
}

static void each(void **state)
{
	struct journal *j = must_open(*state);
	struct walk w = { 0 };

	journal_each(j, step, &w);
	assert_int_equal(w.n, 0);
	for (unsigned i = 0; i < 50; i++)
		put(j, i * 7 % 50);
	journal_each(j, step, &w);
	assert_int_equal(w.n, 50);
	w = (struct walk){ .stop = 3 };
	journal_each(j, step, &w);
	assert_int_equal(w.n, 3);
	journal_close(&j);
}

/* ---- cut and flipped ---- */

/* Whole ones with something in them. */
static size_t lines_in(const char *p, size_t len)
{
	const char *end = p + len;
	size_t n = 0;

	for (const char *nl; (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
		n += nl > p;
	return n;
}

static void cut_at_every_octet(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	size_t len, head;

	journal_close(&j);
	free(slurp(d->path, &head));
	j = must_open(d);
	for (unsigned i = 0; i < 6; i++)
		put(j, i);
	journal_close(&j);
	char *text = slurp(d->path, &len);
	for (size_t cut = 0; cut <= len; cut++) {
		spill(d->path, text, cut);
		if (cut < head - 1) { /* it is put in place whole: this was no crash */
			assert_ec(try_open(d), EC_BROKEN);
			continue;
		}
		size_t whole = lines_in(text, cut) - 1;
		j = must_open(d);
		for (unsigned i = 0; i < 6; i++)
			must_have(j, i, i < whole);
		put(j, 5); /* what is written behind a cut is read again */
		put(j, 9);
		journal_close(&j);
		j = must_open(d);
		for (unsigned i = 0; i < 5; i++)
			must_have(j, i, i < whole);
		must_have(j, 5, true);
		must_have(j, 9, true);
		journal_close(&j);
	}
	free(text);
}

/* Whatever octet was changed: either it is refused, or it was in what came last, and only that is missing. */
static void flipped(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	size_t len, before;

	for (unsigned i = 0; i < 3; i++)
		put(j, i);
	journal_close(&j);
	free(slurp(d->path, &before));
	j = must_open(d);
	put(j, 3);
	journal_close(&j);
	char *text = slurp(d->path, &len);
	for (size_t at = 0; at < len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			text[at] ^= (char)(1u << bit);
			spill(d->path, text, len);
			enum ec rc = try_open(d);
			if (at < before) {
				assert_true(rc == EC_BROKEN || rc == EC_REFUSED);
			} else if (rc == EC_OK) {
				j = must_open(d);
				for (unsigned i = 0; i < 3; i++)
					must_have(j, i, true);
				must_have(j, 3, false);
				journal_close(&j);
			}
			text[at] ^= (char)(1u << bit);
		}
	free(text);
}

/* Writers shared a sync, and the disk took the second half only. */
static void later_half(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	struct buf lines = { 0 };
	size_t len, n;

	put(j, 0);
	journal_close(&j);
	journal_form_mark(&lines);
	for (unsigned i = 1; i < 4; i++) {
		struct name who = name_no(i);
		struct journal_entry what = entry_no(i);
		journal_form_line(&lines, &who, &what);
	}
	char *text = slurp(d->path, &len);
	for (n = 1; n < 60; n++) {
		struct buf all = { 0 };
		buf_add(&all, text, len);
		char *zeros = buf_room(&all, n);
		memset(zeros, 0, n);
		buf_grew(&all, n);
		buf_add(&all, buf_at(&lines) + n, lines.len - n);
		spill(d->path, buf_at(&all), all.len);
		j = must_open(d);
		must_have(j, 0, true);
		must_have(j, 1, false);
		must_have(j, 3, false);
		put(j, 3);
		journal_close(&j);
		assert_ec(try_open(d), EC_OK);
		buf_drop(&all);
	}
	buf_drop(&lines);
	free(text);
}

/* ---- not ours ---- */

static void refused(void **state)
{
	struct desk *d = *state;
	struct journal *j;
	struct err e;

	assert_ec(journal_open(d->path, DIRECTORY, false, &j, &e), EC_ABSENT);
	assert_null(j);
	j = must_open(d);
	put(j, 1);
	journal_close(&j);
	assert_ec(journal_open(d->path, "ldap dc=other", false, &j, &e), EC_REFUSED);
	assert_non_null(strstr(e.text, "dc=example,dc=com 100%"));
	spill(d->path, "", 0);
	assert_ec(try_open(d), EC_BROKEN);
	spill(d->path, "something else\n", 15);
	assert_ec(try_open(d), EC_BROKEN);
	unlink(d->path);
	char target[128];
	snprintf(target, sizeof(target), "%s/elsewhere", d->dir);
	assert_int_equal(symlink(target, d->path), 0);
	assert_ec(try_open(d), EC_BROKEN);
	assert_int_equal(access(target, F_OK), -1);
	unlink(d->path);
	assert_int_equal(mkfifo(d->path, 0600), 0);
	assert_ec(try_open(d), EC_BROKEN);
	unlink(d->path);
	snprintf(target, sizeof(target), "%s/no/such/.migration", d->dir);
	assert_ec(journal_open(target, DIRECTORY, true, &j, &e), EC_ABSENT);
}

/* ---- several ---- */

static void one_holder(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	int status;

	assert_ec(try_open(d), EC_LOCKED);
	pid_t pid = fork();
	if (pid == 0)
		_exit(try_open(d) == EC_LOCKED ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	journal_close(&j);
	assert_ec(try_open(d), EC_OK);
}

#define THREADS 8
#define EACH 60

static void *write_many(void *arg)
{
	struct journal *j = arg;
	static _Atomic unsigned next;
	unsigned from = next++ % THREADS * EACH;

	for (unsigned i = from; i < from + EACH; i++)
		put(j, i);
	return NULL;
}

static void many_writers(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	pthread_t t[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_many, j), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < THREADS * EACH; i++)
		must_have(j, i, true);
	journal_close(&j);
	j = must_open(d);
	for (unsigned i = 0; i < THREADS * EACH; i++)
		must_have(j, i, true);
	journal_close(&j);
}

/* The child says through a pipe what is on disk; all of it must be there after it was killed. */
static void killed_writers(void **state)
{
	struct desk *d = *state;

	for (unsigned round = 0; round < 20; round++) {
		int ends[2];
		unsigned said = 0, i = 0;

		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		if (pid == 0) {
			struct journal *j = must_open(d);
			for (;; i++) {
				put(j, i);
				if (write(ends[1], &i, sizeof(i)) < 0)
					_exit(1);
			}
		}
		close(ends[1]);
		for (unsigned n = 0; n < 5 + round * 3; n++)
			assert_int_equal(read(ends[0], &said, sizeof(said)), sizeof(said));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(ends[0], &said, sizeof(said)) == sizeof(said))
			;
		close(ends[0]);
		struct journal *j = must_open(d);
		for (i = 0; i <= said; i++)
			must_have(j, i, true);
		journal_close(&j);
	}
}

/* ---- large ---- */

static void shrinks(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	struct buf lines = { 0 };
	struct stat before, after;

	journal_close(&j);
	for (unsigned i = 0; i < 6000; i++) {
		struct name who = name_no(i % 500);
		struct journal_entry what = entry_no(i % 500);
		journal_form_line(&lines, &who, &what);
	}
	int fd = open(d->path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, buf_at(&lines), lines.len), lines.len);
	close(fd);
	buf_drop(&lines);
	assert_int_equal(stat(d->path, &before), 0);
	j = must_open(d);
	assert_int_equal(stat(d->path, &after), 0);
	assert_true(after.st_size < before.st_size / 10);
	assert_ec(try_open(d), EC_LOCKED); /* the new one is held, too */
	put(j, 500);
	for (unsigned i = 0; i <= 500; i++)
		must_have(j, i, true);
	journal_close(&j);
	j = must_open(d);
	for (unsigned i = 0; i <= 500; i++)
		must_have(j, i, true);
	journal_close(&j);
}

static void many_accounts(void **state)
{
	struct desk *d = *state;
	struct journal *j = must_open(d);
	struct buf lines = { 0 };
	const unsigned n = 50000;

	journal_close(&j);
	for (unsigned i = 0; i < n; i++) {
		struct name who = name_no(i);
		struct journal_entry what = entry_no(i);
		journal_form_line(&lines, &who, &what);
	}
	int fd = open(d->path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, buf_at(&lines), lines.len), lines.len);
	close(fd);
	buf_drop(&lines);
	j = must_open(d);
	for (unsigned i = 0; i < n; i += 7)
		must_have(j, i, true);
	must_have(j, n, false);
	journal_close(&j);
}

/* ---- a disk that is full ---- */

/* A write that failed is the end of it: nothing more is said to be on disk, and what was is there again. */
static void fill_up(struct desk *d)
{
	const struct rlimit least = { .rlim_cur = 2000, .rlim_max = 2000 };
	struct journal *j = must_open(d);
	struct journal_entry what = entry_no(0);
	struct name n;
	struct err e;
	unsigned i = 0;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &least), 0);
	do
		n = name_no(i), what = entry_no(i);
	while (journal_put(j, &n, &what, &e) == EC_OK && ++i < 100);
	assert_true(i > 3 && i < 100);
	assert_ec(e.class, EC_BROKEN);
	must_have(j, i, false);
	n = name_no(0);
	assert_ec(journal_put(j, &n, &what, &e), EC_BROKEN); /* also one that had room */
	journal_close(&j);
	_exit((int)i);
}

static void no_room(void **state)
{
	struct desk *d = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		fill_up(d);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	unsigned n = (unsigned)WEXITSTATUS(status);
	assert_true(n > 3);
	struct journal *j = must_open(d);
	for (unsigned i = 0; i < n; i++)
		must_have(j, i, true);
	put(j, 90);
	journal_close(&j);
	assert_ec(try_open(d), EC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(last_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(each, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_at_every_octet, setup, teardown),
		cmocka_unit_test_setup_teardown(flipped, setup, teardown),
		cmocka_unit_test_setup_teardown(later_half, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(one_holder, setup, teardown),
		cmocka_unit_test_setup_teardown(many_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(shrinks, setup, teardown),
		cmocka_unit_test_setup_teardown(many_accounts, setup, teardown),
		cmocka_unit_test_setup_teardown(no_room, setup, teardown),
	};
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
