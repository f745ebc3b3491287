/* privs.c - see privs.h.
 *
 * PR_SET_DUMPABLE is cleared by the kernel when the user changes (server/base/user.h), but a service started as its own user must
 * ask for it.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "server/base/file.h"
#include "server/base/user.h"
#include "server/main/privs.h"

/* A silent session has its socket and the mailbox's directory open; one that is served an index and a message beside them.
 * Workers and listeners need a few more. */
#define FILES_SILENT 2
#define FILES_SERVED 4

static rlim_t files_beside(const struct conf *c)
{
	return (rlim_t)c->lmtp_socketmax * 2 + c->mta_socketmax + c->workers * 12 + 256;
}

static rlim_t files_wanted(const struct conf *c)
{
	return (rlim_t)(c->socketmax + c->socketbacklog) * FILES_SERVED + files_beside(c);
}

/* How many sessions there can be with so many files. */
static unsigned long long sessions_in(const struct conf *c, rlim_t files)
{
	rlim_t beside = files_beside(c) + c->socketbacklog;

	return files > beside ? (files - beside) / FILES_SILENT : 0;
}

/* A hard limit is raised by those only who may, which is root; a soft one by anybody. */
static void raise_as_far_as_we_may(struct rlimit *have, rlim_t want)
{
	struct rlimit all = { want, have->rlim_max > want ? have->rlim_max : want };
	struct rlimit rest = { have->rlim_max, have->rlim_max };

	if (have->rlim_cur >= want)
		return;
	if (setrlimit(RLIMIT_NOFILE, &all) == 0)
		*have = all;
	else if (setrlimit(RLIMIT_NOFILE, &rest) == 0)
		*have = rest;
}

enum ec privs_files(const struct conf *c, const struct log *log, struct err *e)
{
	struct rlimit have;
	if (getrlimit(RLIMIT_NOFILE, &have) != 0)
		return err_sys(e, "reading the limit of open files");
	rlim_t want = files_wanted(c);
	raise_as_far_as_we_may(&have, want);
	if (have.rlim_cur < want && have.rlim_cur < 1024)
		return err_set(e, EC_BROKEN,
			       "socketmax = %u needs %llu open files but the limit is %llu; raise "
			       "LimitNOFILE "
			       "or lower socketmax",
			       c->socketmax, (unsigned long long)want,
			       (unsigned long long)have.rlim_cur);
	if (sessions_in(c, have.rlim_cur) < c->socketmax)
		log_event(log, LV_WARN, "files-limited", KV_U("socketmax", c->socketmax),
			  KV_U("sessions", sessions_in(c, have.rlim_cur)),
			  KV_U("limit", have.rlim_cur), KV_U("wanted", want),
			  KV("text", "there cannot be as many sessions as socketmax: raise "
				     "LimitNOFILE (ulimit -n), or lower socketmax"));
	return EC_OK;
}

enum ec privs_harden(struct err *e)
{
	if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) != 0)
		return err_sys(e, "turning core dumps off");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(e, "giving up new privileges");
	return EC_OK;
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

/* systemd may start us as the service's user with the one capability that ports below 1024 need; they are open by now. One
 * more is kept where it was given on purpose - to a service that was never root - and serves: to give delivered files to local
 * users. It could give itself every other right, so root's own is never kept. */
static enum ec drop_capabilities(const struct conf *c, struct err *e)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct __user_cap_data_struct keep[_LINUX_CAPABILITY_U32S_3] = { 0 };
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    syscall(SYS_capget, &head, have) != 0)
		return err_sys(e, "giving up capabilities");
	if (c->authentication == AUTHN_LOCAL)
		keep[CAP_TO_INDEX(CAP_CHOWN)].permitted =
			have[CAP_TO_INDEX(CAP_CHOWN)].permitted & CAP_TO_MASK(CAP_CHOWN);
	keep[CAP_TO_INDEX(CAP_CHOWN)].effective = keep[CAP_TO_INDEX(CAP_CHOWN)].permitted;
	if (syscall(SYS_capset, &head, keep) != 0)
		return err_sys(e, "giving up capabilities");
	return EC_OK;
}

enum ec privs_drop(const struct conf *c, struct err *e)
{
	struct passwd *pw;
	gid_t gid;
	enum ec rc = find_user(c, &pw, &gid, e);
	if (rc == EC_OK && pw)
		rc = user_become(pw, gid, true, e);
	if (rc == EC_OK && geteuid() != 0)
		rc = drop_capabilities(c, e);
	if (rc == EC_OK && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		rc = err_sys(e, "making the process untraceable");
	return rc;
}

static enum ec make_socket_dir(const struct conf *c, const char *dir, struct err *e)
{
	struct passwd *pw;
	gid_t gid;
	enum ec rc = find_user(c, &pw, &gid, e);
	if (rc == EC_OK)
		rc = file_make_dir(dir, 0755, pw ? pw->pw_uid : (uid_t)-1, gid, e);
	return rc;
}

static enum ec socket_dir(const struct conf *c, const char *setting, const char *path, bool look,
			  struct err *e)
{
	char dir[PATH_MAX];
	struct stat st;
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return EC_OK;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (stat(dir, &st) == 0)
		return S_ISDIR(st.st_mode) ? EC_OK
					   : err_set(e, EC_BROKEN,
						     "%s: %s is not a directory: move it away, or "
						     "change %s",
						     setting, dir, setting);
	if (errno != ENOENT)
		return err_sys(e, "%s: cannot look at %s", setting, dir);
	if (geteuid() != 0)
		return err_set(e, EC_ABSENT,
			       "%s: directory %s is missing: make it, or set %s to where it is",
			       setting, dir, setting);
	return look ? EC_OK : make_socket_dir(c, dir, e);
}

enum ec privs_socket_dirs(const struct conf *c, bool look, struct err *e)
{
	enum ec rc = socket_dir(c, "control_socket", c->control_socket, look, e);
	if (rc == EC_OK)
		rc = socket_dir(c, "lmtp_socket", c->lmtp_socket, look, e);
	if (rc == EC_OK)
		rc = socket_dir(c, "maps_socket", c->maps_socket, look, e);
	return rc == EC_OK ? socket_dir(c, "auth_socket", c->auth_socket, look, e) : rc;
}
