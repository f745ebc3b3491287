/* Claiming without waiting: the same mailbox as by claim, or nothing at all. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/store/index.h"
#include "server/store/uidl.h"
#include "tests/unit/store/tree.h"

#define KIM "kim@example.com"
#define BOX "example.com/P3_kim.mbx/"
#define MAIL "Subject: x\r\n\r\nhello\r\n"

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

static enum ec claim_now(struct tree *t, struct box **out)
{
	struct name kim = tree_name(KIM);
	struct err e;

	return t->store->ops->claim_now(t->store, &kim, "s", out, &e);
}

static void release(struct box *box)
{
	assert_true(box->release_now);
	box->ops->release(&box);
	assert_null(box);
}

/* Claims without waiting and finds n messages; the numbers are those that claim finds, message by message. */
static void claims_at_once(struct tree *t, uint32_t n)
{
	struct box *now = NULL, *box;

	assert_ec(claim_now(t, &now), EC_OK);
	assert_int_equal(now->n_msgs, n);
	uint64_t octets = now->octets;
	struct err e;
	assert_ec(now->ops->table(now, &e), EC_OK);
	release(now);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, n);
	assert_int_equal(box->octets, octets);
	box->ops->release(&box);
}

/* It cannot, and holds nothing: whoever may wait gets the mailbox, which sets it right for the next. */
static void claims_not(struct tree *t)
{
	struct box *box = NULL;

	assert_ec(claim_now(t, &box), EC_BUSY);
	assert_null(box);
	box = tree_claim(t, KIM);
	box->ops->release(&box);
}

static void put(struct tree *t)
{
	assert_ec(tree_deliver(t, KIM, MAIL, strlen(MAIL)), EC_OK);
}

static void a_clean_index_is_all_it_takes(void **state)
{
	struct tree *t = *state;

	claims_not(t); /* nobody has counted yet */
	claims_at_once(t, 0);
	for (uint32_t n = 1; n <= 3; n++) {
		put(t);
		claims_at_once(t, n);
	}
	struct box *box = tree_claim(t, KIM);
	tree_remove_message(box, 1);
	box->ops->release(&box);
	claims_at_once(t, 2);
}

/* What came after the claim is not seen, as ever. */
static void later_mail_is_for_later(void **state)
{
	struct tree *t = *state;
	struct box *box = NULL;
	struct err e;

	put(t);
	claims_not(t);
	assert_ec(claim_now(t, &box), EC_OK);
	put(t);
	assert_ec(box->ops->table(box, &e), EC_OK);
	assert_int_equal(box->n_msgs, 1);
	release(box);
	claims_at_once(t, 2);
}

static void one_at_a_time(void **state)
{
	struct tree *t = *state;
	struct box *first = NULL, *second = NULL;

	claims_not(t);
	assert_ec(claim_now(t, &first), EC_OK);
	assert_ec(claim_now(t, &second), EC_BUSY); /* who waits will be told */
	assert_null(second);
	release(first);
	first = tree_claim(t, KIM);
	assert_ec(claim_now(t, &second), EC_BUSY);
	first->ops->release(&first);
	claims_at_once(t, 0);
}

static void write_at(struct tree *t, off_t at, char octet)
{
	char path[512];

	tree_path(t, BOX "index", path);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &octet, 1, at), 1);
	close(fd);
}

/* As a clock tick later: an explicit time is no matter of the clock's grain. */
static void touch_dir(struct tree *t)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };
	char path[512];

	tree_path(t, BOX, path);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void an_index_that_is_not_sure_is_none(void **state)
{
	struct tree *t = *state;

	put(t);
	claims_not(t);
	claims_at_once(t, 1);
	tree_write(t, BOX "P3aa.eml", MAIL, strlen(MAIL)); /* by hand */
	touch_dir(t);
	claims_not(t);
	claims_at_once(t, 2);
	for (off_t at = 0; at < INDEX_HEAD_LEN; at += 8) {
		write_at(t, at, (char)0x5a);
		claims_not(t);
		claims_at_once(t, 2);
	}
	tree_unlink(t, BOX "index");
	claims_not(t);
	tree_unlink(t, BOX "index");
	char path[512], away[512];
	tree_path(t, BOX "index", path);
	assert_int_equal(symlink("elsewhere", path), 0);
	claims_not(t);
	assert_int_equal(unlink(path), 0);
	tree_path(t, "away", away);
	claims_not(t);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(symlink(away, path), 0); /* a good one, but not here */
	claims_not(t);
	unlink(path);
	unlink(away);
}

static void names_are_taken_as_we_spell_them(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "example.com/P3_kim.mbx", "example.com/P3_Kim.mbx" },
		{ "example.com", "Example.COM" },
	};
	struct tree *t = *state;

	claims_not(t);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char from[512], to[512];
		tree_path(t, rows[i].from, from);
		tree_path(t, rows[i].to, to);
		assert_int_equal(rename(from, to), 0);
		claims_not(t);
		assert_int_equal(symlink(rows[i].to, from), 0); /* no way in either */
		struct box *box = NULL;
		assert_ec(claim_now(t, &box), EC_BUSY);
		assert_int_equal(unlink(from), 0);
		assert_int_equal(rename(to, from), 0);
		claims_at_once(t, 0);
	}
	struct name lee = tree_name("lee@example.com");
	struct box *box = NULL;
	struct err e;
	assert_ec(t->store->ops->claim_now(t->store, &lee, "s", &box, &e), EC_BUSY);
}

/* After `between` the messages are there without waiting, or not yet; in the end they are those that were counted. */
static void lists(struct tree *t, void (*between)(struct tree *t), enum ec now)
{
	char uidl[4][UIDL_MAX + 1] = { "" };
	struct box *box = NULL;
	struct err e;

	assert_ec(claim_now(t, &box), EC_OK);
	between(t);
	assert_ec(box->ops->table_now(box, &e), now);
	assert_true((box->msgs != NULL) == (now == EC_OK));
	for (uint32_t i = 0; box->msgs && i < 3; i++)
		strcpy(uidl[i], box->msgs[i].uidl);
	box->ops->release(&box);
	box = tree_claim(t, KIM);
	assert_ec(box->ops->table(box, &e), EC_OK);
	for (uint32_t i = 0; now == EC_OK && i < 3; i++)
		assert_string_equal(box->msgs[i].uidl, uidl[i]);
	box->ops->release(&box);
}

static void nothing(struct tree *t)
{
	(void)t;
}

/* An octet of the first record: its sum is wrong. */
static void spoil_record(struct tree *t)
{
	write_at(t, INDEX_HEAD_LEN + 16, (char)0x5a);
}

static void spoil_head(struct tree *t)
{
	write_at(t, 16, (char)0x5a);
}

/* Whoever changes the directory says so first, and records may move then. */
static void begin_change(struct tree *t)
{
	struct index_hold h;
	char path[512];

	tree_path(t, BOX, path);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	index_take(&h, t->root, dir, index_boot_id());
	index_begin(&h);
	index_drop(&h);
	close(dir);
}

static void lose_index(struct tree *t)
{
	tree_unlink(t, BOX "index");
}

static void the_messages_of_a_short_mailbox_need_no_waiting(void **state)
{
	struct tree *t = *state;

	for (int i = 0; i < 3; i++)
		put(t);
	claims_not(t);
	lists(t, nothing, EC_OK);
	lists(t, put, EC_OK);
	lists(t, spoil_record, EC_BUSY);
	lists(t, spoil_head, EC_BUSY);
	lists(t, begin_change, EC_BUSY);
	lists(t, lose_index, EC_BUSY);
	lists(t, nothing, EC_OK);
}

static void those_of_a_long_one_do(void **state)
{
	struct tree *t = *state;
	char name[80];

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), BOX "P3%04d.eml", i);
		tree_write(t, name, MAIL, strlen(MAIL));
	}
	claims_not(t);
	lists(t, nothing, EC_BUSY);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_clean_index_is_all_it_takes),
		T(later_mail_is_for_later),
		T(one_at_a_time),
		T(an_index_that_is_not_sure_is_none),
		T(names_are_taken_as_we_spell_them),
		T(the_messages_of_a_short_mailbox_need_no_waiting),
		T(those_of_a_long_one_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
