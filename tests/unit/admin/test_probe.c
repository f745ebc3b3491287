/* test_probe.c - a service that answers as it should, and others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/probe.h"

#define TURNS 3

/* What it says: on its own first, then to each thing that it hears. */
struct script {
	const char *first, *then[TURNS];
};

static char path[64];

static void serve(int listener, const struct script *s)
{
	char heard[4096];
	int fd = accept(listener, NULL, NULL);

	if (s->first)
		send(fd, s->first, strlen(s->first), MSG_NOSIGNAL);
	for (int i = 0; i < TURNS && s->then[i] && read(fd, heard, sizeof(heard)) > 0; i++) {
		for (const char *p = s->then[i]; *p; p++)
			send(fd, p, 1, MSG_NOSIGNAL); /* octet by octet */
	}
	_exit(0);
}

static pid_t start(const struct script *s)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sa.sun_path, path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 5), 0);
	pid_t pid = fork();
	if (pid == 0)
		serve(fd, s);
	close(fd);
	return pid;
}

static enum ec lmtp(struct err *e)
{
	return probe_lmtp(path, e);
}

static enum ec auth(struct err *e)
{
	return probe_auth(path, e);
}

static bool found;

static enum ec maps(struct err *e)
{
	return probe_maps(path, "domains", "example.com", &found, e);
}

static const struct {
	enum ec (*probe)(struct err *e);
	struct script script;
	enum ec want;
	bool found;
	const char *said;
} cases[] = {
	{ lmtp, { "220 here\r\n", { "250-a\r\n250-b\r\n250 c\r\n", "221 bye\r\n" } }, EC_OK },
	{ lmtp, { "220-a\r\n220 b\r\n", { "250 c\r\n" } }, EC_OK },
	{ lmtp, { "421 too many\r\n", { NULL } }, EC_TEMP, false, "421 too many" },
	{ lmtp, { "220 here\r\n", { "500 what?\r\n" } }, EC_TEMP, false, "500 what?" },
	{ lmtp, { NULL, { NULL } }, EC_TEMP, false, "no answer" },
	{ maps, { NULL, { "14:OK example.com," } }, EC_OK, true },
	{ maps, { NULL, { "9:NOTFOUND ," } }, EC_OK, false },
	{ maps, { NULL, { "9:TEMP away," } }, EC_BUSY, false, ": away" },
	{ maps, { NULL, { "99:OK" } }, EC_TEMP, false, "99:OK" },
	{ maps, { NULL, { "5:OK a;" } }, EC_TEMP, false, "5:OK a;" },
	{ auth,
	  { "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\tx\nDONE\n",
	    { NULL } },
	  EC_OK },
	{ auth, { "VERSION\t1\t2\nDONE\n", { NULL } }, EC_TEMP, false, "no way to sign in" },
	{ auth, { "VERSION\t1\t2\nMECH\tPLAIN\n", { NULL } }, EC_TEMP },
};

static void answers_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };
		int status;
		pid_t pid = start(&cases[i].script);
		enum ec rc = cases[i].probe(&e);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (rc != cases[i].want)
			fail_msg("case %zu: %s %s", i, ec_name(rc), e.text);
		if (cases[i].said)
			assert_non_null(strstr(e.text, cases[i].said));
		if (cases[i].probe == maps)
			assert_int_equal(found, cases[i].found);
	}
	unlink(path);
}

static void nobody_there(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(lmtp(&e), EC_ABSENT);
	assert_int_equal(maps(&e), EC_ABSENT);
	assert_int_equal(auth(&e), EC_ABSENT);
	assert_non_null(strstr(e.text, "nothing listens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_judged),
		cmocka_unit_test(nobody_there),
	};

	snprintf(path, sizeof(path), "/tmp/winpop-probe-%d", (int)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
