/* fetch.c - a message's octets: small ones in memory, large ones as a file range for sendfile(2).
 *
 * On an event loop nothing may wait for a disk. RESOLVE_CACHED, RWF_NOWAIT and cachestat(2) make the
 * kernel say so instead of waiting; the caller then asks again on a worker, which reads ahead.
 *
 * LIST has promised a number of octets. A file that is not as long as it was counted is not sent at
 * all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "server/base/err.h"
#include "server/base/mem.h"
#include "server/store/beneath.h"
#include "server/store/files.h"

#define SMALL_BYTES 32768
#define AHEAD_BYTES (1 << 20)
#define PAGE_BYTES 4096 /* the smallest there is: where pages are larger, one read too many */

/* cachestat(2), which is younger than the headers of Debian 12. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
struct cache_range {
	uint64_t off, len;
};
struct cache_pages {
	uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

static enum ec changed(struct err *e)
{
	return err_set(e, EC_TEMP, "a message was changed by another program; sign in again");
}

static enum ec would_wait(struct err *e)
{
	return err_set(e, EC_BUSY, "the message is not in memory");
}

/* The next claim shall look at the directory again, and count this message anew even if its inode
 * is the same. */
static void distrust_index(struct files_box *fb, uint32_t i)
{
	char room[NAME_MAX + 1];
	struct index_hold h;

	index_take(&h, fb->files->env.root, fb->claim.dir, fb->files->env.boot);
	h.clean = false;
	index_begin(&h);
	if (h.head.gen == fb->seen.gen)
		index_mark(&h, table_record(fb->table, i), table_name(fb->table, i, room),
			   INDEX_DEAD);
	index_end(&h);
	index_drop(&h);
}

static ssize_t read_some(int fd, void *to, size_t len, uint64_t off, bool nowait)
{
	struct iovec iov = { to, len };
	ssize_t n;

	while ((n = preadv2(fd, &iov, 1, (off_t)off, nowait ? RWF_NOWAIT : 0)) < 0 &&
	       errno == EINTR)
		;
	return n;
}

/* Reads the file, and looks for its end behind what was counted: that spares asking for its size. A read that stops at the edge
 * of a page may have come to the end of what is in memory, and not of the file. */
static enum ec read_all(const struct blob *b, char *mem, bool nowait, struct err *e)
{
	uint64_t got = 0;
	ssize_t n;

	do {
		n = read_some(b->fd, mem + got, (size_t)(b->len + 1 - got), got, nowait);
		if (n > 0)
			got += (uint64_t)n;
	} while (n > 0 && (got < b->len || (got == b->len && got % PAGE_BYTES == 0)));
	if (n < 0 && nowait && (errno == EAGAIN || errno == EOPNOTSUPP))
		return would_wait(e);
	if (n < 0)
		return err_sys(e, "cannot read a message");
	return got == b->len ? EC_OK : changed(e);
}

static enum ec load(struct blob *b, bool nowait, struct err *e)
{
	char *mem = malloc(b->len + 1);

	if (!mem)
		die("out of memory");
	enum ec rc = read_all(b, mem, nowait, e);
	if (rc != EC_OK) {
		free(mem);
		return rc;
	}
	close(b->fd);
	b->fd = -1;
	b->mem = mem;
	b->own = mem;
	return EC_OK;
}

static enum ec look_at(const struct blob *b, struct err *e)
{
	struct stat st;

	if (fstat(b->fd, &st) < 0)
		return err_sys(e, "cannot look at a message");
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == b->len ? EC_OK : changed(e);
}

static uint64_t ahead(const struct blob *b)
{
	return b->len < AHEAD_BYTES ? b->len : AHEAD_BYTES;
}

static bool octet_in_memory(const struct blob *b, uint64_t off)
{
	char octet;

	return read_some(b->fd, &octet, 1, off, true) == 1;
}

/* The first octet first: asking brings the page in question into memory, and hardly more. */
static bool both_ends_in_memory(const struct blob *b)
{
	return octet_in_memory(b, 0) && octet_in_memory(b, ahead(b) - 1);
}

/* Without touching a page, where the kernel counts them: since Linux 6.5, if the file is ours. Those that somebody is just reading are
 * counted too; the loop then waits for that. */
static bool is_in_memory(const struct blob *b)
{
	struct cache_range range = { .len = ahead(b) };
	struct cache_pages pages;
	uint64_t page = (uint64_t)getpagesize();

	if (syscall(SYS_cachestat, b->fd, &range, &pages, 0) < 0)
		return both_ends_in_memory(b);
	return pages.cached >= (range.len + page - 1) / page;
}

/* readahead only begins to read, and not all of it where the disk takes less at once; waiting for it is a worker's job. What cannot be
 * read will be told when it is sent. */
static void bring_into_memory(const struct blob *b)
{
	char octets[16384];
	ssize_t n = 1;

	posix_fadvise(b->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	readahead(b->fd, 0, AHEAD_BYTES);
	for (uint64_t off = 0; off < ahead(b) && n > 0; off += (uint64_t)n)
		n = read_some(b->fd, octets, sizeof(octets), off, false);
}

/* A large file. */
static enum ec prepare(struct blob *b, bool nowait, struct err *e)
{
	enum ec rc = look_at(b, e);

	if (rc != EC_OK)
		return rc;
	if (nowait)
		return is_in_memory(b) ? EC_OK : would_wait(e);
	bring_into_memory(b);
	return EC_OK;
}

static enum ec open_message(struct files_box *fb, uint32_t i, bool nowait, int *fd, struct err *e)
{
	char room[NAME_MAX + 1];
	const char *name = table_name(fb->table, i, room);

	*fd = beneath_open(fb->claim.dir, name, O_RDONLY, nowait ? BENEATH_CACHED : 0);
	if (*fd >= 0)
		return EC_OK;
	if (nowait) /* whatever it is: a worker may look closer */
		return would_wait(e);
	return err_sys(e, "cannot open message %s", name);
}

enum ec files_fetch(struct box *box, uint32_t i, unsigned flags, struct blob *out, struct err *e)
{
	struct files_box *fb = files_box_of(box);
	bool nowait = flags & FETCH_NOWAIT;
	struct blob b = { .fd = -1 };

	if (!fb->table || i >= fb->table->n)
		return err_set(e, EC_USAGE, "no such message");
	enum ec rc = open_message(fb, i, nowait, &b.fd, e);
	if (rc == EC_ABSENT)
		distrust_index(fb, i);
	if (rc != EC_OK)
		return rc;
	b.len = fb->table->slots[i].stored;
	rc = b.len <= SMALL_BYTES ? load(&b, nowait, e) : prepare(&b, nowait, e);
	if (rc == EC_TEMP && nowait)
		rc = would_wait(e); /* asked again on a worker, it may take the index's lock */
	else if (rc == EC_TEMP)
		distrust_index(fb, i);
	if (rc == EC_OK)
		*out = b;
	else if (b.fd >= 0)
		close(b.fd);
	return rc;
}

static enum ec read_blob(const struct blob *blob, uint64_t off, void *to, size_t len, bool nowait,
			 size_t *got, struct err *e)
{
	if (off >= blob->len) {
		*got = 0;
		return EC_OK;
	}
	if (len > blob->len - off)
		len = (size_t)(blob->len - off);
	if (blob->fd < 0) {
		memcpy(to, blob->mem + off, len);
		*got = len;
		return EC_OK;
	}
	ssize_t n = read_some(blob->fd, to, len, blob->off + off, nowait);
	if (n < 0 && nowait)
		return would_wait(e); /* or worse: a worker will tell */
	if (n < 0)
		return err_sys(e, "cannot read a message");
	if (n == 0)
		return changed(e);
	*got = (size_t)n;
	return EC_OK;
}

enum ec files_read(struct box *box, const struct blob *blob, uint64_t off, void *to, size_t len,
		   size_t *got, struct err *e)
{
	(void)box;
	return read_blob(blob, off, to, len, false, got, e);
}

enum ec files_read_now(struct box *box, const struct blob *blob, uint64_t off, void *to, size_t len,
		       size_t *got, struct err *e)
{
	(void)box;
	return read_blob(blob, off, to, len, true, got, e);
}

void files_blob_done(struct box *box, struct blob *blob)
{
	(void)box;
	if (blob->fd >= 0)
		close(blob->fd);
	free(blob->own);
	*blob = (struct blob){ .fd = -1 };
}
