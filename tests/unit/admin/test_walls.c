/* test_walls.c - what the kernel refuses behind the walls, tried by a process that has raised them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/console/walls.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define CALLS_ARE_KNOWN true
#else
#define CALLS_ARE_KNOWN false
#endif

/* Each returns what the call did: < 0 with errno. */
static long read_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long write_file(void)
{
	return open("/tmp", O_RDWR | O_TMPFILE, 0600);
}

static long list_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static long run_program(void)
{
	return execl("/bin/true", "true", NULL);
}

static long new_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static long new_ring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static long tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long udp_socket(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0);
}

static long unix_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static long write_a_pipe(void)
{
	int ends[2];

	return pipe(ends) < 0 ? -1 : write(ends[1], "x", 1);
}

static long signal_the_parent(void)
{
	return kill(getppid(), 0);
}

enum refused_by { NOBODY, FILES, CALLS, SCOPE };

static const struct {
	const char *what;
	long (*try)(void);
	enum refused_by by;
	bool log_socket;
} cases[] = {
	{ "read", read_file, FILES, false },
	{ "write", write_file, FILES, false },
	{ "list", list_directory, FILES, false },
	{ "exec", run_program, CALLS, false },
	{ "unshare", new_namespace, CALLS, false },
	{ "io_uring", new_ring, CALLS, false },
	{ "tcp", tcp_socket, CALLS, false },
	{ "udp", udp_socket, CALLS, false },
	{ "unix", unix_socket, CALLS, false },
	{ "tcp beside the log", tcp_socket, CALLS, true },
	{ "udp beside the log", udp_socket, CALLS, true },
	{ "unix for the log", unix_socket, NOBODY, true },
	{ "pipe", write_a_pipe, NOBODY, false },
	{ "signal", signal_the_parent, SCOPE, false },
};

enum { REFUSED = 10, DONE, NO_WALLS, NOT_HERE };

static long landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

static bool is_possible(enum refused_by by)
{
	return by == FILES ? landlock() > 0 : by == SCOPE ? landlock() >= 6 : CALLS_ARE_KNOWN;
}

static _Noreturn void try_one(size_t i)
{
	bool no_files;
	struct err e;

	if (cases[i].by != NOBODY && !is_possible(cases[i].by))
		_exit(NOT_HERE);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (walls_raise(cases[i].log_socket, &no_files, &e) != EC_OK ||
	    no_files != is_possible(FILES))
		_exit(NO_WALLS);
	errno = 0;
	bool done = cases[i].try() >= 0;

	_exit(done ? DONE : errno == EACCES || errno == EPERM ? REFUSED : NO_WALLS);
}

static void what_is_refused(void **state)
{
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			try_one(i);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		int got = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		int want = cases[i].by == NOBODY ? DONE : REFUSED;

		if (got != want && got != NOT_HERE)
			fail_msg("%s: %d", cases[i].what, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
