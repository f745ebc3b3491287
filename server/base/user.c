/* user.c - see user.h. Afterwards we try to get root back, and say so if that works. */
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include "server/base/user.h"

static int take_groups(const struct passwd *user, gid_t gid, bool all)
{
	return all ? initgroups(user->pw_name, gid) : setgroups(0, NULL);
}

enum ec user_become(const struct passwd *user, gid_t gid, bool with_groups, struct err *e)
{
	if (take_groups(user, gid, with_groups) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		return err_sys(e, "becoming user %s", user->pw_name);
	if (user->pw_uid != 0 && setuid(0) == 0)
		return err_set(e, EC_BROKEN,
			       "root could be had back after becoming %s; refusing to run",
			       user->pw_name);
	return EC_OK;
}
