/* test_attach.c - sessions over sockets: many, few, too many, those that vanish, and how all of it ends. */
#include <fcntl.h>
#include "tests/unit/mta/rig.h"

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
	assert_true(logged("event=lookup-failed sid=m1 peer=local asked=\"away@c\" class=\"temp\" "
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

	say(fd, "\tGET / HTTP/1.0\r\n\r\n");
	hear(fd, "44:PERM not a netstring of at most 10000 octets,");
	hear(fd, "");
	close(fd);
	rig_end();
}

#define REQUEST "request=smtpd_access_policy" N "recipient="

/* Both protocols by one door; a connection stays with the one that it began with. */
static void test_policy(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = client(MTA_MAPS), maps = client(MTA_MAPS);

	say(fd, "r");
	say(fd, REQUEST + 1);
	say(fd, "held@c" N "size=5" N N REQUEST "nobody@c" N N REQUEST "k" N N);
	hear(fd, "action=450 4.2.1 mailbox takes no mail for now" N N);
	hear(fd, "action=DUNNO" N N "action=DUNNO" N N);
	say(fd, REQUEST "away@c" N N);
	hear(fd, "action=DUNNO" N N);
	assert_true(
		logged("event=lookup-failed sid=m1 peer=local asked=\"away@c\" class=\"temp\""));
	say(fd, "9:senders k,");
	say(fd, N);
	hear(fd, "");
	say(maps, "9:senders k,");
	hear(maps, "9:NOTFOUND ,");
	say(maps, REQUEST "held@c" N N);
	hear(maps, "44:PERM not a netstring of at most 10000 octets,");
	hear(maps, "");
	close(fd);
	close(maps);
	wait_until(nobody_left);
	assert_true(logged("event=mta-fault sid=m1 peer=local door=\"policy\" "
			   "text=\"no request=smtpd_access_policy\""));
	assert_int_equal(now().lookups, 5);
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
	uint64_t end_ms = clock_mono_ms() + 60000;

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_no_netstring),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_questions_without_reading),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_vanished_while_asking),
		cmocka_unit_test(test_end_of_all),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_of_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
