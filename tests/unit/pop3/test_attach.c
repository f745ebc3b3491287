/* test_attach.c - whole sessions over sockets: mail, refusals, slots, settings. */
#include "tests/unit/pop3/rig.h"

static void a_session(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	int fd = rig_signed_in();
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
		int fd = rig_signed_in();
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
	int holder = rig_signed_in(), fd = rig_client();
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

/* printf '...' | nc: the client sends no more, and hears everything. */
static void half_closed(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	int fd = rig_client();
	say(fd, SIGNIN "STAT" N "DELE 2" N "QUIT" N);
	shutdown(fd, SHUT_WR);
	hear(fd, "+OK mx.test");
	hear(fd, "+OK send");
	hear(fd, "+OK mailbox");
	hear(fd, "+OK 3 ");
	hear(fd, "+OK message 2");
	hear(fd, "+OK 1 message removed");
	hear_end(fd);
	fd = rig_client();
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
	int first = rig_client();
	hear(first, "+OK");
	int second = rig_client();
	wait_until(one_is_held);
	int third = rig_client();
	hear_end(third);
	assert_int_equal(count_logged("event=connection-denied "), 1);
	char c;
	assert_int_equal(recv(second, &c, 1, MSG_DONTWAIT), -1);
	say(first, "QUIT" N);
	hear(first, "+OK");
	hear_end(first);
	hear(second, "+OK mx.test");
	int fourth = rig_client();
	wait_until(one_is_held);
	close(fourth); /* a waiter gives up */
	say(second, "QUIT" N);
	hear(second, "+OK");
	hear_end(second);
	wait_until(nobody_is_in);
	rig_end();
}

static void login_delay(void **state)
{
	(void)state;
	rig_begin("login_delay = 600\n", 2, 64);
	int fd = rig_signed_in();
	say(fd, "CAPA" N "QUIT" N);
	char line[600] = "";
	while (strcmp(line, "LOGIN-DELAY 600") && hear_line(fd, line, sizeof(line)))
		;
	assert_string_equal(line, "LOGIN-DELAY 600");
	close(fd);
	wait_until(nobody_is_in);
	fd = rig_client();
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
	int fd = rig_signed_in();
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
	int user = rig_signed_in(), slow = rig_client(), late = rig_client();
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
	int old = rig_client();
	hear(old, "+OK");
	struct pop3_setup setup = rig_settings("login_delay = 8\n");
	pop3_setup(rig.pop3, &setup);
	conf_unref(&before);
	wait_until(both_loops_went_by);
	int new = rig_client();
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

static struct share before, after;

static bool nobody_holds_before(void)
{
	return share_alone(&before);
}

/* Held by who waits at the greeting, by who is in, by a job that is out although its client has gone; and by nobody else. */
static void a_set_is_held_until_its_last_session_has_gone(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	struct conf *old = rig.conf;
	struct pop3_setup setup = rig_settings("");

	conf_unref(&old);
	share_begin(&before);
	share_begin(&after);
	setup.share = &before;
	pop3_setup(rig.pop3, &setup);
	wait_until(both_loops_went_by);
	int waiting = rig_client(), in = rig_signed_in();
	hear(waiting, "+OK");
	setup.share = &after;
	pop3_setup(rig.pop3, &setup);
	wait_until(both_loops_went_by);
	assert_false(share_alone(&before));
	close(waiting);
	atomic_store(&rig.stops_at, TABLE);
	say(in, "LIST" N);
	sem_wait(&rig.entered);
	close(in);
	wait_until(both_loops_went_by);
	assert_false(share_alone(&before));
	atomic_store(&rig.stops_at, NOTHING);
	sem_post(&rig.go);
	wait_until(nobody_holds_before);
	wait_until(nobody_is_in);
	assert_false(share_alone(&after)); /* both loops have it, for whoever comes */
	rig_end();
	assert_true(share_alone(&after));
}

static bool one_is_left(void)
{
	struct pop3_now now;

	pop3_now(rig.pop3, &now);
	return now.sessions == 1;
}

/* The mailbox is on its way back, and the only worker busy: its store must not be closed before it is there. */
static void a_mailbox_on_its_way_back_holds_its_set(void **state)
{
	(void)state;
	rig_begin("", 1, 64);
	struct conf *old = rig.conf;
	struct pop3_setup setup = rig_settings("");

	conf_unref(&old);
	share_begin(&before);
	setup.share = &before;
	pop3_setup(rig.pop3, &setup);
	wait_until(both_loops_went_by);
	int in = rig_signed_in();
	setup.share = NULL;
	pop3_setup(rig.pop3, &setup);
	wait_until(both_loops_went_by);
	int busy = rig_client();
	atomic_store(&rig.stops_at, CLAIM);
	say(busy, SIGNIN);
	sem_wait(&rig.entered);
	close(in);
	wait_until(one_is_left);
	assert_int_equal(rig.n_releases, 0);
	assert_false(share_alone(&before));
	atomic_store(&rig.stops_at, NOTHING);
	sem_post(&rig.go);
	wait_until(nobody_holds_before);
	close(busy);
	wait_until(nobody_is_in);
	rig_end();
}

/* All workers are busy, but nothing was marked: QUIT needs none, and the mailbox is free before its answer. */
static void a_mailbox_that_was_only_read_goes_back_at_once(void **state)
{
	(void)state;
	rig_begin("", 1, 64);
	atomic_store(&rig.release_now, true);
	int in = rig_signed_in();
	int busy = rig_client();
	atomic_store(&rig.stops_at, CLAIM);
	say(busy, SIGNIN);
	sem_wait(&rig.entered);
	say(in, "QUIT" N);
	hear(in, "+OK 0 messages removed");
	assert_int_equal(rig.n_releases, 1);
	hear_end(in);
	atomic_store(&rig.stops_at, NOTHING);
	sem_post(&rig.go);
	close(busy);
	wait_until(nobody_is_in);
	rig_end();
}

/* A mailbox that takes long to open has all who wait for disks; whoever else comes is heard all the same. */
static void passwords_are_proved_while_a_mailbox_is_scanned(void **state)
{
	(void)state;
	rig_begin("", 1, 64);
	int slow = rig_client();
	atomic_store(&rig.stops_at, CLAIM);
	say(slow, SIGNIN);
	sem_wait(&rig.entered);
	int other = rig_client();
	say(other, "USER kim@example.com" N "PASS wrong" N);
	hear(other, "+OK");
	hear(other, "+OK send PASS");
	hear(other, "-ERR [AUTH]");
	atomic_store(&rig.stops_at, NOTHING);
	sem_post(&rig.go);
	hear(slow, "+OK");
	hear(slow, "+OK send PASS");
	hear(slow, "+OK mailbox open");
	close(other);
	close(slow);
	wait_until(nobody_is_in);
	rig_end();
}

/* Whoever is looked for gets a commit, if only an empty one. */
static void nothing_expires_by_a_rule_that_is_only_remembered(void **state)
{
	(void)state;
	rig_begin("expire = 7\n", 2, 64);
	for (int i = 0; i < 2; i++) {
		atomic_store(&rig.remembered, i == 1);
		close(rig_signed_in());
		wait_until(nobody_is_in);
		assert_int_equal(rig.n_claims, i + 1);
		assert_int_equal(rig.n_commits, 1);
	}
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(refusals),
		cmocka_unit_test(half_closed),
		cmocka_unit_test(slots),
		cmocka_unit_test(login_delay),
		cmocka_unit_test(commit_fails),
		cmocka_unit_test(queue_is_full),
		cmocka_unit_test(new_settings),
		cmocka_unit_test(a_set_is_held_until_its_last_session_has_gone),
		cmocka_unit_test(a_mailbox_on_its_way_back_holds_its_set),
		cmocka_unit_test(passwords_are_proved_while_a_mailbox_is_scanned),
		cmocka_unit_test(a_mailbox_that_was_only_read_goes_back_at_once),
		cmocka_unit_test(nothing_expires_by_a_rule_that_is_only_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
