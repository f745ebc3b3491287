/* file.c - read whole, replace whole.
 *
 * Replacing goes by a temporary file and rename(2) in the *same directory handle*: were the
 * directory itself renamed meanwhile, the new file would still land beside the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/crypto.h"
#include "server/base/file.h"

/* Reads at most `room` octets; -1 with errno set. */
static ssize_t read_all(int fd, char *p, size_t room)
{
	size_t got = 0;

	while (got < room) {
		ssize_t n = read(fd, p + got, room - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

enum ec file_read_fd(struct arena *a, int fd, const char *path, size_t max_bytes, char **out,
		     size_t *len, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EC_BROKEN, "%s is not a plain file", path);
	if ((uintmax_t)st.st_size > max_bytes)
		return err_set(e, EC_BROKEN, "%s is larger than %zu octets", path, max_bytes);

	/* The octet kept for the NUL tells whether the file grew since fstat. */
	size_t size = (size_t)st.st_size;
	char *p = arena_alloc(a, size + 1);
	ssize_t got = read_all(fd, p, size + 1);
	if (got < 0)
		return err_sys(e, "cannot read %s", path);
	if ((size_t)got > size)
		return err_set(e, EC_TEMP, "%s grew while it was read", path);
	p[got] = '\0';
	*out = p;
	*len = (size_t)got;
	return EC_OK;
}

enum ec file_read_at(struct arena *a, int dirfd, const char *path, size_t max_bytes, char **out,
		     size_t *len, struct err *e)
{
	/* O_NONBLOCK: a FIFO in the file's place must not hold us. */
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "cannot open %s", path);
	enum ec rc = file_read_fd(a, fd, path, max_bytes, out, len, e);
	close(fd);
	return rc;
}

int file_write_all(int fd, const void *from, size_t len)
{
	const char *p = from;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Opens the directory that holds path and points *base at the last part. */
int file_open_parent(int dirfd, const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (!slash) {
		*base = path;
		return openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	size_t len = slash == path ? 1 : (size_t)(slash - path);
	if (len >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, len);
	dir[len] = '\0';
	*base = slash + 1;
	return openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What is to be in a file, and whose it is to be. */
struct content {
	const void *p;
	size_t len;
	unsigned mode;
	uid_t uid; /* -1: ours, with our group */
	gid_t gid;
};

static int give(int fd, unsigned mode, uid_t uid, gid_t gid)
{
	bool ours = uid == (uid_t)-1 || (uid == geteuid() && gid == getegid());

	if (!ours && fchown(fd, uid, gid) < 0)
		return -1;
	return fchmod(fd, mode);
}

static enum ec write_temp(int parent, const char *temp, const struct content *c, const char *path,
			  struct err *e)
{
	int fd = openat(parent, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum ec rc = EC_OK;

	if (fd < 0)
		return err_sys(e, "cannot make a file beside %s", path);
	if (give(fd, c->mode, c->uid, c->gid) < 0)
		rc = err_sys(e, "cannot give %s its owner and mode", path);
	else if (file_write_all(fd, c->p, c->len) < 0 || fsync(fd) < 0)
		rc = err_sys(e, "cannot write %s", path);
	/* close reports what some network file systems hold back until now. */
	if (close(fd) < 0 && rc == EC_OK)
		rc = err_sys(e, "cannot write %s", path);
	return rc;
}

static enum ec replace(int dirfd, const char *path, const struct content *c, struct err *e)
{
	char temp[sizeof(FILE_TEMP_PREFIX) + 16];
	const char *base;
	int parent = file_open_parent(dirfd, path, &base);

	if (parent < 0)
		return err_sys(e, "cannot open the directory of %s", path);
	snprintf(temp, sizeof(temp), FILE_TEMP_PREFIX "%016jx", (uintmax_t)random_u64());

	enum ec rc = write_temp(parent, temp, c, path, e);
	if (rc == EC_OK && renameat(parent, temp, parent, base) < 0)
		rc = err_sys(e, "cannot replace %s", path);
	if (rc != EC_OK)
		unlinkat(parent, temp, 0); /* also after rename failed; absent is fine */
	else if (fsync(parent) < 0)
		rc = err_sys(e, "cannot make %s durable", path);
	close(parent);
	return rc;
}

enum ec file_replace_at(int dirfd, const char *path, const void *p, size_t len, unsigned mode,
			struct err *e)
{
	const struct content c = { p, len, mode, (uid_t)-1, (gid_t)-1 };

	return replace(dirfd, path, &c, e);
}

enum ec file_replace_for(const char *path, const void *p, size_t len, unsigned mode, uid_t uid,
			 gid_t gid, struct err *e)
{
	const struct content c = { p, len, mode, uid, gid };

	return replace(AT_FDCWD, path, &c, e);
}

/* Under another name until it is whole: whoever dies in between leaves no directory that its owner cannot enter. That
 * name is the same each time, so the next one sweeps it. */
enum ec file_make_dir(const char *path, unsigned mode, uid_t uid, gid_t gid, struct err *e)
{
	char temp[PATH_MAX];
	struct stat st;
	enum ec rc = EC_OK;

	if (lstat(path, &st) == 0)
		return err_set(e, EC_EXISTS, "cannot make %s: it is there", path);
	if (snprintf(temp, sizeof(temp), "%s.tmp", path) >= (int)sizeof(temp))
		return err_set(e, EC_USAGE, "the path %s is too long", path);
	rmdir(temp);
	if (mkdir(temp, 0700) < 0)
		return err_sys(e, "cannot make %s", temp);
	int fd = open(temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || give(fd, mode, uid, gid) < 0)
		rc = err_sys(e, "cannot give %s its owner and mode", temp);
	else if (rename(temp, path) < 0)
		rc = err_sys(e, "cannot make %s", path);
	if (fd >= 0)
		close(fd);
	if (rc != EC_OK)
		rmdir(temp);
	return rc;
}

void file_fill_standard(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		/* The lowest free number is this one. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			die("cannot open /dev/null");
	}
}
