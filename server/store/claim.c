/* claim.c - flock(2) on the mailbox's directory.
 *
 * The lock hangs on the open descriptor: it works between two sessions of one process as between
 * two processes, and the kernel drops it with the last descriptor. Lock files were rejected (a kill
 * -9 leaves them), POSIX record locks too (any close in the process drops them). Network file
 * systems turn flock into a record lock that wants a writable file; there an open-file-description
 * lock on the file `claim` does the same work.
 *
 * Between opening the directory and locking it the mailbox may have been removed, and perhaps made
 * anew: after locking, the name must still lead to the same directory. /
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/store/claim.h"

#define CLAIM_FILE "claim"
#define TRIES 3

static enum ec held(struct err *e)
{
	return err_set(e, EC_LOCKED, "the mailbox is open in another session");
}

/* Whoever makes the file, an administrator's program perhaps, the service must be able to open it. */
static enum ec take_file(const struct mailroot *root, int dir, struct claim *out, struct err *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(dir, CLAIM_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			0640);

	if (fd < 0)
		return err_sys(e, "cannot open the mailbox's claim file");
	out->file = fd;
	if (geteuid() == 0 && mailroot_own(root, fd, 0640) < 0)
		return err_sys(e, "cannot give the mailbox's claim file to its owner");
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return EC_OK;
	return errno == EAGAIN || errno == EACCES ? held(e) : err_sys(e, "cannot lock the mailbox");
}

/* ENOLCK is not among the errors that say "no such locks here": it may pass, and then two would hold the mailbox, one
 * by the directory and one by the file. */
enum ec claim_take_dir(const struct mailroot *root, int dir, struct claim *out, struct err *e)
{
	enum ec rc = EC_OK;

	*out = (struct claim){ .dir = dir, .file = -1 };
	if (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			rc = held(e);
		else if (errno == EBADF || errno == EOPNOTSUPP || errno == EINVAL)
			rc = take_file(root, dir, out, e);
		else
			rc = err_sys(e, "cannot lock the mailbox");
	}
	if (rc != EC_OK)
		claim_drop(out);
	return rc;
}

/* Does the name still lead to the directory we locked? */
static enum ec still_there(struct mailroot *root, const struct name *mailbox, int dir, bool *same,
			   struct err *e)
{
	struct stat ours, now;
	int fd;

	if (fstat(dir, &ours) < 0)
		return err_sys(e, "cannot look at the mailbox");
	*same = mailroot_leads_to(root, mailbox, &ours);
	if (*same)
		return EC_OK;
	enum ec rc = mailroot_dir(root, mailbox, &fd, e);
	if (rc != EC_OK)
		return rc;
	if (fstat(fd, &now) < 0)
		rc = err_sys(e, "cannot look at the mailbox");
	else
		*same = ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
	close(fd);
	return rc;
}

enum ec claim_take(struct mailroot *root, const struct name *mailbox, struct claim *out,
		   struct err *e)
{
	for (unsigned tries = 0; tries < TRIES; tries++) {
		bool same = false;
		int dir;
		enum ec rc = mailroot_dir(root, mailbox, &dir, e);
		if (rc == EC_OK)
			rc = claim_take_dir(root, dir, out, e);
		if (rc != EC_OK)
			return rc;
		rc = still_there(root, mailbox, dir, &same, e);
		if (rc == EC_OK && same)
			return EC_OK;
		claim_drop(out);
		if (rc != EC_OK)
			return rc;
	}
	return err_set(e, EC_TEMP, "the mailbox is being replaced; try again");
}

enum ec claim_take_now(struct mailroot *root, const struct name *mailbox, struct claim *out,
		       struct stat *seen, struct err *e)
{
	int dir = mailroot_dir_now(root, mailbox);
	enum ec rc = EC_BUSY;

	if (dir < 0)
		return EC_BUSY;
	*out = (struct claim){ .dir = dir, .file = -1 };
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		rc = errno == EWOULDBLOCK ? held(e) : EC_BUSY;
	else if (fstat(dir, seen) == 0 && mailroot_leads_to(root, mailbox, seen))
		return EC_OK;
	claim_drop(out);
	return rc;
}

void claim_drop(struct claim *c)
{
	if (c->dir >= 0)
		close(c->dir);
	if (c->file >= 0)
		close(c->file);
	*c = (struct claim){ .dir = -1, .file = -1 };
}
