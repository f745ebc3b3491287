/* store: what store.h promises; tree.c decides which backend is meant. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"

#define KIM "kim@example.com"

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

static enum ec claim(struct tree *t, const char *who, struct box **out)
{
	struct name n = tree_name(who);
	struct err e;

	return t->store->ops->claim(t->store, &n, "s1", out, &e);
}

static void release(struct box **box)
{
	(*box)->ops->release(box);
	assert_null(*box);
}

static void put(struct tree *t, const char *text)
{
	assert_ec(tree_deliver(t, KIM, text, strlen(text)), EC_OK);
}

static void usage_is(struct tree *t, uint32_t n, uint64_t octets)
{
	struct name kim = tree_name(KIM);
	struct err e;
	uint32_t n_msgs;
	uint64_t sum;

	assert_ec(t->store->ops->usage(t->store, &kim, &n_msgs, &sum, &e), EC_OK);
	assert_int_equal(n_msgs, n);
	assert_int_equal(sum, octets);
}

static void empty_mailbox(void **state)
{
	struct tree *t = *state;
	struct box *box = tree_claim(t, KIM);
	struct commit done;
	struct err e;

	assert_int_equal(box->n_msgs, 0);
	assert_int_equal(box->octets, 0);
	assert_ec(box->ops->commit(box, &(struct marks){ 0 }, &done, &e), EC_OK);
	release(&box);
	usage_is(t, 0, 0);
}

static void what_goes_in_comes_out(void **state)
{
	static const char *const texts[] = { "a\r\n", "Subject: b\r\n\r\n.dot\r\n", "", "c\r\n" };
	struct tree *t = *state;
	uint64_t sum = 0;

	for (size_t i = 0; i < 4; i++) {
		put(t, texts[i]);
		sum += strlen(texts[i]);
	}
	usage_is(t, 4, sum);
	struct box *box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 4);
	assert_int_equal(box->octets, sum);
	for (uint32_t i = 0; i < 4; i++) {
		size_t len;
		char *text = tree_fetch(box, i, &len);
		assert_string_equal(text, texts[i]);
		assert_int_equal(box->msgs[i].octets, strlen(texts[i]));
		assert_true(llabs(box->msgs[i].arrived_us / 1000000 - time(NULL)) < 60);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(box->msgs[i].uidl, box->msgs[k].uidl);
		free(text);
	}
	release(&box);
}

static void unknown_mailboxes(void **state)
{
	struct tree *t = *state;
	struct name n = tree_name("lee@example.com");
	struct box *box = NULL;
	struct err e;
	uint32_t n_msgs;
	uint64_t octets;

	assert_ec(claim(t, "lee@example.com", &box), EC_ABSENT);
	assert_ec(claim(t, "kim@nowhere.example", &box), EC_ABSENT);
	assert_null(box);
	assert_ec(tree_deliver(t, "lee@example.com", "a\r\n", 3), EC_ABSENT);
	assert_ec(t->store->ops->usage(t->store, &n, &n_msgs, &octets, &e), EC_ABSENT);
}

static void one_claim_at_a_time(void **state)
{
	struct tree *t = *state;
	struct box *a = tree_claim(t, KIM), *b = NULL;

	assert_ec(claim(t, KIM, &b), EC_LOCKED);
	assert_null(b);
	tree_add_mailbox(t, "lee@example.com");
	assert_ec(claim(t, "lee@example.com", &b), EC_OK);
	release(&b);
	release(&a);
	assert_ec(claim(t, KIM, &b), EC_OK);
	release(&b);
}

struct comer {
	struct tree *t;
	struct box *box;
	enum ec rc;
	_Atomic bool is_in;
};

static void *come(void *arg)
{
	struct comer *c = arg;

	c->rc = claim(c->t, KIM, &c->box);
	c->is_in = true;
	return NULL;
}

/* Nobody is told [IN-USE] for the service's own upkeep; a session that took it in between is one. */
static void upkeep_is_waited_for(void **state)
{
	struct tree *t = *state;
	struct comer c = { .t = t };
	struct name kim = tree_name(KIM);
	struct box *upkeep = NULL, *late = NULL;
	pthread_t thread;
	struct err e;

	assert_ec(t->store->ops->claim(t->store, &kim, STORE_UPKEEP, &upkeep, &e), EC_OK);
	assert_ec(t->store->ops->claim_now(t->store, &kim, "s2", &late, &e), EC_BUSY);
	assert_int_equal(pthread_create(&thread, NULL, come, &c), 0);
	usleep(20000); /* to be seen if it does not wait */
	assert_false(c.is_in);
	release(&upkeep);
	pthread_join(thread, NULL);
	assert_ec(c.rc, EC_OK);
	assert_ec(claim(t, KIM, &late), EC_LOCKED);
	assert_ec(t->store->ops->claim(t->store, &kim, STORE_UPKEEP, &upkeep, &e), EC_LOCKED);
	assert_ec(claim(t, KIM, &late), EC_LOCKED);
	release(&c.box);
}

static unsigned n_in(const struct comer *c)
{
	return c[0].is_in + c[1].is_in + c[2].is_in;
}

/* One of those who come meanwhile will have the mailbox: the others need not wait to be told so. */
static void one_waits_for_upkeep(void **state)
{
	struct tree *t = *state;
	struct comer c[3] = { { .t = t }, { .t = t }, { .t = t } };
	struct name kim = tree_name(KIM);
	struct box *upkeep = NULL;
	pthread_t threads[3];
	struct err e;
	unsigned n_ok = 0;

	assert_ec(t->store->ops->claim(t->store, &kim, STORE_UPKEEP, &upkeep, &e), EC_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come, &c[i]), 0);
	for (int ms = 0; n_in(c) < 2 && ms < 60000; ms++)
		usleep(1000);
	assert_int_equal(n_in(c), 2);
	release(&upkeep);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_ec(c[i].rc, c[i].box ? EC_OK : EC_LOCKED);
		n_ok += c[i].rc == EC_OK;
		if (c[i].box)
			release(&c[i].box);
	}
	assert_int_equal(n_ok, 1);
}

static void delivery_during_a_session(void **state)
{
	struct tree *t = *state;

	put(t, "one\r\n");
	struct box *box = NULL;
	assert_ec(claim(t, KIM, &box), EC_OK);
	put(t, "two\r\n");
	struct err e;
	assert_ec(box->ops->table(box, &e), EC_OK);
	put(t, "three\r\n");
	assert_int_equal(box->n_msgs, 1);
	assert_int_equal(box->octets, 5);
	usage_is(t, 3, 17);
	tree_remove_message(box, 0);
	usage_is(t, 2, 12);
	release(&box);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 2);
	size_t len;
	char *text = tree_fetch(box, 0, &len);
	assert_string_equal(text, "two\r\n");
	free(text);
	release(&box);
}

struct listed {
	uint32_t n, stop;
	uint64_t octets;
	char uidls[10][80];
	bool fetched[10];
};

static bool note(void *ctx, const struct msg *m)
{
	struct listed *l = ctx;

	strcpy(l->uidls[l->n], m->uidl);
	l->fetched[l->n] = m->flags & MSG_FETCHED;
	l->octets += m->octets;
	return ++l->n != l->stop;
}

static enum ec list(struct tree *t, const char *who, struct listed *l)
{
	struct name n = tree_name(who);
	uint32_t stop = l->stop;
	struct err e;

	*l = (struct listed){ .stop = stop };
	return t->store->ops->each(t->store, &n, note, l, &e);
}

/* As a session numbers them, and also what has come since it began. */
static void listed_during_a_session(void **state)
{
	struct tree *t = *state;
	struct listed l = { 0 };
	struct commit done;
	uint8_t fetched = 1;
	struct err e;

	tree_reopen(t, true);
	assert_ec(list(t, KIM, &l), EC_OK);
	assert_int_equal(l.n, 0);
	put(t, "a\r\n");
	put(t, "bb\r\n");
	struct box *box = tree_claim(t, KIM);
	put(t, "ccc\r\n");
	assert_ec(list(t, KIM, &l), EC_OK);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.octets, 3 + 4 + 5);
	assert_string_equal(l.uidls[0], box->msgs[0].uidl);
	assert_string_equal(l.uidls[1], box->msgs[1].uidl);
	assert_ec(box->ops->commit(box, &(struct marks){ .fetched = &fetched }, &done, &e), EC_OK);
	release(&box);
	assert_ec(list(t, KIM, &l), EC_OK);
	assert_true(l.fetched[0] && !l.fetched[1] && !l.fetched[2]);
	tree_write(t, "example.com/P3_kim.mbx/P3by-hand.eml", "dddd\r\n", 6);
	assert_ec(list(t, KIM, &l), EC_OK);
	assert_int_equal(l.n, 4);
	l.stop = 2;
	assert_ec(list(t, KIM, &l), EC_OK);
	assert_int_equal(l.n, 2);
	assert_ec(list(t, "nobody@example.com", &l), EC_ABSENT);
}

static void nothing_goes_without_commit(void **state)
{
	struct tree *t = *state;

	put(t, "one\r\n");
	struct box *box = tree_claim(t, KIM);
	release(&box);
	usage_is(t, 1, 5);
}

static void order_and_uidl_last(void **state)
{
	struct tree *t = *state;
	char text[16], *uidl[20], *last;
	size_t len;

	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%02d\r\n", i);
		put(t, text);
	}
	struct box *box = tree_claim(t, KIM);
	for (int i = 0; i < 20; i++)
		uidl[i] = strdup(box->msgs[i].uidl);
	tree_remove_message(box, 7);
	release(&box);
	put(t, "20\r\n");
	tree_reopen(t, false);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 20);
	for (int i = 0; i < 19; i++)
		assert_string_equal(box->msgs[i].uidl, uidl[i < 7 ? i : i + 1]);
	last = tree_fetch(box, 19, &len);
	assert_string_equal(last, "20\r\n");
	free(last);
	release(&box);
	for (int i = 0; i < 20; i++)
		free(uidl[i]);
}

static void pieces_and_spool(void **state)
{
	struct tree *t = *state;
	struct name kim = tree_name(KIM);
	struct iovec iov[2000];
	struct err e;
	size_t len, big = 300000;
	char *body = malloc(big);
	int fd = memfd_create("spool", MFD_CLOEXEC);

	for (size_t i = 0; i < big; i++)
		body[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : (char)('a' + i % 23);
	assert_int_equal(write(fd, body, big), big);
	for (int i = 0; i < 2000; i++) /* more than one writev takes */
		iov[i] = (struct iovec){ (char *)"ab\r\n" + i % 2 * 2, 2 };
	struct message m = { .iov = iov,
			     .n_iov = 2000,
			     .spool_fd = fd,
			     .spool_len = big,
			     .flags = MSG_DOTS | MSG_UTF8 };
	for (int i = 0; i < 2; i++) /* the spool serves several recipients */
		assert_ec(t->store->ops->deliver(t->store, &kim, &m, &e), EC_OK);
	struct box *box = tree_claim(t, KIM);
	for (uint32_t i = 0; i < 2; i++) {
		char *text = tree_fetch(box, i, &len);
		assert_int_equal(len, 4000 + big);
		assert_int_equal(box->msgs[i].octets, len);
		assert_int_equal(box->msgs[i].flags, MSG_DOTS | MSG_UTF8);
		for (int k = 0; k < 1000; k++)
			assert_memory_equal(text + 4 * k, "ab\r\n", 4);
		assert_memory_equal(text + 4000, body, big);
		free(text);
	}
	release(&box);
	m.spool_len = big + 1; /* the spool ends early: nothing is delivered */
	assert_ec(t->store->ops->deliver(t->store, &kim, &m, &e), EC_TEMP);
	usage_is(t, 2, 2 * (4000 + big));
	close(fd);
	free(body);
}

static void two_blobs_and_ranges(void **state)
{
	struct tree *t = *state;
	struct blob a, b;
	struct err e;
	char got[8];
	size_t n;

	put(t, "first\r\n");
	put(t, "second\r\n");
	struct box *box = tree_claim(t, KIM);
	assert_ec(box->ops->fetch(box, 0, 0, &a, &e), EC_OK);
	assert_ec(box->ops->fetch(box, 1, 0, &b, &e), EC_OK);
	assert_ec(box->ops->read(box, &a, 2, got, 3, &n, &e), EC_OK);
	assert_int_equal(n, 3);
	assert_memory_equal(got, "rst", 3);
	assert_ec(box->ops->read(box, &b, 6, got, 8, &n, &e), EC_OK);
	assert_int_equal(n, 2);
	assert_ec(box->ops->read(box, &b, 8, got, 8, &n, &e), EC_OK);
	assert_int_equal(n, 0);
	assert_ec(box->ops->read(box, &b, 999, got, 8, &n, &e), EC_OK);
	assert_int_equal(n, 0);
	box->ops->blob_done(box, &a);
	box->ops->blob_done(box, &b);
	assert_ec(box->ops->fetch(box, 2, 0, &a, &e), EC_USAGE);
	release(&box);
}

/* Just written, so it is in memory: on an event loop it must come at once. */
static void without_waiting(void **state)
{
	struct tree *t = *state;
	struct blob b;
	struct err e;

	put(t, "small\r\n");
	struct box *box = tree_claim(t, KIM);
	enum ec rc = box->ops->fetch(box, 0, FETCH_NOWAIT, &b, &e);
	if (rc != EC_BUSY) { /* a file system may not know how to promise that */
		assert_ec(rc, EC_OK);
		assert_int_equal(b.len, 7);
		box->ops->blob_done(box, &b);
	}
	release(&box);
}

static void commit_many(void **state)
{
	struct tree *t = *state;
	uint8_t bits[64] = { 0 };
	struct commit done;
	struct err e;
	size_t len;

	for (int i = 0; i < 300; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%03d\r\n", i);
		put(t, text);
	}
	struct box *box = tree_claim(t, KIM);
	for (int i = 0; i < 300; i++) {
		if (i % 3)
			bits[i / 8] |= (uint8_t)(1 << i % 8);
	}
	assert_ec(box->ops->commit(box, &(struct marks){ .removed = bits }, &done, &e), EC_OK);
	assert_int_equal(done.n_removed, 200);
	assert_int_equal(done.n_failed, 0);
	release(&box);
	usage_is(t, 100, 500);
	put(t, "300\r\n");
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, 101);
	for (uint32_t i = 0; i < 101; i++) {
		char *text = tree_fetch(box, i, &len);
		assert_int_equal(atoi(text), 3 * i);
		free(text);
	}
	memset(bits, 0xFF, sizeof(bits));
	assert_ec(box->ops->commit(box, &(struct marks){ .removed = bits }, &done, &e), EC_OK);
	assert_int_equal(done.n_removed, 101);
	release(&box);
	usage_is(t, 0, 0);
}

static void expiry(void **state)
{
	struct tree *t = *state;
	uint8_t fetched = 0x02;
	struct commit done;
	struct err e;
	uint32_t n;

	tree_reopen(t, true);
	put(t, "one\r\n");
	put(t, "two\r\n");
	put(t, "three\r\n");
	struct box *box = tree_claim(t, KIM);
	assert_ec(box->ops->commit(box, &(struct marks){ .fetched = &fetched }, &done, &e), EC_OK);
	release(&box);
	box = tree_claim(t, KIM);
	assert_int_equal(box->msgs[0].flags & MSG_FETCHED, 0);
	assert_int_equal(box->msgs[1].flags & MSG_FETCHED, MSG_FETCHED);
	assert_ec(store_expire(box, 1, &n, &e), EC_OK);
	assert_int_equal(n, 0);
	assert_int_equal(box->n_msgs, 3);
	assert_ec(store_expire(box, 0, &n, &e), EC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(box->n_msgs, 2);
	assert_int_equal(box->octets, 12);
	assert_ec(box->ops->table(box, &e), EC_OK);
	size_t len;
	char *text = tree_fetch(box, 1, &len);
	assert_string_equal(text, "three\r\n");
	free(text);
	release(&box);
}

static void marks_are_not_kept_unasked(void **state)
{
	struct tree *t = *state;
	uint8_t fetched = 0x01;
	struct commit done;
	struct err e;

	put(t, "one\r\n");
	struct box *box = tree_claim(t, KIM);
	assert_ec(box->ops->commit(box, &(struct marks){ .fetched = &fetched }, &done, &e), EC_OK);
	release(&box);
	box = tree_claim(t, KIM);
	assert_int_equal(box->msgs[0].flags & MSG_FETCHED, 0);
	release(&box);
}

/* A call that succeeds leaves errno as it was. */
static void an_old_errno_is_no_failure(void **state)
{
	struct tree *t = *state;
	struct name kim = tree_name(KIM);
	struct iovec iov = { (char *)"x\r\n", 3 };
	struct message m = { .iov = &iov, .n_iov = 1, .spool_fd = -1 };
	struct err e;

	errno = EEXIST;
	assert_ec(t->store->ops->deliver(t->store, &kim, &m, &e), EC_OK);
	usage_is(t, 1, 3);
}

static bool to_nobody(void *ctx, const struct name *mailbox, uid_t *out)
{
	*out = 65534;
	++*(unsigned *)ctx;
	return strcmp(mailbox->local, "kim") == 0;
}

static struct stat only_message(struct tree *t, const char *box)
{
	struct stat st = { 0 };
	char path[512];
	struct dirent *entry;
	unsigned n = 0;

	tree_path(t, box, path);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strstr(entry->d_name, ".eml")) {
			assert_int_equal(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
			n++;
		}
	}
	closedir(dir);
	assert_int_equal(n, 1);
	return st;
}

/* Who may give files away gives them to their owner, and can go on with them as their group. */
static void delivered_to_an_owner(void **state)
{
	struct tree *t = *state;
	unsigned n_asked = 0;
	struct box *box;
	size_t len;

	store_files_give(t->store, &(struct store_owner){ to_nobody, &n_asked });
	tree_add_mailbox(t, "lee@example.com");
	put(t, "one\r\n");
	assert_ec(tree_deliver(t, "lee@example.com", "two\r\n", 5), EC_OK);
	assert_int_equal(n_asked, 2);
	struct stat kims = only_message(t, "example.com/P3_kim.mbx");
	struct stat lees = only_message(t, "example.com/P3_lee.mbx");
	assert_int_equal(kims.st_uid, geteuid() == 0 ? 65534 : geteuid());
	assert_int_equal(kims.st_mode & 07777, 0660);
	assert_int_equal(lees.st_uid, geteuid());
	assert_int_equal(lees.st_mode & 07777, 0640);
	box = tree_claim(t, KIM);
	char *text = tree_fetch(box, 0, &len);
	assert_memory_equal(text, "one\r\n", 5);
	free(text);
	tree_remove_message(box, 0);
	release(&box);
	usage_is(t, 0, 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(empty_mailbox),
		T(what_goes_in_comes_out),
		T(unknown_mailboxes),
		T(one_claim_at_a_time),
		T(upkeep_is_waited_for),
		T(one_waits_for_upkeep),
		T(delivery_during_a_session),
		T(listed_during_a_session),
		T(nothing_goes_without_commit),
		T(order_and_uidl_last),
		T(pieces_and_spool),
		T(two_blobs_and_ranges),
		T(without_waiting),
		T(commit_many),
		T(an_old_errno_is_no_failure),
		T(expiry),
		T(marks_are_not_kept_unasked),
		T(delivered_to_an_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
