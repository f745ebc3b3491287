/* quota: what accounts hold and may hold, with one mailbox and with many, moved, copied, removed, damaged. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/base/clock.h"
#include "server/store/account.h"
#include "server/store/files.h"

#define KIM "kim@example.com"
#define LEE "lee@example.com"
#define SAM "sam@example.com"
#define TEAM "team@example.com" /* no mailbox */

static const char octets[2000] = { [1998] = '\r', '\n' };

/* Delivers so many octets, charged to account within a limit; NULL: not charged. */
static enum ec put(struct tree *t, const char *to, const char *account, size_t n,
		   struct quota_limit limit, struct charge *out)
{
	struct name name = tree_name(to);
	struct iovec iov = { (char *)octets + sizeof(octets) - n, n };
	struct charge c = { .account = account, .limit = limit };
	struct message m = {
		.iov = &iov, .n_iov = 1, .spool_fd = -1, .charge = account ? &c : NULL
	};
	struct err e = { .text = "" };
	enum ec rc = t->store->ops->deliver(t->store, &name, &m, &e);

	if (rc == EC_QUOTA)
		assert_non_null(strstr(e.text, " is full: "));
	if (out)
		*out = c;
	return rc;
}

static enum ec put_free(struct tree *t, const char *to, const char *account, size_t n)
{
	return put(t, to, account, n, (struct quota_limit){ 0 }, NULL);
}

static enum ec put_within(struct tree *t, const char *to, const char *account, size_t n,
			  uint64_t limit)
{
	return put(t, to, account, n, (struct quota_limit){ .octets = limit }, NULL);
}

static void settle(struct tree *t, const char *mailbox, const char *account)
{
	struct name name = tree_name(mailbox);
	struct err e;

	assert_ec(t->store->quota->settle(t->store, &name, account, &e), EC_OK);
}

static void assert_usage(struct tree *t, const char *account, uint64_t n_octets, uint64_t messages)
{
	struct quota_usage u;
	struct err e;

	assert_ec(t->store->quota->usage(t->store, account, &u, &e), EC_OK);
	assert_int_equal(u.octets, n_octets);
	assert_int_equal(u.messages, messages);
}

static unsigned sweep(struct tree *t, int64_t since_s)
{
	unsigned n = 0;
	struct err e;

	assert_ec(t->store->quota->sweep(t->store, since_s, &n, &e), EC_OK);
	return n;
}

static void ledger_path(const char *account, char out[64])
{
	char stem[QUOTA_STEM_MAX];

	quota_stem(account, stem);
	snprintf(out, 64, ".quota/%s.ledger", stem);
}

static bool has_ledger(struct tree *t, const char *account)
{
	char path[64];

	ledger_path(account, path);
	return tree_has(t, path);
}

static int setup(void **state)
{
	static struct tree t;

	tree_setup(&t);
	tree_add_mailbox(&t, LEE);
	tree_add_mailbox(&t, SAM);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	tree_teardown(*state);
	return 0;
}

static void stems(void **state)
{
	char a[QUOTA_STEM_MAX], b[QUOTA_STEM_MAX];

	(void)state;
	quota_stem("Kim@Example.COM", a);
	quota_stem(KIM, b);
	assert_string_equal(a, b);
	assert_int_equal(strspn(a, "0123456789abcdef"), 16);
	quota_stem(LEE, b);
	assert_string_not_equal(a, b);
}

static void own_account(void **state)
{
	struct tree *t = *state;
	struct charge c;

	assert_ec(put(t, KIM, "", 100, (struct quota_limit){ .octets = 300 }, &c), EC_OK);
	assert_int_equal(c.before.octets, 0);
	assert_int_equal(c.after.octets, 100);
	assert_int_equal(c.after.messages, 1);
	assert_ec(put_within(t, KIM, KIM, 200, 300), EC_OK);
	assert_ec(put(t, KIM, "", 1, (struct quota_limit){ .octets = 300 }, &c), EC_QUOTA);
	assert_int_equal(c.before.octets, 300);
	assert_int_equal(c.before.messages, 2);
	assert_ec(put(t, KIM, "", 1, (struct quota_limit){ .messages = 2 }, &c), EC_QUOTA);
	assert_ec(put(t, KIM, "", 1, (struct quota_limit){ .messages = 3 }, &c), EC_OK);
	assert_usage(t, KIM, 301, 3);
	assert_false(tree_has(t, ".quota")); /* it costs nothing */
	struct box *box = tree_claim(t, KIM);
	tree_remove_message(box, 1);
	box->ops->release(&box);
	assert_usage(t, KIM, 101, 2);
	assert_ec(put_within(t, KIM, "", 199, 300), EC_OK);
	assert_ec(put_within(t, KIM, "", 1, 300), EC_QUOTA);
}

static void what_people_read(void **state)
{
	static const struct {
		const char *account;
		struct quota_limit limit;
		const char *text;
	} cases[] = {
		{ "",
		  { .octets = 2048 },
		  KIM " is full: 0.98K of 2.00K used, no room for 1.46K (account " KIM ")" },
		{ TEAM,
		  { .octets = 2048 },
		  KIM " is full: 0.98K of 2.00K used, no room for 1.46K (account " TEAM ")" },
		{ TEAM,
		  { .messages = 1 },
		  KIM " is full: it holds 1 of 1 messages (account " TEAM ")" },
		{ "",
		  { .octets = 2, .messages = 1 },
		  KIM " is full: 0.98K of 2 used, no room for 1.46K (account " KIM ")" },
	};
	struct tree *t = *state;
	struct name kim = tree_name(KIM);
	struct iovec iov = { (char *)octets, 1500 };
	struct err e;

	assert_ec(put_free(t, KIM, "", 1000), EC_OK);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct charge c = { .account = cases[i].account, .limit = cases[i].limit };
		struct message m = { .iov = &iov, .n_iov = 1, .spool_fd = -1, .charge = &c };
		assert_ec(t->store->ops->deliver(t->store, &kim, &m, &e), EC_QUOTA);
		assert_string_equal(e.text, cases[i].text);
	}
}

static void shared_account(void **state)
{
	struct tree *t = *state;
	struct charge c;

	assert_ec(put_within(t, KIM, TEAM, 100, 300), EC_OK);
	assert_ec(put_within(t, LEE, TEAM, 100, 300), EC_OK);
	assert_ec(put(t, SAM, TEAM, 100, (struct quota_limit){ .octets = 300 }, &c), EC_OK);
	assert_int_equal(c.before.octets, 200);
	assert_int_equal(c.after.octets, 300);
	assert_usage(t, "Team@Example.com", 300, 3);
	assert_ec(put_within(t, KIM, TEAM, 1, 300), EC_QUOTA);
	assert_ec(put_free(t, KIM, TEAM, 1), EC_OK);
	assert_ec(put_free(t, LEE, NULL, 1), EC_OK); /* counts where it counted */
	assert_usage(t, TEAM, 302, 5);
	struct box *box = tree_claim(t, LEE);
	tree_remove_message(box, 0);
	box->ops->release(&box);
	assert_usage(t, TEAM, 202, 4);
	assert_usage(t, KIM, 0, 0);
	assert_ec(put_within(t, SAM, TEAM, 99, 300), EC_QUOTA);
	assert_ec(put_within(t, SAM, TEAM, 98, 300), EC_OK);
}

/* Somebody's own mailbox gets company: it brings along what it holds. */
static void owner_gets_company(void **state)
{
	struct tree *t = *state;

	assert_ec(put_within(t, KIM, "", 200, 300), EC_OK);
	assert_ec(put_within(t, LEE, KIM, 101, 300), EC_QUOTA);
	assert_ec(put_within(t, LEE, KIM, 100, 300), EC_OK);
	assert_ec(put_within(t, KIM, "", 1, 300), EC_QUOTA);
	assert_usage(t, KIM, 300, 2);
	assert_true(has_ledger(t, KIM));
	settle(t, LEE, TEAM);
	assert_usage(t, KIM, 200, 1);
	assert_usage(t, TEAM, 100, 1);
	assert_int_equal(sweep(t, 0), 0);
	assert_false(has_ledger(t, KIM)); /* alone again */
	assert_ec(put_within(t, KIM, "", 101, 300), EC_QUOTA);
	assert_ec(put_within(t, KIM, "", 100, 300), EC_OK);
	assert_usage(t, KIM, 300, 2);
}

static void settled_elsewhere(void **state)
{
	struct tree *t = *state;

	assert_ec(put_free(t, KIM, NULL, 100), EC_OK);
	assert_ec(put_free(t, LEE, NULL, 50), EC_OK);
	settle(t, KIM, TEAM);
	settle(t, KIM, TEAM);
	assert_usage(t, TEAM, 100, 1);
	settle(t, KIM, SAM);
	assert_usage(t, TEAM, 0, 0);
	assert_usage(t, SAM, 100, 1);
	/* Refused, and yet it is here now. */
	assert_ec(put_within(t, KIM, LEE, 100, 160), EC_QUOTA);
	assert_usage(t, SAM, 0, 0);
	assert_usage(t, LEE, 150, 2);
	settle(t, KIM, "");
	assert_usage(t, LEE, 50, 1);
	assert_usage(t, KIM, 100, 1);
}

static enum ec fits(struct tree *t, const char *mailbox, const char *account, uint64_t n,
		    uint64_t limit)
{
	struct name name = tree_name(mailbox);
	struct charge c = { .account = account, .limit = { .octets = limit } };
	struct err e;

	return t->store->quota->fits(t->store, &name, &c, n, &e);
}

static void asked_before(void **state)
{
	struct tree *t = *state;

	assert_ec(put_free(t, KIM, "", 100), EC_OK);
	settle(t, KIM, "");
	assert_ec(fits(t, KIM, "", 100, 200), EC_OK);
	assert_ec(fits(t, KIM, "", 101, 200), EC_QUOTA);
	assert_ec(fits(t, KIM, "", 0, 100), EC_QUOTA);
	settle(t, LEE, KIM);
	assert_ec(fits(t, LEE, KIM, 100, 200), EC_OK);
	assert_ec(fits(t, LEE, KIM, 101, 200), EC_QUOTA);
	assert_ec(fits(t, "nobody@example.com", "", 1, 200), EC_ABSENT);
	assert_usage(t, KIM, 100, 1);
}

static void removed(void **state)
{
	struct tree *t = *state;
	struct name kim = tree_name(KIM), domain = tree_name("example.com");
	struct err e;

	assert_ec(put_free(t, KIM, TEAM, 100), EC_OK);
	assert_ec(put_free(t, LEE, TEAM, 10), EC_OK);
	assert_ec(put_free(t, SAM, TEAM, 1), EC_OK);
	assert_ec(mailroot_remove(t->root, &kim, &e), EC_OK);
	assert_usage(t, TEAM, 11, 2);
	tree_add_mailbox(t, KIM);
	assert_usage(t, TEAM, 11, 2);
	assert_ec(put_within(t, KIM, TEAM, 100, 111), EC_OK);
	assert_ec(mailroot_remove(t->root, &domain, &e), EC_OK);
	assert_usage(t, TEAM, 0, 0);
	sweep(t, 0);
	assert_false(has_ledger(t, TEAM));
}

static void swept(void **state)
{
	struct tree *t = *state;

	assert_ec(put_free(t, KIM, TEAM, 100), EC_OK);
	assert_ec(put_free(t, LEE, TEAM, 10), EC_OK);
	assert_int_equal(sweep(t, clock_wall_s() - 60), 0);
	assert_usage(t, TEAM, 110, 2);
	assert_int_equal(sweep(t, clock_wall_s() + 60), 2);
	assert_false(has_ledger(t, TEAM));
	assert_usage(t, TEAM, 0, 0);
	settle(t, KIM, TEAM);
	settle(t, LEE, TEAM);
	assert_usage(t, TEAM, 110, 2);
}

static struct quota_recount recount(struct tree *t, const char *mailbox, const char *account,
				    bool repair)
{
	struct name name = tree_name(mailbox);
	struct quota_recount r;
	struct err e;

	assert_ec(t->store->quota->recount(t->store, &name, account, repair, &r, &e), EC_OK);
	return r;
}

static void recounted(void **state)
{
	struct tree *t = *state;
	char path[64];

	assert_ec(put_free(t, KIM, TEAM, 100), EC_OK);
	assert_ec(put_free(t, LEE, TEAM, 10), EC_OK);
	struct quota_recount r = recount(t, KIM, TEAM, false);
	assert_int_equal(r.counted.octets, 100);
	assert_int_equal(r.indexed.octets, 100);
	assert_int_equal(r.charged.octets, 100);
	ledger_path(TEAM, path);
	tree_unlink(t, path);
	r = recount(t, KIM, TEAM, false);
	assert_int_equal(r.charged.octets, 100); /* no ledger, no other opinion */
	settle(t, LEE, TEAM);
	r = recount(t, KIM, TEAM, true);
	assert_int_equal(r.charged.octets, 0);
	assert_usage(t, TEAM, 110, 2);
	r = recount(t, KIM, TEAM, false);
	assert_int_equal(r.charged.octets, 100);
}

/* A repair counts; what was fetched stays fetched, or it would never expire. */
static void recount_keeps_marks(void **state)
{
	struct tree *t = *state;
	uint8_t fetched = 0x01;
	struct commit done;
	struct err e;

	tree_reopen(t, true);
	assert_ec(put_free(t, KIM, TEAM, 100), EC_OK);
	assert_ec(put_free(t, KIM, TEAM, 10), EC_OK);
	struct box *box = tree_claim(t, KIM);
	assert_ec(box->ops->commit(box, &(struct marks){ .fetched = &fetched }, &done, &e), EC_OK);
	box->ops->release(&box);
	recount(t, KIM, TEAM, true);
	box = tree_claim(t, KIM);
	assert_int_equal(box->msgs[0].flags & MSG_FETCHED, MSG_FETCHED);
	assert_int_equal(box->msgs[1].flags & MSG_FETCHED, 0);
	box->ops->release(&box);
}

/* Sums stay as they are: a ledger that all of a team share is not written for a mark. */
static void marks_are_no_news(void **state)
{
	static const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct tree *t = *state;
	char below[64], path[512];
	uint8_t first = 0x01, second = 0x02;
	struct commit done;
	struct stat st;
	struct err e;

	tree_reopen(t, true);
	assert_ec(put_free(t, KIM, TEAM, 100), EC_OK);
	assert_ec(put_free(t, KIM, TEAM, 10), EC_OK);
	ledger_path(TEAM, below);
	tree_path(t, below, path);
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	struct box *box = tree_claim(t, KIM);
	assert_ec(box->ops->commit(box, &(struct marks){ .fetched = &first }, &done, &e), EC_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	assert_ec(box->ops->commit(box, &(struct marks){ .fetched = &second, .removed = &first },
				   &done, &e),
		  EC_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_not_equal(st.st_mtim.tv_sec, 1000);
	box->ops->release(&box);
	assert_usage(t, TEAM, 10, 1);
}

/* A deletion is on the disk, and the ledger's change is not: nobody is refused before all was settled. */
static void power_was_cut(void **state)
{
	struct tree *t = *state;
	char path[512], below[64], *before;

	assert_ec(put_free(t, KIM, TEAM, 200), EC_OK);
	assert_ec(put_free(t, LEE, TEAM, 50), EC_OK);
	ledger_path(TEAM, below);
	tree_path(t, below, path);
	FILE *f = fopen(path, "r");
	before = calloc(1, 4096);
	assert_int_equal(fread(before, 1, 4096, f), 4096);
	fclose(f);
	struct box *box = tree_claim(t, KIM);
	tree_remove_message(box, 0);
	box->ops->release(&box);
	tree_write(t, below, before, 4096);
	free(before);
	files_of(t->store)->env.boot++;
	assert_ec(put_within(t, LEE, TEAM, 100, 250), EC_TEMP);
	settle(t, KIM, TEAM);
	assert_ec(put_within(t, LEE, TEAM, 100, 250), EC_OK);
	assert_ec(put_within(t, LEE, TEAM, 101, 250), EC_QUOTA);
	assert_usage(t, TEAM, 150, 2);
}

static bool count_name(void *ctx, const struct name *n)
{
	assert_string_equal(n->domain, "example.com");
	++*(unsigned *)ctx;
	return true;
}

/* It lies in the mail root, and is no domain; what a crash leaves in it is swept. */
static void its_directory(void **state)
{
	struct tree *t = *state;
	unsigned n = 0;
	char path[512];
	struct stat st;
	struct err e;

	assert_ec(put_free(t, KIM, TEAM, 200), EC_OK);
	assert_ec(mailroot_each(t->root, NULL, count_name, &n, &e), EC_OK);
	assert_int_equal(n, 1);
	tree_path(t, ".quota", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	tree_write(t, ".quota/.tmp-left", "", 0);
	mailroot_sweep(t->root, true);
	assert_true(tree_has(t, ".quota/.tmp-left")); /* somebody may be at work */
	assert_true(has_ledger(t, TEAM));
}

/* No ledger can be made: mail without a limit comes in, other mail waits. */
static void no_ledger_can_be(void **state)
{
	struct tree *t = *state;
	char path[512];

	tree_path(t, ".quota", path);
	tree_write(t, ".quota", "", 0);
	assert_ec(put_free(t, KIM, TEAM, 200), EC_OK);
	assert_ec(put_within(t, KIM, TEAM, 200, 1000), EC_TEMP);
	assert_ec(put_within(t, LEE, "", 100, 1000), EC_TEMP);
	assert_ec(put_free(t, LEE, "", 100), EC_OK);
	tree_unlink(t, ".quota");
	assert_ec(put_within(t, KIM, TEAM, 801, 1000), EC_QUOTA);
	assert_ec(put_within(t, KIM, TEAM, 800, 1000), EC_OK);
	assert_ec(put_within(t, LEE, "", 900, 1000), EC_OK);
	assert_usage(t, TEAM, 1000, 2);
}

/* Nor can the index be locked. */
static void no_index_can_be(void **state)
{
	struct tree *t = *state;
	char path[512];

	tree_path(t, "example.com/P3_kim.mbx/index", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_ec(put_free(t, KIM, "", 200), EC_OK);
	assert_ec(put_free(t, KIM, TEAM, 200), EC_OK);
	assert_ec(put_within(t, KIM, "", 200, 1000), EC_TEMP);
	assert_int_equal(rmdir(path), 0);
	assert_ec(put_within(t, KIM, "", 600, 1000), EC_OK);
	assert_ec(put_within(t, KIM, "", 2, 1000), EC_QUOTA);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stems),
		CASE(own_account),
		CASE(what_people_read),
		CASE(shared_account),
		CASE(owner_gets_company),
		CASE(settled_elsewhere),
		CASE(asked_before),
		CASE(removed),
		CASE(power_was_cut),
		CASE(its_directory),
		CASE(no_ledger_can_be),
		CASE(no_index_can_be),
		CASE(swept),
		CASE(recounted),
		CASE(recount_keeps_marks),
		CASE(marks_are_no_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
