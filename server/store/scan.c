/* scan.c - directory and old index are both sorted by name and merged; what only the directory has
 * is opened and counted.
 *
 * The count is done in rounds: list under the lock; if more than a few files are new, drop the
 * lock, read them, list again. The last round finds few, so the lock is never held for long, and
 * still the index that is written agrees with the directory as it was when the mtime in its head
 * was taken.
 *
 * Directories are stamped with the time of the last clock tick. What happens within the tick of the
 * stamp that we note goes unnoticed, so after a change that recent we look again soon; and once a
 * day in any case, for what another program does in the tick of a change of ours.
 *
 * A message that cannot be read just now (rights, a bad sector) is left out and must not take the
 * mailbox down with it; the index is then good for a minute only. /
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/base/pace.h"
#include "server/store/beneath.h"
#include "server/store/canon.h"
#include "server/store/dirlist.h"
#include "server/store/ledger.h"
#include "server/store/scan.h"
#include "server/store/store.h"
#include "server/store/uidl.h"

#define READ_HELD_MAX 64 /* so many messages may be read under the lock */
#define LEFT_S 3600
#define EVERY_S 86400
#define TICKS_US 50000 /* several ticks of the slowest usual clock (HZ=100) */
#define TICKS_S 2
#define UNREADABLE_S 60
#define READ_BYTES 65536

/* In the last all is read under the lock, however much: somebody fills the directory faster than we read. */
enum { ROUND_RECOUNT, ROUND_FIRST, ROUND_LAST = 6 };

struct found {
	struct index_rec rec; /* its name lies in list */
	bool known;
};
struct scan {
	const struct scan_env *env;
	int dir;
	struct dirlist list;
	struct found *found;
	char *piece; /* READ_BYTES, made for the first message that is read */
	size_t n, n_unknown;
	int64_t mtime_ns, look_again_s;
	uint64_t dir_ino;
	struct pace pace;
};

static void drop(struct scan *s)
{
	dirlist_drop(&s->list);
	free(s->found);
	free(s->piece);
}

static bool is_temp(const char *name)
{
	return strncmp(name, FILE_TEMP_PREFIX, strlen(FILE_TEMP_PREFIX)) == 0 &&
	       !is_message_name(name); /* whatever that is, it is not ours to sweep */
}

static bool is_wanted(const char *name)
{
	return is_message_name(name) || is_temp(name);
}

static void look_again(struct scan *s, int64_t in_s)
{
	int64_t when = clock_wall_s() + in_s;

	if (s->look_again_s == 0 || when < s->look_again_s)
		s->look_again_s = when;
}

/* Whether something may yet happen, or has just happened, in the directory that its stamp does not show. */
static bool is_fresh(const struct stat *st)
{
	int64_t age_us = (int64_t)clock_wall_us() - (int64_t)st->st_mtim.tv_sec * 1000000 -
			 st->st_mtim.tv_nsec / 1000;

	return age_us > -TICKS_US && age_us < TICKS_US;
}

/* A crash's leftover, or somebody at work. */
static void sweep_temp(struct scan *s, const char *name)
{
	struct stat st;

	if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (st.st_mtim.tv_sec + LEFT_S < clock_wall_s() && unlinkat(s->dir, name, 0) == 0)
		return;
	look_again(s, LEFT_S);
}

/* Sorted by name as read; temporaries are dealt with and left out. */
static int list_messages(struct scan *s)
{
	struct stat st;

	/* The mtime is taken first: what changes while we read makes the index stale, not wrong. */
	if (fstat(s->dir, &st) < 0 || dirlist_read(s->dir, is_wanted, &s->list) < 0)
		return -1;
	s->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	s->dir_ino = st.st_ino;
	look_again(s, is_fresh(&st) ? TICKS_S : EVERY_S);
	s->found = mem_new((s->list.n + 1) * sizeof(*s->found));
	for (size_t i = 0; i < s->list.n; i++) {
		const char *name = dirlist_name(&s->list, i);
		if (is_temp(name)) {
			sweep_temp(s, name);
			continue;
		}
		s->found[s->n++].rec = (struct index_rec){ .name = name,
							   .name_len = strlen(name),
							   .ino = s->list.items[i].ino };
	}
	return 0;
}

static int by_name(const void *a, const void *b, void *p)
{
	const struct index_rec *x = a, *y = b;

	pace(p, PACE_ENTRY);
	return strcmp(x->name, y->name);
}

/* The live records of an index image, sorted by name; as many as are sound. */
static struct index_rec *old_records(const struct buf *old, size_t *n, struct pace *p)
{
	size_t pos = 0, cap = old->len / INDEX_REC_MIN + 1;
	struct index_rec *recs = mem_new(cap * sizeof(*recs));

	*n = 0;
	while (old->len > 0 && index_next(buf_at(old), old->len, &pos, &recs[*n])) {
		pace(p, PACE_ENTRY);
		if (!(recs[*n].flags & INDEX_DEAD))
			++*n;
	}
	qsort_r(recs, *n, sizeof(*recs), by_name, p);
	return recs;
}

/* believe: else they say only which of the messages were fetched, as nothing but an index can. */
static void keep_known(struct scan *s, const struct buf *old, bool believe)
{
	size_t n_old, k = 0;
	struct index_rec *recs = old_records(old, &n_old, &s->pace);

	s->n_unknown = s->n;
	for (size_t i = 0; i < s->n; i++) {
		struct found *f = &s->found[i];
		pace(&s->pace, PACE_ENTRY);
		while (k < n_old && strcmp(recs[k].name, f->rec.name) < 0)
			k++;
		if (k == n_old || strcmp(recs[k].name, f->rec.name) != 0 ||
		    recs[k].ino != f->rec.ino)
			continue;
		const char *name = f->rec.name;
		if (!believe) {
			f->rec.flags = recs[k].flags & MSG_FETCHED;
			continue;
		}
		f->rec = recs[k];
		f->rec.name = name;
		f->known = true;
		s->n_unknown--;
	}
	free(recs);
}

static int64_t arrival(const char *name, const struct stat *st)
{
	int64_t us;

	if (message_name_arrival(name, &us))
		return us;
	if (st->st_mtim.tv_sec < 0 || st->st_mtim.tv_sec > INT32_MAX * INT64_C(4))
		return 0;
	return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

/* No call only to be told that the file ends where it was said to end. */
static int count_octets(struct scan *s, int fd, uint64_t size, struct canon *c)
{
	ssize_t n = 1;

	if (!s->piece)
		s->piece = mem_new(READ_BYTES);
	canon_begin(c);
	while (c->in < size && n != 0) {
		n = read(fd, s->piece, READ_BYTES);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			canon_feed(c, s->piece, (size_t)n, NULL);
	}
	canon_end(c, NULL);
	return n < 0 ? -1 : 0;
}

/* 1: a message, counted; 0: none; -1 with errno. */
static int count_message(struct scan *s, struct index_rec *r)
{
	struct canon c;
	struct stat st;
	int fd = beneath_open(s->dir, r->name, O_RDONLY, 0);

	if (fd < 0)
		return errno == ELOOP || errno == ENOENT || errno == ENXIO ? 0 : -1;
	int rc = fstat(fd, &st);
	if (rc == 0 && S_ISREG(st.st_mode) &&
	    (rc = count_octets(s, fd, (uint64_t)st.st_size, &c)) == 0) {
		r->octets = c.out;
		r->stored = c.in;
		r->flags |= c.flags;
		r->ino = st.st_ino;
		r->arrived_us = arrival(r->name, &st);
		rc = 1;
	}
	int failed = errno;
	close(fd);
	errno = failed;
	return rc;
}

static enum ec leave_out(struct scan *s, const char *name, struct err *e)
{
	struct err why;

	if (errno != EACCES && errno != EPERM && errno != EIO)
		return err_sys(e, "cannot read message %s", name);
	err_sys(&why, "cannot read message %s", name);
	log_event(s->env->log, LV_WARN, "message-unreadable", KV("why", why.text));
	look_again(s, UNREADABLE_S);
	return EC_OK;
}

static enum ec count_unknown(struct scan *s, struct err *e)
{
	size_t kept = 0;
	enum ec rc = EC_OK;

	for (size_t i = 0; i < s->n && rc == EC_OK; i++) {
		struct found *f = &s->found[i];
		pace(&s->pace, f->known ? PACE_ENTRY : PACE_FILE);
		int is = f->known ? 1 : count_message(s, &f->rec);
		if (is < 0)
			rc = leave_out(s, f->rec.name, e);
		else if (is == 1)
			s->found[kept++] = *f;
	}
	s->n = kept;
	return rc;
}

static int by_arrival(const void *a, const void *b, void *p)
{
	const struct found *x = a, *y = b;

	pace(p, PACE_ENTRY);
	if (x->rec.arrived_us != y->rec.arrived_us)
		return x->rec.arrived_us < y->rec.arrived_us ? -1 : 1;
	return strcmp(x->rec.name, y->rec.name);
}

static void form_records(struct scan *s, struct buf *out, struct index_head *head)
{
	*head = (struct index_head){
		.boot = s->env->boot,
		.dir_ino = s->dir_ino,
		.dir_mtime_ns = s->mtime_ns,
		.look_again_s = s->look_again_s,
	};
	if (s->n > 0)
		qsort_r(s->found, s->n, sizeof(*s->found), by_arrival, &s->pace);
	for (size_t i = 0; i < s->n; i++) {
		const struct index_rec *r = &s->found[i].rec;
		pace(&s->pace, PACE_ENTRY);
		index_rec_form(r, out);
		head->n++;
		head->octets += r->octets;
		if (r->arrived_us > head->last_us)
			head->last_us = r->arrived_us;
	}
}

/* One round. done: what was found was found under the lock. */
static enum ec scan_round(struct index_hold *h, const struct scan_env *env, unsigned round,
			  struct buf *records, struct index_head *head, bool *done, struct err *e)
{
	struct scan s = { .env = env, .dir = h->dir };
	struct buf found = { 0 };

	if (list_messages(&s) < 0)
		return err_sys(e, "cannot list the mailbox");
	keep_known(&s, records, round != ROUND_RECOUNT);
	*done = round == ROUND_LAST || s.n_unknown <= READ_HELD_MAX;
	if (!*done)
		index_drop(h);
	enum ec rc = count_unknown(&s, e);
	if (rc == EC_OK) {
		form_records(&s, &found, head);
		buf_drop(records);
		*records = found;
	}
	drop(&s);
	if (!*done)
		index_take(h, env->root, h->dir, env->boot);
	return rc;
}

/* records: what is there. */
static enum ec scan_rounds(struct index_hold *h, const struct scan_env *env, unsigned round,
			   struct index_head *head, struct buf *records, struct err *e)
{
	bool done = false;
	enum ec rc = EC_OK;

	/* Even a torn index holds sound records, each with its own sum. */
	index_records(h, UINT64_MAX, records);
	for (; rc == EC_OK && !done; round++)
		rc = scan_round(h, env, round, records, head, &done, e);
	if (rc != EC_OK)
		buf_drop(records);
	else if (h->intact)
		head->ledger = h->head.ledger;
	return rc;
}

/* Before the index is clean: see tally.h. */
static bool tell_ledger(const struct scan_env *env, const struct index_head *head,
			const struct name *mailbox)
{
	struct account_key key = account_of_mailbox(mailbox);
	struct quota_usage holds = { head->octets, head->n };
	char text[NAME_TEXT_MAX + 1];
	struct err why;

	if (ledger_tell(env->root, env->boot, head->ledger, &key, &holds, &why) == EC_OK)
		return true;
	log_event(env->log, LV_WARN, "quota-uncounted", KV("mailbox", name_text(mailbox, text)),
		  KV("why", why.text));
	return false;
}

enum ec scan_settle(struct index_hold *h, const struct scan_env *env, const struct name *mailbox,
		    struct buf *records, struct err *e)
{
	struct index_head head;
	enum ec rc = scan_rounds(h, env, ROUND_FIRST, &head, records, e);

	if (rc == EC_OK) {
		bool told = head.ledger == 0 || !h->writable || tell_ledger(env, &head, mailbox);
		index_write(h, &head, records, told);
	}
	return rc;
}

enum ec scan_recount(struct index_hold *h, const struct scan_env *env, struct index_head *head,
		     struct buf *records, struct err *e)
{
	return scan_rounds(h, env, ROUND_RECOUNT, head, records, e);
}
