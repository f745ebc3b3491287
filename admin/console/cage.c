/* cage.c - see cage.h.
 *
 * Order: descriptors first, while they can be told apart; then groups, group, user; then the promise that no program run from
 * here gets more. What is left has no environment, cannot be traced or dumped, cannot start processes, and dies with the keeper.
 */
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>
#include "server/base/user.h"
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

/* NULL: not root, we stay who we are. */
static enum ec find_user(const char *user, const struct passwd **out, struct err *e)
{
	*out = NULL;
	if (geteuid() != 0)
		return EC_OK;
	if (!*user)
		return err_set(e, EC_BROKEN,
			       "console_user is empty, so what talks to browsers would be root: "
			       "set it to a user without rights (winpop-console)");
	*out = getpwnam(user);
	if (!*out)
		return err_set(e, EC_BROKEN,
			       "there is no user %s; create it (adduser --system --group "
			       "--no-create-home %s) or set console_user",
			       user, user);
	return (*out)->pw_uid != 0 ? EC_OK
				   : err_set(e, EC_BROKEN,
					     "console_user = %s is root: set it to a user without "
					     "rights (winpop-console)",
					     user);
}

enum ec cage_check(const char *user, struct err *e)
{
	const struct passwd *pw;

	return find_user(user, &pw, e);
}

static enum ec become(const char *user, struct err *e)
{
	const struct passwd *pw;
	enum ec rc = find_user(user, &pw, e);

	return rc == EC_OK && pw ? user_become(pw, pw->pw_gid, false, e) : rc;
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
