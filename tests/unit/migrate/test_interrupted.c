/* interrupted: every situation of scene.c, and in it every step at which something can go wrong or all can end.
 *
 * After each: nothing of others' was touched, the password file is the same octet for octet, whatever we made is in the journal under
 * the mark it has, and nobody has a password that was told to nobody. Then the same command again must come to the end that it would
 * have come to, and undo must leave the directory as it was. /
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/migrate/scene.h"

static void setup(struct scene *sc, void **state)
{
	scene_setup(sc, *state);
}

static void no_fault(struct scene *sc)
{
	fakedir_fault(&sc->dir, (struct fault){ .kind = FAULT_NONE });
}

/* ---- what an attempt may say ---- */

static void must_end(struct scene *sc, enum verb verb, enum mig_what want)
{
	struct single_row row;
	enum single_end end = scene_try(sc, verb, &row);

	must_be_sound(sc);
	bool same = row.row.what == want || (is_success(want) && is_success(row.row.what));
	if (end != SINGLE_ROW || !same)
		fail_msg("then: end %d, %s instead of %s: %s", end, mig_what_words[row.row.what],
			 mig_what_words[want], row.row.why.text);
	if (is_success(want))
		must_work(sc, &row);
}

static void must_undo(struct scene *sc)
{
	struct single_row row;
	enum single_end end = scene_try(sc, UNDO, &row);
	bool fine = end == SINGLE_SILENT || (end == SINGLE_ROW && row.row.what == MIG_UNDONE);

	/* what was left alone, was left alone for a reason */
	if (!fine && !(end == SINGLE_ROW && row.row.why.class == EC_REFUSED &&
		       !fakedir_count_ours(sc->dir.s)))
		fail_msg("undo: end %d, %s: %s", end, mig_what_words[row.row.what],
			 row.row.why.text);
	if (fine)
		must_be_undone(sc);
	else
		must_be_sound(sc);
}

/* The same again; or, instead, all of it back. */
static void go_on_or_back(struct scene *sc)
{
	struct picture now = { 0 };

	no_fault(sc);
	must_be_sound(sc);
	scene_photograph(sc, &now);
	must_end(sc, DO, sc->is->want);
	must_undo(sc);
	scene_restore(sc, &now);
	must_undo(sc);
	picture_drop(&now);
}

static void begin_anew(struct scene *sc, enum verb verb)
{
	scene_restore(sc, &sc->was);
	no_fault(sc);
	if (verb == UNDO)
		must_end(sc, DO, sc->is->want);
}

/* ---- killed ---- */

static unsigned kill_everywhere(struct scene *sc, enum verb verb)
{
	unsigned at = 0;
	bool killed = true;

	while (killed) {
		begin_anew(sc, verb);
		fakedir_fault(&sc->dir, (struct fault){ .kind = KILL_AFTER, .at = ++at });
		killed = scene_try_apart(sc, verb);
		go_on_or_back(sc);
	}
	return at - 1;
}

static void killed(void **state)
{
	struct scene sc;

	setup(&sc, state);
	assert_true(kill_everywhere(&sc, DO) >= 1);
	scene_teardown(&sc);
}

static void killed_undoing(void **state)
{
	struct scene sc;

	setup(&sc, state);
	if (is_success(sc.is->want))
		assert_true(kill_everywhere(&sc, UNDO) >= 1);
	scene_teardown(&sc);
}

/* ---- failing ---- */

static void fault_text(const struct scene *sc, const struct fault *f, char out[80])
{
	snprintf(out, 80, "%s step %u (kind %u) answers %s",
		 f->kind == FAULT_BEFORE ? "undone" : "done", f->at, sc->dir.s->struck,
		 ec_name(f->class));
}

static bool passes(enum ec class)
{
	return class == EC_TEMP || class == EC_BUSY;
}

/* Which ends a fault may have: what passes is tried later, rights and settings end the run, the rest is this account's. */
static bool end_fits(const struct scene *sc, const struct fault *f, enum single_end end)
{
	enum step struck = sc->dir.s->struck;

	if (struck == STEP_JOURNAL)
		return end == SINGLE_HALT;
	if (passes(f->class))
		return end == SINGLE_LATER;
	if (struck == STEP_NOTE)
		return end == SINGLE_HALT;
	if (f->class == EC_DENIED && (struck == STEP_VERIFY || struck == STEP_SET_PASSWORD))
		return end == SINGLE_ROW;
	/* who was taken over may be protected from the service */
	if (f->class == EC_DENIED && struck == STEP_ENTRIES && sc->is->link)
		return end == SINGLE_HALT || end == SINGLE_ROW;
	/* what cleans up behind another reason does not replace it */
	if (f->class == EC_DENIED || f->class == EC_BROKEN)
		return end == SINGLE_HALT || (end == SINGLE_ROW && !is_success(sc->is->want));
	if (struck == STEP_REMOVE && f->class == EC_ABSENT)
		return end == SINGLE_LATER;
	if (struck == STEP_CREATE && f->class == EC_EXISTS && f->kind == FAULT_AFTER)
		return end == SINGLE_ROW || end == SINGLE_LATER;
	return end == SINGLE_ROW;
}

/* An attempt that gives a reason against the account leaves nothing of it, unless it was there before or could not be removed. */
static void must_leave_nothing(struct scene *sc, const struct single_row *row)
{
	struct journal_entry past;

	scene_past(sc, &past);
	if (is_success(row->row.what) || past.state == JOURNAL_MADE ||
	    sc->dir.s->struck == STEP_REMOVE || fakedir_count_ours(&sc->was.dir) > 0)
		return;
	assert_int_equal(fakedir_count_ours(sc->dir.s), 0);
}

/* "It is somebody else's" is never said of what was done. Nor can anybody know of an account that was made, said not to be, and then
 * not shown. */
static bool is_absurd(const struct scene *sc, const struct fault *f)
{
	enum step struck = sc->dir.s->struck;

	if (f->kind != FAULT_AFTER)
		return false;
	return (f->class == EC_EXISTS && struck == STEP_ENTRIES) ||
	       (struck == STEP_CREATE && sc->was.dir.unseen > 0 && !passes(f->class));
}

static bool fail_at(struct scene *sc, struct fault fault)
{
	struct single_row row;
	char what[80];

	begin_anew(sc, DO);
	fakedir_fault(&sc->dir, fault);
	enum single_end end = scene_try(sc, DO, &row);
	bool hit = sc->dir.s->hit;
	if (hit && is_absurd(sc, &fault))
		return hit;
	fault_text(sc, &fault, what);
	no_fault(sc);
	must_be_sound(sc);
	if (hit && !end_fits(sc, &fault, end))
		fail_msg("%s: end %d, %s: %s", what, end, mig_what_words[row.row.what],
			 row.row.why.text);
	if (hit && end != SINGLE_ROW && row.row.why.class == EC_OK)
		fail_msg("%s: no reason is given", what);
	if (hit && end == SINGLE_ROW)
		must_leave_nothing(sc, &row);
	if (end == SINGLE_ROW && is_success(row.row.what))
		must_work(sc, &row);
	go_on_or_back(sc);
	return hit;
}

static void failing(void **state)
{
	struct scene sc;
	bool hit = true;

	setup(&sc, state);
	for (unsigned at = 1; hit; at++)
		for (enum ec class = EC_USAGE; class < EC_COUNT; class ++)
			for (enum fault_kind kind = FAULT_BEFORE; kind <= FAULT_AFTER; kind++)
				hit = fail_at(&sc, (struct fault){ kind, at, class });
	scene_teardown(&sc);
}

/* Undo that meets trouble: then again. */
static bool fail_undoing(struct scene *sc, struct fault fault)
{
	struct single_row row;

	begin_anew(sc, UNDO);
	fakedir_fault(&sc->dir, fault);
	scene_try(sc, UNDO, &row);
	bool hit = sc->dir.s->hit;
	no_fault(sc);
	must_be_sound(sc);
	must_undo(sc);
	return hit;
}

static void failing_undo(void **state)
{
	struct scene sc;
	bool hit = true;

	setup(&sc, state);
	for (unsigned at = 1; hit && is_success(sc.is->want); at++)
		for (enum ec class = EC_USAGE; class < EC_COUNT; class ++)
			for (enum fault_kind kind = FAULT_BEFORE; kind <= FAULT_AFTER; kind++)
				hit = fail_undoing(&sc, (struct fault){ kind, at, class });
	scene_teardown(&sc);
}

/* ---- the table ---- */

static const struct {
	const char *name;
	void (*run)(void **state);
} trials[] = {
	{ "killed", killed },
	{ "killed undoing", killed_undoing },
	{ "failing", failing },
	{ "failing undo", failing_undo },
};
#define TRIALS (sizeof(trials) / sizeof(trials[0]))

int main(void)
{
	struct CMUnitTest *tests = calloc(n_situations * TRIALS, sizeof(*tests));
	char(*names)[80] = calloc(n_situations * TRIALS, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < n_situations; i++)
		for (size_t k = 0; k < TRIALS; k++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s: %s", situations[i].name,
				 trials[k].name);
			tests[n] = (struct CMUnitTest){ .name = names[n],
							.test_func = trials[k].run,
							.initial_state = (void *)&situations[i] };
		}
	int failed = _cmocka_run_group_tests("interrupted", tests, n, NULL, NULL);
	free(names);
	free(tests);
	return failed;
}
