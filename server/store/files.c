/* files.c - the local store: claim, table, usage. Delivery, retrieval and commit have files of
 * their own.
 *
 * Claiming reads the index's head and nothing else, so it costs the same for ten messages and for
 * 100,000. The table is read when somebody asks for a message. Between the two the index may be
 * deleted, rewritten, damaged: then the directory is scanned, and what arrived after the claim is
 * left out; if the rest is not what was counted, the session ends with EC_TEMP instead of numbers
 * that changed under it. /
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/store/files.h"

#define CLAIM_TRIES 4
#define TABLE_NOW_BYTES 16384 /* some 180 messages, 20 us */
#define TABLE_LARGE 10000     /* messages; giving its pages back takes 0.1 ms, too long on a loop */

/* The mailbox's sums, by its index or by a scan; records too if a scan made them. */
static enum ec count(struct files *f, int dir, const struct name *mailbox, struct index_head *head,
		     struct buf *records, struct err *e)
{
	struct index_hold h;
	enum ec rc = EC_OK;

	index_take(&h, f->env.root, dir, f->env.boot);
	if (!h.clean)
		rc = scan_settle(&h, &f->env, mailbox, records, e);
	*head = h.head;
	index_drop(&h);
	return rc;
}

static void take_sums(struct files_box *fb)
{
	fb->box.n_msgs = fb->seen.n;
	fb->box.octets = fb->seen.octets;
}

static void keep_table(struct files_box *fb, struct msg_table *t)
{
	fb->table = t;
	if (t && t->n > TABLE_LARGE)
		fb->box.release_now = false;
}

enum ec files_count(struct files_box *fb, struct err *e)
{
	struct buf records = { 0 };
	enum ec rc = count(fb->files, fb->claim.dir, &fb->box.name, &fb->seen, &records, e);

	free(fb->table);
	fb->table = NULL;
	fb->box.msgs = NULL;
	if (rc == EC_OK) {
		take_sums(fb);
		/* A scan has it all at hand; and where no index can be kept, nobody else will. */
		if (records.len > 0)
			keep_table(fb, msg_table_new(&records, INT64_MAX));
	}
	buf_drop(&records);
	return rc;
}

static void files_release(struct box **box)
{
	if (!*box)
		return;
	struct files_box *fb = files_box_of(*box);
	free(fb->table);
	claim_drop(&fb->claim);
	if (fb->brief)
		brief_end(&fb->files->brief);
	free(fb);
	*box = NULL;
}

const char STORE_UPKEEP[] = "upkeep";

static const struct store_ops files_ops;

static struct files_box *box_new(struct files *f, const struct name *mailbox, const char *holder,
				 const struct claim *claim)
{
	struct files_box *fb = mem_new(sizeof(*fb));

	*fb = (struct files_box){ .box = { .ops = &files_ops,
					   .name = *mailbox,
					   /* closing a file of another machine may ask there */
					   .release_now = claim->file < 0 },
				  .files = f,
				  .claim = *claim };
	if (holder) /* as much as fits: it is for messages */
		memcpy(fb->holder, holder, strnlen(holder, sizeof(fb->holder) - 1));
	return fb;
}

/* As often as a brief hold was in the way, but not for ever. */
static enum ec take_in_turn(struct files *f, const struct name *mailbox, struct claim *out,
			    struct err *e)
{
	enum ec rc = EC_LOCKED;
	bool again = true;

	for (unsigned tries = 0; rc == EC_LOCKED && again && tries < CLAIM_TRIES; tries++) {
		uint64_t mark = brief_mark(&f->brief);
		rc = claim_take(f->env.root, mailbox, out, e);
		again = rc == EC_LOCKED && brief_again(&f->brief, mailbox, mark);
	}
	return rc;
}

static enum ec take_briefly(struct files *f, const struct name *mailbox, struct claim *out,
			    struct err *e)
{
	brief_begin(&f->brief, mailbox);
	enum ec rc = claim_take(f->env.root, mailbox, out, e);
	if (rc != EC_OK)
		brief_end(&f->brief);
	return rc;
}

static enum ec files_claim(struct store *s, const struct name *mailbox, const char *holder,
			   struct box **out, struct err *e)
{
	struct files *f = files_of(s);
	bool brief = holder == STORE_UPKEEP;
	struct claim claim;
	enum ec rc =
		brief ? take_briefly(f, mailbox, &claim, e) : take_in_turn(f, mailbox, &claim, e);

	if (rc != EC_OK)
		return rc;
	struct files_box *fb = box_new(f, mailbox, holder, &claim);
	struct box *box = &fb->box;
	fb->brief = brief;
	rc = files_count(fb, e);
	if (rc == EC_OK)
		*out = box;
	else
		files_release(&box);
	return rc;
}

static enum ec files_claim_now(struct store *s, const struct name *mailbox, const char *holder,
			       struct box **out, struct err *e)
{
	struct files *f = files_of(s);
	struct index_head head;
	struct claim claim;
	struct stat dir;
	enum ec rc = claim_take_now(f->env.root, mailbox, &claim, &dir, e);

	if (rc == EC_LOCKED) /* perhaps for a moment only */
		return EC_BUSY;
	if (rc != EC_OK)
		return rc;
	if (!index_glance_now(claim.dir, &dir, f->env.boot, &head)) {
		claim_drop(&claim);
		return EC_BUSY;
	}
	struct files_box *fb = box_new(f, mailbox, holder, &claim);
	fb->seen = head;
	take_sums(fb);
	*out = &fb->box;
	return EC_OK;
}

static bool is_as_counted(const struct files_box *fb, const struct msg_table *t)
{
	return t && t->n == fb->box.n_msgs && t->octets == fb->box.octets;
}

/* The usual way: the records that stood in the index at claim. */
static struct msg_table *table_by_index(struct files_box *fb)
{
	struct files *f = fb->files;
	struct index_hold h;
	struct msg_table *t = NULL;

	index_take(&h, f->env.root, fb->claim.dir, f->env.boot);
	if (h.intact && h.head.gen == fb->seen.gen)
		t = msg_table_read(&h, fb->seen.end, fb->box.n_msgs);
	index_drop(&h);
	if (!is_as_counted(fb, t)) {
		free(t);
		t = NULL;
	}
	return t;
}

/* The index is lost or damaged: from the directory, without what came later. */
static enum ec table_by_scan(struct files_box *fb, struct err *e)
{
	struct files *f = fb->files;
	struct index_hold h;
	struct buf records = { 0 };
	int64_t last_us = fb->seen.last_us;

	index_take(&h, f->env.root, fb->claim.dir, f->env.boot);
	enum ec rc = scan_settle(&h, &f->env, &fb->box.name, &records, e);
	if (rc == EC_OK) {
		fb->seen = h.head; /* whose records' places the table now knows */
		keep_table(fb, msg_table_new(&records, last_us));
	}
	index_drop(&h);
	buf_drop(&records);
	return rc;
}

static enum ec files_table(struct box *box, struct err *e)
{
	struct files_box *fb = files_box_of(box);
	enum ec rc = EC_OK;

	if (!fb->table)
		keep_table(fb, table_by_index(fb));
	if (!fb->table)
		rc = table_by_scan(fb, e);
	if (rc != EC_OK)
		return rc;
	if (!is_as_counted(fb, fb->table)) {
		free(fb->table);
		fb->table = NULL;
		return err_set(e, EC_TEMP,
			       "the mailbox was changed by another program; "
			       "sign in again");
	}
	box->msgs = fb->table->msgs;
	return EC_OK;
}

static enum ec files_table_now(struct box *box, struct err *e)
{
	struct files_box *fb = files_box_of(box);
	struct buf records = { 0 };

	(void)e;
	if (!fb->table && index_records_now(fb->claim.dir, &fb->seen, TABLE_NOW_BYTES, &records))
		fb->table = msg_table_new(&records, INT64_MAX);
	buf_drop(&records);
	if (!is_as_counted(fb, fb->table)) {
		free(fb->table);
		fb->table = NULL;
		return EC_BUSY; /* whatever it is: a worker may look closer */
	}
	box->msgs = fb->table->msgs;
	return EC_OK;
}

static enum ec files_usage(struct store *s, const struct name *mailbox, uint32_t *n_msgs,
			   uint64_t *octets, struct err *e)
{
	struct files *f = files_of(s);
	struct buf records = { 0 };
	struct index_head head;
	int dir;
	enum ec rc = mailroot_dir(f->env.root, mailbox, &dir, e);

	if (rc != EC_OK)
		return rc;
	rc = count(f, dir, mailbox, &head, &records, e);
	if (rc == EC_OK) {
		*n_msgs = head.n;
		*octets = head.octets;
	}
	buf_drop(&records);
	close(dir);
	return rc;
}

static enum ec table_anew(struct files *f, int dir, const struct name *mailbox,
			  struct msg_table **out, struct err *e)
{
	struct buf records = { 0 };
	struct index_hold h;
	enum ec rc = EC_OK;

	index_take(&h, f->env.root, dir, f->env.boot);
	*out = h.clean ? msg_table_read(&h, h.head.end, h.head.n) : NULL;
	if (!*out) {
		rc = scan_settle(&h, &f->env, mailbox, &records, e);
		*out = rc == EC_OK ? msg_table_new(&records, INT64_MAX) : NULL;
	}
	index_drop(&h);
	buf_drop(&records);
	if (rc == EC_OK && !*out)
		rc = err_set(e, EC_TEMP, "the mailbox was changed by another program; try again");
	return rc;
}

static enum ec files_each(struct store *s, const struct name *mailbox,
			  bool (*fn)(void *ctx, const struct msg *msg), void *ctx, struct err *e)
{
	struct files *f = files_of(s);
	struct msg_table *t = NULL;
	int dir;
	enum ec rc = mailroot_dir(f->env.root, mailbox, &dir, e);

	if (rc != EC_OK)
		return rc;
	rc = table_anew(f, dir, mailbox, &t, e);
	close(dir);
	for (size_t i = 0; rc == EC_OK && i < t->n; i++) {
		if (!fn(ctx, &t->msgs[i]))
			break;
	}
	free(t);
	return rc;
}

static void files_close(struct store **s)
{
	if (*s)
		brief_close(&files_of(*s)->brief);
	free(*s);
	*s = NULL;
}

static const struct store_ops files_ops = {
	.name = "files",
	.claim = files_claim,
	.claim_now = files_claim_now,
	.table = files_table,
	.table_now = files_table_now,
	.fetch = files_fetch,
	.read = files_read,
	.read_now = files_read_now,
	.blob_done = files_blob_done,
	.commit = files_commit,
	.release = files_release,
	.deliver = files_deliver,
	.usage = files_usage,
	.each = files_each,
	.close = files_close,
};

enum ec store_files_open(struct mailroot *root, const struct log *log, bool keep_fetched,
			 struct store **out, struct err *e)
{
	struct files *f = mem_new(sizeof(*f));

	(void)e;
	f->store.ops = &files_ops;
	f->store.quota = &files_quota;
	f->env = (struct scan_env){ .root = root, .log = log, .boot = index_boot_id() };
	f->keep_fetched = keep_fetched;
	brief_open(&f->brief);
	*out = &f->store;
	return EC_OK;
}

void store_files_give(struct store *s, const struct store_owner *owner)
{
	files_of(s)->owner = *owner;
}
