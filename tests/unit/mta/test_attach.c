/* test_attach.c - whole sessions over sockets, with real loops, workers and sign-in, and a catalog that can be made to wait. */
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
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/b64.h"
#include "server/base/clock.h"
#include "server/mta/mta.h"
#include "tests/unit/auth/people.h"

#define T "\t"
#define N "\n"
#define HELLO "VERSION" T "1" T "2" N "CPID" T "1" N
#define OLD_HELLO "VERSION" T "1" T "0" N "CPID" T "1" N
#define AUTH(id) "AUTH" T id T "PLAIN" T "service=smtp" T "rip=192.0.2.7" T "secured" T "resp="

static struct {
	struct catalog catalog;
	struct people people;
	struct loop *loop;
	struct mta_work work;
	struct conf *conf;
	struct auth *auth;
	struct mta *mta;
	struct mta_setup setup;
	struct log_sink *sink;
	char dir[32];
	atomic_bool slow;
	sem_t entered, go; /* slow: a look-up says when it is in, and waits */
	sem_t idle;
	pthread_mutex_t lock;
	char heard[20000]; /* the log, under the lock */
} rig;

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	if (atomic_load(&rig.slow)) {
		sem_post(&rig.entered);
		sem_wait(&rig.go);
	}
	if (strcmp(n->local, "nobody") == 0)
		return err_set(e, EC_ABSENT, "no mailbox");
	if (strcmp(n->local, "away") == 0)
		return err_set(e, EC_TEMP, "the directory is away");
	*out = (struct entry){ .name = *n, .locked = true };
	if (strcmp(n->local, "empty") == 0) /* whose mailbox has another name */
		strcpy(out->name.local, "full");
	return EC_OK;
}

static enum ec each(struct catalog *c, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	static const struct entry entry = { .name.domain = "c" };

	(void)c, (void)domain, (void)e;
	fn(ctx, &entry);
	return EC_OK;
}

static const struct catalog_ops catalog_ops = { .name = "test", .find = find, .each = each };

static void hear_log(void *ctx, const char *line)
{
	(void)ctx;
	pthread_mutex_lock(&rig.lock);
	if (strlen(rig.heard) + strlen(line) + 2 < sizeof(rig.heard))
		strcat(strcat(rig.heard, line), "\n");
	pthread_mutex_unlock(&rig.lock);
}

static bool logged(const char *what)
{
	pthread_mutex_lock(&rig.lock);
	bool found = strstr(rig.heard, what);

	pthread_mutex_unlock(&rig.lock);
	return found;
}

static void open_auth(const struct log *log, unsigned penalty_ms)
{
	struct err e;
	const struct auth_setup setup = {
		.service = "pop",
		.hostname = "mx.test",
		.mechanisms = "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN EXTERNAL",
		.penalty_ms = penalty_ms,
		.accounts = &rig.people.base,
		.log = log,
	};

	if (auth_open(&setup, NULL, &rig.auth, &e) != EC_OK)
		fail_msg("%s", e.text);
}

static struct conf *settings(const char *more)
{
	char text[400];
	struct conf *c;
	struct err e;

	snprintf(text, sizeof(text), "mailroot = %s\nhostname = mx.test\n%s", rig.dir, more);
	if (conf_parse("test", text, strlen(text), &c, &e) != EC_OK)
		fail_msg("%s", e.text);
	return c;
}

static void rig_begin(const char *more, unsigned max_jobs, unsigned penalty_ms)
{
	struct err e;

	memset(&rig, 0, sizeof(rig));
	rig.catalog.ops = &catalog_ops;
	rig.people.base = (struct accounts){ .ops = &people_ops, .reveals = 1u << SECRET_CLEAR };
	strcpy(rig.dir, "/tmp/winpop-mta-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	pthread_mutex_init(&rig.lock, NULL);
	sem_init(&rig.entered, 0, 0);
	sem_init(&rig.go, 0, 0);
	sem_init(&rig.idle, 0, 0);
	rig.sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(rig.sink, hear_log, NULL);
	const struct log log = { .sink = rig.sink };

	rig.conf = settings(more);
	open_auth(&log, penalty_ms);
	assert_int_equal(loop_new(0, &rig.loop, &e), EC_OK);
	assert_int_equal(work_new("lookup", 2, max_jobs, &rig.work.lookup, &e), EC_OK);
	assert_int_equal(work_new("signin", 2, max_jobs, &rig.work.signin, &e), EC_OK);
	rig.setup = (struct mta_setup){
		.conf = rig.conf, .rule = NAME_FILE, .auth = rig.auth, .catalog = &rig.catalog
	};
	rig.mta = mta_new(&rig.loop, 1, rig.work, &rig.setup, &log);
	assert_int_equal(loop_start(rig.loop, &e), EC_OK);
}

static void rig_end(void)
{
	loop_stop(rig.loop);
	loop_join(rig.loop);
	work_free(&rig.work.lookup);
	work_free(&rig.work.signin);
	mta_free(&rig.mta);
	loop_free(&rig.loop);
	auth_unref(&rig.auth);
	conf_unref(&rig.conf);
	log_close(&rig.sink);
	assert_int_equal(rmdir(rig.dir), 0);
}

/* ---- a client ---- */

static int client(enum mta_door door)
{
	struct timeval patience = { .tv_sec = 20 };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	mta_accept(rig.mta, fd[1], door);
	return fd[0];
}

static void say(int fd, const char *z)
{
	for (size_t len = strlen(z); len > 0;) {
		ssize_t n = send(fd, z, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		z += n;
		len -= (size_t)n;
	}
}

/* What comes next is this and nothing else; "" is the end. */
static void hear(int fd, const char *want)
{
	char got[2000];
	size_t len = 0, all = strlen(want);

	while (len < all || all == 0) {
		ssize_t n = recv(fd, got + len, all ? all - len : 1, 0);

		if (n == 0 && all == 0)
			return;
		if (n <= 0 || all == 0) {
			fail_msg("wanted \"%s\", heard \"%.*s\" (%zd)", want, (int)len, got, n);
			return;
		}
		len += (size_t)n;
	}
	if (memcmp(got, want, all) != 0)
		fail_msg("wanted \"%s\", heard \"%.*s\"", want, (int)len, got);
}

/* Reads up to the end of the handshake; returns it. */
static const char *hear_handshake(int fd)
{
	static char all[2000];
	size_t len = 0;

	do {
		assert_true(len + 1 < sizeof(all));
		assert_int_equal(recv(fd, all + len, 1, 0), 1);
		all[++len] = '\0';
	} while (len < 6 || strcmp(all + len - 6, "\nDONE\n") != 0);
	return all;
}

static int auth_client(const char *hello)
{
	int fd = client(MTA_AUTH);

	hear_handshake(fd);
	say(fd, hello);
	return fd;
}

/* "AUTH" of this number with a password. */
static void say_plain(int fd, const char *id, const char *user, const char *pass)
{
	char raw[200], b64[300], line[500];
	int n = snprintf(raw, sizeof(raw), "%c%s%c%s", 0, user, 0, pass);

	b64[b64_encode(b64, raw, (size_t)n)] = '\0';
	snprintf(line, sizeof(line),
		 "AUTH\t%s\tPLAIN\tservice=smtp\tnologin\trip=192.0.2.7\tsecured\tresp=%s\n", id,
		 b64);
	say(fd, line);
}

static void wait_until(bool (*what)(void))
{
	uint64_t end_ms = clock_mono_ms() + 20000;

	while (!what()) {
		assert_true(clock_mono_ms() < end_ms);
		sched_yield();
	}
}

static struct mta_now now(void)
{
	struct mta_now n;

	mta_now(rig.mta, &n);
	return n;
}

static bool nobody_left(void)
{
	return now().sessions == 0;
}

static bool two_left(void)
{
	return now().sessions == 2;
}

static void idle(void *ctx)
{
	(void)ctx;
	sem_post(&rig.idle);
}

static void wait_idle(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	assert_int_equal(sem_timedwait(&rig.idle, &end), 0);
}

/* ---- the maps ---- */

static void test_maps(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = client(MTA_MAPS);

	say(fd, "13:mailboxes k@c,18:mailboxes nobody@c,1");
	hear(fd, "6:OK k@c,9:NOTFOUND ,");
	say(fd, "1:senders k@c,9:senders k,");
	hear(fd, "6:OK k@c,9:NOTFOUND ,");
	say(fd, "14:domains away.c,16:mailboxes away@c,");
	hear(fd, "9:OK away.c,50:TEMP winpopd cannot tell just now; ask again later,");
	assert_true(logged("event=lookup-failed sid=m1 peer=local name=\"away@c\" class=\"temp\" "
			   "text=\"the directory is away\""));
	shutdown(fd, SHUT_WR);
	hear(fd, "");
	close(fd);
	wait_until(nobody_left);
	assert_int_equal(now().total, 1);
	assert_int_equal(now().lookups, 6);
	rig_end();
}

/* A client that has said all before it is heard. */
static void test_half_closed(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = client(MTA_MAPS);

	say(fd, "13:mailboxes k@c,13:mailboxes l@c,13:mail");
	shutdown(fd, SHUT_WR);
	hear(fd, "6:OK k@c,6:OK l@c,");
	hear(fd, "");
	close(fd);
	rig_end();
}

static void test_no_netstring(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = client(MTA_MAPS);

	say(fd, "GET / HTTP/1.0\r\n\r\n");
	hear(fd, "44:PERM not a netstring of at most 10000 octets,");
	hear(fd, "");
	close(fd);
	rig_end();
}

/* Many questions, no reading: they are answered all the same, and nothing grows without a bound. */
static void test_questions_without_reading(void **state)
{
	enum { ASKED = 30000 };
	(void)state;
	rig_begin("", 100, 0);
	int fd = client(MTA_MAPS), n = 0, heard = 0;
	char got[4096];

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (n < ASKED && send(fd, "9:senders k,", 12, MSG_NOSIGNAL) == 12)
		n++;
	fcntl(fd, F_SETFL, 0);
	shutdown(fd, SHUT_WR);
	for (ssize_t len; (len = recv(fd, got, sizeof(got), 0)) > 0;)
		heard += (int)len;
	assert_true(n > 100);
	assert_int_equal(heard, n * 12);
	close(fd);
	rig_end();
}

static void test_no_room(void **state)
{
	(void)state;
	rig_begin("mta_socketmax = 2\n", 100, 0);
	int a = client(MTA_MAPS), b = auth_client(""), c = client(MTA_MAPS);

	hear(c, "");
	assert_true(logged("event=mta-turned-away mta_socketmax=2"));
	assert_int_equal(now().sessions, 2);
	close(a);
	close(b);
	close(c);
	wait_until(nobody_left);
	a = client(MTA_MAPS);
	say(a, "9:senders k,");
	hear(a, "9:NOTFOUND ,");
	close(a);
	rig_end();
}

static void test_busy(void **state)
{
	(void)state;
	rig_begin("", 1, 0);
	atomic_store(&rig.slow, true);
	int fd[4];

	for (int i = 0; i < 2; i++) { /* both workers */
		fd[i] = client(MTA_MAPS);
		say(fd[i], "13:mailboxes k@c,");
		sem_wait(&rig.entered);
	}
	fd[2] = client(MTA_MAPS); /* the queue */
	say(fd[2], "13:mailboxes k@c,");
	uint64_t end_ms = clock_mono_ms() + 20000;

	while (work_waiting(rig.work.lookup) == 0)
		assert_true(clock_mono_ms() < end_ms);
	fd[3] = client(MTA_MAPS);
	say(fd[3], "13:mailboxes k@c,");
	hear(fd[3], "48:TEMP too many questions at once; ask again later,");
	atomic_store(&rig.slow, false);
	for (int i = 0; i < 2; i++)
		sem_post(&rig.go);
	for (int i = 0; i < 3; i++)
		hear(fd[i], "6:OK k@c,");
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	rig_end();
}

/* Whether it only has no more to say, nobody knows before the answer. */
static void test_vanished_while_asking(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	atomic_store(&rig.slow, true);
	int fd = client(MTA_MAPS), auth = auth_client(HELLO);

	say(fd, "13:mailboxes k@c,");
	say_plain(auth, "1", "kim@example.com", "tanstaaf");
	sem_wait(&rig.entered);
	sem_wait(&rig.entered);
	close(fd);
	close(auth);
	atomic_store(&rig.slow, false);
	sem_post(&rig.go);
	sem_post(&rig.go);
	wait_until(nobody_left);
	fd = client(MTA_MAPS);
	say(fd, "13:mailboxes k@c,");
	hear(fd, "6:OK k@c,");
	close(fd);
	rig_end();
}

/* The process ends while a look-up and a sign-in are away. */
static void test_end_of_all(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	atomic_store(&rig.slow, true);
	int maps = client(MTA_MAPS), auth = auth_client(HELLO);

	say(maps, "13:mailboxes k@c,");
	say_plain(auth, "1", "kim@example.com", "tanstaaf");
	sem_wait(&rig.entered);
	sem_wait(&rig.entered);
	loop_stop(rig.loop);
	loop_join(rig.loop);
	atomic_store(&rig.slow, false);
	sem_post(&rig.go);
	sem_post(&rig.go);
	rig_end();
	close(maps);
	close(auth);
}

static void test_drain(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int quiet = client(MTA_MAPS), half = client(MTA_MAPS), open = auth_client(HELLO);

	say(half, "13:mail");
	say(open, "AUTH" T "1" T "LOGIN" T "service=smtp" T "secured" N);
	hear(open, "CONT" T "1" T "VXNlcm5hbWU6" N);
	atomic_store(&rig.slow, true);
	int asked = client(MTA_MAPS), signing = auth_client(HELLO);

	say(asked, "13:mailboxes k@c,");
	sem_wait(&rig.entered);
	say_plain(signing, "7", "kim@example.com", "tanstaaf");
	sem_wait(&rig.entered);
	mta_drain(rig.mta, idle, NULL);
	hear(quiet, "");
	hear(half, "");
	hear(open, "");
	int late = client(MTA_AUTH);

	hear(late, "");
	wait_until(two_left);
	atomic_store(&rig.slow, false);
	sem_post(&rig.go);
	sem_post(&rig.go);
	hear(asked, "6:OK k@c,");
	hear(asked, "");
	hear(signing, "OK" T "7" T "user=kim@example.com" N);
	hear(signing, "");
	wait_idle();
	for (int fd[] = { quiet, half, open, asked, signing, late }, i = 0; i < 6; i++)
		close(fd[i]);
	rig_end();
}

static void test_drain_of_none(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	mta_drain(rig.mta, idle, NULL);
	wait_idle();
	rig_end();
}

/* ---- sign-in ---- */

static void test_handshake(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = client(MTA_AUTH);
	const char *said = hear_handshake(fd);

	assert_non_null(strstr(said, N "MECH" T "PLAIN" T "plaintext" N));
	assert_non_null(strstr(said, N "MECH" T "SCRAM-SHA-256" T "mutual-auth" N));
	assert_null(strstr(said, "EXTERNAL")); /* the certificate would be the MTA's to see */
	assert_null(strstr(said, "PLUS"));     /* and so would the channel */
	assert_non_null(strstr(said, N "CUID" T "1" N));
	close(fd);
	rig_end();
}

#define WRONG(id) "FAIL" T id T "reason=user name or password is wrong" N
#define FORBIDDEN(id)                                                                              \
	"FAIL" T id T "reason=sign-in is not permitted; ask your administrator" T "authz" T        \
	"code=authz_fail" N

static void test_sign_in(void **state)
{
	static const struct {
		const char *user, *pass, *hear;
	} cases[] = {
		{ "kim@example.com", "tanstaaf", "OK" T "1" T "user=kim@example.com" N },
		{ "Kimmy", "x", WRONG("1") },
		{ "kimmy", "tanstaaf", "OK" T "1" T "user=kim@example.com" N },
		{ "kim@example.com", "grok-and-roll", WRONG("1") },
		{ "nobody@example.com", "x", WRONG("1") },
		{ "../../etc/passwd", "x", WRONG("1") },
		/* its mailbox is known by another name: so the map of senders says */
		{ "empty@example.com", "", WRONG("1") },
		{ "old@example.com", "yesterday",
		  "FAIL" T "1" T "reason=your password has expired; change it, then try again" T
		  "pass_expired" T "code=pass_expired" N },
		{ "off@example.com", "was-here", FORBIDDEN("1") },
		{ "away@example.com", "unreachable",
		  "FAIL" T "1" T "reason=cannot sign in just now; try again later" T "temp" T
		  "code=temp_fail" N },
	};

	(void)state;
	rig_begin("", 100, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = auth_client(HELLO);

		say_plain(fd, "1", cases[i].user, cases[i].pass);
		hear(fd, cases[i].hear);
		close(fd);
	}
	assert_true(logged("event=signin sid=m1 peer=192.0.2.7 account=\"kim@example.com\" "
			   "mech=\"PLAIN\" service=\"smtp\" secured=\"yes\""));
	assert_true(logged("event=signin-failed sid=m2 peer=192.0.2.7 account=\"Kimmy\" "
			   "mech=\"PLAIN\" service=\"smtp\""));
	assert_false(logged("tanstaaf"));
	assert_int_equal(now().signins, sizeof(cases) / sizeof(cases[0]));
	assert_int_equal(now().failed, sizeof(cases) / sizeof(cases[0]) - 2);
	rig_end();
}

/* TLS between the MTA and its client, or not: it is the MTA that knows. */
static void test_clear_passwords(void **state)
{
	static const struct {
		const char *params;
		bool allowed;
	} cases[] = {
		{ "service=smtp" T "rip=192.0.2.7", false },
		{ "service=smtp" T "rip=192.0.2.7" T "secured", true },
		{ "service=smtp" T "rip=192.0.2.7" T "secured=tls", true },
		{ "service=smtp" T "rip=127.0.0.1", true },
		{ "service=smtp" T "rip=::1", true },
		{ "service=smtp" T "rip=::ffff:127.0.0.1", true },
		{ "service=smtp" T "rip=localhost", false },
		{ "service=smtp" T "rip=", false },
		{ "service=smtp", false },
	};

	(void)state;
	rig_begin("", 100, 0);
	int fd = auth_client(HELLO);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[200], id[8];

		snprintf(id, sizeof(id), "%zu", i + 1);
		snprintf(line, sizeof(line), "AUTH\t%s\tPLAIN\t%s\tresp=AGtpbW15AHRhbnN0YWFm\n", id,
			 cases[i].params);
		say(fd, line);
		if (cases[i].allowed)
			snprintf(line, sizeof(line), "OK\t%s\tuser=kim@example.com\n", id);
		else
			snprintf(line, sizeof(line), FORBIDDEN("%s"), id);
		hear(fd, line);
	}
	close(fd);
	rig_end();
}

/* While one answer waits out its penalty, others on the same connection come. */
static void test_penalty(void **state)
{
	(void)state;
	rig_begin("", 100, 300);
	int fd = auth_client(HELLO);
	uint64_t began_ms = clock_mono_ms();

	say_plain(fd, "1", "kim@example.com", "wrong");
	say_plain(fd, "2", "kim@example.org", "grok-and-roll");
	hear(fd, "OK" T "2" T "user=kim@example.org" N);
	hear(fd, WRONG("1"));
	assert_true(clock_mono_ms() - began_ms >= 300);
	close(fd);
	rig_end();
}

static void test_vanished_while_waiting(void **state)
{
	(void)state;
	rig_begin("", 100, 300);
	int fd = auth_client(HELLO);

	say_plain(fd, "1", "kim@example.com", "wrong");
	close(fd);
	wait_until(nobody_left);
	assert_true(logged("signin-failed"));
	rig_end();
}

/* ... and while the process ends. */
static void test_end_while_waiting(void **state)
{
	(void)state;
	rig_begin("", 100, 60000);
	int fd = auth_client(HELLO);
	uint64_t end_ms = clock_mono_ms() + 20000;

	say_plain(fd, "1", "kim@example.com", "wrong");
	while (!logged("signin-failed"))
		assert_true(clock_mono_ms() < end_ms);
	rig_end();
	close(fd);
}

static void test_trouble_for_an_old_client(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = auth_client(OLD_HELLO);

	say_plain(fd, "1", "kim@example.com", "wrong");
	hear(fd, WRONG("1"));
	say_plain(fd, "2", "away@example.com", "unreachable");
	hear(fd, "");
	close(fd);
	rig_end();
}

static void test_no_protocol(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = auth_client("EHLO me\r\n");

	hear(fd, "");
	close(fd);
	wait_until(nobody_left);
	assert_true(logged("event=mta-fault sid=m1 peer=local door=\"auth\" "
			   "text=\"an unknown command\""));
	rig_end();
}

/* New settings are there with the next question; an exchange that goes on keeps its own. */
static void test_new_setup(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = auth_client(HELLO);
	static const char login[] = "AUTH" T "1" T "LOGIN" T "service=smtp" T "rip=192.0.2.7" N,
			  again[] = "AUTH" T "2" T "LOGIN" T "service=smtp" T "rip=192.0.2.7" N;

	say(fd, login);
	hear(fd, FORBIDDEN("1"));
	struct conf *open = settings("plaintext_without_tls = yes\n");

	rig.setup.conf = open;
	mta_setup(rig.mta, &rig.setup);
	conf_unref(&open);
	say(fd, again);
	hear(fd, "CONT" T "2" T "VXNlcm5hbWU6" N);
	rig.setup.conf = rig.conf;
	mta_setup(rig.mta, &rig.setup);
	say(fd, "CONT" T "2" T "a2ltbXk=" N);
	hear(fd, "CONT" T "2" T "UGFzc3dvcmQ6" N);
	say(fd, "CONT" T "2" T "dGFuc3RhYWY=" N);
	hear(fd, "OK" T "2" T "user=kim@example.com" N);
	close(fd);
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_no_netstring),
		cmocka_unit_test(test_questions_without_reading),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_vanished_while_asking),
		cmocka_unit_test(test_end_of_all),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_of_none),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_sign_in),
		cmocka_unit_test(test_clear_passwords),
		cmocka_unit_test(test_penalty),
		cmocka_unit_test(test_vanished_while_waiting),
		cmocka_unit_test(test_end_while_waiting),
		cmocka_unit_test(test_trouble_for_an_old_client),
		cmocka_unit_test(test_no_protocol),
		cmocka_unit_test(test_new_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
