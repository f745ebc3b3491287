/* test_signin.c - sign-in by the auth protocol, with the true struct login behind it. */
#include "tests/unit/mta/rig.h"

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
		/* its mailbox has another name, as the map of senders says */
		{ "kim@example.org", "grok-and-roll", "OK" T "1" T "user=mailbox@example.org" N },
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
	assert_int_equal(now().failed, sizeof(cases) / sizeof(cases[0]) - 3);
	rig_end();
}

/* The right password, but whose addresses are his cannot be told: by a wrong name the MTA would refuse his mail for good. */
static void test_catalog_away(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = auth_client(HELLO);

	atomic_store(&rig.away, true);
	say_plain(fd, "1", "kim@example.org", "grok-and-roll");
	hear(fd, "FAIL" T "1" T "reason=cannot sign in just now; try again later" T "temp" T
		 "code=temp_fail" N);
	assert_true(logged("event=lookup-failed sid=m1 peer=192.0.2.7 "
			   "asked=\"kim@example.org\" class=\"temp\""));
	assert_false(logged("event=signin "));
	atomic_store(&rig.away, false);
	say_plain(fd, "2", "kim@example.org", "grok-and-roll");
	hear(fd, "OK" T "2" T "user=mailbox@example.org" N);
	close(fd);
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
		{ "service=smtp" T "rip=::1%lo", true },
		{ "service=smtp" T "rip=fe80::1%eth0", false },
		{ "service=smtp" T "rip=127.0.0.1x", false },
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

/* Exim's words, to the octet, for a client that sent a mechanism and no more. */
static void test_exim(void **state)
{
	(void)state;
	rig_begin("", 100, 0);
	int fd = client(MTA_AUTH);

	hear_handshake(fd);
	say(fd,
	    "VERSION" T "1" T "0" N "CPID" T "4711" N "AUTH" T "4711" T "CRAM-MD5" T
	    "service=smtp" T "secured" T "rip=192.0.2.7" T "lip=192.0.2.1" T "nologin" T "resp=" N);
	hear(fd, "CONT" T "4711" T "PD"); /* "<" */
	close(fd);
	rig_end();
}

/* While one answer waits out its penalty, others on the same connection come. */
static void test_penalty(void **state)
{
	(void)state;
	rig_begin("", 100, 2000);
	int fd = auth_client(HELLO);
	uint64_t began_ms = clock_mono_ms();

	say_plain(fd, "1", "kim@example.com", "wrong");
	say_plain(fd, "2", "kim@example.org", "grok-and-roll");
	hear(fd, "OK" T "2" T "user=mailbox@example.org" N);
	hear(fd, WRONG("1"));
	assert_true(clock_mono_ms() - began_ms >= 2000);
	close(fd);
	rig_end();
}

static void test_vanished_while_waiting(void **state)
{
	(void)state;
	rig_begin("", 100, 2000);
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
	uint64_t end_ms = clock_mono_ms() + 60000;

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
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_sign_in),
		cmocka_unit_test(test_catalog_away),
		cmocka_unit_test(test_clear_passwords),
		cmocka_unit_test(test_exim),
		cmocka_unit_test(test_penalty),
		cmocka_unit_test(test_vanished_while_waiting),
		cmocka_unit_test(test_end_while_waiting),
		cmocka_unit_test(test_trouble_for_an_old_client),
		cmocka_unit_test(test_no_protocol),
		cmocka_unit_test(test_new_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
