/* privs.c - see privs.h.
 *
 * The order matters: supplementary groups, then group, then user; afterwards we try to get root back and refuse to run if that
 * works. PR_SET_DUMPABLE is cleared by the kernel at setuid, but a service started as its own user must ask for it.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/main/privs.h"

/* A session needs its socket, the mailbox directory, its index and a message; workers and listeners a few more. */
static rlim_t files_wanted(const struct conf *c)
{
	return (rlim_t)(c->socketmax + c->socketbacklog) * 4 + (rlim_t)c->lmtp_socketmax * 2 +
	       c->workers * 8 + 256;
}

static enum ec raise_files(const struct conf *c, struct err *e)
{
	struct rlimit have;
	if (getrlimit(RLIMIT_NOFILE, &have) != 0)
		return err_sys(e, "reading the limit of open files");
	rlim_t want = files_wanted(c);
	if (have.rlim_cur >= want)
		return EC_OK;
	struct rlimit set = { want, have.rlim_max > want ? have.rlim_max : want };
	if (setrlimit(RLIMIT_NOFILE, &set) == 0)
		return EC_OK;
	if (have.rlim_max < want && have.rlim_max < 1024)
		return err_set(e, EC_BROKEN,
			       "socketmax = %u needs %llu open files but the limit is %llu; raise "
			       "LimitNOFILE "
			       "or lower socketmax",
			       c->socketmax, (unsigned long long)want,
			       (unsigned long long)have.rlim_max);
	set = (struct rlimit){ have.rlim_max, have.rlim_max };
	setrlimit(RLIMIT_NOFILE, &set);
	return EC_OK;
}

enum ec privs_harden(const struct conf *c, struct err *e)
{
	if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) != 0)
		return err_sys(e, "turning core dumps off");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(e, "giving up new privileges");
	return raise_files(c, e);
}

/* Who we shall be. Not root, or no user named: who we are. */
static enum ec find_user(const struct conf *c, struct passwd **pw, gid_t *gid, struct err *e)
{
	*pw = NULL;
	*gid = (gid_t)-1;
	if (geteuid() != 0 || c->user[0] == '\0')
		return EC_OK;
	if (!(*pw = getpwnam(c->user)))
		return err_set(
			e, EC_BROKEN,
			"there is no user %s; create it (adduser --system --group %s) or set user",
			c->user, c->user);
	const struct group *gr = c->group[0] ? getgrnam(c->group) : NULL;
	if (c->group[0] && !gr)
		return err_set(e, EC_BROKEN, "there is no group %s; create it or set group",
			       c->group);
	*gid = gr ? gr->gr_gid : (*pw)->pw_gid;
	return EC_OK;
}

static enum ec become(const struct passwd *pw, gid_t gid, const char *user, struct err *e)
{
	if (initgroups(pw->pw_name, gid) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return err_sys(e, "becoming user %s", user);
	if (pw->pw_uid != 0 && setuid(0) == 0)
		return err_set(e, EC_BROKEN,
			       "root could be had back after becoming %s; refusing to run", user);
	return EC_OK;
}

enum ec privs_drop(const struct conf *c, struct err *e)
{
	struct passwd *pw;
	gid_t gid;
	enum ec rc = find_user(c, &pw, &gid, e);
	if (rc == EC_OK && pw)
		rc = become(pw, gid, c->user, e);
	if (rc == EC_OK && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		rc = err_sys(e, "making the process untraceable");
	return rc;
}

enum ec privs_own_dir(const struct conf *c, const char *socket_path, struct err *e)
{
	struct passwd *pw;
	gid_t gid;
	char dir[PATH_MAX];
	const char *slash = strrchr(socket_path, '/');
	enum ec rc = find_user(c, &pw, &gid, e);
	if (rc != EC_OK || !pw || !slash || slash == socket_path)
		return rc;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - socket_path), socket_path);
	if (mkdir(dir, 0755) != 0)
		return errno == EEXIST ? EC_OK : err_sys(e, "making %s for the socket", dir);
	if (chown(dir, pw->pw_uid, gid) != 0 || chmod(dir, 0755) != 0)
		return err_sys(e, "giving %s to %s", dir, c->user);
	return EC_OK;
}
