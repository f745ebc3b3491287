/* striker.c - stops a process at its Nth system call from now, before the kernel does it, then does what it is told.
 *
 *	striker PID N	says "calling N NUMBER" when it is there (or "idle N": it waits for input again; N calls were made before)
 *			then reads a line: "kill": with SIGKILL, the call is not made; "go": the process goes on by itself
 *
 * One thread only, the process's first: programs for such tests have no other. A test that goes through all N has seen a crash
 * between any two system calls, and with "go" every order of two processes that differs in one place. "Waits for input" is a
 * read(2) of descriptor 0. /
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	long number;
	unsigned long first; /* argument */
};

static void must(long rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "striker: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Lets it run to the entry of its next system call; signals are passed on. */
static struct call next_call(pid_t pid)
{
	struct __ptrace_syscall_info info;
	int pass = 0;

	for (;;) {
		int status;
		must(ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)pass), "go on");
		must(waitpid(pid, &status, __WALL), "wait");
		if (!WIFSTOPPED(status))
			exit(2);
		pass = 0;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			pass = status >> 16 ? 0 : WSTOPSIG(status);
			continue;
		}
		must(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info), "look");
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			return (struct call){ (long)info.entry.nr, info.entry.args[0] };
	}
}

static bool is_waiting(const struct call *c)
{
	return c->number == SYS_read && c->first == 0;
}

static void take_hold(pid_t pid)
{
	int status;

	must(ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD), "take hold");
	must(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), "interrupt");
	must(waitpid(pid, &status, __WALL), "wait");
	puts("holding");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 3 ? atoi(argv[1]) : 0;
	long n = argc == 3 ? atol(argv[2]) : 0, made = 0;
	struct call c;
	char word[16] = "";

	if (pid <= 0 || n <= 0) {
		fputs("usage: striker PID N\n", stderr);
		return 1;
	}
	take_hold(pid);
	/* It waits for the request, or is about to; a read that we interrupted is entered once more. */
	do
		c = next_call(pid);
	while (!is_waiting(&c));
	do
		c = next_call(pid);
	while (is_waiting(&c));
	while (++made < n && !is_waiting(&c))
		c = next_call(pid);
	if (is_waiting(&c))
		printf("idle %ld\n", made - 1);
	else
		printf("calling %ld %ld\n", made, c.number);
	fflush(stdout);
	if (fgets(word, sizeof(word), stdin) && strcmp(word, "kill\n") == 0) {
		must(kill(pid, SIGKILL), "kill");
		must(waitpid(pid, NULL, __WALL), "wait");
	} else {
		must(ptrace(PTRACE_DETACH, pid, NULL, NULL), "let go");
	}
	return 0;
}
