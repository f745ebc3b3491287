/* identity.c - becoming the owner of the mail root.
 *
 * Mailboxes, password records and locks must belong to the service, whoever runs winpop; and root
 * has no business walking a tree that another user can rearrange under its feet. So root gives
 * itself up before the mail root is touched, and everything made from then on has the right owner
 * without anybody having to think of it. Who owns the mail root *is* the service's user: it could
 * not work otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "admin/identity.h"

static const char *user_text(uid_t uid, char out[64])
{
	struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(out, 64, "%s", pw->pw_name);
	else
		snprintf(out, 64, "user %u", (unsigned)uid);
	return out;
}

static enum ec become(const struct stat *owner, bool for_good, struct err *e)
{
	struct passwd *pw = getpwuid(owner->st_uid);
	gid_t gid = pw ? pw->pw_gid : owner->st_gid, was = getegid();
	int groups = pw ? initgroups(pw->pw_name, gid) : setgroups(1, &gid);

	if (groups < 0 || setresgid(gid, gid, for_good ? gid : was) < 0 ||
	    setresuid(owner->st_uid, owner->st_uid, for_good ? owner->st_uid : 0) < 0)
		return err_sys(e, "cannot become the owner of the mail root");
	return EC_OK;
}

static enum ec look(const char *mailroot, struct stat *st, struct err *e)
{
	if (stat(mailroot, st) == 0)
		return EC_OK;
	if (errno == ENOENT)
		return err_set(e, EC_BROKEN,
			       "there is no mail root at %s; make it with winpop init", mailroot);
	if (errno == EACCES)
		return err_set(e, EC_DENIED,
			       "not permitted to see %s; run winpop as root or as the user of the "
			       "service",
			       mailroot);
	return err_sys(e, "cannot look at %s", mailroot);
}

/* Then it is no mail root the service could use, but perhaps /home, named by mistake, and root could remove from it whatever has
 * the name of a domain. */
static bool is_foreign(const struct conf *c, const struct stat *st)
{
	return st->st_uid == 0 && *c->user && strcmp(c->user, "root") != 0;
}

enum ec identity_become_owner(const struct conf *c, bool for_good, struct err *e)
{
	struct stat st;
	char name[64];
	enum ec rc = look(c->mailroot, &st, e);

	if (rc != EC_OK)
		return rc;
	if (geteuid() == 0 && is_foreign(c, &st))
		return err_set(e, EC_BROKEN,
			       "the mail root %s belongs to root and the service runs as %s: give "
			       "it to %s, or set mailroot to where the mail is",
			       c->mailroot, c->user, c->user);
	if (geteuid() == st.st_uid)
		return EC_OK;
	if (geteuid() != 0)
		return err_set(e, EC_DENIED,
			       "not permitted; run winpop as root or as %s, who owns %s",
			       user_text(st.st_uid, name), c->mailroot);
	return become(&st, for_good, e);
}

/* Root in earnest, not only effectively: programs and PAM modules that change users look at the real one. So the two change
 * places: owner, owner, root - or root, root, owner. With the group it is the same, or what root writes would be open to the
 * owner's. */
void identity_root(bool on)
{
	uid_t real, effective, saved;
	gid_t real_g, effective_g, saved_g;

	if (getresuid(&real, &effective, &saved) < 0 ||
	    getresgid(&real_g, &effective_g, &saved_g) < 0)
		return;
	bool below = real != 0 && saved == 0, above = real == 0 && saved != 0;
	if (!(on ? below : above))
		return;
	/* A saved identity can always be taken; groups while we are root. */
	if ((on && setresuid(saved, saved, real) < 0) || setresgid(saved_g, saved_g, real_g) < 0 ||
	    (!on && setresuid(saved, saved, real) < 0))
		abort();
}

bool identity_may_be_root(void)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) == 0 && (effective == 0 || saved == 0);
}

enum ec identity_may_read(const char *path, struct err *e)
{
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 || (errno != EACCES && errno != EPERM))
		return EC_OK;
	return err_set(e, EC_DENIED,
		       "not permitted to read %s; run winpop as root or as the user of the service",
		       path);
}

enum ec identity_may_write(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0 ||
	    (errno != EACCES && errno != EPERM))
		return EC_OK;
	return err_set(e, EC_DENIED, "not permitted to change %s; run winpop as root", path);
}

enum ec identity_service(const struct conf *c, struct owner *o, struct err *e)
{
	*o = (struct owner){ geteuid(), getegid() };
	if (geteuid() != 0 || !*c->user)
		return EC_OK;
	struct passwd *pw = getpwnam(c->user);
	if (!pw)
		return err_set(e, EC_REFUSED,
			       "there is no user \"%s\" for the service; make it with adduser "
			       "--system --group --no-create-home %s",
			       c->user, c->user);
	struct group *gr = *c->group ? getgrnam(c->group) : NULL;
	*o = (struct owner){ pw->pw_uid, gr ? gr->gr_gid : pw->pw_gid };
	return EC_OK;
}
