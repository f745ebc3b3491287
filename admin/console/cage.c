/* cage.c - see cage.h.
 *
 * Order: descriptors first, while they can be told apart; then groups, group, user; then the promise that no program run from
 * here gets more. What is left has no environment, cannot be traced or dumped, cannot start processes, and dies with the keeper.
 */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>
#include "admin/console/cage.h"

#define FILES_MAX 512 /* connections, and a few */

void cage_signals(void)
{
	static const int quiet[] = { SIGINT, SIGHUP, SIGPIPE, SIGQUIT };
	sigset_t mask;

	signal(SIGCHLD, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		signal(quiet[i], SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

static bool is_kept(int fd, struct listener *const *listeners, int link)
{
	for (; *listeners; listeners++) {
		if (listener_fd(*listeners) == fd)
			return true;
	}
	return fd == link;
}

/* The log's connections are opened anew: closelog, or libc would write into whatever gets that number. */
static void close_others(struct listener *const *listeners, int link)
{
	int highest = link;

	closelog();
	for (struct listener *const *l = listeners; *l; l++)
		highest = listener_fd(*l) > highest ? listener_fd(*l) : highest;
	for (int fd = 3; fd < highest; fd++) {
		if (!is_kept(fd, listeners, link))
			close(fd);
	}
	close_range((unsigned)highest + 1, ~0U, 0);
}

static enum ec become(const char *user, struct err *e)
{
	const struct passwd *pw = *user && geteuid() == 0 ? getpwnam(user) : NULL;

	if (!*user || geteuid() != 0)
		return EC_OK;
	if (!pw)
		return err_set(e, EC_BROKEN,
			       "there is no user %s; create it (adduser --system --group "
			       "--no-create-home %s) or set console_user",
			       user, user);
	if (setgroups(0, NULL) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return err_sys(e, "becoming user %s", user);
	if (pw->pw_uid != 0 && setuid(0) == 0)
		return err_set(e, EC_BROKEN,
			       "root could be had back after becoming %s; refusing to run", user);
	return EC_OK;
}

static enum ec limit(int what, rlim_t to, struct err *e)
{
	const struct rlimit r = { to, to };

	return setrlimit(what, &r) == 0 ? EC_OK : err_sys(e, "limiting the console");
}

enum ec cage_enter(const char *user, struct listener *const *listeners, int link, struct err *e)
{
	pid_t keeper = getppid();
	enum ec rc = become(user, e);

	if (rc == EC_OK)
		close_others(listeners, link);
	if (rc == EC_OK)
		rc = limit(RLIMIT_CORE, 0, e);
	if (rc == EC_OK)
		rc = limit(RLIMIT_NOFILE, FILES_MAX, e);
	if (rc == EC_OK)
		rc = limit(RLIMIT_NPROC, 0, e);
	if (rc != EC_OK)
		return rc;
	clearenv();
	/* After the change of identity, which takes the first two back. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(e, "giving up rights");
	return getppid() == keeper ? EC_OK : err_set(e, EC_TEMP, "the keeper has gone");
}
