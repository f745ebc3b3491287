/* commit.c - removing what a session marked, and remembering what it fetched.
 *
 * In batches, each in one short hold of the index: deliveries get their turn in between, and a
 * process that dies leaves a dirty index and files that are either there or not. One fsync of the
 * directory at the end makes all removals durable.
 *
 * If the index is not ours any more (deleted, rewritten, stale), the files are removed all the same
 * and the index is left for the next scan. /
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/base/pace.h"
#include "server/store/files.h"
#include "server/store/tally.h"

#define BATCH 64
#define DAY_US (INT64_C(86400) * 1000000)

static bool is_marked(const uint8_t *bits, uint32_t i)
{
	return bits && bits[i / 8] >> (i % 8) & 1;
}

struct work {
	struct files_box *fb;
	const struct marks *marks;
	bool removes; /* else the sums stay, and no ledger is told */
	struct commit *out;
	enum ec rc;
	struct err *e;
};

static void remove_one(struct work *w, struct index_hold *h, uint32_t i)
{
	const struct msg_table *t = w->fb->table;
	char room[NAME_MAX + 1];
	const char *name = table_name(t, i, room);

	/* Gone already is what was wanted. */
	if (unlinkat(w->fb->claim.dir, name, 0) < 0 && errno != ENOENT) {
		enum ec rc = err_sys(w->e, "cannot remove message %s", name);
		w->out->n_failed++;
		if (w->rc == EC_OK)
			w->rc = rc == EC_BROKEN ? EC_BROKEN : EC_TEMP;
		return;
	}
	w->out->n_removed++;
	if (h->clean)
		index_mark(h, table_record(t, i), name, INDEX_DEAD);
}

static void mark_one(struct work *w, struct index_hold *h, uint32_t i)
{
	const struct msg_table *t = w->fb->table;
	char room[NAME_MAX + 1];

	if (h->clean && !(t->msgs[i].flags & MSG_FETCHED))
		index_mark(h, table_record(t, i), table_name(t, i, room), MSG_FETCHED);
}

/* A ledger waits to be told what is left. What goes wrong here, the next claim does again. */
static void finish(struct work *w, struct index_hold *h)
{
	struct buf records = { 0 };

	if (!h->clean && h->intact && h->head.ledger != 0)
		scan_settle(h, &w->fb->files->env, &w->fb->box.name, &records, NULL);
	buf_drop(&records);
	index_compact(h);
}

static void end_removals(struct tally *t, struct index_hold *h)
{
	struct quota_usage holds = tally_sums(&h->head);

	if (h->clean)
		tally_end(t, &holds);
	tally_drop(t);
}

/* Changes up to BATCH messages from *i on, in one hold. */
static void run_batch(struct work *w, uint32_t *i)
{
	struct files *f = w->fb->files;
	struct index_hold h;
	struct tally t;
	unsigned n = 0;

	index_take(&h, f->env.root, w->fb->claim.dir, f->env.boot);
	h.clean = (h.clean || h.due) && h.head.gen == w->fb->seen.gen;
	index_begin(&h);
	if (w->removes)
		tally_loosen(&t, &f->env, &h, &w->fb->box.name, w->fb->seen.ledger);
	for (; *i < w->fb->table->n && n < BATCH; ++*i) {
		bool removed = is_marked(w->marks->removed, *i);
		bool fetched = f->keep_fetched && is_marked(w->marks->fetched, *i);
		if (removed)
			remove_one(w, &h, *i);
		else if (fetched)
			mark_one(w, &h, *i);
		n += removed || fetched;
	}
	if (w->removes)
		end_removals(&t, &h);
	index_end(&h);
	if (*i == w->fb->table->n)
		finish(w, &h);
	index_drop(&h);
}

static bool any_marked(const uint8_t *bits, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (is_marked(bits, i))
			return true;
	}
	return false;
}

enum ec files_commit(struct box *box, const struct marks *marks, struct commit *out, struct err *e)
{
	struct files_box *fb = files_box_of(box);
	struct work w = { .fb = fb, .marks = marks, .out = out, .e = e };
	struct pace p = { 0 };

	*out = (struct commit){ 0 };
	w.removes = any_marked(marks->removed, box->n_msgs);
	if (!w.removes && !(fb->files->keep_fetched && any_marked(marks->fetched, box->n_msgs)))
		return EC_OK;
	enum ec rc = box->msgs ? EC_OK : box->ops->table(box, e);
	if (rc != EC_OK)
		return rc;
	for (uint32_t i = 0; i < fb->table->n; pace(&p, BATCH * PACE_FILE))
		run_batch(&w, &i);
	if (out->n_removed > 0 && fsync(fb->claim.dir) < 0 && w.rc == EC_OK)
		w.rc = err_sys(e, "cannot make removals durable") == EC_BROKEN ? EC_BROKEN
									       : EC_TEMP;
	return w.rc;
}

enum ec store_expire(struct box *box, uint32_t days, uint32_t *n_removed, struct err *e)
{
	int64_t before_us = clock_wall_us() - (int64_t)days * DAY_US;
	struct commit done = { 0 };

	*n_removed = 0;
	enum ec rc = box->ops->table(box, e);
	if (rc != EC_OK)
		return rc;
	uint8_t *bits = mem_new(box->n_msgs / 8 + 1);
	for (uint32_t i = 0; i < box->n_msgs; i++) {
		const struct msg *m = &box->msgs[i];
		if ((m->flags & MSG_FETCHED) && m->arrived_us <= before_us)
			bits[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	rc = box->ops->commit(box, &(struct marks){ .removed = bits }, &done, e);
	free(bits);
	*n_removed = done.n_removed;
	if (done.n_removed == 0)
		return rc;
	enum ec counted = files_count(files_box_of(box), e);
	return rc != EC_OK ? rc : counted;
}
