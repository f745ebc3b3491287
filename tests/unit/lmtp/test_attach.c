/* test_attach.c - whole sessions over sockets, with real loops and workers, and a mailbox that can
 * be made to wait.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <semaphore.h>
#include <cmocka.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/lmtp/attach.h"
#include "tests/unit/store/remembers.h"

#define N "\r\n"
#define ENVELOPE "LHLO me" N "MAIL FROM:<a@b>" N "RCPT TO:<kim@c>" N
#define MESSAGE ENVELOPE "DATA" N "Subject: x" N N "y" N "." N

struct rig {
	struct catalog catalog;
	struct store store;
	struct accounts accounts;
	struct mailroot *root;
	struct limits *limits;
	struct loop *loop;
	struct work *work;
	struct conf *conf;
	struct lmtp *lmtp;
	char dir[32];
	pthread_mutex_t lock;
	struct buf got;    /* under the lock */
	atomic_bool empty; /* no domain, no mailbox */
	atomic_bool held, full;
	uint64_t asked; /* octets that were to fit */
	atomic_bool slow;
	sem_t entered, go; /* slow: deliver says when it is in, and waits */
	sem_t idle;
};

static struct rig rig;

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	if (strcmp(n->local, "nobody") == 0 || atomic_load(&rig.empty))
		return err_set(e, EC_ABSENT, "no mailbox");
	*out = (struct entry){ .name = *n, .locked = true, .domain_locked = true };
	out->domain_held = atomic_load(&rig.held);
	if (strcmp(n->local, "lee") == 0)
		strcpy(out->quota, "all@c");
	return EC_OK;
}

static enum ec each(struct catalog *c, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	static const struct entry entry = { .name.domain = "c" };

	(void)c, (void)domain, (void)e;
	if (!atomic_load(&rig.empty))
		fn(ctx, &entry);
	return EC_OK;
}

static enum ec fits(struct store *st, const struct name *to, struct charge *charge, uint64_t octets,
		    struct err *e)
{
	(void)st;
	assert_string_equal(charge->account, strcmp(to->local, "lee") ? "kim@c" : "all@c");
	assert_int_equal(charge->limit.octets, 1000);
	assert_int_equal(charge->limit.messages, 7);
	rig.asked = octets;
	return atomic_load(&rig.full) ? err_set(e, EC_QUOTA, "no room") : EC_OK;
}

static enum ec deliver(struct store *st, const struct name *to, const struct message *m,
		       struct err *e)
{
	(void)st, (void)e;
	assert_string_equal(m->charge->account, strcmp(to->local, "lee") ? "kim@c" : "all@c");
	if (atomic_load(&rig.slow)) {
		sem_post(&rig.entered);
		sem_wait(&rig.go);
	}
	pthread_mutex_lock(&rig.lock);
	for (int i = 0; i < m->n_iov; i++)
		buf_add(&rig.got, m->iov[i].iov_base, m->iov[i].iov_len);
	if (m->spool_fd >= 0) {
		char *room = buf_room(&rig.got, m->spool_len);

		assert_int_equal(pread(m->spool_fd, room, m->spool_len, 0), (ssize_t)m->spool_len);
		buf_grew(&rig.got, m->spool_len);
	}
	pthread_mutex_unlock(&rig.lock);
	return EC_OK;
}

static enum ec find_now(struct catalog *c, const struct name *n, enum find_use use,
			struct entry *out)
{
	(void)c;
	assert_int_equal(use, FIND_TO_DELIVER);
	*out = (struct entry){ .name = *n };
	out->domain_held = atomic_load(&rig.held);
	return strcmp(n->local, "kim") == 0 ? EC_OK : EC_BUSY;
}

static const struct catalog_ops catalog_ops = { .name = "test", .find = find, .each = each };
static const struct catalog_ops at_hand_ops = {
	.name = "test", .find = find, .find_now = find_now, .each = each
};
static const struct store_ops store_ops = { .name = "test", .deliver = deliver };
static const struct quota_ops quota_ops = { .fits = fits };
static const struct accounts_ops accounts_ops = { .name = "test", .rule = NAME_FILE };
static const struct log silent;

static void rig_begin(const char *settings, unsigned max_jobs)
{
	char text[400];
	struct err e;

	rig = (struct rig){ .catalog.ops = &catalog_ops,
			    .store = { &store_ops, &quota_ops },
			    .accounts.ops = &accounts_ops };
	snprintf(rig.dir, sizeof(rig.dir), "%s/winpop-lmtp-XXXXXX", place_that_remembers());
	assert_non_null(mkdtemp(rig.dir));
	pthread_mutex_init(&rig.lock, NULL);
	sem_init(&rig.entered, 0, 0);
	sem_init(&rig.go, 0, 0);
	sem_init(&rig.idle, 0, 0);
	snprintf(text, sizeof(text), "mailroot = %s\nhostname = mx.test\n%s", rig.dir, settings);
	if (conf_parse("test", text, strlen(text), &rig.conf, &e) != EC_OK)
		fail_msg("%s", e.text);
	assert_int_equal(loop_new(0, &rig.loop, &e), EC_OK);
	assert_int_equal(work_new("test", 2, max_jobs, &rig.work, &e), EC_OK);
	assert_int_equal(mailroot_open(rig.dir, &rig.root, &e), EC_OK);
	limits_open(rig.root, &rig.accounts, &rig.limits);
	struct lmtp_setup setup = { rig.conf, NAME_FILE, &rig.catalog, &rig.store, rig.limits };

	rig.lmtp = lmtp_new(&rig.loop, 1, rig.work, &setup, &silent);
	assert_int_equal(loop_start(rig.loop, &e), EC_OK);
}

static void rig_end(void)
{
	loop_stop(rig.loop);
	loop_join(rig.loop);
	work_free(&rig.work);
	lmtp_free(&rig.lmtp);
	loop_free(&rig.loop);
	conf_unref(&rig.conf);
	buf_drop(&rig.got);
	limits_close(&rig.limits);
	mailroot_close(&rig.root);
	assert_int_equal(rmdir(rig.dir), 0); /* nothing was left in the mail root */
}

static int client(void)
{
	static const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 60 };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	lmtp_accept(rig.lmtp, fd[1], (const struct sockaddr *)&unnamed, sizeof(sa_family_t));
	return fd[0];
}

static void say(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

static void sayz(int fd, const char *z)
{
	say(fd, z, strlen(z));
}

/* Reads until the text has come; "" reads to the end. */
static void hear(int fd, const char *until)
{
	static char all[100000];
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, all + len, 1, 0);

		if (n == 0 && *until == '\0')
			return;
		if (n != 1) {
			fail_msg("waiting for \"%s\", heard \"%.*s\"", until, (int)len, all);
			return;
		}
		all[++len] = '\0';
		assert_true(len + 1 < sizeof(all));
		if (*until != '\0' && strstr(all, until))
			return;
	}
}

static void wait_until(bool (*what)(void))
{
	uint64_t end_ms = clock_mono_ms() + 60000;

	while (!what()) {
		assert_true(clock_mono_ms() < end_ms);
		sched_yield();
	}
}

static bool nobody_left(void)
{
	struct lmtp_now now;

	lmtp_now(rig.lmtp, &now);
	return now.sessions == 0;
}

static bool one_delivered(void)
{
	struct lmtp_now now;

	lmtp_now(rig.lmtp, &now);
	return now.delivered == 1;
}

static void expect_got(const char *want)
{
	pthread_mutex_lock(&rig.lock);
	*buf_room(&rig.got, 1) = '\0';
	assert_string_equal(buf_at(&rig.got), want);
	pthread_mutex_unlock(&rig.lock);
}

#define STORED "Return-Path: <a@b>" N "Delivered-To: kim@c" N "Subject: x" N N "y" N

static void test_one_message(void **state)
{
	(void)state;
	rig_begin("", 100);
	int fd = client();

	hear(fd, "220 mx.test ");
	sayz(fd, ENVELOPE "RCPT TO:<nobody@c>" N "RCPT TO:<a/b@c>" N);
	hear(fd, "550 5.1.1 <nobody@c> no such mailbox here" N "550 5.1.1 <a/b@c> ");
	sayz(fd, "DATA" N "Subject: x" N N "y" N "." N "QUIT" N);
	hear(fd, "250 2.0.0 <kim@c> delivered" N "221 2.0.0 mx.test closing" N);
	hear(fd, "");
	expect_got(STORED);
	close(fd);
	wait_until(nobody_left);
	struct lmtp_now now;

	lmtp_now(rig.lmtp, &now);
	assert_int_equal(now.total, 1);
	assert_int_equal(now.delivered, 1);
	assert_int_equal(now.refused, 2);
	rig_end();
}

/* All at once and no more to say: still served to the end, and answered. */
static void test_half_closed(void **state)
{
	(void)state;
	rig_begin("", 100);
	int fd = client();

	sayz(fd, MESSAGE);
	shutdown(fd, SHUT_WR);
	hear(fd, "250 2.0.0 <kim@c> delivered" N);
	hear(fd, "");
	expect_got(STORED);
	close(fd);
	rig_end();
}

static void test_big_message(void **state)
{
	const size_t len = (size_t)5 << 20;
	char *body = malloc(len);

	(void)state;
	for (size_t i = 0; i < len; i++)
		body[i] = "0123456789abcdefghijklmnopqrstu\r\n"[i % 33];
	rig_begin("message_max = 100000000\n", 100);
	int fd = client();
	char bdat[64];

	snprintf(bdat, sizeof(bdat), ENVELOPE "BDAT %zu LAST" N, len);
	sayz(fd, bdat);
	say(fd, body, len);
	hear(fd, "250 2.0.0 <kim@c> delivered" N);
	assert_true(rig.got.len > len);
	assert_memory_equal(buf_at(&rig.got) +
				    strlen("Return-Path: <a@b>" N "Delivered-To: kim@c" N),
			    body, len);
	close(fd);
	free(body);
	rig_end();
}

static void test_turned_away(void **state)
{
	(void)state;
	rig_begin("lmtp_socketmax = 1\n", 100);
	int first = client(), second = client();

	hear(second,
	     "421 4.3.2 mx.test: all 1 LMTP connections are taken (lmtp_socketmax), try again "
	     "later" N);
	hear(second, "");
	close(second);
	sayz(first, "QUIT" N);
	hear(first, "");
	close(first);
	wait_until(nobody_left);
	int third = client();

	hear(third, "220 ");
	close(third);
	rig_end();
}

static void test_queue_full(void **state)
{
	(void)state;
	rig_begin("", 0);
	int fd = client();

	sayz(fd, ENVELOPE);
	hear(fd, "451 4.3.2 <kim@c> too busy");
	close(fd);
	rig_end();
}

/* With no worker to be had: who is at hand and may have mail is accepted, nobody else is answered for good. */
static void test_at_hand(void **state)
{
	(void)state;
	rig_begin("", 0);
	rig.catalog.ops = &at_hand_ops;
	struct quota_limit none = { 0 }, limit;
	enum limit_from from;
	/* Now the kernel knows that no limit is kept. */
	assert_int_equal(limits_find(rig.limits, "kim@c", &none, &limit, &from, NULL), EC_OK);
	int fd = client();

	sayz(fd, ENVELOPE "RCPT TO:<lee@c>" N);
	hear(fd, remembers_absence(rig.dir) ? "250 2.1.5 <kim@c> recipient ok" N
					      "451 4.3.2 <lee@c> too busy"
					    : "451 4.3.2 <kim@c> too busy, try again later" N
					      "451 4.3.2 <lee@c> too busy");
	atomic_store(&rig.held, true);
	sayz(fd, "RCPT TO:<kim@c>" N);
	hear(fd, "451 4.3.2 <kim@c> too busy");
	close(fd);
	rig_end();
}

/* Whoever names many at once leaves the loop to others in between: with no worker, those beyond are not answered for good. */
static void test_many_at_hand(void **state)
{
	(void)state;
	rig_begin("", 0);
	rig.catalog.ops = &at_hand_ops;
	struct buf many = { 0 };
	struct quota_limit none = { 0 }, limit;
	enum limit_from from;
	assert_int_equal(limits_find(rig.limits, "kim@c", &none, &limit, &from, NULL), EC_OK);
	bool at_hand = remembers_absence(rig.dir);
	int fd = client();

	sayz(fd, "LHLO x" N "MAIL FROM:<a@b>" N);
	hear(fd, "sender ok");
	for (int i = 0; i < 33; i++)
		buf_addz(&many, "RCPT TO:<kim@c>" N);
	say(fd, buf_at(&many), many.len);
	for (int i = 0; i < 33; i++)
		hear(fd, at_hand && i < 32 ? "250 2.1.5 <kim@c> recipient ok" N
					   : "451 4.3.2 <kim@c> too busy");
	sayz(fd, "RCPT TO:<kim@c>" N);
	hear(fd, at_hand ? "250 2.1.5 <kim@c> recipient ok" N : "451 4.3.2 <kim@c> too busy");
	close(fd);
	buf_drop(&many);
	rig_end();
}

static void test_client_leaves_in_data(void **state)
{
	(void)state;
	rig_begin("", 100);
	int fd = client();

	sayz(fd, ENVELOPE "DATA" N "half" N ".");
	hear(fd, "354 ");
	close(fd);
	wait_until(nobody_left);
	expect_got("");
	rig_end();
}

/* RFC 1047: once the end was received the message is ours, whoever is left to be told. */
static void test_client_leaves_while_we_deliver(void **state)
{
	(void)state;
	rig_begin("", 100);
	atomic_store(&rig.slow, true);
	int fd = client();

	sayz(fd, MESSAGE);
	sem_wait(&rig.entered);
	close(fd);
	sem_post(&rig.go);
	wait_until(one_delivered);
	wait_until(nobody_left);
	expect_got(STORED);
	rig_end();
}

static void test_stop_while_we_deliver(void **state)
{
	(void)state;
	rig_begin("", 100);
	atomic_store(&rig.slow, true);
	int fd = client();

	sayz(fd, MESSAGE);
	sem_wait(&rig.entered);
	sem_post(&rig.go);
	rig_end(); /* the worker finishes; who would be told is closed */
	close(fd);
}

static void idle(void *ctx)
{
	sem_post(ctx);
}

static void test_drain(void **state)
{
	(void)state;
	rig_begin("", 100);
	int waiting = client(), busy = client();

	sayz(waiting, "LHLO me" N);
	hear(waiting, "250 SIZE");
	sayz(busy, ENVELOPE);
	hear(busy, "250 2.1.5 ");
	lmtp_drain(rig.lmtp, idle, &rig.idle);
	hear(waiting, "421 4.3.2 mx.test is shutting down" N);
	hear(waiting, "");
	sayz(busy, "DATA" N "Subject: x" N N "y" N "." N);
	hear(busy, "250 2.0.0 <kim@c> delivered" N "421 4.3.2 ");
	hear(busy, "");
	sem_wait(&rig.idle);
	int late = client();

	hear(late, "421 4.3.2 ");
	close(late);
	close(waiting);
	close(busy);
	assert_int_equal(sem_trywait(&rig.idle), -1); /* told once */
	rig_end();
}

static void test_drain_of_nobody(void **state)
{
	(void)state;
	rig_begin("", 100);
	lmtp_drain(rig.lmtp, idle, &rig.idle);
	sem_wait(&rig.idle);
	rig_end();
}

/* A client that never reads: we stop serving it instead of keeping its replies without end. */
static void test_client_that_never_reads(void **state)
{
	static char noops[6 * 4096];
	uint64_t end_ms = clock_mono_ms() + 60000;
	size_t sent = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(noops); i++)
		noops[i] = "NOOP\r\n"[i % 6];
	rig_begin("", 100);
	int fd = client();

	while (clock_mono_ms() < end_ms) {
		ssize_t n = send(fd, noops, sizeof(noops), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && sent > 0)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	assert_true(sent < 8u << 20);
	close(fd);
	wait_until(nobody_left);
	rig_end();
}

static void test_new_setup(void **state)
{
	static const char text[] = "mailroot = /tmp\nhostname = new.test\n";
	struct err e;

	(void)state;
	rig_begin("", 100);
	struct lmtp_setup setup = { NULL, NAME_FILE, &rig.catalog, &rig.store, rig.limits };
	int before = client();

	hear(before, "220 mx.test ");
	assert_int_equal(conf_parse("test", text, strlen(text), &setup.conf, &e), EC_OK);
	lmtp_setup(rig.lmtp, &setup);
	conf_unref(&setup.conf);
	int after = client();

	hear(after, "220 new.test ");
	sayz(before, "QUIT" N);
	hear(before, "221 2.0.0 mx.test ");
	close(before);
	close(after);
	rig_end();
}

static struct share before, after;

static bool nobody_holds_before(void)
{
	return share_alone(&before);
}

/* A connection that stays open goes over with its next transaction; what a worker has is held for as long as that takes. */
static void test_new_setup_between_two_mails(void **state)
{
	static const char envelope[] = "MAIL FROM:<a@b>" N "RCPT TO:<kim@c>" N;
	struct lmtp_setup setup;

	(void)state;
	rig_begin("", 100);
	share_begin(&before);
	share_begin(&after);
	setup = (struct lmtp_setup){ rig.conf,   NAME_FILE,  &rig.catalog,
				     &rig.store, rig.limits, &before };
	lmtp_setup(rig.lmtp, &setup);
	int fd = client(), gone = client();

	hear(gone, "220 ");
	sayz(fd, ENVELOPE);
	hear(fd, "250 2.1.5 ");
	setup.share = &after;
	lmtp_setup(rig.lmtp, &setup);
	assert_false(share_alone(&before));
	sayz(fd, "RCPT TO:<lee@c>" N "DATA" N "Subject: x" N N "y" N "." N);
	hear(fd, "<lee@c> delivered" N);
	atomic_store(&rig.slow, true);
	sayz(gone, MESSAGE);
	sem_wait(&rig.entered); /* it took the new one with its first recipient */
	close(gone);
	assert_false(share_alone(&before));
	sayz(fd, envelope);
	hear(fd, "250 2.1.5 ");
	wait_until(nobody_holds_before);
	atomic_store(&rig.slow, false);
	sem_post(&rig.go);
	close(fd);
	wait_until(nobody_left);
	rig_end();
	assert_true(share_alone(&after));
}

static void test_a_delivery_outlives_its_session(void **state)
{
	struct lmtp_setup setup;

	(void)state;
	rig_begin("", 100);
	share_begin(&before);
	setup = (struct lmtp_setup){ rig.conf,   NAME_FILE,  &rig.catalog,
				     &rig.store, rig.limits, &before };
	lmtp_setup(rig.lmtp, &setup);
	int fd = client();

	atomic_store(&rig.slow, true);
	sayz(fd, MESSAGE);
	sem_wait(&rig.entered);
	setup.share = NULL;
	lmtp_setup(rig.lmtp, &setup);
	close(fd);
	wait_until(nobody_left);
	assert_false(share_alone(&before));
	sem_post(&rig.go);
	wait_until(nobody_holds_before);
	rig_end();
}

/* What is known at RCPT is said at RCPT. */
static void test_quota_and_hold(void **state)
{
	static const char settings[] = "quota_bytes = 1000\nquota_messages = 7\n";
	static const char again[] = "RSET" N "MAIL FROM:<a@b>" N "RCPT TO:<lee@c>" N;

	(void)state;
	rig_begin(settings, 100);
	int fd = client();

	sayz(fd, "LHLO me" N "MAIL FROM:<a@b> SIZE=900" N "RCPT TO:<kim@c>" N);
	hear(fd, "250 2.1.5 <kim@c> recipient ok" N);
	assert_int_equal(rig.asked, 900);
	atomic_store(&rig.full, true);
	sayz(fd, again);
	hear(fd, "552 5.2.2 <lee@c> mailbox is full (over quota)" N);
	assert_int_equal(rig.asked, 0);
	atomic_store(&rig.held, true);
	sayz(fd, again);
	hear(fd, "450 4.2.1 <lee@c> mailbox takes no mail for now" N);
	close(fd);
	wait_until(nobody_left);
	rig_end();
}

static void test_full_waits_by_setting(void **state)
{
	(void)state;
	rig_begin("quota_bytes = 1000\nquota_messages = 7\nquota_full = defer\n", 100);
	atomic_store(&rig.full, true);
	int fd = client();

	sayz(fd, ENVELOPE);
	hear(fd, "452 4.2.2 <kim@c> mailbox is full (over quota), try again later" N);
	close(fd);
	wait_until(nobody_left);
	rig_end();
}

/* A mail root that is not mounted must not make mail bounce. */
static void test_no_domain_at_all(void **state)
{
	(void)state;
	rig_begin("", 100);
	atomic_store(&rig.empty, true);
	int fd = client();

	sayz(fd, ENVELOPE);
	hear(fd, N "451 4.3.0 ");
	close(fd);
	wait_until(nobody_left);
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_message),
		cmocka_unit_test(test_quota_and_hold),
		cmocka_unit_test(test_full_waits_by_setting),
		cmocka_unit_test(test_no_domain_at_all),
		cmocka_unit_test(test_new_setup_between_two_mails),
		cmocka_unit_test(test_a_delivery_outlives_its_session),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_big_message),
		cmocka_unit_test(test_turned_away),
		cmocka_unit_test(test_queue_full),
		cmocka_unit_test(test_at_hand),
		cmocka_unit_test(test_many_at_hand),
		cmocka_unit_test(test_client_leaves_in_data),
		cmocka_unit_test(test_client_leaves_while_we_deliver),
		cmocka_unit_test(test_stop_while_we_deliver),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_of_nobody),
		cmocka_unit_test(test_client_that_never_reads),
		cmocka_unit_test(test_new_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
