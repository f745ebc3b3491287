/* child.h - another program of this computer, run without a shell.
 *
 * In an environment of ours (a plain PATH, the C locale), with default signals, nothing to read, and a process group of its
 * own: Ctrl-C is for us, and what it has begun it may end. Thread: any; child_wait blocks.
 */
#pragma once
#include <sys/types.h>

/* argv[0] is a full path. out and err are lent. 0, or an error number. */
int child_start(const char *const argv[], int out, int err, pid_t *pid);
/* Its status as of waitpid(2): 0, or -1 with errno. */
int child_wait(pid_t pid, int *status);
