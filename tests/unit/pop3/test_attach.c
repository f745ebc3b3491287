/* test_attach.c - whole sessions over sockets: real loops, workers and sign-in; a mailbox in memory that can be made to wait.
 *
 * The mailbox counts what it lends and gets back: whatever a client does, and wherever it vanishes, every claim is released once
 * and every message given back.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/pop3/attach.h"
#include "tests/unit/auth/people.h"

#define N "\r\n"
#define SIGNIN "USER kim@example.com" N "PASS tanstaaf" N
#define LARGE (300u << 10)
#define PATIENCE_S 20

enum { SMALL, BIG, DOTTED, N_MAIL };

static const char small[] = "Subject: small" N N "hello" N;
static const char dotted[] = "Subject: dots" N N ".one" N "..two" N;

struct rig {
	struct catalog catalog;
	struct store store;
	struct people people;
	struct loop *loops[2];
	struct work *work;
	struct conf *conf;
	struct auth *auth;
	struct pop3 *pop3;
	struct log_sink *sink;
	struct log log;
	char dir[32];
	int big_fd;
	char *big;

	atomic_int n_claims, n_releases, n_blobs, n_blobs_back, n_commits, n_removed;
	atomic_bool claimed, locked;
	_Atomic int stops_at; /* the store operation that waits, see enum slow */
	_Atomic int commit_class;
	sem_t entered, go, idle;
	pthread_mutex_t lock;
	struct buf said; /* the log, under the lock */
};
enum slow { NOTHING, CLAIM, TABLE, FETCH, COMMIT };

static struct rig rig;

/* A worker arrives here and waits for the test, if the test said so. */
static void pass(enum slow what)
{
	if (atomic_load(&rig.stops_at) != (int)what)
		return;
	sem_post(&rig.entered);
	sem_wait(&rig.go);
}

/* ---- catalog and store ---- */

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	if (strcmp(n->domain, "example.org") == 0)
		return err_set(e, EC_ABSENT, "no mailbox");
	*out = (struct entry){ .name = *n, .locked = atomic_load(&rig.locked) };
	return EC_OK;
}

static const struct store_ops store_ops;

static enum ec claim(struct store *s, const struct name *who, const char *holder, struct box **out,
		     struct err *e)
{
	(void)s;
	assert_non_null(holder);
	pass(CLAIM);
	if (atomic_exchange(&rig.claimed, true))
		return err_set(e, EC_LOCKED, "mailbox is open in another session");
	struct box *b = mem_new(sizeof(*b));
	*b = (struct box){ .ops = &store_ops,
			   .name = *who,
			   .n_msgs = N_MAIL,
			   .octets = sizeof(small) - 1 + LARGE + sizeof(dotted) - 1 };
	atomic_fetch_add(&rig.n_claims, 1);
	*out = b;
	return EC_OK;
}

static enum ec table(struct box *b, struct err *e)
{
	static const struct msg msgs[N_MAIL] = {
		[SMALL] = { .octets = sizeof(small) - 1, .uidl = "small" },
		[BIG] = { .octets = LARGE, .uidl = "big" },
		[DOTTED] = { .octets = sizeof(dotted) - 1, .uidl = "dotted", .flags = MSG_DOTS },
	};

	(void)e;
	pass(TABLE);
	b->msgs = msgs;
	return EC_OK;
}

static enum ec fetch(struct box *b, uint32_t i, unsigned flags, struct blob *out, struct err *e)
{
	(void)b;
	if (flags & FETCH_NOWAIT && atomic_load(&rig.stops_at) == FETCH)
		return err_set(e, EC_BUSY, "not in memory");
	pass(FETCH);
	*out = (struct blob){ .fd = -1, .len = sizeof(small) - 1, .mem = small };
	if (i == BIG)
		*out = (struct blob){ .fd = rig.big_fd, .len = LARGE };
	if (i == DOTTED)
		*out = (struct blob){ .fd = rig.big_fd, .off = LARGE, .len = sizeof(dotted) - 1 };
	atomic_fetch_add(&rig.n_blobs, 1);
	return EC_OK;
}

static enum ec read_blob(struct box *b, const struct blob *m, uint64_t off, void *to, size_t len,
			 size_t *got, struct err *e)
{
	(void)b, (void)e;
	if (len > 7)
		len = 7;
	*got = (size_t)pread(m->fd, to, len, (off_t)(m->off + off));
	return EC_OK;
}

static void blob_done(struct box *b, struct blob *m)
{
	assert_non_null(b);
	m->fd = -1;
	atomic_fetch_add(&rig.n_blobs_back, 1);
}

static enum ec commit(struct box *b, const struct marks *marks, struct commit *out, struct err *e)
{
	(void)b;
	pass(COMMIT);
	for (unsigned i = 0; marks->removed && i < N_MAIL; i++)
		out->n_removed += marks->removed[0] >> i & 1;
	atomic_fetch_add(&rig.n_commits, 1);
	atomic_fetch_add(&rig.n_removed, (int)out->n_removed);
	return atomic_load(&rig.commit_class) ? err_set(e, (enum ec)rig.commit_class, "disk")
					      : EC_OK;
}

static void release(struct box **b)
{
	free(*b);
	*b = NULL;
	atomic_fetch_add(&rig.n_releases, 1);
	atomic_store(&rig.claimed, false);
}

static const struct catalog_ops catalog_ops = { .name = "test", .find = find };
static const struct store_ops store_ops = {
	.name = "test",
	.claim = claim,
	.table = table,
	.fetch = fetch,
	.read = read_blob,
	.blob_done = blob_done,
	.commit = commit,
	.release = release,
};

/* ---- the rig ---- */

static void heard(void *ctx, const char *line)
{
	(void)ctx;
	pthread_mutex_lock(&rig.lock);
	buf_addz(&rig.said, line);
	buf_addz(&rig.said, "\n");
	pthread_mutex_unlock(&rig.lock);
}

static unsigned count_logged(const char *text)
{
	unsigned n = 0;

	pthread_mutex_lock(&rig.lock);
	buf_add(&rig.said, "", 1);
	for (const char *p = buf_at(&rig.said); (p = strstr(p, text)); p++)
		n++;
	rig.said.len--;
	pthread_mutex_unlock(&rig.lock);
	return n;
}

static void wait_until(bool (*fn)(void))
{
	uint64_t end = clock_mono_ms() + PATIENCE_S * 1000;

	while (!fn()) {
		if (clock_mono_ms() > end)
			fail_msg("waited in vain");
		sched_yield();
	}
}

static void make_big(void)
{
	rig.big = mem_new(LARGE);
	for (size_t i = 0; i < LARGE; i++)
		rig.big[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26);
	rig.big_fd = memfd_create("mail", MFD_CLOEXEC);
	assert_int_equal(write(rig.big_fd, rig.big, LARGE), LARGE);
	assert_int_equal(write(rig.big_fd, dotted, sizeof(dotted) - 1), sizeof(dotted) - 1);
}

static struct pop3_setup read_settings(const char *settings)
{
	char text[600];
	struct err e;

	snprintf(text, sizeof(text), "mailroot = %s\nhostname = mx.test\nidle_timeout = 600\n%s",
		 rig.dir, settings);
	if (conf_parse("test", text, strlen(text), &rig.conf, &e) != EC_OK)
		fail_msg("%s", e.text);
	return (struct pop3_setup){ .conf = rig.conf,
				    .auth = rig.auth,
				    .accounts = &rig.people.base,
				    .catalog = &rig.catalog,
				    .store = &rig.store };
}

static void rig_begin(const char *settings, unsigned n_workers, unsigned max_jobs)
{
	struct err e;

	rig = (struct rig){ .catalog.ops = &catalog_ops,
			    .store.ops = &store_ops,
			    .people.base.ops = &people_ops };
	strcpy(rig.dir, "/tmp/winpop-pop3-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	pthread_mutex_init(&rig.lock, NULL);
	sem_init(&rig.entered, 0, 0);
	sem_init(&rig.go, 0, 0);
	sem_init(&rig.idle, 0, 0);
	make_big();
	rig.sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(rig.sink, heard, NULL);
	rig.log.sink = rig.sink;
	struct auth_setup as = { .service = "pop",
				 .hostname = "mx.test",
				 .mechanisms = "PLAIN LOGIN",
				 .apop = true,
				 .accounts = &rig.people.base,
				 .log = &rig.log };
	if (auth_open(&as, NULL, &rig.auth, &e) != EC_OK)
		fail_msg("%s", e.text);
	struct pop3_setup setup = read_settings(settings);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(loop_new(i, &rig.loops[i], &e), EC_OK);
	assert_int_equal(work_new("test", n_workers, max_jobs, &rig.work, &e), EC_OK);
	rig.pop3 = pop3_new(rig.loops, 2, rig.work, &setup, &rig.log);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(loop_start(rig.loops[i], &e), EC_OK);
}

static void rig_end(void)
{
	for (unsigned i = 0; i < 2; i++) {
		loop_stop(rig.loops[i]);
		loop_join(rig.loops[i]);
	}
	work_free(&rig.work);
	pop3_free(&rig.pop3);
	for (unsigned i = 0; i < 2; i++)
		loop_free(&rig.loops[i]);
	auth_unref(&rig.auth);
	conf_unref(&rig.conf);
	log_close(&rig.sink);
	close(rig.big_fd);
	free(rig.big);
	buf_drop(&rig.said);
	assert_int_equal(rmdir(rig.dir), 0);
	assert_int_equal(rig.n_claims, rig.n_releases);
	assert_int_equal(rig.n_blobs, rig.n_blobs_back);
}

static bool nobody_is_in(void)
{
	struct pop3_now now;

	pop3_now(rig.pop3, &now);
	return now.sessions == 0 && now.slots.served == 0 && now.signed_in == 0 &&
	       rig.n_claims == rig.n_releases;
}

/* ---- the client ---- */

static int client(void)
{
	static const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	pop3_accept(rig.pop3, fd[1], (const struct sockaddr *)&unnamed, sizeof(sa_family_t), false);
	return fd[0];
}

static void say(int fd, const char *z)
{
	size_t len = strlen(z);

	assert_int_equal(send(fd, z, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* One line, its CRLF cut; false at the end of the connection. */
static bool hear_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(fd, line + n, 1, 0);
		if (got == 0)
			return false;
		assert_int_equal(got, 1);
		assert_true(++n < size);
		if (n >= 2 && line[n - 2] == '\r' && line[n - 1] == '\n') {
			line[n - 2] = '\0';
			return true;
		}
	}
}

static void hear(int fd, const char *start)
{
	char line[600];

	if (!hear_line(fd, line, sizeof(line)))
		fail_msg("wanted '%s', got the end", start);
	if (strncmp(line, start, strlen(start)))
		fail_msg("wanted '%s', got '%s'", start, line);
}

static void hear_end(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
}

static void hear_big(int fd)
{
	char *got = mem_new(LARGE);

	hear(fd, "+OK 307200 octets");
	assert_int_equal(recv(fd, got, LARGE, MSG_WAITALL), LARGE);
	assert_memory_equal(got, rig.big, LARGE);
	free(got);
	hear(fd, ".");
}

static int signed_in(void)
{
	int fd = client();

	hear(fd, "+OK mx.test POP3 ready <");
	say(fd, SIGNIN);
	hear(fd, "+OK send PASS");
	hear(fd, "+OK mailbox open, 3 messages (");
	return fd;
}

/* ---- tests ---- */

static void a_session(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	int fd = signed_in();
	say(fd,
	    "STAT" N "RETR 1" N "RETR 2" N "RETR 3" N "TOP 2 0" N "DELE 1" N "DELE 3" N "QUIT" N);
	hear(fd, "+OK 3 ");
	hear(fd, "+OK 25 octets");
	hear(fd, "Subject: small");
	hear(fd, "");
	hear(fd, "hello");
	hear(fd, ".");
	hear_big(fd);
	hear(fd, "+OK 30 octets");
	hear(fd, "Subject: dots");
	hear(fd, "");
	hear(fd, "..one");
	hear(fd, "...two");
	hear(fd, ".");
	hear(fd, "+OK top");
	for (unsigned i = 0; i < LARGE / 64; i++) /* it has no empty line: all of it is header */
		hear(fd, "");
	hear(fd, ".");
	hear(fd, "+OK message 1");
	hear(fd, "+OK message 3");
	hear(fd, "+OK 2 messages removed");
	hear_end(fd);
	wait_until(nobody_is_in);
	assert_int_equal(rig.n_commits, 1);
	assert_int_equal(rig.n_removed, 2);
	assert_int_equal(count_logged("event=signin "), 1);
	assert_int_equal(count_logged("account=\"kim@example.com\""), 2);
	assert_int_equal(count_logged("event=session-end "), 1);
	assert_int_equal(count_logged("why=\"quit\""), 1);
	rig_end();
}

/* The mailbox is free when QUIT is answered: the next session never hears [IN-USE]. */
static void one_after_the_other(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	for (int i = 0; i < 200; i++) {
		int fd = signed_in();
		say(fd, i % 2 ? "QUIT" N : "DELE 1" N "QUIT" N);
		hear(fd, "+OK");
		if (i % 2 == 0)
			hear(fd, "+OK");
		close(fd);
	}
	wait_until(nobody_is_in);
	rig_end();
}

static void refusals(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	int holder = signed_in(), fd = client();
	hear(fd, "+OK");
	say(fd, SIGNIN);
	hear(fd, "+OK");
	hear(fd, "-ERR [IN-USE] ");
	say(fd, "USER kim@example.com" N "PASS wrong" N);
	hear(fd, "+OK");
	hear(fd, "-ERR [AUTH] ");
	say(fd, "USER kim@example.org" N "PASS grok-and-roll" N);
	hear(fd, "+OK");
	hear(fd, "-ERR [SYS/PERM] this account has no mailbox");
	say(fd, "USER away@example.com" N "PASS x" N);
	hear(fd, "+OK");
	hear(fd, "-ERR [SYS/TEMP] ");
	rig.locked = true;
	say(fd, SIGNIN "USER kim@example.com" N "PASS wrong" N);
	hear(fd, "+OK");
	hear(fd, "-ERR [SYS/PERM] mailbox is locked");
	hear(fd, "+OK");
	hear(fd, "-ERR [AUTH] ");
	rig.locked = false;
	say(holder, "QUIT" N);
	hear(holder, "+OK");
	hear_end(holder);
	say(fd, "AUTH PLAIN" N "*" N "AUTH PLAIN AGtpbUBleGFtcGxlLmNvbQB0YW5zdGFhZg==" N "NOOP" N
		"QUIT" N);
	hear(fd, "+ ");
	hear(fd, "-ERR sign-in cancelled");
	hear(fd, "+OK mailbox open");
	hear(fd, "+OK still here");
	hear(fd, "+OK 0 messages removed");
	hear_end(fd);
	wait_until(nobody_is_in);
	assert_int_equal(count_logged("event=mailbox-in-use "), 1);
	assert_int_equal(count_logged("event=mailbox-missing "), 1);
	assert_int_equal(count_logged("event=mailbox-refused "), 1);
	rig_end();
}

/* The client is gone before the worker is back, wherever that is; nothing is lost and nothing removed but by QUIT. */
static void vanishing(void **state)
{
	static const struct {
		enum slow at;
		const char *say;
		int n_removed;
	} cases[] = {
		{ CLAIM, SIGNIN, 0 },
		{ TABLE, "LIST" N, 0 },
		{ FETCH, "RETR 2" N, 0 },
		{ FETCH, "RETR 3" N, 0 },
		{ COMMIT, "DELE 1" N "QUIT" N, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_begin("", 2, 64);
		int fd = cases[i].at == CLAIM ? client() : signed_in();
		atomic_store(&rig.stops_at, cases[i].at);
		say(fd, cases[i].say);
		sem_wait(&rig.entered);
		atomic_store(&rig.stops_at, NOTHING);
		close(fd);
		sem_post(&rig.go);
		wait_until(nobody_is_in);
		assert_int_equal(rig.n_removed, cases[i].n_removed);
		rig_end();
	}
}

/* The process ends while a worker is busy for a client. */
static void stopping_in_the_middle(void **state)
{
	(void)state;
	for (enum slow at = CLAIM; at <= COMMIT; at++) {
		rig_begin("", 2, 64);
		int fd = at == CLAIM ? client() : signed_in();
		atomic_store(&rig.stops_at, at);
		say(fd, at == CLAIM   ? SIGNIN
			: at == TABLE ? "LIST" N
			: at == FETCH ? "RETR 2" N
				      : "DELE 1" N "QUIT" N);
		sem_wait(&rig.entered);
		sem_post(&rig.go);
		rig_end();
		close(fd);
	}
}

static void vanishing_while_reading(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	for (int i = 0; i < 20; i++) {
		int fd = signed_in();
		say(fd, "DELE 1" N "RETR 2" N "RETR 2" N "RETR 2" N "RETR 2" N "RETR 3" N);
		hear(fd, "+OK message 1");
		hear(fd, "+OK 307200");
		close(fd);
		wait_until(nobody_is_in);
	}
	assert_int_equal(rig.n_commits, 0);
	rig_end();
}

/* printf '...' | nc: the client sends no more, and hears everything. */
static void half_closed(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	int fd = client();
	say(fd, SIGNIN "STAT" N "DELE 2" N "QUIT" N);
	shutdown(fd, SHUT_WR);
	hear(fd, "+OK mx.test");
	hear(fd, "+OK send");
	hear(fd, "+OK mailbox");
	hear(fd, "+OK 3 ");
	hear(fd, "+OK message 2");
	hear(fd, "+OK 1 message removed");
	hear_end(fd);
	fd = client();
	say(fd, SIGNIN "DELE 2" N "QUI");
	shutdown(fd, SHUT_WR);
	hear(fd, "+OK mx.test");
	hear(fd, "+OK send");
	hear(fd, "+OK mailbox");
	hear(fd, "+OK message 2");
	hear_end(fd);
	wait_until(nobody_is_in);
	assert_int_equal(rig.n_removed, 1);
	assert_int_equal(count_logged("why=\"client-gone\""), 1);
	rig_end();
}

static bool one_is_held(void)
{
	struct pop3_now now;

	pop3_now(rig.pop3, &now);
	return now.slots.held == 1;
}

static void slots(void **state)
{
	(void)state;
	rig_begin("socketmax = 1\nsocketmin = 1\nsocketthreshold = 0\nsocketbacklog = 1\n", 2, 64);
	int first = client();
	hear(first, "+OK");
	int second = client();
	wait_until(one_is_held);
	int third = client();
	hear_end(third);
	assert_int_equal(count_logged("event=connection-denied "), 1);
	char c;
	assert_int_equal(recv(second, &c, 1, MSG_DONTWAIT), -1);
	say(first, "QUIT" N);
	hear(first, "+OK");
	hear_end(first);
	hear(second, "+OK mx.test");
	int fourth = client();
	wait_until(one_is_held);
	close(fourth); /* a waiter gives up */
	say(second, "QUIT" N);
	hear(second, "+OK");
	hear_end(second);
	wait_until(nobody_is_in);
	rig_end();
}

static void deadline_before_sign_in(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	rig.conf->signin_timeout_s = 1; /* less than the option table allows */
	int idle = client(), trickling = client();
	hear(idle, "+OK");
	hear(trickling, "+OK");
	say(trickling, "CAP");
	hear_end(idle);
	hear_end(trickling);
	wait_until(nobody_is_in);
	assert_int_equal(count_logged("why=\"idle\""), 2);
	rig_end();
}

static void is_idle(void *ctx)
{
	(void)ctx;
	sem_post(&rig.idle);
}

static void drain(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	int stranger = client(), user = signed_in();
	hear(stranger, "+OK");
	pop3_drain(rig.pop3, is_idle, NULL);
	hear(stranger, "-ERR [SYS/TEMP] the service is stopping");
	hear_end(stranger);
	hear_end(client());
	assert_int_equal(sem_trywait(&rig.idle), -1);
	say(user, "DELE 1" N "QUIT" N);
	hear(user, "+OK");
	hear(user, "+OK 1 message removed");
	hear_end(user);
	sem_wait(&rig.idle);
	assert_int_equal(sem_trywait(&rig.idle), -1);
	rig_end();
}

static void drain_when_empty(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	pop3_drain(rig.pop3, is_idle, NULL);
	sem_wait(&rig.idle);
	rig_end();
}

static void kick(void **state)
{
	static const struct name kim = { .local = "kim", .domain = "example.com" };
	static const struct name pat = { .local = "pat", .domain = "example.com" };
	static const struct name domain = { .domain = "example.com" };
	const struct name *const whom[] = { &kim, &domain, NULL };

	(void)state;
	rig_begin("", 2, 64);
	for (size_t i = 0; i < 3; i++) {
		int fd = signed_in();
		say(fd, "DELE 1" N);
		hear(fd, "+OK");
		pop3_kick(rig.pop3, &pat);
		say(fd, "NOOP" N);
		hear(fd, "+OK");
		pop3_kick(rig.pop3, whom[i]);
		hear(fd, "-ERR [SYS/TEMP] an administrator");
		hear_end(fd);
		wait_until(nobody_is_in);
	}
	assert_int_equal(rig.n_commits, 0);
	assert_int_equal(count_logged("why=\"kicked\""), 3);
	rig_end();
}

/* `lock /now`: a sign-in that had passed the lock before it was set does not slip in behind the kick. */
static bool both_loops_went_by(void);
static void kick_while_signing_in(void **state)
{
	static const struct name kim = { .local = "kim", .domain = "example.com" };

	(void)state;
	rig_begin("", 2, 64);
	int fd = client();
	hear(fd, "+OK");
	atomic_store(&rig.stops_at, CLAIM);
	say(fd, SIGNIN);
	hear(fd, "+OK");
	sem_wait(&rig.entered);
	atomic_store(&rig.stops_at, NOTHING);
	pop3_kick(rig.pop3, &kim);
	wait_until(both_loops_went_by);
	sem_post(&rig.go);
	hear(fd, "-ERR [SYS/TEMP] ");
	say(fd, SIGNIN "QUIT" N);
	hear(fd, "+OK");
	hear(fd, "+OK mailbox open");
	hear(fd, "+OK");
	hear_end(fd);
	wait_until(nobody_is_in);
	rig_end();
}

static void went_by(struct job *j)
{
	sem_post(&rig.idle);
	free(j);
}

static bool both_loops_went_by(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct job *j = mem_new(sizeof(*j));
		*j = (struct job){ .home = rig.loops[i], .done = went_by };
		loop_post(rig.loops[i], j);
		sem_wait(&rig.idle);
	}
	return true;
}

static void login_delay(void **state)
{
	(void)state;
	rig_begin("login_delay = 600\n", 2, 64);
	int fd = signed_in();
	say(fd, "CAPA" N "QUIT" N);
	char line[600] = "";
	while (strcmp(line, "LOGIN-DELAY 600") && hear_line(fd, line, sizeof(line)))
		;
	assert_string_equal(line, "LOGIN-DELAY 600");
	close(fd);
	wait_until(nobody_is_in);
	fd = client();
	hear(fd, "+OK");
	say(fd, SIGNIN);
	hear(fd, "+OK");
	hear(fd, "-ERR [LOGIN-DELAY] ");
	close(fd);
	wait_until(nobody_is_in);
	rig_end();
}

static void commit_fails(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	atomic_store(&rig.commit_class, EC_TEMP);
	int fd = signed_in();
	say(fd, "DELE 1" N "QUIT" N);
	hear(fd, "+OK");
	hear(fd, "-ERR [SYS/TEMP] some deleted messages were not removed");
	hear_end(fd);
	wait_until(nobody_is_in);
	assert_int_equal(count_logged("event=mailbox-trouble "), 1);
	rig_end();
}

/* One worker, one place: it is taken, the others are told to come back, and their mailboxes are not lost. */
static void queue_is_full(void **state)
{
	(void)state;
	rig_begin("", 1, 1);
	int user = signed_in(), slow = client(), late = client();
	hear(slow, "+OK");
	hear(late, "+OK");
	atomic_store(&rig.stops_at, TABLE);
	say(user, "LIST" N);
	sem_wait(&rig.entered);
	say(slow, SIGNIN);
	hear(slow, "+OK");
	wait_until(both_loops_went_by);
	say(late, SIGNIN);
	hear(late, "+OK");
	hear(late, "-ERR [SYS/TEMP] server is busy");
	atomic_store(&rig.stops_at, NOTHING);
	sem_post(&rig.go);
	hear(user, "+OK 3 messages");
	hear(slow, "-ERR [IN-USE]");
	close(user);
	close(slow);
	close(late);
	wait_until(nobody_is_in);
	rig_end();
}

static void new_settings(void **state)
{
	(void)state;
	rig_begin("login_delay = 7\n", 2, 64);
	struct conf *before = rig.conf;
	int old = client();
	hear(old, "+OK");
	struct pop3_setup setup = read_settings("login_delay = 8\n");
	pop3_setup(rig.pop3, &setup);
	conf_unref(&before);
	wait_until(both_loops_went_by);
	int new = client();
	hear(new, "+OK");
	for (int i = 0; i < 2; i++) {
		char line[600] = "";
		say(i ? new : old, "CAPA" N);
		while (strncmp(line, "LOGIN-DELAY", 11) &&
		       hear_line(i ? new : old, line, sizeof(line)))
			;
		assert_string_equal(line, i ? "LOGIN-DELAY 8" : "LOGIN-DELAY 7");
		close(i ? new : old);
	}
	wait_until(nobody_is_in);
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(refusals),
		cmocka_unit_test(vanishing),
		cmocka_unit_test(stopping_in_the_middle),
		cmocka_unit_test(vanishing_while_reading),
		cmocka_unit_test(half_closed),
		cmocka_unit_test(slots),
		cmocka_unit_test(deadline_before_sign_in),
		cmocka_unit_test(drain),
		cmocka_unit_test(drain_when_empty),
		cmocka_unit_test(kick),
		cmocka_unit_test(kick_while_signing_in),
		cmocka_unit_test(login_delay),
		cmocka_unit_test(commit_fails),
		cmocka_unit_test(queue_is_full),
		cmocka_unit_test(new_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
