/* mta_dir.c - the directory in Postfix's queue where winpopd makes its sockets. */
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "admin/identity.h"
#include "admin/mta.h"

#define SOCKET_DIR_MODE 02750 /* what is made in it is the group's, so that Postfix may use it */

static enum ec owner_of_sockets(struct mta *m, struct owner *out)
{
	const struct passwd *pw = getpwnam(m->now.owner);

	if (!pw)
		return err_set(m->e, EC_BROKEN,
			       "there is no user %s, as Postfix's mail_owner has it", m->now.owner);
	gid_t gid = pw->pw_gid; /* the next look-up overwrites it */
	enum ec rc = identity_service(m->c, out, m->e);
	out->gid = gid;
	return rc;
}

static bool is_as_wished(const struct stat *st, const struct owner *o)
{
	return S_ISDIR(st->st_mode) && st->st_uid == o->uid && st->st_gid == o->gid &&
	       (st->st_mode & 07777) == SOCKET_DIR_MODE;
}

/* The queue directory is root's, so nobody can have put a link there. */
static enum ec mend_dir(const char *dir, const struct owner *o, struct err *e)
{
	enum ec rc = EC_OK;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "cannot open %s", dir);
	if (fchown(fd, o->uid, o->gid) < 0 || fchmod(fd, SOCKET_DIR_MODE) < 0)
		rc = err_sys(e, "cannot change the owner or the mode of %s", dir);
	close(fd);
	return rc;
}

static enum ec look(struct mta *m, struct owner *o, bool *good)
{
	struct stat st;
	enum ec rc = owner_of_sockets(m, o);

	*good = rc == EC_OK && lstat(postfix_socket_dir(m->w->mem, &m->now), &st) == 0 &&
		is_as_wished(&st, o);
	return rc;
}

enum ec mta_dir_look(struct mta *m, bool *good)
{
	struct owner o;

	return look(m, &o, good);
}

enum ec mta_dir_make(struct mta *m, bool *changed)
{
	const char *dir = postfix_socket_dir(m->w->mem, &m->now);
	struct owner o;
	bool good;
	enum ec rc = look(m, &o, &good);

	if (rc != EC_OK || good)
		return rc;
	*changed = true;
	rc = file_make_dir(dir, SOCKET_DIR_MODE, o.uid, o.gid, m->e);
	return rc == EC_EXISTS ? mend_dir(dir, &o, m->e) : rc;
}
