/* test_twice.c - the same mail root opened twice by one process, as while settings change under a running service: either side
 * must see what the other one holds and does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/backends/backends.h"
#include "server/base/secret.h"

#define MAIL "Subject: x\r\n\r\ny\r\n"
#define N_MANY 200

static struct place {
	char dir[40], mail[64], key[64];
	struct conf *conf;
	struct backends was, now;
	struct name kim;
} at;

static const struct log silent;

static void open_one(struct backends *b)
{
	struct err e;

	if (backends_open(at.conf, NULL, &silent, b, &e) != EC_OK)
		fail_msg("%s", e.text);
}

static void add_mailbox(struct backends *b)
{
	struct name domain = { .domain = "example.com" };
	struct account_wish wish = { .name = at.kim };
	struct secret word = { 0 };
	struct draft *draft;
	struct err e;

	secret_set(&word, "pw", 2);
	assert_int_equal(b->catalog->ops->add(b->catalog, &domain, NULL, &e), EC_OK);
	assert_int_equal(draft_begin(b->root, &at.kim, &draft, &e), EC_OK);
	assert_int_equal(b->accounts->ops->create(b->accounts, &wish, &word, draft, &e), EC_OK);
	assert_int_equal(b->catalog->ops->add(b->catalog, &at.kim, &draft, &e), EC_OK);
	secret_drop(&word);
}

static int begin(void **state)
{
	char text[400];
	struct err e;

	(void)state;
	strcpy(at.dir, "/tmp/winpop-twice-XXXXXX");
	assert_non_null(mkdtemp(at.dir));
	snprintf(at.mail, sizeof(at.mail), "%s/mail", at.dir);
	snprintf(at.key, sizeof(at.key), "%s/keyring", at.dir);
	assert_int_equal(mkdir(at.mail, 0700), 0);
	assert_int_equal(keyring_create(at.key, geteuid(), getegid(), &e), EC_OK);
	snprintf(text, sizeof(text), "mailroot = %s\nkey_file = %s\n", at.mail, at.key);
	assert_int_equal(conf_parse("test", text, strlen(text), &at.conf, &e), EC_OK);
	at.kim = (struct name){ .local = "kim", .domain = "example.com" };
	open_one(&at.was);
	add_mailbox(&at.was);
	open_one(&at.now);
	return 0;
}

static int end(void **state)
{
	struct name domain = { .domain = "example.com" };
	char quota[sizeof(at.mail) + 8];
	struct err e;

	(void)state;
	if (at.now.catalog)
		assert_int_equal(at.now.catalog->ops->remove(at.now.catalog, &domain, &e), EC_OK);
	backends_close(&at.was);
	backends_close(&at.now);
	conf_unref(&at.conf);
	unlink(at.key);
	snprintf(quota, sizeof(quota), "%s/.quota", at.mail);
	rmdir(quota);
	rmdir(at.mail);
	return rmdir(at.dir);
}

static enum ec deliver(struct backends *b)
{
	const struct iovec iov = { (void *)MAIL, sizeof(MAIL) - 1 };
	const struct message m = { .iov = &iov, .n_iov = 1, .spool_fd = -1 };

	return b->store->ops->deliver(b->store, &at.kim, &m, NULL);
}

static struct box *claim(struct backends *b, enum ec want)
{
	struct box *box = NULL;

	assert_int_equal(b->store->ops->claim(b->store, &at.kim, "s1", &box, NULL), want);
	return box;
}

static void a_mailbox_is_held_against_both(void **state)
{
	struct backends *const sides[] = { &at.was, &at.now };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct box *box = claim(sides[i], EC_OK);

		claim(sides[!i], EC_LOCKED);
		claim(sides[i], EC_LOCKED);
		box->ops->release(&box);
		box = claim(sides[!i], EC_OK);
		box->ops->release(&box);
	}
}

/* Deliveries of the one beside a session of the other: unseen by it, as its own service's are, and there afterwards. */
static void deliveries_are_seen_by_both(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(deliver(&at.was), EC_OK);
	struct box *box = claim(&at.was, EC_OK);

	assert_int_equal(deliver(&at.now), EC_OK);
	assert_int_equal(box->n_msgs, 1);
	assert_int_equal(box->ops->table(box, &e), EC_OK);
	assert_int_equal(box->n_msgs, 1);
	const struct marks first = { .removed = (const uint8_t[]){ 1 } };
	struct commit done;

	assert_int_equal(box->ops->commit(box, &first, &done, &e), EC_OK);
	assert_int_equal(done.n_removed, 1);
	box->ops->release(&box);
	box = claim(&at.now, EC_OK);
	assert_int_equal(box->n_msgs, 1);
	box->ops->release(&box);
}

static void *deliver_many(void *side)
{
	for (int i = 0; i < N_MANY; i++)
		if (deliver(side) != EC_OK)
			return NULL;
	return side;
}

static char *uidls_of(const struct box *box)
{
	char *all = calloc(box->n_msgs, 72), *to = all;

	for (uint32_t i = 0; i < box->n_msgs; i++, to += 72)
		strcpy(to, box->msgs[i].uidl);
	return all;
}

/* At the same time into the same mailbox: none is lost, none changes its place or its name, whoever looks. */
static void both_deliver_at_once(void **state)
{
	pthread_t threads[2];
	void *done;
	struct err e;

	(void)state;
	pthread_create(&threads[0], NULL, deliver_many, &at.was);
	pthread_create(&threads[1], NULL, deliver_many, &at.now);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &done);
		assert_non_null(done);
	}
	struct box *box = claim(&at.was, EC_OK);

	assert_int_equal(box->ops->table(box, &e), EC_OK);
	assert_int_equal(box->n_msgs, 1 + 2 * N_MANY);
	char *seen = uidls_of(box);

	for (uint32_t i = 1; i < box->n_msgs; i++) {
		assert_true(box->msgs[i - 1].arrived_us <= box->msgs[i].arrived_us);
		assert_true(strcmp(seen + 72 * (i - 1), seen + 72 * i) != 0);
	}
	box->ops->release(&box);
	box = claim(&at.now, EC_OK);
	assert_int_equal(box->ops->table(box, &e), EC_OK);
	char *again = uidls_of(box);

	assert_memory_equal(seen, again, 72 * box->n_msgs);
	box->ops->release(&box);
	free(seen);
	free(again);
}

/* Until there is no room. NULL: something else went wrong. */
static void *fill_up(void *ctx)
{
	struct backends *side = ctx;
	const struct iovec iov = { (void *)MAIL, sizeof(MAIL) - 1 };
	const struct entry kim = { .name = at.kim };
	char account[NAME_TEXT_MAX + 1];
	struct charge charge;
	enum ec rc;

	do {
		if (limits_charge(side->limits, &kim, at.conf, account, &charge, NULL) != EC_OK)
			return NULL;
		const struct message m = {
			.iov = &iov, .n_iov = 1, .spool_fd = -1, .charge = &charge
		};
		rc = side->store->ops->deliver(side->store, &at.kim, &m, NULL);
	} while (rc == EC_OK);
	return rc == EC_QUOTA ? side : NULL;
}

/* Set by one of them, seen by both, and together they never exceed it. */
static void both_fill_up_at_once(void **state)
{
	const struct quota_limit limit = { 0, 2 * N_MANY + 41 };
	struct quota_usage held;
	enum limit_from kept;
	pthread_t threads[2];
	void *done;

	(void)state;
	assert_int_equal(limits_set(at.was.limits, "kim@example.com", &limit, &kept, NULL), EC_OK);
	assert_int_equal(kept, LIMIT_TABLE);
	pthread_create(&threads[0], NULL, fill_up, &at.was);
	pthread_create(&threads[1], NULL, fill_up, &at.now);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &done);
		assert_non_null(done);
	}
	assert_int_equal(at.now.store->quota->usage(at.now.store, "kim@example.com", &held, NULL),
			 EC_OK);
	assert_int_equal(held.messages, limit.messages);
	assert_int_equal(limits_set(at.now.limits, "kim@example.com", NULL, &kept, NULL), EC_OK);
}

static void one_is_closed_and_the_other_goes_on(void **state)
{
	struct box *box = claim(&at.now, EC_OK);
	struct err e;

	(void)state;
	backends_close(&at.was);
	assert_null(at.was.store);
	backends_close(&at.was); /* twice is fine */
	assert_int_equal(box->ops->table(box, &e), EC_OK);
	assert_int_equal(deliver(&at.now), EC_OK);
	box->ops->release(&box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mailbox_is_held_against_both),
		cmocka_unit_test(deliveries_are_seen_by_both),
		cmocka_unit_test(both_deliver_at_once),
		cmocka_unit_test(both_fill_up_at_once),
		cmocka_unit_test(one_is_closed_and_the_other_goes_on),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
