/* mig.c - the four things that can be done with all accounts of a scope, made of a list, one account, and many at once.
 *
 * What a plan says will not work is told first and not tried, but for passwords (is_tried). What is to be made or taken comes
 * next, the first of it alone; what an earlier run did is proved last, when nobody waits for a first one any more: a proof says
 * nothing about the right to make accounts, so a run that goes on from half a million proofs would do all of them alone.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "migrate/bulk.h"
#include "migrate/journal.h"
#include "migrate/plan.h"
#include "migrate/roll.h"
#include "migrate/single.h"
#include "server/base/mem.h"

const char *const mig_what_words[MIG_WHAT_COUNT] = {
	[MIG_CREATE] = "create", [MIG_LINK] = "link",         [MIG_DONE] = "done",
	[MIG_RENEW] = "renew",   [MIG_CONFLICT] = "conflict", [MIG_NAME] = "name",
	[MIG_POLICY] = "policy", [MIG_FAILED] = "failed",     [MIG_UNDONE] = "undone",
};

struct mig {
	struct mig_setup setup;
	struct name scope;
	bool all;
	struct journal *journal; /* NULL: there is none yet */
	struct plan *plan;       /* made and not yet run; NULL = none */
	atomic_bool stop;
};
_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "mig_stop is called by signal handlers");

static enum ec open_journal(struct mig *m, bool make, struct err *e)
{
	struct err why;
	enum ec rc;

	if (m->journal)
		return EC_OK;
	rc = journal_open(m->setup.journal, m->setup.directory, make, &m->journal, &why);
	if (rc == EC_OK || (rc == EC_ABSENT && !make))
		return EC_OK;
	return err_set(e, rc, "%s", why.text);
}

enum ec mig_open(const struct mig_setup *setup, const struct name *scope, struct mig **out,
		 struct err *e)
{
	struct mig *m = mem_new(sizeof(*m));

	m->setup = *setup;
	m->all = !scope;
	if (scope)
		m->scope = *scope;
	enum ec rc = open_journal(m, false, e);
	if (rc != EC_OK)
		mig_close(&m);
	*out = m;
	return rc;
}

void mig_close(struct mig **mp)
{
	struct mig *m = *mp;

	*mp = NULL;
	if (!m)
		return;
	plan_free(&m->plan);
	journal_close(&m->journal);
	free(m);
}

void mig_stop(struct mig *m)
{
	atomic_store(&m->stop, true);
}

static const struct name *scope_of(const struct mig *m)
{
	return m->all ? NULL : &m->scope;
}

/* ---- plan ---- */

static enum ec make_plan(struct mig *m, mig_progress_fn *progress, void *ctx, struct err *e)
{
	const struct plan_order order = { .setup = &m->setup,
					  .journal = m->journal,
					  .scope = scope_of(m),
					  .stop = &m->stop,
					  .progress = progress,
					  .progress_ctx = ctx };

	plan_free(&m->plan);
	return plan_make(&order, &m->plan, e);
}

static void tell_planned(const struct plan *p, size_t i, mig_row_fn *row, void *ctx)
{
	struct mig_row r;

	plan_row(p, i, &r);
	row(ctx, &r);
}

enum ec mig_plan(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
		 struct err *e)
{
	enum ec rc = make_plan(m, progress, ctx, e);

	if (rc != EC_OK)
		return rc;
	for (size_t i = 0; i < plan_count(m->plan); i++)
		tell_planned(m->plan, i, row, ctx);
	return EC_OK;
}

/* ---- one of many ---- */

/* What the threads of a run, an undo or a check share. */
struct errand {
	struct mig *m;
	struct single single;
	const struct roll *roll; /* undo, check */
	const size_t *todo;      /* run: numbers in the plan */
	bool *tried;             /* and not answered yet */
	mig_row_fn *row;
	void *ctx;
	mig_progress_fn *progress;
	pthread_mutex_t telling; /* one row at a time */
	struct mig_progress sum;
};

static void errand_init(struct errand *er, struct mig *m, mig_row_fn *row,
			mig_progress_fn *progress, void *ctx)
{
	*er = (struct errand){ .m = m, .row = row, .progress = progress, .ctx = ctx };
	single_init(&er->single, &m->setup, m->journal);
	pthread_mutex_init(&er->telling, NULL);
}

static void errand_done(struct errand *er)
{
	pthread_mutex_destroy(&er->telling);
	single_done(&er->single);
}

static enum bulk_end came_of(const struct mig_row *row)
{
	if (row->why.class != EC_OK)
		return BULK_FAILED;
	return row->what == MIG_DONE ? BULK_OK : BULK_THROUGH;
}

static void tell(struct errand *er, const struct mig_row *row)
{
	pthread_mutex_lock(&er->telling);
	er->row(er->ctx, row);
	pthread_mutex_unlock(&er->telling);
}

static enum bulk_end settle(struct errand *er, size_t k, enum single_end end,
			    const struct mig_row *row, struct err *e)
{
	er->tried[k] = end == SINGLE_LATER;
	switch (end) {
	case SINGLE_SILENT: return BULK_OK;
	case SINGLE_LATER: *e = row->why; return BULK_LATER;
	case SINGLE_HALT: *e = row->why; return BULK_HALT;
	case SINGLE_ROW: break;
	}
	tell(er, row);
	return came_of(row);
}

static struct mig_row failed_row(const struct name *n, const struct err *why)
{
	return (struct mig_row){
		.name = *n, .what = MIG_FAILED, .why = *why, .logon = "", .key = ""
	};
}

static enum bulk_end do_one(void *ctx, size_t k, struct err *e)
{
	struct errand *er = ctx;
	struct plan_wish w;
	struct single_row out;

	plan_wish(er->m->plan, er->todo[k], &w);
	enum single_end end = single_do(&er->single, &w.wish, &out);
	return settle(er, k, end, &out.row, e);
}

static enum bulk_end undo_one(void *ctx, size_t i, struct err *e)
{
	struct errand *er = ctx;
	struct name n = roll_name(er->roll, i);
	struct single_row out;
	enum single_end end = single_undo(&er->single, &n, &out);

	return settle(er, i, end, &out.row, e);
}

static enum bulk_end check_one(void *ctx, size_t i, struct err *e)
{
	struct errand *er = ctx;
	struct name n = roll_name(er->roll, i);
	const struct err *damage = roll_damage(er->roll, i);
	struct single_row out;

	if (damage) {
		const struct mig_row row = failed_row(&n, damage);

		return settle(er, i, SINGLE_ROW, &row, e);
	}
	enum single_end end = single_check(&er->single, &n, &out);
	return settle(er, i, end, &out.row, e);
}

static struct name name_of(const struct errand *er, size_t k)
{
	return er->todo ? plan_name(er->m->plan, er->todo[k]) : roll_name(er->roll, k);
}

/* All of it ended: those who were tried and not answered are told. Something of them may be in the directory. What ended it, if not
 * patience, was said about somebody else. */
static void tell_unanswered(struct errand *er, size_t n, const struct err *end)
{
	struct err why = *end;

	if (end->class != EC_TEMP && end->class != EC_BUSY)
		err_set(&why, EC_TEMP, "had no answer when all of it ended: %s", end->text);
	for (size_t k = 0; k < n; k++) {
		if (!er->tried[k])
			continue;
		struct name who = name_of(er, k);
		const struct mig_row row = failed_row(&who, &why);

		tell(er, &row);
	}
}

static enum ec do_all(struct errand *er, size_t n, bool scout,
		      enum bulk_end (*one)(void *, size_t, struct err *), struct err *e)
{
	const struct mig_setup *setup = &er->m->setup;
	const struct bulk b = { .threads = setup->threads,
				.per_second = setup->per_second,
				.patience_s = setup->patience_s,
				.scout = scout,
				.stop = &er->m->stop,
				.n = n,
				.one = one,
				.ctx = er,
				.progress = er->progress,
				.progress_ctx = er->ctx };
	struct err why;

	er->tried = mem_new(n + 1);
	enum ec rc = bulk_run(&b, &er->sum, &why);
	if (rc != EC_OK && rc != EC_REFUSED)
		tell_unanswered(er, n, &why);
	free(er->tried);
	return rc == EC_OK ? rc : err_set(e, rc, "%s", why.text);
}

/* ---- run ---- */

/* That a password will be refused is a forecast: the directory has the last word, and the words for it. */
static bool is_tried(enum mig_what what)
{
	return what == MIG_CREATE || what == MIG_LINK || what == MIG_POLICY;
}

/* Who only hears of conflicts has no journal made for that. */
static bool has_work(const struct plan *p)
{
	for (size_t i = 0; i < plan_count(p); i++)
		if (is_tried(plan_what(p, i)))
			return true;
	return false;
}

/* Those to be made or taken, then those to be proved; the rest is told. Whose password is likely to be refused comes behind
 * those whose names are promised. */
struct todo {
	size_t *made, *foreseen, *proved;
	size_t n_made, n_foreseen, n_proved;
};

static void sort_out(struct errand *er, struct todo *out)
{
	const struct plan *p = er->m->plan;
	size_t n = plan_count(p);

	out->made = mem_new((n + 1) * sizeof(size_t));
	out->foreseen = mem_new((n + 1) * sizeof(size_t));
	out->proved = mem_new((n + 1) * sizeof(size_t));
	er->sum.total = n;
	for (size_t i = 0; i < n; i++) {
		if (plan_what(p, i) == MIG_DONE) {
			out->proved[out->n_proved++] = i;
		} else if (plan_what(p, i) == MIG_POLICY) {
			out->foreseen[out->n_foreseen++] = i;
		} else if (is_tried(plan_what(p, i))) {
			out->made[out->n_made++] = i;
		} else {
			tell_planned(p, i, er->row, er->ctx);
			er->sum.done++;
			er->sum.failed++;
		}
	}
}

static enum ec run_plan(struct errand *er, struct err *e)
{
	struct todo todo = { 0 };
	enum ec rc;

	sort_out(er, &todo);
	er->todo = todo.made;
	rc = do_all(er, todo.n_made, true, do_one, e);
	er->todo = todo.foreseen;
	if (rc == EC_OK)
		rc = do_all(er, todo.n_foreseen, !er->single.worked, do_one, e);
	er->todo = todo.proved;
	if (rc == EC_OK)
		rc = do_all(er, todo.n_proved, false, do_one, e);
	free(todo.made);
	free(todo.foreseen);
	free(todo.proved);
	return rc;
}

enum ec mig_run(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx, struct err *e)
{
	struct errand er;
	enum ec rc = m->plan ? EC_OK : make_plan(m, progress, ctx, e);

	if (rc == EC_OK && has_work(m->plan))
		rc = open_journal(m, true, e);
	if (rc != EC_OK)
		return rc;
	errand_init(&er, m, row, progress, ctx);
	rc = run_plan(&er, e);
	errand_done(&er);
	plan_free(&m->plan);
	return rc;
}

/* ---- check and undo ---- */

enum ec mig_check(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
		  struct err *e)
{
	struct errand er;
	struct roll *roll;
	enum ec rc = roll_of_catalog(m->setup.boxes, scope_of(m), &roll, e);

	if (rc != EC_OK)
		return rc;
	errand_init(&er, m, row, progress, ctx);
	er.roll = roll;
	er.sum.total = roll_count(roll);
	rc = do_all(&er, er.sum.total, false, check_one, e);
	errand_done(&er);
	roll_free(&roll);
	return rc;
}

enum ec mig_undo(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
		 struct err *e)
{
	struct errand er;
	struct roll *roll;

	roll_of_journal(m->journal, scope_of(m), &roll);
	errand_init(&er, m, row, progress, ctx);
	er.roll = roll;
	er.sum.total = roll_count(roll);
	enum ec rc = do_all(&er, er.sum.total, true, undo_one, e);
	errand_done(&er);
	roll_free(&roll);
	plan_free(&m->plan); /* of before */
	return rc;
}
