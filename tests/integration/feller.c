/* feller.c - runs a command, and ends it with all that it started at its Nth change of a file.
 *
 *	feller N COMMAND...	says "felled N CALL" when the Nth was about to be made: it is not, and SIGKILL went to all;
 *				or "ended CODE after M", if there were only M. N = 0 counts
 *
 * A change is a system call that makes, writes, renames, removes, or gives away something that has a name: what stands on the
 * disk before it and after it differs, between two of them it is the same. So a test that goes through all N has seen what a
 * power cut leaves at any moment (but for what the disk itself had not yet got). A filter picks the calls, and the rest runs at
 * full speed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TASKS_MAX 1000
#define MAKES (O_CREAT | O_TRUNC)
#define CALL(name)                                                                                 \
	{                                                                                          \
		SYS_##name, #name                                                                  \
	}

static const struct call {
	long number;
	const char *name;
} calls[] = {
	CALL(openat),
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(pwritev),
	CALL(sendfile),
	CALL(copy_file_range),
	CALL(ftruncate),
	CALL(truncate),
	CALL(fallocate),
	CALL(mkdirat),
	CALL(unlinkat),
	CALL(renameat2),
	CALL(linkat),
	CALL(symlinkat),
	CALL(fchmod),
	CALL(fchmodat),
	CALL(fchown),
	CALL(fchownat),
	CALL(fsetxattr),
	CALL(setxattr),
#ifdef SYS_renameat
	CALL(renameat),
#endif
#ifdef SYS_open /* where there are the old ones, too */
	CALL(open),
	CALL(creat),
	CALL(mkdir),
	CALL(rmdir),
	CALL(unlink),
	CALL(rename),
	CALL(link),
	CALL(symlink),
	CALL(chmod),
	CALL(chown),
	CALL(lchown),
#endif
};

static void must(long rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "feller: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what runs ---- */

/* Stops at those calls. What it starts inherits this. */
static void pick_calls(void)
{
	struct sock_filter code[LEN(calls) + 3];
	size_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < LEN(calls); i++, n++)
		code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						       (unsigned)calls[i].number,
						       (unsigned char)(LEN(calls) - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	const struct sock_fprog program = { (unsigned short)n, code };
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "filter");
}

static void run(char **argv)
{
	raise(SIGSTOP);
	pick_calls();
	execvp(argv[0], argv);
	must(-1, argv[0]);
}

/* ---- who watches ---- */

static const char *name_of(long number)
{
	for (size_t i = 0; i < LEN(calls); i++) {
		if (calls[i].number == number)
			return calls[i].name;
	}
	return "?";
}

/* A file that has a name; pipes, terminals and memory are nobody's after a power cut. */
static bool is_of_the_disk(pid_t pid, unsigned long fd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, (int)fd);
	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) &&
	       st.st_nlink > 0;
}

static bool is_change(pid_t pid, const struct __ptrace_syscall_info *info)
{
	const __typeof__(info->seccomp.args[0]) *args = info->seccomp.args;

	switch ((long)info->seccomp.nr) {
	case SYS_openat: return args[2] & MAKES;
#ifdef SYS_open
	case SYS_open: return args[1] & MAKES;
#endif
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_sendfile:
	case SYS_ftruncate:
	case SYS_fallocate:
	case SYS_fchmod:
	case SYS_fchown:
	case SYS_fsetxattr: return is_of_the_disk(pid, args[0]);
	case SYS_copy_file_range: return is_of_the_disk(pid, args[2]);
	default: return true;
	}
}

struct watch {
	pid_t first, alive[TASKS_MAX];
	size_t n_alive;
	long n, made;
	int code;
};

static void add(struct watch *w, pid_t pid)
{
	for (size_t i = 0; i < w->n_alive; i++) {
		if (w->alive[i] == pid)
			return;
	}
	if (w->n_alive == TASKS_MAX) {
		fputs("feller: too many processes\n", stderr);
		exit(1);
	}
	w->alive[w->n_alive++] = pid;
}

static void drop(struct watch *w, pid_t pid)
{
	for (size_t i = 0; i < w->n_alive; i++) {
		if (w->alive[i] == pid)
			w->alive[i--] = w->alive[--w->n_alive];
	}
}

/* Until the last is dead; whoever is born while they die tells us so by his first stop, and dies too. */
static void fell(struct watch *w)
{
	pid_t pid;

	for (size_t i = 0; i < w->n_alive; i++)
		kill(w->alive[i], SIGKILL);
	while ((pid = waitpid(-1, NULL, __WALL)) > 0)
		kill(pid, SIGKILL);
}

static bool is_its_turn(struct watch *w, pid_t pid)
{
	struct __ptrace_syscall_info info;

	must(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info), "look");
	if (!is_change(pid, &info) || ++w->made != w->n)
		return false;
	printf("felled %ld %s\n", w->made, name_of((long)info.seccomp.nr));
	return true;
}

/* Goes on with one that has stopped. false: it was the last. */
static bool go_on(struct watch *w, pid_t pid, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (!WIFSTOPPED(status)) {
		drop(w, pid);
		if (pid == w->first)
			w->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		return true;
	}
	add(w, pid);
	if (event == PTRACE_EVENT_SECCOMP && is_its_turn(w, pid))
		return false;
	/* A new one begins with a stop of its own; any other signal is his. */
	ptrace(PTRACE_CONT, pid, NULL, (void *)(long)(event || signal == SIGSTOP ? 0 : signal));
	return true;
}

int main(int argc, char **argv)
{
	struct watch w = { .n = argc > 2 ? atol(argv[1]) : -1 };
	int status;
	pid_t pid;

	if (w.n < 0) {
		fputs("usage: feller N COMMAND...\n", stderr);
		return 1;
	}
	/* Who has lost his parents is waited for by us: a lock that names a dead process is no lock only once it is gone. */
	must(prctl(PR_SET_CHILD_SUBREAPER, 1), "adopt");
	w.first = fork();
	must(w.first, "fork");
	if (w.first == 0)
		run(argv + 2);
	must(waitpid(w.first, &status, WUNTRACED), "wait");
	must(ptrace(PTRACE_SEIZE, w.first, NULL,
		    (void *)(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)),
	     "take hold");
	must(kill(w.first, SIGCONT), "go");
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (go_on(&w, pid, status))
			continue;
		fell(&w);
		return 0;
	}
	printf("ended %d after %ld\n", w.code, w.made);
	return 0;
}
