/* handout.c - see handout.h.
 *
 * The file lies where the administrator says, often a place that the owner of the mail root may not go to: so it is root who
 * opens it. And since it may be a place where others may make things, such as /tmp, no link is followed and nothing is written
 * into what somebody else has put there.
 *
 * Passwords go behind whole lines only. Half a line at the end may be what a crash left of ours or what an administrator typed
 * himself, and it is his to say which: to cut it off could cost somebody's password, to go on behind it would spoil two.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "admin/handout.h"
#include "admin/identity.h"

#define FLAGS (O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* What is written into a file is safe only once the file's name is. */
static enum ec keep_name(const char *path, struct err *e)
{
	const char *base;
	int dir = file_open_parent(AT_FDCWD, path, &base);
	enum ec rc = dir < 0 || fsync(dir) < 0 ? err_sys(e, "cannot keep %s", path) : EC_OK;

	if (dir >= 0)
		close(dir);
	return rc;
}

static enum ec check_old(int fd, const char *path, struct err *e)
{
	struct stat st;
	char last;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0 ||
	    st.st_nlink != 1)
		return err_set(e, EC_REFUSED,
			       "%s is there and others could read it: name another file for the "
			       "new passwords",
			       path);
	if (st.st_size > 0 && (pread(fd, &last, 1, st.st_size - 1) != 1 || last != '\n'))
		return err_set(e, EC_REFUSED,
			       "%s ends in the middle of a line: end that line or remove it, then "
			       "try again",
			       path);
	return EC_OK;
}

static enum ec open_old(const char *path, int *fd, struct err *e)
{
	*fd = open(path, FLAGS);
	if (*fd < 0 && errno == ELOOP)
		return err_set(e, EC_REFUSED, "%s is a symbolic link: name a file", path);
	if (*fd < 0)
		return err_sys(e, "cannot open %s", path);
	enum ec rc = check_old(*fd, path, e);
	if (rc != EC_OK) {
		close(*fd);
		*fd = -1;
	}
	return rc;
}

static enum ec open_file(struct handout *h, struct err *e)
{
	h->fd = open(h->path, FLAGS | O_CREAT | O_EXCL, 0600);
	if (h->fd < 0 && errno == EEXIST)
		return open_old(h->path, &h->fd, e);
	if (h->fd < 0)
		return err_sys(e, "cannot make %s", h->path);
	h->made = true;
	return keep_name(h->path, e);
}

enum ec handout_open(struct wp *w, const char *path, struct handout *out, struct err *e)
{
	*out = (struct handout){ .path = arena_strz(w->mem, path), .fd = -1 };
	identity_root(true);
	enum ec rc = open_file(out, e);
	identity_root(false);
	if (rc != EC_OK)
		handout_close(out);
	return rc;
}

void handout_close(struct handout *h)
{
	struct stat st;

	if (h->fd < 0)
		return;
	if (h->made && fstat(h->fd, &st) == 0 && st.st_size == 0) {
		identity_root(true);
		unlink(h->path);
		identity_root(false);
	}
	close(h->fd);
	h->fd = -1;
}
