/* test_mig.c - plan, run, check and undo of many accounts: who gets which name, and that everybody is carried over once, whatever
 * goes wrong on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/migrate/town.h"

#define assert_ec(got, want) assert_string_equal(ec_name(got), ec_name(want))

/* ---- what was told ---- */

struct told {
	struct name name;
	enum mig_what what;
	struct err why;
	char logon[NAME_TEXT_MAX + 1], key[ACCOUNT_KEY_MAX + 1];
	bool altered, new_password;
};

struct book {
	struct told rows[TOWN_MOST];
	size_t n;
	struct mig_progress last;
	bool in_hand, planned;
};

static void write_row(void *ctx, const struct mig_row *row)
{
	struct book *b = ctx;
	struct told *t = &b->rows[b->n++];

	assert_false(b->in_hand); /* one at a time */
	b->in_hand = true;
	assert_true(b->n <= TOWN_MOST);
	*t = (struct told){ .name = row->name,
			    .what = row->what,
			    .why = row->why,
			    .altered = row->altered,
			    .new_password = row->new_password };
	strcpy(t->logon, row->logon);
	strcpy(t->key, row->key);
	b->in_hand = false;
}

static void note_progress(void *ctx, const struct mig_progress *now)
{
	struct book *b = ctx;

	assert_true(now->failed <= now->done && now->done <= now->total);
	b->planned |= now->planning;
	b->last = *now;
}

static const struct told *row_of(const struct book *b, const char *address)
{
	char text[NAME_TEXT_MAX + 1];

	for (size_t i = 0; i < b->n; i++)
		if (strcmp(name_text(&b->rows[i].name, text), address) == 0)
			return &b->rows[i];
	return NULL;
}

/* "what logon" of somebody, "-" if nothing was told. */
static void expect_row(const struct book *b, const char *address, const char *want)
{
	const struct told *t = row_of(b, address);
	char got[NAME_TEXT_MAX + 32] = "-";

	if (t)
		snprintf(got, sizeof(got), "%s%s%s%s", mig_what_words[t->what],
			 *t->logon ? " " : "", t->logon, t->new_password ? " new" : "");
	assert_string_equal(got, want);
	if (t && t->logon[0])
		assert_int_equal(t->altered, strcasecmp(t->logon, t->name.local) != 0);
}

/* ---- a town and what is done with it ---- */

struct
try {
	struct town *town;
	struct book *plan, *book; /* of the last mig_plan, of the last of all else */
	struct err e;
};

static int setup(void **state)
{
	struct try *t = calloc(1, sizeof(*t));

	t->town = town_new();
	t->plan = calloc(1, sizeof(*t->plan));
	t->book = calloc(1, sizeof(*t->book));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct try *t = *state;

	town_free(&t->town);
	free(t->plan);
	free(t->book);
	free(t);
	return 0;
}

typedef enum ec act_fn(struct mig *, mig_row_fn *, mig_progress_fn *, void *, struct err *);

static struct mig *open_mig(struct try *t, const char *scope)
{
	struct mig *m = NULL;
	struct name n;

	if (scope)
		assert_int_equal(name_parse_any(&n, scope, strlen(scope), NAME_FILE, NULL), EC_OK);
	assert_ec(mig_open(&t->town->setup, scope ? &n : NULL, &m, &t->e), EC_OK);
	return m;
}

static enum ec act(struct try *t, const char *scope, act_fn *fn, struct book *book)
{
	struct mig *m = open_mig(t, scope);

	memset(book, 0, sizeof(*book));
	t->town->stop = m;
	enum ec rc = fn(m, write_row, note_progress, book, &t->e);
	t->town->stop = NULL;
	mig_close(&m);
	assert_null(m);
	return rc;
}

static enum ec plan(struct try *t, const char *scope)
{
	return act(t, scope, mig_plan, t->plan);
}

static enum ec run(struct try *t, const char *scope)
{
	return act(t, scope, mig_run, t->book);
}

/* Many, so that most names are wanted in three domains. */
static void settle_many(struct try *t, unsigned per_domain)
{
	static const char *const domains[] = { "a.example", "b.example", "c.example" };
	char address[64], password[32];

	for (size_t d = 0; d < 3; d++)
		for (unsigned i = 0; i < per_domain; i++) {
			snprintf(address, sizeof(address), "u%04u@%s", i + (unsigned)d * 100,
				 domains[d]);
			snprintf(password, sizeof(password), "secret of %zu/%u", d, i);
			town_settle(t->town, address, password);
		}
}

/* Everybody has one account, with the password of the file; nobody else's was touched. */
static void expect_all_carried(struct try *t)
{
	struct town *town = t->town;
	char text[NAME_TEXT_MAX + 1];

	assert_int_equal(town_count_ours(town), town->n_residents);
	assert_int_equal(town->n_foreign_touched, 0);
	for (size_t i = 0; i < town->n_residents; i++) {
		const struct resident *r = &town->residents[i];
		const struct town_entry *en = town_find(town, name_text(&r->name, text));

		assert_non_null(en);
		assert_string_equal(en->password, r->password);
	}
}

/* Who has an account has the logon name that was planned. */
static void expect_as_planned(struct try *t)
{
	char text[NAME_TEXT_MAX + 1];

	for (size_t i = 0; i < t->plan->n; i++) {
		const struct told *p = &t->plan->rows[i];
		const struct town_entry *en = town_find(t->town, name_text(&p->name, text));

		if (en && !en->foreign)
			assert_string_equal(en->logon, p->logon);
	}
}

/* ---- the plan ---- */

static void each_verdict(void **state)
{
	struct try *t = *state;
	struct town *w = t->town;

	town_settle(w, "free@a.example", "good enough");
	town_settle(w, "hurt@a.example", "good enough");
	town_settle(w, "mail@a.example", "good enough");
	town_settle(w, "none@a.example", "");
	town_settle(w, "off@a.example", "good enough");
	town_settle(w, "plus+@a.example", "good enough");
	town_settle(w, "weak@a.example", "bad");
	w->residents[1].damaged = true;
	w->min_foreseen = 5;
	town_hire(w, "mail@a.example", "mailer");
	town_hire(w, "off@a.example", "off")->enabled = false;

	assert_ec(plan(t, NULL), EC_OK);
	assert_int_equal(t->plan->n, 7);
	expect_row(t->plan, "free@a.example", "create free");
	expect_row(t->plan, "hurt@a.example", "failed");
	expect_row(t->plan, "mail@a.example", "conflict mailer");
	expect_row(t->plan, "none@a.example", "failed");
	expect_row(t->plan, "off@a.example", "conflict off");
	expect_row(t->plan, "plus+@a.example", "name");
	expect_row(t->plan, "weak@a.example", "policy weak");
	assert_string_equal(row_of(t->plan, "weak@a.example")->why.text,
			    "the password is too short");
	assert_ec(row_of(t->plan, "none@a.example")->why.class, EC_ABSENT);
	assert_ec(row_of(t->plan, "free@a.example")->why.class, EC_OK);
	assert_true(t->plan->last.planning && t->plan->last.done == 7);
	assert_int_equal(access(w->journal, F_OK), -1); /* nothing is touched */
	assert_int_equal(w->n_creates, 0);

	w->setup.link = true;
	w->setup.new_passwords = 1;
	assert_ec(plan(t, "a.example"), EC_OK);
	expect_row(t->plan, "mail@a.example", "link mailer");
	expect_row(t->plan, "off@a.example", "failed off");
	expect_row(t->plan, "weak@a.example", "create weak new");
	assert_ec(plan(t, "mail@a.example"), EC_OK);
	assert_int_equal(t->plan->n, 1);
	assert_ec(plan(t, "nobody@a.example"), EC_ABSENT);
}

/* The directory has the last word on passwords. */
static void a_forecast_is_no_verdict(void **state)
{
	struct try *t = *state;
	struct town *w = t->town;

	town_settle(w, "kim@a.example", "bad");
	town_settle(w, "kim@b.example", "good enough");
	town_settle(w, "lee@a.example", "no");
	w->min_foreseen = 5;
	w->min_password = 3;
	assert_ec(plan(t, NULL), EC_OK);
	expect_row(t->plan, "kim@a.example", "policy kim");
	assert_ec(run(t, NULL), EC_OK);
	expect_row(t->book, "kim@b.example", "create kim");
	expect_row(t->book, "kim@a.example", "create kim1");
	expect_row(t->book, "lee@a.example", "policy lee");
	assert_null(town_find(w, "lee@a.example"));
}

/* In order of names, but nobody loses the name of his own mailbox to somebody who would be altered anyway. */
static void names_in_order(void **state)
{
	static const char *const want[][2] = {
		{ "kim@a.example", "create kim" },   { "lee@a.example", "create lee1" },
		{ "kim@b.example", "create kim3" },  { "lee@b.example", "create lee2" },
		{ "kim1@c.example", "create kim1" }, { "kim@c.example", "create kim4" },
		{ "kim2@d.example", "create kim2" },
	};
	const size_t n = sizeof(want) / sizeof(want[0]);
	struct try *t = *state;

	for (size_t i = 0; i < n; i++)
		town_settle(t->town, want[i][0], "secret");
	town_hire(t->town, "lee@elsewhere.example", "Lee");
	for (unsigned threads = 1; threads <= 64; threads *= 4) {
		t->town->setup.threads = threads;
		assert_ec(plan(t, NULL), EC_OK);
		assert_int_equal(t->plan->n, n);
		for (size_t i = 0; i < n; i++)
			expect_row(t->plan, want[i][0], want[i][1]);
	}
	assert_ec(run(t, NULL), EC_OK);
	for (size_t i = 0; i < n; i++)
		expect_row(t->book, want[i][0], want[i][1]);
	expect_as_planned(t);
}

/* What two lines choose without knowing of each other: kim11 is the eleventh of kim and the second of kim1. */
static void names_that_meet(void **state)
{
	struct try *t = *state;
	struct book *first = calloc(1, sizeof(*first));
	char address[64];

	for (unsigned d = 0; d < 26; d++) {
		static const char *const locals[] = { "kim", "kim1", "kim11" };

		for (unsigned l = 0; l < 3; l++) {
			snprintf(address, sizeof(address), "%s@%c.example", locals[l], 'a' + d);
			town_settle(t->town, address, "secret");
		}
	}
	t->town->setup.threads = 1;
	assert_ec(act(t, NULL, mig_plan, first), EC_OK);
	expect_row(first, "kim11@a.example", "create kim11");
	t->town->setup.threads = 16;
	for (unsigned round = 0; round < 5; round++) {
		t->town->trouble = round ? 100 : 0;
		assert_ec(plan(t, NULL), EC_OK);
		assert_int_equal(t->plan->n, 78);
		for (size_t i = 0; i < 78; i++) {
			assert_string_equal(t->plan->rows[i].logon, first->rows[i].logon);
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(first->rows[i].logon, first->rows[k].logon);
		}
	}
	assert_ec(run(t, NULL), EC_OK);
	expect_all_carried(t);
	expect_as_planned(t);
	free(first);
}

/* An entry without a mail address could be that of kim in each domain. */
static void one_entry_for_two(void **state)
{
	struct try *t = *state;

	town_settle(t->town, "kim@a.example", "secret");
	town_settle(t->town, "kim@b.example", "secret");
	town_hire(t->town, "", "kim");
	assert_ec(plan(t, NULL), EC_OK);
	expect_row(t->plan, "kim@a.example", "conflict kim");
	expect_row(t->plan, "kim@b.example", "conflict kim");
	assert_ec(run(t, NULL), EC_OK);
	assert_int_equal(t->book->n, 2);
	assert_int_equal(access(t->town->journal, F_OK), -1); /* nothing to be kept */
	t->town->setup.link = true;
	assert_ec(run(t, NULL), EC_OK);
	expect_row(t->book, "kim@a.example", "link kim");
	expect_row(t->book, "kim@b.example", "conflict kim");
	assert_non_null(strstr(row_of(t->book, "kim@b.example")->why.text, "kim@a.example"));
	assert_int_equal(t->town->n_foreign_touched, 0);

	assert_ec(run(t, NULL), EC_OK); /* whose it is stays so */
	expect_row(t->book, "kim@a.example", "done kim");
	expect_row(t->book, "kim@b.example", "conflict kim");
}

/* ---- a run ---- */

static void everybody(void **state)
{
	struct try *t = *state;

	settle_many(t, 600);
	assert_ec(plan(t, NULL), EC_OK);
	assert_ec(run(t, NULL), EC_OK);
	assert_int_equal(t->book->n, t->town->n_residents);
	assert_int_equal(t->book->last.done, t->town->n_residents);
	assert_int_equal(t->book->last.failed, 0);
	assert_true(t->book->planned && !t->book->last.planning);
	expect_all_carried(t);
	expect_as_planned(t);

	unsigned n_creates = t->town->n_creates;
	assert_ec(run(t, NULL), EC_OK); /* again: proved again */
	assert_int_equal(t->book->n, t->town->n_residents);
	for (size_t i = 0; i < t->book->n; i++)
		assert_int_equal(t->book->rows[i].what, MIG_DONE);
	assert_int_equal(t->town->n_creates, n_creates);
}

/* A plan that was shown is the one that is run, without asking everybody again. */
static void the_plan_that_was_shown(void **state)
{
	struct try *t = *state;

	settle_many(t, 50);
	struct mig *m = open_mig(t, NULL);
	assert_ec(mig_plan(m, write_row, NULL, t->plan, &t->e), EC_OK);
	assert_ec(mig_run(m, write_row, note_progress, t->book, &t->e), EC_OK);
	mig_close(&m);
	assert_false(t->book->planned);
	assert_int_equal(t->book->n, t->town->n_residents);
	expect_all_carried(t);
	expect_as_planned(t);
}

static void with_troubles(void **state)
{
	struct try *t = *state;

	settle_many(t, 660);
	assert_ec(plan(t, NULL), EC_OK);
	t->town->trouble = 300;
	assert_ec(run(t, NULL), EC_OK);
	assert_true(t->town->n_troubles > 10);
	assert_int_equal(t->book->n, t->town->n_residents);
	assert_int_equal(t->book->last.failed, 0);
	expect_all_carried(t);
	expect_as_planned(t);
}

/* Stopped again and again, with troubles besides; in the end it is as if it had been done at one go. */
static void stopped_and_gone_on_with(void **state)
{
	struct try *t = *state;
	unsigned dice = 7, rounds = 0;
	enum ec rc;

	settle_many(t, 100);
	assert_ec(plan(t, NULL), EC_OK);
	do {
		t->town->trouble = rounds % 3 == 2 ? 200 : 0;
		t->town->stop_at =
			t->town->n_calls + 1 + (unsigned)rand_r(&dice) % (700 + 50 * rounds);
		t->town->setup.threads = 1 + (unsigned)rand_r(&dice) % 16;
		rc = run(t, NULL);
		assert_true(rc == EC_OK || rc == EC_REFUSED);
		expect_as_planned(t);
	} while (rc != EC_OK && ++rounds < 500);
	assert_ec(rc, EC_OK);
	assert_true(rounds > 3);
	expect_all_carried(t);
	expect_as_planned(t);
}

static void patience(void **state)
{
	struct try *t = *state;

	settle_many(t, 10);
	t->town->setup.patience_s = 0;
	t->town->away = true;
	assert_ec(plan(t, NULL), EC_TEMP);
	assert_string_equal(t->e.text, "the directory is away");
	assert_int_equal(t->plan->n, 0);
	t->town->away = false;
	assert_ec(run(t, NULL), EC_OK);
	t->town->away = true;
	assert_ec(run(t, NULL), EC_TEMP);
	assert_int_equal(t->book->n, 0);
	assert_ec(act(t, NULL, mig_check, t->book), EC_TEMP);
	assert_in_range(t->book->n, 1, 16); /* those it was tried with */
	assert_ec(act(t, NULL, mig_undo, t->book), EC_TEMP);
	assert_int_equal(t->book->n, 1); /* the first one, alone */
	assert_int_equal(town_count_ours(t->town), 30);
}

/* Nobody else has to wait for ever because of one. */
static void one_that_gets_no_answer(void **state)
{
	struct try *t = *state;

	settle_many(t, 10);
	t->town->setup.patience_s = 2;
	strcpy(t->town->stuck, "u0105@b.example");
	assert_ec(run(t, NULL), EC_OK);
	expect_row(t->book, "u0105@b.example", "failed");
	assert_string_equal(row_of(t->book, "u0105@b.example")->why.text, "the directory is away");
	assert_int_equal(t->book->n, 30);
	assert_int_equal(town_count_ours(t->town), 29);
	t->town->stuck[0] = '\0';
	assert_ec(run(t, NULL), EC_OK);
	expect_all_carried(t);
}

/* In the middle of a run it ends all of it, behind all others, and has a row: something of it may be there. */
static void one_that_gets_no_answer_any_more(void **state)
{
	struct try *t = *state;

	settle_many(t, 10);
	t->town->setup.patience_s = 2;
	struct mig *m = open_mig(t, NULL);
	assert_ec(mig_plan(m, write_row, NULL, t->plan, &t->e), EC_OK);
	strcpy(t->town->stuck, "u0105@b.example");
	assert_ec(mig_run(m, write_row, note_progress, t->book, &t->e), EC_TEMP);
	mig_close(&m);
	assert_int_equal(t->book->n, 30);
	expect_row(t->book, "u0105@b.example", "failed");
	assert_ec(row_of(t->book, "u0105@b.example")->why.class, EC_TEMP);
	assert_int_equal(town_count_ours(t->town), 29);
}

static void no_rights(void **state)
{
	struct try *t = *state;

	settle_many(t, 100);
	t->town->no_rights = true;
	assert_ec(run(t, NULL), EC_DENIED);
	assert_string_equal(t->e.text, "no right to make accounts");
	assert_int_equal(t->town->n_creates, 1);
	assert_int_equal(t->book->n, 0);
	t->town->no_rights = false;
	assert_ec(run(t, NULL), EC_OK);
	expect_all_carried(t);
}

/* One clear message, also if somebody is there already. */
static void no_container(void **state)
{
	struct try *t = *state;

	settle_many(t, 100);
	town_hire(t->town, "u0000@a.example", "other");
	t->town->no_container = true;
	assert_ec(plan(t, NULL), EC_BROKEN);
	assert_string_equal(t->e.text, "there is no ou=people");
	assert_int_equal(t->plan->n, 0);
	assert_ec(run(t, NULL), EC_BROKEN);
	assert_int_equal(t->town->n_creates, 0);
	assert_int_equal(t->book->n, 0);
}

/* The first ones fail for reasons of their own. */
static void the_first_one_alone(void **state)
{
	struct try *t = *state;

	settle_many(t, 100);
	t->town->setup.new_passwords = -1;
	t->town->min_password = 14; /* "secret of 0/9" is shorter, "secret of 0/10" is not */
	assert_ec(run(t, NULL), EC_OK);
	assert_int_equal(t->book->n, 300);
	assert_int_equal(t->book->last.failed, 30);
	assert_int_equal(town_count_ours(t->town), 270);
	expect_row(t->book, "u0009@a.example", "policy u0009");
	expect_row(t->book, "u0010@a.example", "create u0010");
}

static void one_migration_at_a_time(void **state)
{
	struct try *t = *state;
	struct mig *m, *second;

	settle_many(t, 2);
	assert_ec(run(t, NULL), EC_OK);
	m = open_mig(t, NULL);
	assert_ec(mig_open(&t->town->setup, NULL, &second, &t->e), EC_LOCKED);
	assert_null(second);
	mig_close(&m);
}

static void stopped_before(void **state)
{
	struct try *t = *state;

	settle_many(t, 20);
	struct mig *m = open_mig(t, NULL);
	mig_stop(m);
	assert_ec(mig_plan(m, write_row, NULL, t->plan, &t->e), EC_REFUSED);
	assert_ec(mig_run(m, write_row, NULL, t->book, &t->e), EC_REFUSED);
	assert_int_equal(t->plan->n + t->book->n, 0);
	mig_close(&m);
	assert_int_equal(town_count_ours(t->town), 0);
}

/* ---- check ---- */

static void check(void **state)
{
	struct try *t = *state;
	struct town *w = t->town;

	settle_many(t, 100);
	assert_ec(act(t, NULL, mig_check, t->book), EC_OK); /* before anything was done */
	assert_int_equal(t->book->n, 300);
	assert_ec(run(t, NULL), EC_OK);
	assert_ec(act(t, NULL, mig_check, t->book), EC_OK);
	assert_int_equal(t->book->n, 0);
	assert_int_equal(t->book->last.done, 300);

	strcpy(town_find(w, "u0007@a.example")->password, "changed");
	town_find(w, "u0110@b.example")->enabled = false;
	town_find(w, "u0212@c.example")->used = false;
	w->residents[50].damaged = true;
	assert_ec(act(t, NULL, mig_check, t->book), EC_OK);
	assert_int_equal(t->book->n, 4);
	expect_row(t->book, "u0007@a.example", "failed u0007");
	assert_non_null(row_of(t->book, "u0110@b.example"));
	assert_non_null(row_of(t->book, "u0212@c.example"));
	expect_row(t->book, "u0050@a.example", "failed");
	assert_ec(act(t, "b.example", mig_check, t->book), EC_OK);
	assert_int_equal(t->book->n, 1);
}

/* ---- undo ---- */

static void undo(void **state)
{
	struct try *t = *state;
	struct town *w = t->town;

	settle_many(t, 100);
	w->setup.link = true;
	town_hire(w, "u0003@a.example", "others");
	assert_ec(act(t, NULL, mig_undo, t->book), EC_OK); /* before anything was done */
	assert_int_equal(t->book->n, 0);
	assert_ec(run(t, NULL), EC_OK);
	assert_int_equal(town_count_ours(w), 299);

	w->n_residents -= 10; /* mailboxes that are gone meanwhile */
	assert_ec(act(t, "b.example", mig_undo, t->book), EC_OK);
	assert_int_equal(t->book->n, 100);
	assert_int_equal(town_count_ours(w), 199);
	w->trouble = 100;
	assert_ec(act(t, NULL, mig_undo, t->book), EC_OK);
	assert_int_equal(t->book->n, 200);
	for (size_t i = 0; i < t->book->n; i++)
		assert_int_equal(t->book->rows[i].what, MIG_UNDONE);
	assert_int_equal(town_count_ours(w), 0);
	assert_non_null(town_find(w, "u0003@a.example"));
	assert_int_equal(w->n_foreign_touched, 0);
	assert_ec(act(t, NULL, mig_undo, t->book), EC_OK);
	assert_int_equal(t->book->n, 0);
}

/* One may be protected from the service by now, because it is an administrator's: each is tried and told. If it is the same with all of
 * the first ones, it is the rights. */
static void no_rights_to_undo(void **state)
{
	struct try *t = *state;

	settle_many(t, 100);
	assert_ec(run(t, NULL), EC_OK);
	t->town->no_rights = true;
	assert_ec(act(t, NULL, mig_undo, t->book), EC_DENIED);
	assert_int_equal(t->book->n, 10);
	assert_int_equal(t->book->last.failed, 10);
	assert_ec(t->book->rows[0].why.class, EC_DENIED);
	assert_int_equal(town_count_ours(t->town), 300);
	t->town->no_rights = false;
	assert_ec(act(t, NULL, mig_undo, t->book), EC_OK);
	assert_int_equal(town_count_ours(t->town), 0);
}

/* Who was not answered about has a row, whatever it is that ends all of it: something of him may be in the directory. */
static void unanswered_when_all_ends(void **state)
{
	struct try *t = *state;

	settle_many(t, 100);
	assert_ec(run(t, NULL), EC_OK);
	strcpy(t->town->stuck, "u0000@a.example");
	t->town->no_rights = true;
	assert_ec(act(t, NULL, mig_undo, t->book), EC_DENIED);
	expect_row(t->book, "u0000@a.example", "failed");
	assert_ec(row_of(t->book, "u0000@a.example")->why.class, EC_TEMP);
	assert_int_equal(t->book->n, 11);
}

#define TRY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRY(each_verdict),
		TRY(a_forecast_is_no_verdict),
		TRY(names_in_order),
		TRY(names_that_meet),
		TRY(one_entry_for_two),
		TRY(everybody),
		TRY(the_plan_that_was_shown),
		TRY(with_troubles),
		TRY(stopped_and_gone_on_with),
		TRY(patience),
		TRY(one_that_gets_no_answer),
		TRY(one_that_gets_no_answer_any_more),
		TRY(no_rights),
		TRY(no_container),
		TRY(the_first_one_alone),
		TRY(one_migration_at_a_time),
		TRY(stopped_before),
		TRY(check),
		TRY(undo),
		TRY(no_rights_to_undo),
		TRY(unanswered_when_all_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
