/* file.h - small files, read whole and replaced whole.
 *
 * A reader never sees half a file and a power cut leaves the old one or the new one. Thread: any;
 * may block on the disk. Failure: EC_ABSENT no such file; EC_BROKEN not a plain file, too large, or
 * the file system refuses; EC_TEMP trouble that passes (disk full).
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#include "server/base/arena.h"
#include "server/base/err.h"

/* What every temporary name begins with: a crash may leave one behind, whoever owns the directory
 * may sweep it. Such a name never ends in ".eml". */
#define FILE_TEMP_PREFIX ".tmp-"

/* Whole file relative to dirfd (AT_FDCWD allowed), NUL added; more than max_bytes or not a regular
 * file: EC_BROKEN. */
enum ec file_read_at(struct arena *a, int dirfd, const char *path, size_t max_bytes, char **out,
		     size_t *len, struct err *e);
/* The same for a file that is open; path is its name in texts. The caller closes. */
enum ec file_read_fd(struct arena *a, int fd, const char *path, size_t max_bytes, char **out,
		     size_t *len, struct err *e);
/* 0, or -1 with errno; interrupted and short writes go on. */
int file_write_all(int fd, const void *p, size_t len);
/* Replaces path as a whole: temporary file beside it, fsync, rename, fsync of the directory. The
 * mode is exact, whatever the umask; the owner is the process. */
enum ec file_replace_at(int dirfd, const char *path, const void *p, size_t len, unsigned mode,
			struct err *e);
/* The same for root, of a file that is somebody else's: it is his before it has its name, so that whoever reads it can do so at
 * every moment, and is nobody's half-given file if we die (uid -1: ours). */
enum ec file_replace_for(const char *path, const void *p, size_t len, unsigned mode, uid_t uid,
			 gid_t gid, struct err *e);
/* The directory that path lies in, or -1 with errno; *base is path's last part. The caller closes. */
int file_open_parent(int dirfd, const char *path, const char **base);
/* Makes a directory that belongs to somebody else, for root (uid -1: to us). EC_EXISTS: there is something of that
 * name, which is left alone. It is there whole or not at all; an empty PATH.tmp of one that was killed is swept by the next. */
enum ec file_make_dir(const char *path, unsigned mode, uid_t uid, gid_t gid, struct err *e);
/* First of all in a program: a standard descriptor that came closed would be the number of the next file opened, and
 * the log would be written into that, or a password be read from it. Reading and writing the stand-ins fails. */
void file_fill_standard(void);
