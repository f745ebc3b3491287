/* system_tool.c - users made and removed by useradd, userdel and groupadd.
 *
 * Those programs know what a new user means on this computer (locks, shadow, subordinate ids, audit), and writing their
 * files beside them would not be safe. They are run by their full paths, without a shell, and out of reach of Ctrl-C: between
 * passwd and shadow it would leave half a user. Names stand behind "--", and no password ever does. What they say on failure
 * is what the administrator is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server/accounts/system.h"
#include "server/base/child.h"

#define SAID_MAX 160

struct tool {
	char said[SAID_MAX]; /* the beginning of its output */
	size_t len;
};

/* All is read, so that the program never waits for us; the beginning is kept. */
static void listen_to(struct tool *t, int fd)
{
	char more[512];
	ssize_t n;

	while ((n = read(fd, more, sizeof(more))) > 0 || (n < 0 && errno == EINTR)) {
		size_t room = SAID_MAX - 1 - t->len, take = n > 0 ? (size_t)n : 0;
		if (take > room)
			take = room;
		memcpy(t->said + t->len, more, take);
		t->len += take;
	}
	t->said[t->len] = '\0';
	t->said[strcspn(t->said, "\n")] = '\0';
}

static int wait_for(pid_t pid)
{
	int status;

	if (child_wait(pid, &status) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Its exit status; -1 with said filled in if it could not be run or was killed. */
static int run(struct tool *t, const char *const argv[])
{
	int ends[2], rc;
	pid_t pid;

	*t = (struct tool){ 0 };
	if (pipe2(ends, O_CLOEXEC) < 0) {
		strcpy(t->said, "cannot make a pipe");
		return -1;
	}
	rc = child_start(argv, ends[1], ends[1], &pid);
	close(ends[1]);
	if (rc == 0)
		listen_to(t, ends[0]);
	close(ends[0]);
	if (rc != 0) {
		snprintf(t->said, sizeof(t->said), "cannot run %s: %s", argv[0], strerror(rc));
		return -1;
	}
	rc = wait_for(pid);
	if (rc != 0 && !t->said[0])
		snprintf(t->said, sizeof(t->said), "%s failed", argv[0]);
	return rc;
}

/* Exit statuses of the shadow tools, useradd(8) and userdel(8). */
enum {
	TOOL_BUSY = 1,      /* "can't update password file": as a rule its lock is held */
	TOOL_BAD_NAME = 3,  /* "invalid argument to option" */
	TOOL_NO_USER = 6,   /* "specified user doesn't exist" */
	TOOL_IN_USE = 8,    /* "user currently logged in" */
	TOOL_EXISTS = 9,    /* "username already in use" */
	TOOL_NO_GROUP = 10, /* "can't update group file" */
};

static enum ec class_of(int status)
{
	switch (status) {
	case 0: return EC_OK;
	case TOOL_BUSY:
	case TOOL_NO_GROUP: return EC_TEMP;
	case TOOL_BAD_NAME:
	case TOOL_IN_USE: return EC_REFUSED;
	case TOOL_NO_USER: return EC_ABSENT;
	case TOOL_EXISTS: return EC_EXISTS;
	default: return EC_BROKEN;
	}
}

static enum ec perform(const char *const argv[], struct err *e)
{
	struct tool t;
	enum ec ec = class_of(run(&t, argv));

	return ec == EC_OK ? EC_OK : err_set(e, ec, "%s", t.said);
}

enum ec tool_add_group(const char *group, struct err *e)
{
	const char *const argv[] = { "/usr/sbin/groupadd", "--system", "--", group, NULL };
	enum ec ec = perform(argv, e);

	return ec == EC_EXISTS ? EC_OK : ec;
}

enum ec tool_add_user(const char *login, const char *group, struct err *e)
{
	const char *const argv[] = { "/usr/sbin/useradd",
				     "--no-create-home",
				     "--home-dir",
				     "/nonexistent",
				     "--shell",
				     "/usr/sbin/nologin",
				     "--no-user-group",
				     "--gid",
				     group,
				     "--comment",
				     "winpop mailbox",
				     "--",
				     login,
				     NULL };

	return perform(argv, e);
}

enum ec tool_remove_user(const char *login, struct err *e)
{
	const char *const argv[] = { "/usr/sbin/userdel", "--", login, NULL };

	return perform(argv, e);
}
