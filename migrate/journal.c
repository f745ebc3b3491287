/* journal.c - lines at the end of a file, each on disk before its writer goes on.
 *
 * A thread that has a line leaves it in a heap. Whoever finds no sync under way takes the whole heap, writes it, syncs, and wakes
 * those whose lines were in it; what came meanwhile is the next one's. So a disk that syncs a hundred times a second carries
 * thousands of accounts. That is why there is a mutex here, outside of net/: the callers are plain threads that must not go on before
 * their line is safe, and no event loop is anywhere near.
 *
 * A write or sync that failed is the end: what is on disk is not known any more, and a sync that succeeds after one that failed
 * proves nothing (the kernel has dropped the pages). Opening it again reads what is really there.
 *
 * It is made under another name and linked into place, and shrunk by a rename: nobody ever sees half of one. Two at a time are kept
 * apart by flock(2), which a kill -9 leaves behind no more than the process; the file locked must still be the one with the name,
 * or somebody has just shrunk it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "migrate/journalform.h"
#include "migrate/journalmap.h"
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/mem.h"

#define TAKE_TRIES 8
#define SHRINK_FROM 4096 /* lines */
#define SHRINK_SHARE 4   /* of which only one in so many still counts */

struct journal {
	char *path;
	const char *base; /* last part of path */
	int dir, fd;
	size_t n_lines; /* when it was read */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t synced;
	struct buf heap;
	uint64_t n_left, n_safe; /* lines left in the heap ever; of those, on disk */
	bool syncing;
	struct err fault; /* class EC_OK: none */
	struct journal_map *map;
};

/* ---- the file ---- */

static enum ec open_dir(struct journal *j, struct err *e)
{
	char *slash = strrchr(j->path, '/');
	char dir[PATH_MAX];

	j->base = slash ? slash + 1 : j->path;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - j->path + 1) : 1,
		 slash ? j->path : ".");
	j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return j->dir < 0 ? err_sys(e, "cannot open %s", dir) : EC_OK;
}

static enum ec take_lock(const struct journal *j, int fd, struct err *e)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return EC_OK;
	if (errno == EWOULDBLOCK)
		return err_set(e, EC_LOCKED,
			       "another migration is under way (%s is held): wait for its end",
			       j->path);
	return err_sys(e, "cannot lock %s", j->path);
}

static bool has_name(const struct journal *j, int fd)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 &&
	       fstatat(j->dir, j->base, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

static enum ec check_kind(const struct journal *j, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at %s", j->path);
	return S_ISREG(st.st_mode) ? EC_OK
				   : err_set(e, EC_BROKEN, "%s is not a plain file", j->path);
}

/* *again: it is not the journal any more. */
static enum ec try_take(struct journal *j, bool *again, struct err *e)
{
	*again = false;
	j->fd = openat(j->dir, j->base,
		       O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (j->fd < 0 && errno == ELOOP)
		return err_set(e, EC_BROKEN, "%s is a symbolic link: remove it", j->path);
	if (j->fd < 0 && errno == ENOENT)
		return err_set(e, EC_ABSENT, "nothing was migrated yet: there is no %s", j->path);
	if (j->fd < 0)
		return err_sys(e, "cannot open %s", j->path);
	enum ec rc = check_kind(j, j->fd, e);
	if (rc == EC_OK)
		rc = take_lock(j, j->fd, e);
	if (rc == EC_OK && !has_name(j, j->fd)) {
		close(j->fd);
		j->fd = -1;
		*again = true;
		rc = err_set(e, EC_LOCKED, "%s is being replaced: try again", j->path);
	}
	return rc;
}

/* A file beside it, locked before it has the name. */
static enum ec make_beside(const struct journal *j, const struct buf *text, char temp[40], int *fd,
			   struct err *e)
{
	snprintf(temp, 40, FILE_TEMP_PREFIX "%016jx", (uintmax_t)random_u64());
	*fd = openat(j->dir, temp, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_sys(e, "cannot make a file beside %s", j->path);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0 && fchmod(*fd, 0600) == 0 &&
	    file_write_all(*fd, buf_at(text), text->len) == 0 && fsync(*fd) == 0)
		return EC_OK;
	enum ec rc = err_sys(e, "cannot write %s", j->path);
	unlinkat(j->dir, temp, 0);
	close(*fd);
	*fd = -1;
	return rc;
}

/* linkat, not rename: of two who make one, the second takes the first's. */
static enum ec make_first(struct journal *j, const char *directory, struct err *e)
{
	struct buf text = { 0 };
	char temp[40];
	int fd;

	journal_form_head(&text, directory);
	journal_form_mark(&text);
	enum ec rc = make_beside(j, &text, temp, &fd, e);
	buf_drop(&text);
	if (rc != EC_OK)
		return rc;
	if (linkat(j->dir, temp, j->dir, j->base, 0) < 0 && errno != EEXIST)
		rc = err_sys(e, "cannot make %s", j->path);
	unlinkat(j->dir, temp, 0);
	if (rc == EC_OK && fsync(j->dir) < 0)
		rc = err_sys(e, "cannot make %s durable", j->path);
	close(fd);
	return rc;
}

static enum ec take(struct journal *j, const char *directory, bool make, struct err *e)
{
	bool again = true;
	enum ec rc = EC_LOCKED;

	for (unsigned tries = 0; again && tries < TAKE_TRIES; tries++) {
		rc = try_take(j, &again, e);
		if (rc != EC_ABSENT || !make)
			continue;
		rc = make_first(j, directory, e);
		again = rc == EC_OK;
	}
	return rc;
}

/* ---- reading ---- */

static void learn(void *ctx, const struct name *n, const struct journal_entry *what)
{
	struct journal *j = ctx;

	journal_map_put(j->map, n, what);
	j->n_lines++;
}

static enum ec read_mapped(struct journal *j, size_t size, const char *directory, size_t *keep,
			   struct err *e)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, j->fd, 0);

	if (p == MAP_FAILED)
		return err_sys(e, "cannot read %s", j->path);
	enum ec rc = journal_read(p, size, directory, j->path, learn, j, keep, e);
	munmap(p, size);
	return rc;
}

/* Lines of a writer that was killed before its sync may be read and yet not be on disk: they are from here on. */
static enum ec read_all(struct journal *j, const char *directory, struct err *e)
{
	struct stat st;
	size_t keep = 0;
	enum ec rc;

	if (fstat(j->fd, &st) < 0)
		return err_sys(e, "cannot look at %s", j->path);
	if (st.st_size == 0)
		rc = journal_read("", 0, directory, j->path, learn, j, &keep, e);
	else
		rc = read_mapped(j, (size_t)st.st_size, directory, &keep, e);
	if (rc != EC_OK)
		return rc;
	if ((off_t)keep < st.st_size && ftruncate(j->fd, (off_t)keep) < 0)
		return err_sys(e, "cannot cut the unfinished end off %s", j->path);
	return fsync(j->fd) < 0 ? err_sys(e, "cannot make %s durable", j->path) : EC_OK;
}

static bool form_one(void *ctx, const struct name *n, const struct journal_entry *what)
{
	journal_form_line(ctx, n, what);
	return true;
}

/* Rewrites it with one line for each account. The old one stays locked until the new one, locked too, has its name. */
static enum ec shrink(struct journal *j, const char *directory, struct err *e)
{
	struct buf text = { 0 };
	char temp[40];
	int fd;

	journal_form_head(&text, directory);
	journal_map_each(j->map, form_one, &text);
	journal_form_mark(&text);
	enum ec rc = make_beside(j, &text, temp, &fd, e);
	buf_drop(&text);
	if (rc != EC_OK)
		return rc;
	if (renameat(j->dir, temp, j->dir, j->base) < 0) {
		rc = err_sys(e, "cannot replace %s", j->path);
		unlinkat(j->dir, temp, 0);
		close(fd);
		return rc;
	}
	close(j->fd);
	j->fd = fd;
	return fsync(j->dir) < 0 ? err_sys(e, "cannot make %s durable", j->path) : EC_OK;
}

static bool is_fat(const struct journal *j)
{
	return j->n_lines >= SHRINK_FROM && j->n_lines / SHRINK_SHARE > journal_map_count(j->map);
}

/* ---- the contract ---- */

enum ec journal_open(const char *path, const char *directory, bool make, struct journal **out,
		     struct err *e)
{
	struct journal *j = mem_new(sizeof(*j));

	*j = (struct journal){ .path = mem_strz(path), .dir = -1, .fd = -1 };
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->synced, NULL);
	j->map = journal_map_new();
	enum ec rc = open_dir(j, e);
	if (rc == EC_OK)
		rc = take(j, directory, make, e);
	if (rc == EC_OK)
		rc = read_all(j, directory, e);
	if (rc == EC_OK && is_fat(j))
		rc = shrink(j, directory, e);
	if (rc != EC_OK)
		journal_close(&j);
	*out = j;
	return rc;
}

void journal_close(struct journal **j)
{
	struct journal *old = *j;

	if (!old)
		return;
	*j = NULL;
	if (old->fd >= 0)
		close(old->fd);
	if (old->dir >= 0)
		close(old->dir);
	buf_drop(&old->heap);
	journal_map_free(&old->map);
	pthread_cond_destroy(&old->synced);
	pthread_mutex_destroy(&old->lock);
	free(old->path);
	free(old);
}

void journal_get(struct journal *j, const struct name *n, struct journal_entry *out)
{
	pthread_mutex_lock(&j->lock);
	journal_map_get(j->map, n, out);
	pthread_mutex_unlock(&j->lock);
}

/* Takes the heap to disk; called with the lock, which is open meanwhile. */
static void sync_heap(struct journal *j)
{
	struct buf mine = j->heap;
	uint64_t upto = j->n_left;
	enum ec rc = EC_OK;
	struct err why = { 0 };

	j->heap = (struct buf){ 0 };
	j->syncing = true;
	pthread_mutex_unlock(&j->lock);
	if (file_write_all(j->fd, buf_at(&mine), mine.len) < 0 || fdatasync(j->fd) < 0)
		rc = err_sys(&why, "cannot write %s", j->path);
	buf_drop(&mine);
	pthread_mutex_lock(&j->lock);
	j->syncing = false;
	if (rc == EC_OK)
		j->n_safe = upto;
	else
		j->fault = why;
	pthread_cond_broadcast(&j->synced);
}

static void leave_line(struct journal *j, const struct name *n, const struct journal_entry *what)
{
	if (j->heap.len == 0)
		journal_form_mark(&j->heap);
	journal_form_line(&j->heap, n, what);
	j->n_left++;
}

enum ec journal_put(struct journal *j, const struct name *n, const struct journal_entry *what,
		    struct err *e)
{
	enum ec rc;

	assert(what->state != JOURNAL_NONE && !name_is_domain(n));
	pthread_mutex_lock(&j->lock);
	if (j->fault.class == EC_OK)
		leave_line(j, n, what);
	uint64_t mine = j->n_left;
	while (j->fault.class == EC_OK && j->n_safe < mine) {
		if (j->syncing)
			pthread_cond_wait(&j->synced, &j->lock);
		else
			sync_heap(j);
	}
	bool safe = j->n_safe >= mine; /* also if a later one failed since */
	if (safe)
		journal_map_put(j->map, n, what);
	rc = safe ? EC_OK : err_set(e, EC_BROKEN, "%s", j->fault.text);
	pthread_mutex_unlock(&j->lock);
	return rc;
}

void journal_each(struct journal *j,
		  bool (*fn)(void *ctx, const struct name *, const struct journal_entry *),
		  void *ctx)
{
	journal_map_each(j->map, fn, ctx);
}
