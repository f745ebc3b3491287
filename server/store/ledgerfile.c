/* ledgerfile.c - the ledger's file: lock, reading, and writing another one.
 *
 * By pread and pwrite, as with the index: who truncates the file under us gives us a short read, not a signal. It grows, and
 * is mended, by writing another file that takes its name; so after locking we look whether ours still has one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/store/ledgerfile.h"
#include "server/store/mailtree.h"

#define TAKE_TRIES 8
#define TEMP_NAME_MAX 32

/* Mail waits until it can be used again. Neither is a ledger that is not there a missing mailbox, nor a file system's quota that
 * is used up the account's. */
enum ec ledger_trouble(const struct ledger *l, const char *what, struct err *e)
{
	char name[LEDGER_NAME_MAX];

	ledger_name(l->account, name);
	err_sys(e, "%s quota ledger %s", what, name);
	if (e)
		e->class = EC_TEMP;
	return EC_TEMP;
}

int ledger_write_at(int fd, const void *p, size_t len, uint64_t off)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, (const char *)p + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

/* What is behind the end reads as damage: it is neither a head nor free. */
static int read_page(struct ledger *l, uint64_t at)
{
	ssize_t n;

	l->page_at = LEDGER_NO_PAGE;
	while ((n = pread(l->fd, l->page, sizeof(l->page), (off_t)at)) < 0 && errno == EINTR)
		;
	if (n < 0)
		return -1;
	memset(l->page + n, 0xFF, sizeof(l->page) - (size_t)n);
	l->page_at = at;
	return 0;
}

int ledger_get_line(struct ledger *l, uint64_t slot, struct ledger_line *out)
{
	uint64_t at = ledger_line_at(slot), page = at / LEDGER_PAGE * LEDGER_PAGE;

	if (l->head.last_at == slot + 1) {
		*out = l->head.last;
		return 0;
	}
	if (l->page_at != page && read_page(l, page) < 0)
		return -1;
	ledger_line_parse(l->page + (at - page), out);
	return 0;
}

/* Of the head the part that says how large the table is may be wrong: the file itself knows. */
static uint64_t slots_of_file(const struct ledger *l)
{
	struct stat st;

	if (fstat(l->fd, &st) < 0 || st.st_size < LEDGER_PAGE)
		return 0;
	uint64_t n = ((uint64_t)st.st_size - LEDGER_HEAD_LEN) / LEDGER_LINE_LEN;
	return n < LEDGER_SLOTS_MAX ? n : LEDGER_SLOTS_MAX;
}

/* All sound lines that were settled since, or NULL with errno. n_found: those that were not, too. */
struct ledger_line *ledger_all_lines(struct ledger *l, int64_t since_s, uint64_t *n,
				     uint64_t *n_found)
{
	uint64_t n_slots = slots_of_file(l);
	struct ledger_line *lines = mem_new((n_slots + 1) * sizeof(*lines));

	*n = *n_found = 0;
	for (uint64_t slot = 0; slot < n_slots; slot++) {
		if (ledger_get_line(l, slot, &lines[*n]) < 0) {
			free(lines);
			return NULL;
		}
		if (lines[*n].state != LINE_LIVE)
			continue;
		++*n_found;
		if (lines[*n].settled_s >= since_s)
			++*n;
	}
	return lines;
}

/* A table in memory, as in the file. */
struct image {
	struct ledger_head head;
	unsigned char *lines;
};

static void image_add(struct image *m, const struct ledger_line *line)
{
	uint64_t slot = line->key.word[1] % m->head.n_slots;
	struct ledger_line there;

	for (;; slot = (slot + 1) % m->head.n_slots) {
		ledger_line_parse(m->lines + slot * LEDGER_LINE_LEN, &there);
		if (there.state == LINE_FREE)
			break;
		if (memcmp(&there.key, &line->key, sizeof(line->key)) == 0)
			return; /* damage made two of it */
	}
	ledger_line_form(line, m->lines + slot * LEDGER_LINE_LEN);
	m->head.n_used++;
	m->head.holds = usage_add(m->head.holds, line->holds);
	m->head.loose = usage_add(m->head.loose, line->loose);
}

static void image_make(const struct ledger *l, const struct ledger_line *lines, uint64_t n,
		       struct image *out)
{
	uint64_t n_slots = LEDGER_SLOTS_MIN;

	/* Pages full of lines, at most half of them used. */
	while (n_slots / 2 < n + 1 && n_slots < LEDGER_SLOTS_MAX / 2)
		n_slots = 2 * n_slots + LEDGER_HEAD_LEN / LEDGER_LINE_LEN;
	*out = (struct image){ .head = l->head, .lines = mem_new(n_slots * LEDGER_LINE_LEN) };
	out->head.account = l->account;
	out->head.boot = l->boot;
	out->head.n_slots = n_slots;
	out->head.n_used = out->head.last_at = 0;
	out->head.last = (struct ledger_line){ 0 };
	out->head.holds = out->head.loose = (struct quota_usage){ 0 };
	for (uint64_t i = 0; i < n; i++)
		image_add(out, &lines[i]);
}

static int image_write(const struct image *m, int fd)
{
	unsigned char head[LEDGER_HEAD_LEN];

	ledger_head_form(&m->head, head);
	if (ledger_write_at(fd, m->lines, m->head.n_slots * LEDGER_LINE_LEN, LEDGER_HEAD_LEN) < 0)
		return -1;
	return ledger_write_at(fd, head, sizeof(head), 0);
}

static int lock(int fd, short kind)
{
	struct flock whole = { .l_type = kind, .l_whence = SEEK_SET };
	int rc;

	while ((rc = fcntl(fd, F_OFD_SETLKW, &whole)) < 0 && errno == EINTR)
		;
	return rc;
}

/* A locked file with that content takes the ledger's name: fresh, or in place of another. Its descriptor, or -1 with errno. */
static int put_in_place(const struct ledger *l, int dir, const struct image *m, bool fresh)
{
	char temp[TEMP_NAME_MAX], name[LEDGER_NAME_MAX];

	snprintf(temp, sizeof(temp), FILE_TEMP_PREFIX "%016" PRIx64, random_u64());
	ledger_name(l->account, name);
	int fd = openat(dir, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -1;
	if (mailroot_own(l->root, fd, 0640) == 0 && lock(fd, F_WRLCK) == 0 &&
	    image_write(m, fd) == 0 &&
	    (fresh ? tree_rename_new(dir, temp, name) : renameat(dir, temp, dir, name)) == 0)
		return fd;
	int failed = errno;
	unlinkat(dir, temp, 0);
	close(fd);
	errno = failed;
	return -1;
}

/* Another file with these lines, held from now on. EC_EXISTS: it is not fresh. */
static enum ec rewrite(struct ledger *l, const struct ledger_line *lines, uint64_t n, bool fresh,
		       struct err *e)
{
	struct image m;
	int dir;
	enum ec rc = quota_dir(l->root, &dir, e);

	if (rc != EC_OK)
		return rc;
	image_make(l, lines, n, &m);
	int fd = put_in_place(l, dir, &m, fresh);
	if (fd < 0) {
		rc = fresh && errno == EEXIST ? EC_EXISTS : ledger_trouble(l, "cannot write", e);
	} else {
		ledger_drop(l);
		l->fd = fd;
		l->head = m.head;
		l->page_at = LEDGER_NO_PAGE;
		l->writable = true;
	}
	free(m.lines);
	close(dir);
	return rc;
}

enum ec ledger_replace(struct ledger *l, const struct ledger_line *lines, uint64_t n, struct err *e)
{
	if (!l->writable)
		return err_set(e, EC_TEMP, "the quota ledgers are read-only");
	return rewrite(l, lines, n, false, e);
}

/* What can be had of it. The owner may be among what is lost. loose: the lines may be wrong in any way. */
enum ec ledger_mend(struct ledger *l, bool loose, struct err *e)
{
	uint64_t n, n_found;
	struct ledger_line *lines = ledger_all_lines(l, INT64_MIN, &n, &n_found);

	if (!lines)
		return ledger_trouble(l, "cannot read", e);
	for (uint64_t i = 0; i < n && loose; i++)
		lines[i].loose = lines[i].holds;
	l->head.owner_due = true;
	enum ec rc = ledger_replace(l, lines, n, e);
	free(lines);
	return rc;
}

static int open_ledger(struct ledger *l)
{
	char name[LEDGER_NAME_MAX];

	ledger_name(l->account, name);
	l->fd = quota_open(l->root, name, O_RDWR);
	l->writable = l->fd >= 0;
	if (l->fd < 0 && (errno == EROFS || errno == EACCES))
		l->fd = quota_open(l->root, name, O_RDONLY);
	return l->fd;
}

/* 1: locked and still the ledger; 0: replaced or removed meanwhile; -1 with errno. */
static int hold(struct ledger *l, struct stat *st)
{
	if (lock(l->fd, l->writable ? F_WRLCK : F_RDLCK) < 0 || fstat(l->fd, st) < 0)
		return -1;
	if (!S_ISREG(st->st_mode)) {
		errno = EISDIR;
		return -1;
	}
	return st->st_nlink > 0;
}

static void begin(struct ledger *l, const char *text)
{
	l->head = (struct ledger_head){ .owner_due = true };
	snprintf(l->head.text, sizeof(l->head.text), "%s", text ? text : "");
}

/* Is it what we left there? What somebody cut short, wrote over or copied here from another account is not. */
static enum ec load(struct ledger *l, const struct stat *st, const char *text, struct err *e)
{
	if (read_page(l, 0) < 0)
		return ledger_trouble(l, "cannot read", e);
	bool sound = ledger_head_parse(l->page, sizeof(l->page), &l->head) &&
		     (uint64_t)st->st_size == ledger_line_at(l->head.n_slots);
	bool ours = sound && l->head.account == l->account;
	if (ours && (l->head.boot == l->boot || !l->writable))
		return EC_OK; /* what can be read only is an estimate, for those who only look */
	if (!ours)
		begin(l, text);
	return sound && !ours ? ledger_replace(l, NULL, 0, e) : ledger_mend(l, ours, e);
}

/* EC_EXISTS: it has become another file in between. */
static enum ec try_take(struct ledger *l, const char *text, struct err *e)
{
	struct stat st;

	if (open_ledger(l) < 0) {
		if (errno != ENOENT)
			return ledger_trouble(l, "cannot open", e);
		if (!text)
			return EC_ABSENT;
		begin(l, text);
		return rewrite(l, NULL, 0, true, e);
	}
	int held = hold(l, &st);
	if (held < 0)
		return ledger_trouble(l, "cannot lock", e);
	return held > 0 ? load(l, &st, text, e) : EC_EXISTS;
}

enum ec ledger_take(struct ledger *l, struct mailroot *root, uint64_t boot, uint64_t account,
		    const char *text, struct err *e)
{
	enum ec rc = EC_EXISTS;

	*l = (struct ledger){
		.root = root, .boot = boot, .account = account, .fd = -1, .page_at = LEDGER_NO_PAGE
	};
	for (unsigned tries = 0; rc == EC_EXISTS && tries < TAKE_TRIES; tries++) {
		ledger_drop(l);
		rc = try_take(l, text, e);
	}
	if (rc == EC_OK)
		return EC_OK;
	ledger_drop(l);
	return rc == EC_EXISTS ? err_set(e, EC_TEMP, "a quota ledger is being replaced; try again")
			       : rc;
}

void ledger_drop(struct ledger *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void ledger_pause(struct ledger *l)
{
	if (l->fd >= 0 && lock(l->fd, F_UNLCK) < 0)
		ledger_drop(l); /* closing unlocks, too */
}

enum ec ledger_again(struct ledger *l, struct err *e)
{
	struct stat st;

	if (l->fd >= 0 && hold(l, &st) == 1)
		return load(l, &st, NULL, e);
	ledger_drop(l);
	return ledger_take(l, l->root, l->boot, l->account, NULL, e);
}
