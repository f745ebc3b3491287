/* test_ends.c - sessions that end in every way but QUIT: the client vanishes, time is up, the service stops, an administrator
 * wants it. Nothing is removed, nothing leaks, whoever else is there goes on.
 */
#include "tests/unit/pop3/rig.h"

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
		int fd = cases[i].at == CLAIM ? rig_client() : rig_signed_in();
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
		int fd = at == CLAIM ? rig_client() : rig_signed_in();
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
		int fd = rig_signed_in();
		say(fd, "DELE 1" N "RETR 2" N "RETR 2" N "RETR 2" N "RETR 2" N "RETR 3" N);
		hear(fd, "+OK message 1");
		hear(fd, "+OK 307200");
		close(fd);
		wait_until(nobody_is_in);
	}
	assert_int_equal(rig.n_commits, 0);
	rig_end();
}

static void deadline_before_sign_in(void **state)
{
	(void)state;
	rig_begin("", 2, 64);
	rig.conf->signin_timeout_s = 3; /* less than the option table allows */
	int idle = rig_client(), trickling = rig_client();
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
	int stranger = rig_client(), user = rig_signed_in();
	hear(stranger, "+OK");
	pop3_drain(rig.pop3, is_idle, NULL);
	hear(stranger, "-ERR [SYS/TEMP] the service is stopping");
	hear_end(stranger);
	hear_end(rig_client());
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
	wait_until(both_loops_went_by);
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
		int fd = rig_signed_in();
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
static void kick_while_signing_in(void **state)
{
	static const struct name kim = { .local = "kim", .domain = "example.com" };

	(void)state;
	rig_begin("", 2, 64);
	int fd = rig_client();
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

static unsigned failures_wanted;

static bool failed_so_often(void)
{
	return count_logged("event=signin-failed") == failures_wanted;
}

/* A wait that ends when the guesser hangs up would slow nobody but the honest. */
static void hanging_up_is_no_way_round_the_penalty(void **state)
{
	enum { EACH = 3 }; /* half of socketmax */

	(void)state;
	rig_begin("plaintext_without_tls = yes\nsocketmax = 6\nsocketmin = 1\nsocketthreshold = 1\n"
		  "penalty_ms = 15000\n",
		  2, 64);
	for (failures_wanted = 1; failures_wanted <= EACH; failures_wanted++) {
		int fd = rig_client_from("192.0.2.7");
		hear(fd, "+OK");
		say(fd, "USER kim@example.com" N "PASS guess" N);
		wait_until(failed_so_often);
		close(fd);
	}
	wait_until(both_loops_went_by);
	int again = rig_client_from("192.0.2.7"), other = rig_client_from("192.0.2.8");
	hear_end(again);
	hear(other, "+OK");
	close(other);
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vanishing),
		cmocka_unit_test(stopping_in_the_middle),
		cmocka_unit_test(vanishing_while_reading),
		cmocka_unit_test(deadline_before_sign_in),
		cmocka_unit_test(drain),
		cmocka_unit_test(drain_when_empty),
		cmocka_unit_test(kick),
		cmocka_unit_test(kick_while_signing_in),
		cmocka_unit_test(hanging_up_is_no_way_round_the_penalty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
