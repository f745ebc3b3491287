/* deliver.c - one message into one mailbox: invisible, durable, visible, durable.
 *
 *	file without a name -> octets -> fdatasync -> [index lock: room, name, record] -> fsync of the directory -> EC_OK
 *
 * A reader sees the whole message or none, and a crash leaves nothing, because until the link the
 * file has no name. Where the file system has no such files (O_TMPFILE), a temporary name stands
 * in; scan.c sweeps what a crash leaves of those. The arrival stamp is taken under the index lock
 * and is above every earlier one: messages never change places.
 *
 * Both syncs go through make_durable. Deliveries run in parallel on several workers and the file
 * system's journal merges their syncs into few commits; should that not be enough one day, batching
 * belongs there. /
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/store/files.h"
#include "server/store/tally.h"
#include "server/store/uidl.h"

#define FUTURE_US (INT64_C(86400) * 1000000)
#define PUBLISH_TRIES 4
#define SPOOL_WINDOW (4u << 20) /* mapped at a time */

struct incoming {
	int dir, fd;
	uint64_t len, ino;
	bool given; /* it is its owner's, and so is the file system's quota that it counts against */
	char temp[40]; /* "" if the file has no name yet */
};

/* Where the file system says that somebody has too much: over quota, if that is the mailbox's owner. If it is the service, that
 * is trouble of ours, and mail waits until it is mended. */
static enum ec whose_trouble(bool owners, const char *what, struct err *e)
{
	enum ec rc = err_sys(e, "%s", what);

	if (!owners || errno != EDQUOT)
		return rc;
	if (e)
		e->class = EC_QUOTA;
	return EC_QUOTA;
}

static enum ec make_durable(const struct incoming *in, bool is_dir, struct err *e)
{
	int rc;

	while ((rc = is_dir ? fsync(in->dir) : fdatasync(in->fd)) < 0 && errno == EINTR)
		;
	return rc < 0 ? whose_trouble(in->given && !is_dir, "cannot make the message durable", e)
		      : EC_OK;
}

static int open_named(struct files *f, struct incoming *in)
{
	struct index_hold h;

	snprintf(in->temp, sizeof(in->temp), FILE_TEMP_PREFIX "%016jx", (uintmax_t)random_u64());
	/* This changes the directory, so it is ours to tell the index. */
	index_take(&h, f->env.root, in->dir, f->env.boot);
	index_begin(&h);
	int fd = openat(in->dir, in->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int failed = errno;
	index_end(&h);
	index_drop(&h);
	if (fd < 0)
		in->temp[0] = '\0';
	errno = failed;
	return fd;
}

static enum ec incoming_open(struct files *f, struct incoming *in, struct err *e)
{
	in->temp[0] = '\0';
	in->fd = openat(in->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (in->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		in->fd = open_named(f, in);
	if (in->fd < 0 || mailroot_own(f->env.root, in->fd, 0640) < 0)
		return err_sys(e, "cannot make a message file");
	return EC_OK;
}

/* To the mailbox's owner; the service goes on as the file's group. The mode comes first, for afterwards the file is not ours,
 * and lets the group write, though nobody does: the kernel refuses links to files that one could not write
 * (protected_hardlinks). */
static enum ec give_away(const struct files *f, struct incoming *in, const struct name *mailbox,
			 struct err *e)
{
	static const char what[] = "cannot give the message to its owner";
	uid_t uid;

	if (!f->owner.of || !f->owner.of(f->owner.ctx, mailbox, &uid))
		return EC_OK;
	if (fchmod(in->fd, 0660) < 0)
		return err_sys(e, "%s", what);
	in->given = fchown(in->fd, uid, (gid_t)-1) == 0;
	return in->given || errno == EPERM ? EC_OK : whose_trouble(true, what, e);
}

static void incoming_close(struct files *f, struct incoming *in)
{
	if (in->temp[0]) {
		struct index_hold h;
		index_take(&h, f->env.root, in->dir, f->env.boot);
		index_begin(&h);
		unlinkat(in->dir, in->temp, 0);
		index_end(&h);
		index_drop(&h);
	}
	if (in->fd >= 0)
		close(in->fd);
	close(in->dir);
}

static int write_vector(int fd, const struct iovec *iov, int n)
{
	struct iovec part;

	for (int i = 0; i < n; i++) {
		for (part = iov[i]; part.iov_len > 0;) {
			ssize_t done = write(fd, part.iov_base, part.iov_len);
			if (done < 0 && errno == EINTR)
				continue;
			if (done < 0)
				return -1;
			part.iov_base = (char *)part.iov_base + done;
			part.iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* All pieces in one call as a rule; the rest, if the disk took a part only, piece by piece. */
static int write_pieces(int fd, const struct iovec *iov, int n)
{
	while (n > 0) {
		int some = n < IOV_MAX ? n : IOV_MAX;
		ssize_t done = writev(fd, iov, some);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		while (some > 0 && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
			some--;
		}
		if (some > 0 && done >= 0) {
			struct iovec rest = { (char *)iov->iov_base + done,
					      iov->iov_len - (size_t)done };
			if (write_vector(fd, &rest, 1) < 0)
				return -1;
			iov++;
			n--;
		}
	}
	return 0;
}

/* The next window of the spool, with what stands before it. Its pages are made present first: a
 * write that has to fault in what it copies goes on in small steps. */
static int write_window(int to, struct iovec before, int from, off_t off, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, from, off);

	if (p == MAP_FAILED)
		return -1;
	struct iovec iov[] = { before, { p, len } };
	int rc = write_pieces(to, iov, 2), failed = errno;
	munmap(p, len);
	errno = failed == EFAULT ? EIO : failed; /* EFAULT: the disk lost a page of the spool */
	return rc;
}

/* In few long calls from the start of the file on: what is written piece by piece lies in memory
 * page by page, and is dearer to send for as long as it lies there. That is why the kernel is not
 * asked to copy from file to file. The spool is shared by several recipients' deliveries: its file
 * position stays alone. */
static int write_spooled(int to, const struct message *m)
{
	struct iovec before = { 0 };
	struct stat st;

	if (fstat(m->spool_fd, &st) < 0)
		return -1;
	if ((uint64_t)st.st_size < m->spool_len) {
		errno = ENODATA;
		return -1;
	}
	if (m->n_iov > 0) {
		before = m->iov[m->n_iov - 1];
		if (write_pieces(to, m->iov, m->n_iov - 1) < 0)
			return -1;
	}
	for (uint64_t off = 0; off < m->spool_len; off += SPOOL_WINDOW) {
		uint64_t left = m->spool_len - off;
		size_t len = left < SPOOL_WINDOW ? (size_t)left : SPOOL_WINDOW;
		if (write_window(to, before, m->spool_fd, (off_t)off, len) < 0)
			return -1;
		before = (struct iovec){ 0 };
	}
	return 0;
}

static enum ec write_message(struct incoming *in, const struct message *m, struct err *e)
{
	bool spooled = m->spool_fd >= 0 && m->spool_len > 0;

	in->len = spooled ? m->spool_len : 0;
	for (int i = 0; i < m->n_iov; i++)
		in->len += m->iov[i].iov_len;
	if ((spooled ? write_spooled(in->fd, m) : write_pieces(in->fd, m->iov, m->n_iov)) < 0)
		return whose_trouble(in->given, "cannot write the message", e);
	return EC_OK;
}

/* Never replaces anything: link(2) fails if the name is there. */
static int give_name(const struct incoming *in, const char *name)
{
	char self[40];

	if (in->temp[0])
		return linkat(in->dir, in->temp, in->dir, name, 0);
	if (linkat(in->fd, "", in->dir, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno == EEXIST)
		return -1;
	/* Older kernels want a privilege for that; this way round wants /proc. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", in->fd);
	return linkat(AT_FDCWD, self, in->dir, name, AT_SYMLINK_FOLLOW);
}

/* Strictly rising in this process. */
static uint64_t next_stamp(struct files *f)
{
	uint64_t last = atomic_load(&f->last_us), us;

	do {
		us = clock_wall_us();
		if (us <= last)
			us = last + 1;
	} while (!atomic_compare_exchange_weak(&f->last_us, &last, us));
	return us;
}

/* Above every stamp in the mailbox, whichever process made it and wherever the clock was set since.
 * A copied file from the far future is not followed there: it comes last for good. */
static uint64_t stamp(struct files *f, const struct index_hold *h)
{
	uint64_t us = next_stamp(f);
	int64_t last = h->intact ? h->head.last_us : 0;

	if (last >= (int64_t)us && last < (int64_t)us + FUTURE_US)
		us = (uint64_t)last + 1;
	return us;
}

static enum ec cannot_name(const struct incoming *in, struct err *e)
{
	struct stat st;
	int failed = errno;

	if (fstat(in->dir, &st) == 0 && st.st_nlink == 0)
		return err_set(e, EC_ABSENT, "the mailbox was removed meanwhile");
	errno = failed;
	if (failed == ENOENT)
		return err_set(e, EC_BROKEN, "cannot name the message: /proc is not mounted");
	return err_sys(e, "cannot name the message");
}

/* The message gets its name: from here on it is in the mailbox. The index's change has begun. */
static enum ec name_message(struct files *f, struct incoming *in, struct index_hold *h,
			    uint32_t flags, struct err *e)
{
	char name[MESSAGE_NAME_MAX];
	uint64_t us = stamp(f, h);

	message_name_make(name, us);
	if (give_name(in, name) < 0)
		return cannot_name(in, e);
	index_append(h, &(struct index_rec){ .name = name,
					     .name_len = strlen(name),
					     .octets = in->len,
					     .stored = in->len,
					     .arrived_us = (int64_t)us,
					     .ino = in->ino,
					     .flags = flags & (MSG_DOTS | MSG_UTF8) });
	return EC_OK;
}

/* Inside the index's hold: room in the quota account, name, record. */
static enum ec enter(struct files *f, struct incoming *in, struct tally *t, const struct message *m,
		     struct err *e)
{
	enum ec rc = tally_room(t, m->charge, in->len, e);

	if (rc != EC_OK) {
		index_end_unchanged(t->h);
		return rc;
	}
	rc = name_message(f, in, t->h, m->flags, e);
	struct quota_usage holds = usage_add(t->own, (struct quota_usage){ in->len, 1 });
	tally_end(t, rc == EC_OK ? &holds : rc == EC_ABSENT ? NULL : &t->own);
	index_end(t->h);
	return rc;
}

/* EC_BUSY: the account's own mailbox is not in its ledger yet. */
static enum ec try_publish(struct files *f, struct incoming *in, const struct name *mailbox,
			   const struct message *m, struct err *e)
{
	const struct charge *c = m->charge;
	struct index_hold h;
	struct tally t;

	index_take(&h, f->env.root, in->dir, f->env.boot);
	/* To look again is for those who read: a delivery walks through no directory if it can help it. */
	h.clean = h.clean || h.due;
	enum ec rc = tally_join(&t, &f->env, &h, mailbox, c ? c->account : NULL,
				c && quota_limits(&c->limit), e);
	if (rc == EC_OK)
		rc = enter(f, in, &t, m, e);
	else
		index_end_unchanged(&h);
	tally_drop(&t);
	index_drop(&h);
	return rc;
}

/* Whatever is wrong with the other mailbox, this one's mail waits. */
static enum ec later(struct err *e)
{
	if (e)
		e->class = EC_TEMP;
	return EC_TEMP;
}

static enum ec publish(struct files *f, struct incoming *in, const struct name *mailbox,
		       const struct message *m, struct err *e)
{
	struct stat st;

	if (fstat(in->fd, &st) < 0)
		return err_sys(e, "cannot look at the message");
	in->ino = st.st_ino;
	for (unsigned tries = 0; tries < PUBLISH_TRIES; tries++) {
		enum ec rc = try_publish(f, in, mailbox, m, e);
		if (rc != EC_BUSY)
			return rc;
		rc = tally_owner(&f->env, m->charge->account, e);
		if (rc != EC_OK)
			return later(e);
	}
	return err_set(e, EC_TEMP, "quota account %s is changing too often; try again",
		       m->charge->account);
}

enum ec files_deliver(struct store *s, const struct name *mailbox, const struct message *m,
		      struct err *e)
{
	struct files *f = files_of(s);
	struct incoming in = { .dir = -1, .fd = -1 };
	enum ec rc = mailroot_dir(f->env.root, mailbox, &in.dir, e);

	if (rc != EC_OK)
		return rc;
	rc = incoming_open(f, &in, e);
	if (rc == EC_OK)
		rc = give_away(f, &in, mailbox, e);
	if (rc == EC_OK)
		rc = write_message(&in, m, e);
	if (rc == EC_OK)
		rc = make_durable(&in, false, e);
	if (rc == EC_OK)
		rc = publish(f, &in, mailbox, m, e);
	if (rc == EC_OK)
		rc = make_durable(&in, true, e);
	incoming_close(f, &in);
	return rc;
}
