/* ledger: lines by key, growth, damage of every kind, another's file, another boot, a file that goes while we hold it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/base/crypto.h"
#include "server/store/ledger.h"

#define ACCOUNT UINT64_C(0xABCDEF)
#define FILE_NAME ".quota/0000000000abcdef.ledger"
#define BOOT 5

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

static void take_at(struct tree *t, struct ledger *l, uint64_t boot)
{
	struct err e;

	if (ledger_take(l, t->root, boot, ACCOUNT, "team@example.com", &e) != EC_OK)
		fail_msg("%s", e.text);
}

static void take(struct tree *t, struct ledger *l)
{
	take_at(t, l, BOOT);
}

static struct account_key key(uint64_t i)
{
	return (struct account_key){ { i + 1, i * 0x9E3779B97F4A7C15u } };
}

static void set(struct ledger *l, uint64_t i, uint64_t octets, int64_t settled_s)
{
	struct ledger_line line = { .key = key(i), .holds = { octets, 1 }, .settled_s = settled_s };
	struct err e;

	if (ledger_set(l, &line, &e) != EC_OK)
		fail_msg("%s", e.text);
}

/* Octets of a line; -1: it is not there. */
static int64_t get(struct ledger *l, uint64_t i)
{
	struct ledger_line line;
	struct account_key k = key(i);
	struct err e;
	enum ec rc = ledger_find(l, &k, &line, &e);

	if (rc != EC_OK && rc != EC_ABSENT)
		fail_msg("%s", e.text);
	return rc == EC_OK ? (int64_t)line.holds.octets : -1;
}

static void fill(struct tree *t, uint64_t n)
{
	struct ledger l;

	take(t, &l);
	for (uint64_t i = 0; i < n; i++)
		set(&l, i, i, 100);
	ledger_drop(&l);
}

static void like_a_map(void **state)
{
	static int64_t want[1000];
	struct tree *t = *state;
	struct ledger l;
	struct account_key k;
	uint64_t sum = 0;

	for (unsigned i = 0; i < 1000; i++)
		want[i] = -1;
	take(t, &l);
	for (unsigned step = 0; step < 6000; step++) {
		unsigned i = (unsigned)(random_u64() % 1000);
		if (random_u64() % 3) {
			want[i] = (int64_t)(random_u64() % 1000);
			set(&l, i, (uint64_t)want[i], 100);
		} else {
			want[i] = -1;
			k = key(i);
			assert_ec(ledger_remove(&l, &k, NULL), EC_OK);
		}
		if (step % 500)
			continue;
		ledger_drop(&l);
		take(t, &l);
	}
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(get(&l, i), want[i]);
		sum += want[i] > 0 ? (uint64_t)want[i] : 0;
	}
	assert_int_equal(l.head.holds.octets, sum);
	ledger_drop(&l);
}

static void only_if_there(void **state)
{
	struct tree *t = *state;
	struct ledger l;
	struct account_key k = key(1);

	assert_ec(ledger_take(&l, t->root, BOOT, ACCOUNT, NULL, NULL), EC_ABSENT);
	assert_ec(ledger_tell(t->root, BOOT, ACCOUNT, &k, NULL, NULL), EC_OK);
	assert_false(tree_has(t, ".quota"));
}

/* Somebody else's hold keeps us out, and what he did while we had paused is seen. */
static void paused(void **state)
{
	struct tree *t = *state;
	struct ledger a, b;

	take(t, &a);
	set(&a, 1, 10, 100);
	ledger_pause(&a);
	take(t, &b);
	set(&b, 2, 20, 100);
	ledger_drop(&b);
	assert_ec(ledger_again(&a, NULL), EC_OK);
	assert_int_equal(get(&a, 2), 20);
	assert_int_equal(a.head.holds.octets, 30);
	ledger_pause(&a);
	fill(t, 500); /* it grows: another file */
	assert_ec(ledger_again(&a, NULL), EC_OK);
	assert_int_equal(get(&a, 499), 499);
	ledger_pause(&a);
	tree_unlink(t, FILE_NAME);
	assert_ec(ledger_again(&a, NULL), EC_ABSENT);
	ledger_drop(&a);
}

static void after_a_restart(void **state)
{
	struct tree *t = *state;
	struct ledger l;

	fill(t, 100);
	take_at(t, &l, BOOT + 1);
	assert_int_equal(l.head.holds.octets, 99 * 100 / 2);
	assert_int_equal(l.head.loose.octets, 99 * 100 / 2);
	assert_int_equal(l.head.loose.messages, 100);
	assert_true(l.head.owner_due);
	set(&l, 50, 50, 200);
	assert_int_equal(l.head.loose.messages, 99);
	ledger_drop(&l);
}

static size_t read_whole(struct tree *t, unsigned char **out)
{
	char path[512];
	struct stat st;

	tree_path(t, FILE_NAME, path);
	int fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	*out = malloc((size_t)st.st_size);
	assert_int_equal(read(fd, *out, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

/* Whatever was there: it can be used, all that can be found agrees with the sums, and what is set is kept. */
static void check_usable(struct tree *t, unsigned n)
{
	struct ledger l;
	uint64_t sum = 0;

	take(t, &l);
	for (unsigned i = 0; i < n; i++)
		get(&l, i); /* may mend it */
	for (unsigned i = 0; i < n; i++) {
		int64_t octets = get(&l, i);
		assert_true(octets == -1 || octets == i);
		sum += octets > 0 ? (uint64_t)octets : 0;
	}
	assert_int_equal(l.head.holds.octets, sum);
	set(&l, 7, 70, 100);
	ledger_drop(&l);
	take(t, &l);
	assert_int_equal(get(&l, 7), 70);
	ledger_drop(&l);
}

static void damaged(void **state)
{
	struct tree *t = *state;
	unsigned char *raw;

	fill(t, 60);
	size_t len = read_whole(t, &raw);
	for (unsigned i = 0; i < 400; i++) {
		size_t at = i < 64 ? i * 8 : (size_t)(random_u64() % len);
		raw[at] ^= (unsigned char)(1 + i % 255);
		tree_write(t, FILE_NAME, raw, len);
		check_usable(t, 60);
		raw[at] ^= (unsigned char)(1 + i % 255);
	}
	for (size_t cut = 0; cut < len; cut += 509) {
		tree_write(t, FILE_NAME, raw, cut);
		check_usable(t, 60);
	}
	free(raw);
}

/* Zeroes within: the lines there are lost to whoever looks for them, but not to the sweep. */
static void zeroed(void **state)
{
	struct tree *t = *state;
	struct ledger l;
	unsigned char *raw;
	unsigned n = 0;

	fill(t, 100);
	size_t len = read_whole(t, &raw);
	assert_true(len > LEDGER_PAGE);
	memset(raw + LEDGER_PAGE, 0, len - LEDGER_PAGE);
	tree_write(t, FILE_NAME, raw, len);
	free(raw);
	take(t, &l);
	assert_ec(ledger_sweep(&l, 0, &n, NULL), EC_OK);
	assert_int_equal(n, 0);
	check_usable(t, 100);
}

static void anothers(void **state)
{
	struct tree *t = *state;
	char from[512], to[512];
	struct ledger l;

	fill(t, 10);
	tree_path(t, FILE_NAME, from);
	tree_path(t, ".quota/0000000000abcdee.ledger", to);
	assert_int_equal(rename(from, to), 0);
	assert_ec(ledger_take(&l, t->root, BOOT, ACCOUNT - 1, NULL, NULL), EC_OK);
	assert_int_equal(l.head.holds.messages, 0);
	assert_int_equal(get(&l, 5), -1);
	ledger_drop(&l);
}

/* Under our hands, while we hold it. */
static void truncated_while_held(void **state)
{
	struct tree *t = *state;
	struct ledger l;
	char path[512];

	fill(t, 300);
	take(t, &l);
	tree_path(t, FILE_NAME, path);
	assert_int_equal(truncate(path, 0), 0);
	set(&l, 8, 8, 100);
	assert_int_equal(get(&l, 8), 8);
	ledger_drop(&l);
	check_usable(t, 300);
}

static void no_file_at_all(void **state)
{
	struct tree *t = *state;
	struct ledger l;
	char path[512];
	struct err e;

	fill(t, 1);
	tree_unlink(t, FILE_NAME);
	tree_path(t, FILE_NAME, path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_ec(ledger_take(&l, t->root, BOOT, ACCOUNT, "team", &e), EC_TEMP);
	assert_non_null(strstr(e.text, "0000000000abcdef.ledger"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_ec(ledger_take(&l, t->root, BOOT, ACCOUNT, "team", &e), EC_TEMP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_ec(ledger_take(&l, t->root, BOOT, ACCOUNT, "team", &e), EC_TEMP);
	assert_int_equal(unlink(path), 0);
}

static void swept(void **state)
{
	struct tree *t = *state;
	struct ledger l;
	unsigned n = 0;

	take(t, &l);
	set(&l, 1, 10, 100);
	set(&l, 2, 20, 200);
	set(&l, ACCOUNT - 1, 5, 200); /* the owner's */
	assert_false(l.head.owner_due);
	assert_ec(ledger_sweep(&l, 150, &n, NULL), EC_OK);
	assert_int_equal(n, 1);
	take(t, &l);
	assert_int_equal(l.head.holds.octets, 25);
	struct account_key k = key(2);
	assert_ec(ledger_remove(&l, &k, NULL), EC_OK);
	assert_ec(ledger_sweep(&l, 150, &n, NULL), EC_OK);
	assert_int_equal(n, 1);
	assert_false(tree_has(t, FILE_NAME));
}

static void names(void **state)
{
	char name[LEDGER_NAME_MAX];
	uint64_t id;

	(void)state;
	ledger_name(ACCOUNT, name);
	assert_string_equal(name, FILE_NAME + 7);
	assert_true(ledger_name_parse(name, &id));
	assert_true(id == ACCOUNT);
	static const char *const wrong[] = { "",
					     "0000000000000000.ledger",
					     "0000000000abcdef.limit",
					     "0000000000ABCDEF.ledger",
					     "abcdef.ledger",
					     "0000000000abcdef.ledger~",
					     ".tmp-0000000000abcd",
					     "0x00000000abcdef.ledger" };
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(ledger_name_parse(wrong[i], &id));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(like_a_map),
		CASE(only_if_there),
		CASE(paused),
		CASE(after_a_restart),
		CASE(damaged),
		CASE(zeroed),
		CASE(anothers),
		CASE(truncated_while_held),
		CASE(swept),
		CASE(no_file_at_all),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
