/* mailfile.c - the small files beside the messages (lock, quota, password): read whole, replaced
 * whole.
 *
 * file.h does the same for files of our own; here the directory may have been filled by somebody
 * else, and the one who replaces may be root while the service that reads is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "server/store/beneath.h"
#include "server/store/mailtree.h"

enum ec mailroot_read(struct arena *a, int dirfd, const char *file, size_t max_bytes, char **out,
		      size_t *len, struct err *e)
{
	int fd = beneath_open(dirfd, file, O_RDONLY, 0);

	if (fd < 0)
		return err_sys(e, "cannot open %s", file);
	enum ec rc = file_read_fd(a, fd, file, max_bytes, out, len, e);
	close(fd);
	return rc;
}

int tree_put(struct mailroot *root, int dirfd, const char *file, const void *p, size_t len,
	     unsigned mode)
{
	int fd = openat(dirfd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int failed = 0;

	if (fd < 0)
		return -1;
	if (mailroot_own(root, fd, mode) < 0 || file_write_all(fd, p, len) < 0 || fsync(fd) < 0)
		failed = errno;
	/* close reports what some network file systems hold back until now. */
	if (close(fd) < 0 && !failed)
		failed = errno;
	if (failed)
		unlinkat(dirfd, file, 0);
	errno = failed;
	return failed ? -1 : 0;
}

enum ec mailroot_replace(struct mailroot *root, int dirfd, const char *file, const void *p,
			 size_t len, unsigned mode, struct err *e)
{
	char temp[SIDE_NAME_MAX];

	tree_side_name(temp, FILE_TEMP_PREFIX);
	if (tree_put(root, dirfd, temp, p, len, mode) < 0)
		return err_sys(e, "cannot write %s", file);
	if (renameat(dirfd, temp, dirfd, file) < 0) {
		enum ec rc = err_sys(e, "cannot replace %s", file);
		unlinkat(dirfd, temp, 0);
		return rc;
	}
	return fsync(dirfd) < 0 ? err_sys(e, "cannot make %s durable", file) : EC_OK;
}

enum ec mailroot_unlink(int dirfd, const char *file, struct err *e)
{
	if (unlinkat(dirfd, file, 0) < 0)
		return errno == ENOENT ? EC_OK : err_sys(e, "cannot remove %s", file);
	return fsync(dirfd) < 0 ? err_sys(e, "cannot make the removal of %s durable", file) : EC_OK;
}
