/* plan.c - everybody is looked at as if it were alone, on many threads; then names are given out in order.
 *
 * Asking one after the other, each knowing what was promised to those before it, would be simpler, and would take an hour with a million
 * mailboxes. Nearly all names are wanted once. So each is asked for itself, and whoever comes first in order of names has what it
 * wanted. The others are asked again, in one line for each name that was wanted twice: who waits in a line knows what was promised to
 * all before and to those ahead of it, lines know nothing of each other, and what two of them chose is given to the first in order
 * of names once more. What comes out depends on the directory alone, never on which thread was faster: the plan shown is the run
 * made, and a run that was killed finds the same names.
 *
 * An item is small and its texts are in an arena: struct prospect and struct mig_row have room for the longest of everything, and a
 * million of them would need gigabytes. The lock is for that arena, which many threads write to, one short text at a time.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "migrate/bulk.h"
#include "migrate/judge.h"
#include "migrate/plan.h"
#include "migrate/promise.h"
#include "migrate/roll.h"
#include "server/base/arena.h"
#include "server/base/mem.h"

enum seen { SEEN_NOT, SEEN_TRIED, SEEN };

struct item {
	const char *logon, *key, *why; /* "" = none */
	unsigned char what;            /* enum mig_what */
	unsigned char class;           /* enum ec, of why */
	unsigned char seen;            /* enum seen */
	bool new_password;
};

/* Whose logon name was promised to somebody before. */
struct loser {
	size_t to, i;
};

/* Those who lost the same one: they are asked one after the other. */
struct line {
	size_t next, end;        /* in lost */
	struct promises *chosen; /* by those of this line */
};

struct plan {
	const struct plan_order *order; /* while it is made */
	struct roll *roll;
	struct item *items;
	pthread_mutex_t lock;
	struct arena *mem;
	atomic_bool answered;   /* the directory said something about somebody */
	atomic_bool room_found; /* and that there is where to make an account */
	struct promises *logons, *keys;
	struct loser *lost;
	size_t n_lost;
	struct line *lines;
};

/* ---- what was found out about one ---- */

static const char *keep(struct plan *p, const char *text)
{
	return *text ? arena_strz(p->mem, text) : "";
}

static void note(struct plan *p, size_t i, enum mig_what what, const struct err *why)
{
	struct item *it = &p->items[i];

	pthread_mutex_lock(&p->lock);
	it->what = (unsigned char)what;
	it->class = (unsigned char)why->class;
	it->why = why->class == EC_OK ? "" : keep(p, why->text);
	it->seen = SEEN;
	pthread_mutex_unlock(&p->lock);
}

static void note_found(struct plan *p, size_t i, const struct prospect *found)
{
	const char *logon = found->taken ? found->there.logon : found->logon;
	const char *local = roll_local(p->roll, i);
	struct item *it = &p->items[i];

	pthread_mutex_lock(&p->lock);
	it->logon = strcmp(logon, local) == 0 ? local : keep(p, logon);
	it->key = found->taken ? keep(p, found->there.key) : "";
	it->new_password = !found->taken && found->weak.class != EC_OK;
	pthread_mutex_unlock(&p->lock);
}

/* Kept once: it may be tried for a long time. */
static void note_tried(struct plan *p, size_t i, const struct err *why)
{
	if (p->items[i].seen == SEEN_TRIED)
		return;
	note(p, i, MIG_FAILED, why);
	p->items[i].seen = SEEN_TRIED;
}

/* To look at it came to an end all the same. */
static enum bulk_end failed(struct plan *p, size_t i, enum mig_what what, const struct err *why)
{
	note(p, i, what, why);
	return BULK_OK;
}

static enum bulk_end later(struct plan *p, size_t i, const struct err *why)
{
	note_tried(p, i, why);
	return BULK_LATER;
}

/* ---- looking at one ---- */

static void past_of(const struct plan *p, const struct name *n, struct journal_entry *out)
{
	*out = (struct journal_entry){ .state = JOURNAL_NONE };
	if (p->order->journal)
		journal_get(p->order->journal, n, out);
}

static enum bulk_end found_out(struct plan *p, size_t i, const struct journal_entry *past,
			       const struct prospect *found)
{
	const struct mig_setup *setup = p->order->setup;
	struct err why;
	enum mig_what what = judge(past, found, setup->link, setup->new_passwords >= 0, &why);

	note_found(p, i, found);
	note(p, i, what, &why);
	atomic_store(&p->answered, true);
	if (!found->taken)
		atomic_store(&p->room_found, true);
	return BULK_THROUGH;
}

/* Rights or a container that is missing, everybody would meet: then it is not told of everybody. */
static enum bulk_end not_found_out(struct plan *p, size_t i, const struct err *why)
{
	switch (why->class) {
	case EC_TEMP:
	case EC_BUSY: return later(p, i, why);
	case EC_USAGE: return failed(p, i, MIG_NAME, why);
	case EC_EXISTS: return failed(p, i, MIG_CONFLICT, why);
	default: return atomic_load(&p->room_found) ? failed(p, i, MIG_FAILED, why) : BULK_HALT;
	}
}

static enum bulk_end ask(struct plan *p, size_t i, const struct account_wish *wish,
			 const struct secret *password, struct err *e)
{
	struct accounts *to = p->order->setup->to;
	struct account_wish marked = *wish;
	struct prospect found = { .taken = false };
	struct journal_entry past;

	past_of(p, &wish->name, &past);
	marked.mark = past.mark[0] ? past.mark : NULL;
	if (to->ops->inspect(to, &marked, password, &found, e) != EC_OK)
		return not_found_out(p, i, e);
	return found_out(p, i, &past, &found);
}

static enum bulk_end look_with(struct plan *p, size_t i, const struct account_wish *wish,
			       struct err *e)
{
	struct accounts *from = p->order->setup->from;
	const struct account who = { .name = wish->name };
	struct secret password = { 0 };
	enum bulk_end end;

	enum ec rc = from->ops->reveal(from, &who, SECRET_CLEAR, &password, e);
	if (rc == EC_TEMP || rc == EC_BUSY)
		end = later(p, i, e);
	else if (rc != EC_OK)
		end = failed(p, i, MIG_FAILED, e);
	else
		end = ask(p, i, wish, &password, e);
	secret_drop(&password);
	return end;
}

static enum bulk_end look(void *ctx, size_t i, struct err *e)
{
	struct plan *p = ctx;
	const struct account_wish wish = { .name = roll_name(p->roll, i) };
	enum name_rule rule = p->order->setup->to->ops->rule;
	char text[NAME_TEXT_MAX + 1];
	struct name same;

	if (roll_damage(p->roll, i))
		return failed(p, i, MIG_FAILED, roll_damage(p->roll, i));
	name_text(&wish.name, text);
	if (name_parse(&same, text, strlen(text), rule, e) != EC_OK)
		return failed(p, i, MIG_NAME, e);
	return look_with(p, i, &wish, e);
}

/* ---- all of them ---- */

/* Patience is at its end. Were it the directory, there would be some that were not tried, or none that was answered; else those
 * that are left have trouble of their own, which is a row and no reason not to migrate the others. */
static bool only_their_own(const struct plan *p)
{
	if (!atomic_load(&p->answered))
		return false;
	for (size_t i = 0; i < roll_count(p->roll); i++)
		if (p->items[i].seen == SEEN_NOT)
			return false;
	return true;
}

static enum ec look_at_all(struct plan *p, struct mig_progress *sum, struct err *e)
{
	const struct mig_setup *setup = p->order->setup;
	const struct bulk b = { .threads = setup->threads,
				.patience_s = setup->patience_s,
				.scout = true,
				.stop = p->order->stop,
				.n = roll_count(p->roll),
				.one = look,
				.ctx = p,
				.progress = p->order->progress,
				.progress_ctx = p->order->progress_ctx };
	enum ec rc = bulk_run(&b, sum, e);

	if ((rc == EC_TEMP || rc == EC_BUSY) && only_their_own(p))
		return EC_OK;
	return rc;
}

/* ---- names ---- */

static bool gets_a_name(const struct item *it)
{
	return it->what == MIG_CREATE && it->logon[0];
}

static void promise_made_ones(struct plan *p)
{
	for (size_t i = 0; i < roll_count(p->roll); i++)
		if (gets_a_name(&p->items[i]) && p->items[i].key[0])
			promises_make(p->logons, p->items[i].logon, i);
}

/* Whoever comes first has the name; the others, with the one they lost it to, are `lost`. */
static void promise_logon(struct plan *p, size_t i)
{
	if (!gets_a_name(&p->items[i]))
		return;
	size_t whose = promises_make(p->logons, p->items[i].logon, i);
	if (whose != PROMISE_NOBODY && whose != i)
		p->lost[p->n_lost++] = (struct loser){ .to = whose, .i = i };
}

static int by_name(const void *pa, const void *pb)
{
	const struct loser *a = pa, *b = pb;

	return (a->i > b->i) - (a->i < b->i);
}

static int by_winner(const void *pa, const void *pb)
{
	const struct loser *a = pa, *b = pb;

	return a->to != b->to ? (a->to > b->to) - (a->to < b->to) : by_name(pa, pb);
}

/* One line for each name that was wanted more than once. */
static size_t form_lines(struct plan *p, struct line *lines)
{
	size_t n = 0;

	if (p->n_lost > 0)
		qsort(p->lost, p->n_lost, sizeof(p->lost[0]), by_winner);
	for (size_t k = 0; k < p->n_lost; k++) {
		if (k == 0 || p->lost[k].to != p->lost[k - 1].to)
			lines[n++] = (struct line){ .next = k, .end = k };
		lines[n - 1].end++;
	}
	return n;
}

static bool is_promised(const struct promises *promises, const char *logon, size_t i)
{
	size_t whose = promises ? promises_whose(promises, logon) : PROMISE_NOBODY;

	return whose != PROMISE_NOBODY && whose != i;
}

static bool promised_to_others(void *ctx, const char *logon)
{
	const struct plan_wish *w = ctx;

	return is_promised(w->plan->logons, logon, w->i) || is_promised(w->line, logon, w->i);
}

/* The next of a line: asked again, with what was promised to all and to those before it in the line. */
static enum bulk_end look_again(void *ctx, size_t k, struct err *e)
{
	struct plan *p = ctx;
	struct line *l = &p->lines[k];
	size_t i = p->lost[l->next].i;
	struct plan_wish w;

	if (!l->chosen)
		l->chosen = promises_new();
	plan_wish(p, i, &w);
	w.wish.logon = NULL;
	w.line = l->chosen;
	enum bulk_end end = look_with(p, i, &w.wish, e);
	if (end == BULK_LATER || end == BULK_HALT)
		return end;
	if (gets_a_name(&p->items[i]))
		promises_make(l->chosen, p->items[i].logon, i);
	if (++l->next < l->end)
		return BULK_MORE;
	promises_free(&l->chosen);
	return BULK_OK;
}

static enum ec ask_lines(struct plan *p, size_t n_lines, struct mig_progress *sum, struct err *e)
{
	const struct mig_setup *setup = p->order->setup;
	const struct bulk b = { .threads = setup->threads,
				.patience_s = setup->patience_s,
				.stop = p->order->stop,
				.n = n_lines,
				.one = look_again,
				.ctx = p,
				.progress = p->order->progress,
				.progress_ctx = p->order->progress_ctx };
	enum ec rc;

	sum->total += n_lines;
	rc = bulk_run(&b, sum, e);
	for (size_t k = 0; k < n_lines; k++)
		promises_free(&p->lines[k].chosen);
	return rc;
}

/* What the lines chose without knowing of each other, in order of names again. */
static void promise_chosen(struct plan *p)
{
	struct loser *lost = p->lost;
	size_t n = p->n_lost;

	qsort(lost, n, sizeof(lost[0]), by_name);
	p->n_lost = 0; /* who loses once more is never put behind where it was */
	for (size_t k = 0; k < n; k++)
		promise_logon(p, lost[k].i);
}

/* Each time the first of those who are left gets what it chose; were it not so, more of the same would not help. */
static enum ec ask_again(struct plan *p, struct mig_progress *sum, struct err *e)
{
	size_t n_before = p->n_lost + 1;
	enum ec rc = EC_OK;

	p->lines = mem_new(n_before * sizeof(p->lines[0]));
	while (p->n_lost > 0 && p->n_lost < n_before && rc == EC_OK) {
		n_before = p->n_lost;
		rc = ask_lines(p, form_lines(p, p->lines), sum, e);
		promise_chosen(p);
	}
	return rc;
}

static enum ec give_names(struct plan *p, struct mig_progress *sum, struct err *e)
{
	size_t n = roll_count(p->roll);

	p->lost = mem_new((n + 1) * sizeof(p->lost[0]));
	promise_made_ones(p);
	for (size_t i = 0; i < n; i++)
		promise_logon(p, i);
	return ask_again(p, sum, e);
}

/* ---- entries ---- */

static void refuse_second(struct plan *p, size_t i, size_t first)
{
	char text[NAME_TEXT_MAX + 1];
	struct name n = roll_name(p->roll, first);
	struct err why;

	err_set(&why, EC_EXISTS, "%.100s is taken for %.80s: say by a mail address whose it is",
		p->items[i].key, name_text(&n, text));
	note(p, i, MIG_CONFLICT, &why);
}

/* An entry that has the logon name and no mail address could be that of kim in every domain. The first one may have it. */
static void claim_entries(struct plan *p)
{
	size_t n = roll_count(p->roll);

	for (size_t i = 0; i < n; i++)
		if (p->items[i].key[0] &&
		    (p->items[i].what == MIG_DONE || p->items[i].what == MIG_CREATE))
			promises_make(p->keys, p->items[i].key, i);
	for (size_t i = 0; i < n; i++) {
		if (p->items[i].what != MIG_LINK)
			continue;
		size_t first = promises_make(p->keys, p->items[i].key, i);
		if (first != PROMISE_NOBODY)
			refuse_second(p, i, first);
	}
}

/* ---- the plan ---- */

static struct plan *plan_new(const struct plan_order *order)
{
	struct plan *p = mem_new(sizeof(*p));

	p->order = order;
	pthread_mutex_init(&p->lock, NULL);
	p->mem = arena_new("plan", 4096);
	p->logons = promises_new();
	p->keys = promises_new();
	return p;
}

void plan_free(struct plan **pp)
{
	struct plan *p = *pp;

	*pp = NULL;
	if (!p)
		return;
	free(p->lines);
	free(p->lost);
	promises_free(&p->keys);
	promises_free(&p->logons);
	arena_drop(&p->mem);
	pthread_mutex_destroy(&p->lock);
	free(p->items);
	roll_free(&p->roll);
	free(p);
}

static void make_items(struct plan *p)
{
	size_t n = roll_count(p->roll);

	p->items = mem_new((n + 1) * sizeof(p->items[0]));
	for (size_t i = 0; i < n; i++)
		p->items[i] =
			(struct item){ .logon = "", .key = "", .why = "", .what = MIG_FAILED };
}

static enum ec fill(struct plan *p, struct err *e)
{
	struct mig_progress sum = { .planning = true };
	enum ec rc = roll_of_catalog(p->order->setup->boxes, p->order->scope, &p->roll, e);

	if (rc != EC_OK)
		return rc;
	make_items(p);
	sum.total = roll_count(p->roll);
	rc = look_at_all(p, &sum, e);
	if (rc != EC_OK)
		return rc;
	rc = give_names(p, &sum, e);
	if (rc == EC_OK)
		claim_entries(p);
	return rc;
}

enum ec plan_make(const struct plan_order *order, struct plan **out, struct err *e)
{
	struct plan *p = plan_new(order);
	enum ec rc = fill(p, e);

	if (rc != EC_OK)
		plan_free(&p);
	else
		p->order = NULL;
	*out = p;
	return rc;
}

size_t plan_count(const struct plan *p)
{
	return roll_count(p->roll);
}

struct name plan_name(const struct plan *p, size_t i)
{
	return roll_name(p->roll, i);
}

enum mig_what plan_what(const struct plan *p, size_t i)
{
	return p->items[i].what;
}

void plan_row(const struct plan *p, size_t i, struct mig_row *out)
{
	const struct item *it = &p->items[i];

	*out = (struct mig_row){ .name = roll_name(p->roll, i),
				 .what = it->what,
				 .logon = it->logon,
				 .altered = it->logon[0] &&
					    strcasecmp(it->logon, roll_local(p->roll, i)) != 0,
				 .new_password = it->new_password && it->what == MIG_CREATE,
				 .key = it->key };
	if (it->class != EC_OK)
		err_set(&out->why, it->class, "%s", it->why);
}

void plan_wish(const struct plan *p, size_t i, struct plan_wish *out)
{
	*out = (struct plan_wish){ .plan = p, .i = i };
	out->wish = (struct account_wish){ .name = roll_name(p->roll, i),
					   .logon = p->items[i].logon[0] ? p->items[i].logon : NULL,
					   .avoid = promised_to_others,
					   .ctx = out };
}
