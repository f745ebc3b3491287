/* index.c - the index file: locking, validity, changes in place.
 *
 * Why in place and not by rename: a delivery must cost two small writes, not a copy of 8 MB. Why no
 * fsync: after a power cut the boot id differs and the directory is read again; the records that
 * came through spare reading the messages.
 *
 * The lock is an open-file-description lock on the index itself, so the file may be deleted at any
 * moment: after locking we look whether it still has a name, and after a change again: if it has lost
 * it meanwhile, there may be a new one already, made by somebody who could not know of our change.
 *
 * Known limit: a kernel before 6.13 stamps directories with the time of the last clock tick (1 to
 * 10 ms). A file that another program adds or removes in the very tick of a change of ours is then
 * not noticed until another program changes something again, or until the daily scan. /
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/pace.h"
#include "server/store/beneath.h"
#include "server/store/index.h"

#define INDEX_FILE "index"
#define TAKE_TRIES 8
#define COMPACT_MIN 32
#define PAGE_BYTES 4096
#define PIECE_BYTES                                                                                \
	(256u << 10) /* read or written by one call, then others may have the processor */

uint64_t index_boot_id(void)
{
	unsigned char hash[32];
	char text[64];
	uint64_t id;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return random_u64(); /* then no index outlives its process */
	sha256(hash, text, (size_t)len);
	memcpy(&id, hash, sizeof(id));
	return id;
}

static int64_t dir_mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int open_index(int dir, bool *writable)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = openat(dir, INDEX_FILE, O_RDWR | O_CREAT | flags, 0640);

	*writable = fd >= 0;
	if (fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM))
		fd = openat(dir, INDEX_FILE, O_RDONLY | flags);
	return fd;
}

static bool lock(int fd, bool writable)
{
	struct flock whole = { .l_type = writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
	int rc;

	while ((rc = fcntl(fd, F_OFD_SETLKW, &whole)) < 0 && errno == EINTR)
		;
	return rc == 0;
}

/* 1: locked and still the index; 0: replaced meanwhile, try again; -1: no use. */
static int try_take(struct index_hold *h)
{
	struct stat st;

	h->fd = open_index(h->dir, &h->writable);
	if (h->fd < 0)
		return -1;
	if (fstat(h->fd, &st) < 0 || !S_ISREG(st.st_mode) || !lock(h->fd, h->writable) ||
	    fstat(h->fd, &st) < 0)
		return -1;
	if (st.st_nlink == 0)
		return 0;
	if (h->writable && st.st_size == 0)
		mailroot_own(h->root, h->fd, 0640);
	return 1;
}

/* Of the directory as it is, and of this machine since it started. */
static bool describes(const struct index_head *head, const struct stat *dir, uint64_t boot)
{
	return head->state == INDEX_CLEAN && head->boot == boot && head->dir_ino == dir->st_ino &&
	       head->dir_mtime_ns == dir_mtime_ns(dir);
}

static bool is_due(const struct index_head *head)
{
	return head->look_again_s != 0 && head->look_again_s <= clock_wall_s();
}

static void read_head(struct index_hold *h)
{
	unsigned char raw[INDEX_HEAD_LEN];
	struct stat st;
	ssize_t got = pread(h->fd, raw, sizeof(raw), 0);

	/* A disk's hiccup is no damage: what stands there (in which ledger we count) is not to be written over. */
	if (got < 0) {
		index_drop(h);
		return;
	}
	h->intact = got > 0 && index_head_parse(raw, (size_t)got, &h->head);
	if (!h->intact || fstat(h->dir, &st) < 0)
		return;
	bool holds = describes(&h->head, &st, h->boot);
	h->due = holds && is_due(&h->head);
	h->clean = holds && !h->due;
}

void index_take(struct index_hold *h, struct mailroot *root, int dir, uint64_t boot)
{
	int got = 0;

	*h = (struct index_hold){ .dir = dir, .fd = -1, .root = root, .boot = boot };
	for (unsigned tries = 0; got == 0 && tries < TAKE_TRIES; tries++) {
		index_drop(h);
		got = try_take(h);
	}
	if (got == 1)
		read_head(h);
	else
		index_drop(h);
}

void index_drop(struct index_hold *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	h->writable = h->intact = h->clean = h->due = false;
}

bool index_glance(int dir, uint64_t boot, struct index_head *out)
{
	unsigned char raw[INDEX_HEAD_LEN];
	int fd = openat(dir, INDEX_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	ssize_t got = fd < 0 ? -1 : pread(fd, raw, sizeof(raw), 0);

	if (fd >= 0)
		close(fd);
	return got > 0 && index_head_parse(raw, (size_t)got, out) && out->state == INDEX_CLEAN &&
	       out->boot == boot;
}

static bool read_now(int fd, void *to, size_t len, uint64_t off)
{
	struct iovec iov = { to, len };

	return preadv2(fd, &iov, 1, (off_t)off, RWF_NOWAIT) == (ssize_t)len;
}

static bool still_stands(int fd, const struct index_head *seen)
{
	unsigned char raw[INDEX_HEAD_LEN];
	struct index_head head;

	return read_now(fd, raw, sizeof(raw), 0) && index_head_parse(raw, sizeof(raw), &head) &&
	       head.state == INDEX_CLEAN && head.gen == seen->gen;
}

bool index_records_now(int dir, const struct index_head *seen, size_t max, struct buf *out)
{
	if (seen->end < INDEX_HEAD_LEN || seen->end - INDEX_HEAD_LEN > max)
		return false;
	size_t len = (size_t)(seen->end - INDEX_HEAD_LEN);
	int fd = beneath_open(dir, INDEX_FILE, O_RDONLY, BENEATH_CACHED);
	if (fd < 0)
		return false;
	bool good = read_now(fd, buf_room(out, len), len, INDEX_HEAD_LEN) && still_stands(fd, seen);
	close(fd);
	if (good)
		buf_grew(out, len);
	return good;
}

bool index_glance_now(int dir, const struct stat *dir_is, uint64_t boot, struct index_head *out)
{
	unsigned char raw[INDEX_HEAD_LEN];
	int fd = beneath_open(dir, INDEX_FILE, O_RDONLY, BENEATH_CACHED);
	bool got = fd >= 0 && read_now(fd, raw, sizeof(raw), 0);

	if (fd >= 0)
		close(fd);
	return got && index_head_parse(raw, sizeof(raw), out) && describes(out, dir_is, boot) &&
	       !is_due(out);
}

static size_t piece_of(uint64_t len)
{
	return len < PIECE_BYTES ? (size_t)len : PIECE_BYTES;
}

static void moved(struct pace *p, size_t octets)
{
	pace(p, (unsigned)(octets / PAGE_BYTES) * PACE_PAGE);
}

static bool write_at(const struct index_hold *h, const void *p, size_t len, uint64_t off)
{
	struct pace so_far = { 0 };

	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(h->fd, (const char *)p + done, piece_of(len - done),
				   (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		moved(&so_far, (size_t)n);
		done += (size_t)n;
	}
	return true;
}

static bool write_head(struct index_hold *h, enum index_state state)
{
	unsigned char raw[INDEX_HEAD_LEN];

	h->head.state = state;
	index_head_form(&h->head, raw);
	return write_at(h, raw, sizeof(raw), 0);
}

/* The head says dirty before the directory changes: dying half-way must cost a scan, also within
 * one clock tick. */
void index_begin(struct index_hold *h)
{
	if (!h->writable)
		return;
	if (!h->intact) {
		h->head = (struct index_head){ .gen = random_u64(), .end = INDEX_HEAD_LEN };
		h->intact = ftruncate(h->fd, 0) == 0;
	}
	h->changing = h->intact && write_head(h, INDEX_DIRTY);
	h->clean = h->clean && h->changing;
}

static void distrust_successor(const struct index_hold *h)
{
	struct index_hold next;

	index_take(&next, h->root, h->dir, h->boot);
	next.clean = false;
	index_begin(&next);
	index_end(&next);
	index_drop(&next);
}

void index_end(struct index_hold *h)
{
	struct stat st;

	if (!h->changing)
		return;
	if (fstat(h->fd, &st) == 0 && st.st_nlink == 0)
		distrust_successor(h);
	h->changing = false;
	if (h->clean && fstat(h->dir, &st) == 0) {
		h->head.dir_mtime_ns = dir_mtime_ns(&st);
		h->clean = write_head(h, INDEX_CLEAN);
	} else {
		h->clean = false;
		write_head(h, INDEX_DIRTY);
	}
}

void index_end_unchanged(struct index_hold *h)
{
	if (!h->changing)
		return;
	h->changing = false;
	h->clean = write_head(h, h->clean ? INDEX_CLEAN : INDEX_DIRTY) && h->clean;
}

void index_append(struct index_hold *h, const struct index_rec *r)
{
	struct buf b = { 0 };

	if (!h->changing)
		return;
	index_rec_form(r, &b);
	if (h->head.end + b.len <= INDEX_BYTES_MAX && write_at(h, buf_at(&b), b.len, h->head.end)) {
		h->head.end += b.len;
		h->head.n++;
		h->head.octets += r->octets;
		if (r->arrived_us > h->head.last_us)
			h->head.last_us = r->arrived_us;
	} else {
		h->clean = false;
	}
	buf_drop(&b);
}

static bool read_rec(const struct index_hold *h, uint64_t at, const char *name, char *raw,
		     struct index_rec *out)
{
	ssize_t got = pread(h->fd, raw, INDEX_REC_MAX, (off_t)at);
	size_t pos = 0;

	return at >= INDEX_HEAD_LEN && at < h->head.end && got > 0 &&
	       index_next(raw, (size_t)got, &pos, out) && strcmp(out->name, name) == 0 &&
	       !(out->flags & INDEX_DEAD);
}

bool index_mark(struct index_hold *h, uint64_t at, const char *name, uint32_t flags)
{
	char raw[INDEX_REC_MAX];
	struct index_rec r;
	struct buf b = { 0 };

	if (!h->changing || !read_rec(h, at, name, raw, &r)) {
		h->clean = false;
		return false;
	}
	r.flags |= flags;
	index_rec_form(&r, &b);
	h->clean = write_at(h, buf_at(&b), b.len, at) && h->clean;
	buf_drop(&b);
	if (flags & INDEX_DEAD) {
		h->head.n--;
		h->head.n_dead++;
		h->head.octets -= r.octets;
	}
	return true;
}

bool index_records(const struct index_hold *h, uint64_t end, struct buf *out)
{
	struct pace so_far = { 0 };
	struct stat st;

	if (h->fd < 0 || fstat(h->fd, &st) < 0 || st.st_size <= INDEX_HEAD_LEN ||
	    (uint64_t)st.st_size > INDEX_BYTES_MAX)
		return h->fd >= 0;
	uint64_t upto = end < (uint64_t)st.st_size ? end : (uint64_t)st.st_size;
	if (upto > INDEX_HEAD_LEN)
		buf_room(out, (size_t)(upto - INDEX_HEAD_LEN)); /* at once: growing copies */
	for (uint64_t at = INDEX_HEAD_LEN; at < upto;) {
		size_t want = piece_of(upto - at);
		ssize_t n = pread(h->fd, buf_room(out, want), want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		buf_grew(out, (size_t)n);
		moved(&so_far, (size_t)n);
		at += (uint64_t)n;
	}
	return true;
}

void index_write(struct index_hold *h, const struct index_head *head, const struct buf *records,
		 bool clean)
{
	h->head = *head;
	h->head.gen = random_u64();
	h->head.end = INDEX_HEAD_LEN;
	h->intact = true;
	h->clean = false;
	if (!h->writable || records->len > INDEX_BYTES_MAX - INDEX_HEAD_LEN ||
	    !write_head(h, INDEX_DIRTY) || ftruncate(h->fd, INDEX_HEAD_LEN) < 0 ||
	    (records->len > 0 && !write_at(h, buf_at(records), records->len, INDEX_HEAD_LEN)))
		return;
	h->head.end += records->len;
	h->clean = write_head(h, clean ? INDEX_CLEAN : INDEX_DIRTY) && clean;
}

static bool keep_live(const struct buf *all, struct buf *live)
{
	struct index_rec r;
	size_t pos = 0;

	while (index_next(buf_at(all), all->len, &pos, &r)) {
		if (!(r.flags & INDEX_DEAD))
			index_rec_form(&r, live);
	}
	return pos == all->len;
}

void index_compact(struct index_hold *h)
{
	struct buf all = { 0 }, live = { 0 };

	if (!h->clean || !h->writable || h->head.n_dead < COMPACT_MIN || h->head.n_dead < h->head.n)
		return;
	if (h->head.n == 0 ||
	    (index_records(h, h->head.end, &all) && all.len > 0 && keep_live(&all, &live))) {
		struct index_head head = h->head;
		head.n_dead = 0;
		index_write(h, &head, &live, true);
	}
	buf_drop(&all);
	buf_drop(&live);
}
