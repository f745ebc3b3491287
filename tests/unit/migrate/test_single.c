/* single: every situation undisturbed, what ends a run, undo and check. */
#include <stdio.h>
#include "tests/unit/migrate/scene.h"

static void begin(struct scene *sc, const char *name)
{
	for (size_t i = 0; i < n_situations; i++)
		if (strcmp(situations[i].name, name) == 0) {
			scene_setup(sc, &situations[i]);
			return;
		}
	fail_msg("there is no situation %s", name);
}

static void must_say(struct scene *sc, enum verb verb, enum single_end end, enum mig_what what)
{
	struct single_row row;
	enum single_end got = scene_try(sc, verb, &row);

	if (got != end || (end == SINGLE_ROW && row.row.what != what))
		fail_msg("%s: end %d, %s: %s", sc->is->name, got, mig_what_words[row.row.what],
			 row.row.why.text);
	must_be_sound(sc);
}

static void each_situation(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_situations; i++) {
		const struct situation *is = &situations[i];
		struct single_row row;
		struct scene sc;

		scene_setup(&sc, is);
		enum single_end end = scene_try(&sc, DO, &row);
		if (end != SINGLE_ROW || row.row.what != is->want)
			fail_msg("%s: end %d, %s instead of %s: %s", is->name, end,
				 mig_what_words[row.row.what], mig_what_words[is->want],
				 row.row.why.text);
		must_be_sound(&sc);
		if (is_success(is->want))
			must_work(&sc, &row);
		else
			assert_true(row.row.why.class != EC_OK && *row.row.why.text);
		scene_teardown(&sc);
	}
}

/* A second time there is nothing left to do but to look, and to sign in. */
static void again(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_situations; i++) {
		struct single_row row;
		struct scene sc;

		scene_setup(&sc, &situations[i]);
		scene_try(&sc, DO, &row);
		struct fake_state after = *sc.dir.s;
		must_say(&sc, DO, SINGLE_ROW, is_success(sc.is->want) ? MIG_DONE : sc.is->want);
		assert_int_equal(sc.dir.s->n_created,
				 after.n_created + (fakedir_count_ours(&after) == 0 &&
						    sc.dir.s->n_removed > after.n_removed));
		assert_int_equal(sc.dir.s->n_passwords, after.n_passwords);
		assert_memory_equal(sc.dir.s->entries, after.entries, sizeof(after.entries));
		scene_teardown(&sc);
	}
}

/* ---- what everybody would meet ---- */

static void no_rights(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "free");
	sc.dir.s->no_rights = true;
	must_say(&sc, DO, SINGLE_HALT, 0);
	must_be_undone(&sc);
	sc.dir.s->no_rights = false;
	sc.dir.s->no_container = true;
	must_say(&sc, DO, SINGLE_HALT, 0);
	must_be_undone(&sc);
	sc.dir.s->no_container = false;
	must_say(&sc, DO, SINGLE_ROW, MIG_CREATE);
	scene_teardown(&sc);
}

/* Made, but we cannot know it again: told at the first one, finished when it can be known. */
static void marks_hidden(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "free");
	sc.dir.s->marks_hidden = true;
	must_say(&sc, DO, SINGLE_HALT, 0);
	assert_int_equal(fakedir_count_ours(sc.dir.s), 1);
	sc.dir.s->marks_hidden = false;
	must_say(&sc, DO, SINGLE_ROW, MIG_CREATE); /* from the beginning */
	assert_int_equal(fakedir_count_ours(sc.dir.s), 1);
	scene_teardown(&sc);
}

static void never_seen(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "free");
	sc.dir.s->unseen = 1000;
	must_say(&sc, DO, SINGLE_HALT, 0);
	must_say(&sc, DO, SINGLE_ROW, MIG_CONFLICT); /* the directory knows the mark */
	assert_int_equal(sc.dir.s->n_created, 1);
	sc.dir.s->unseen = 0;
	must_say(&sc, DO, SINGLE_ROW, MIG_CREATE); /* from the beginning */
	assert_int_equal(fakedir_count_ours(sc.dir.s), 1);
	must_say(&sc, UNDO, SINGLE_ROW, MIG_UNDONE);
	must_be_undone(&sc);
	scene_teardown(&sc);
}

/* MADE, and for a while not to be seen: not made twice, for it keeps its mark. */
static void seen_late_after_made(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "done");
	sc.dir.s->unseen = 2;
	must_say(&sc, DO, SINGLE_ROW, MIG_CREATE);
	assert_int_equal(fakedir_count_ours(sc.dir.s), 1);
	scene_teardown(&sc);
}

/* MADE, removed by somebody, and now refused: that it is not seen proves nothing, so the mark stays; nothing waits for it. */
static void removed_since_and_refused(void **state)
{
	struct scene sc;
	struct journal_entry was, now;

	(void)state;
	begin(&sc, "done, removed since");
	scene_past(&sc, &was);
	sc.dir.s->min_password = 100;
	must_say(&sc, DO, SINGLE_ROW, MIG_POLICY);
	must_say(&sc, DO, SINGLE_ROW, MIG_POLICY);
	scene_past(&sc, &now);
	assert_int_equal(now.state, JOURNAL_INTENT);
	assert_string_equal(now.mark, was.mark);
	sc.dir.s->min_password = 0;
	must_say(&sc, DO, SINGLE_ROW, MIG_CREATE);
	assert_int_equal(sc.dir.s->n_created, 1);
	must_say(&sc, UNDO, SINGLE_ROW, MIG_UNDONE);
	must_be_undone(&sc);
	scene_teardown(&sc);
}

/* ---- others' ---- */

/* Without /link, too: it was taken over by an earlier run. */
static void linked_stays_linked(void **state)
{
	static const struct situation plain = { "taken", NULL, false, false, false, MIG_DONE };
	struct scene sc;

	(void)state;
	begin(&sc, "taken, link");
	must_say(&sc, DO, SINGLE_ROW, MIG_LINK);
	sc.is = &plain;
	must_say(&sc, DO, SINGLE_ROW, MIG_DONE);
	strcpy(fakedir_by_mail(&sc.dir, KIM)->logon, "another");
	strcpy(sc.was.dir.entries[1].logon, "another");
	must_say(&sc, DO, SINGLE_ROW, MIG_CONFLICT); /* somebody else by now */
	scene_teardown(&sc);
}

/* An administrator's account that was taken over is protected from the service: the others go on. */
static void linked_and_protected(void **state)
{
	struct scene sc;
	struct single_row row;
	unsigned n_denied = 0;

	(void)state;
	for (unsigned at = 1; at < 12; at++) {
		begin(&sc, "taken, link, registered");
		fakedir_fault(&sc.dir, (struct fault){ FAULT_BEFORE, at, EC_DENIED });
		enum single_end end = scene_try(&sc, DO, &row);
		bool wrote = sc.dir.s->hit && sc.dir.s->struck == STEP_ENTRIES &&
			     strcmp(sc.dir.s->domains[0].name, "example.com") == 0;
		if (wrote)
			assert_int_equal(end, SINGLE_ROW);
		n_denied += wrote;
		scene_teardown(&sc);
	}
	assert_true(n_denied >= 2);
}

static void locked_out(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "done, password changed");
	fakedir_by_mail(&sc.dir, KIM)->locked_out = true;
	must_say(&sc, DO, SINGLE_ROW, MIG_FAILED);
	assert_int_equal(sc.dir.s->n_passwords, 0);
	scene_teardown(&sc);
}

static void no_password(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "free");
	tree_unlink(&sc.people.tree, "example.com/P3_kim.mbx/password");
	struct single_row row;
	assert_int_equal(scene_try(&sc, DO, &row), SINGLE_ROW);
	assert_int_equal(row.row.what, MIG_FAILED);
	assert_ec(row.row.why.class, EC_ABSENT);
	tree_write(&sc.people.tree, "example.com/P3_kim.mbx/password", "v1 = x\n", 7);
	assert_int_equal(scene_try(&sc, DO, &row), SINGLE_ROW);
	assert_ec(row.row.why.class, EC_BROKEN);
	assert_int_equal(sc.dir.s->n_created, 0);
	scene_teardown(&sc);
}

/* ---- undo ---- */

static void undo_leaves_alone(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "free");
	must_say(&sc, UNDO, SINGLE_SILENT, 0); /* nothing was done */
	must_say(&sc, DO, SINGLE_ROW, MIG_CREATE);
	strcpy(fakedir_by_mail(&sc.dir, KIM)->mark, "kept");
	struct single_row row;
	assert_int_equal(scene_try(&sc, UNDO, &row), SINGLE_ROW);
	assert_int_equal(row.row.what, MIG_FAILED);
	assert_ec(row.row.why.class, EC_REFUSED);
	assert_int_equal(sc.dir.s->n_removed, 0);
	*fakedir_by_mail(&sc.dir, KIM) = (struct fake_entry){ 0 };
	must_say(&sc, UNDO, SINGLE_ROW, MIG_UNDONE); /* somebody removed it */
	must_say(&sc, UNDO, SINGLE_SILENT, 0);
	scene_teardown(&sc);
}

static void undo_needs_the_catalog(void **state)
{
	static const struct situation plain = { "taken", NULL, true, false, false, MIG_DONE };
	struct scene sc;
	struct single_row row;

	(void)state;
	begin(&sc, "taken, link, registered");
	must_say(&sc, DO, SINGLE_ROW, MIG_LINK);
	const struct situation *with = sc.is;
	sc.is = &plain;
	assert_int_equal(scene_try(&sc, UNDO, &row), SINGLE_ROW);
	assert_ec(row.row.why.class, EC_REFUSED);
	sc.is = with;
	must_say(&sc, UNDO, SINGLE_ROW, MIG_UNDONE);
	must_be_undone(&sc);
	scene_teardown(&sc);
}

/* ---- check ---- */

static void check_migrated(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "free");
	must_say(&sc, CHECK, SINGLE_ROW, MIG_FAILED); /* nobody is there */
	must_say(&sc, DO, SINGLE_ROW, MIG_CREATE);
	must_say(&sc, CHECK, SINGLE_SILENT, 0);
	struct fake_entry *kim = fakedir_by_mail(&sc.dir, KIM);
	strcpy(kim->password, "another");
	struct single_row row;
	assert_int_equal(scene_try(&sc, CHECK, &row), SINGLE_ROW);
	assert_ec(row.row.why.class, EC_DENIED);
	strcpy(kim->password, KIMS_PASSWORD);
	sc.dir.s->must_change = true;
	assert_int_equal(scene_try(&sc, CHECK, &row), SINGLE_ROW);
	assert_ec(row.row.why.class, EC_REFUSED);
	sc.dir.s->must_change = false;
	strcpy(sc.dir.s->misled, "lee");
	must_say(&sc, CHECK, SINGLE_ROW, MIG_FAILED);
	scene_teardown(&sc);
}

/* Nobody else's account is signed in to, so being there is all that can be asked. */
static void check_others(void **state)
{
	static const char *const names[] = { "taken, link", "taken", "done, was handed out" };
	struct scene sc;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(&sc, names[i]);
		must_say(&sc, CHECK, SINGLE_SILENT, 0);
		fakedir_by_mail(&sc.dir, KIM)->enabled = false;
		struct single_row row;
		assert_int_equal(scene_try(&sc, CHECK, &row), SINGLE_ROW);
		assert_ec(row.row.why.class, EC_REFUSED);
		scene_teardown(&sc);
	}
}

/* He knows it; we need not. */
static void check_changed_by_owner(void **state)
{
	struct scene sc;
	struct single_row row;

	(void)state;
	begin(&sc, "done, changed by owner");
	must_say(&sc, CHECK, SINGLE_SILENT, 0);
	fakedir_by_mail(&sc.dir, KIM)->enabled = false;
	assert_int_equal(scene_try(&sc, CHECK, &row), SINGLE_ROW);
	sc.dir.s->timeless = true;
	fakedir_by_mail(&sc.dir, KIM)->enabled = true;
	assert_int_equal(scene_try(&sc, CHECK, &row), SINGLE_ROW);
	assert_ec(row.row.why.class, EC_DENIED);
	scene_teardown(&sc);
}

/* An owner's change behind one of ours is his, whatever ours was interrupted by. */
static void renewed_then_changed(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "done, password changed");
	must_say(&sc, DO, SINGLE_ROW, MIG_RENEW);
	struct fake_entry *kim = fakedir_by_mail(&sc.dir, KIM);
	strcpy(kim->password, "Old-Password-1");
	kim->set_at = ++sc.dir.s->clock;
	struct single_row row;
	assert_int_equal(scene_try(&sc, DO, &row), SINGLE_ROW);
	assert_int_equal(row.row.what, MIG_CONFLICT);
	assert_string_equal(kim->password, "Old-Password-1");
	scene_teardown(&sc);
}

static void check_away(void **state)
{
	struct scene sc;

	(void)state;
	begin(&sc, "done");
	for (unsigned at = 1; at <= 3; at++) {
		fakedir_fault(&sc.dir, (struct fault){ FAULT_BEFORE, at, EC_TEMP });
		must_say(&sc, CHECK, SINGLE_LATER, 0);
		assert_true(sc.dir.s->hit);
	}
	fakedir_fault(&sc.dir, (struct fault){ FAULT_BEFORE, 1, EC_DENIED });
	must_say(&sc, CHECK, SINGLE_HALT, 0);
	scene_teardown(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_situation),
		cmocka_unit_test(again),
		cmocka_unit_test(no_rights),
		cmocka_unit_test(marks_hidden),
		cmocka_unit_test(never_seen),
		cmocka_unit_test(seen_late_after_made),
		cmocka_unit_test(removed_since_and_refused),
		cmocka_unit_test(linked_stays_linked),
		cmocka_unit_test(linked_and_protected),
		cmocka_unit_test(locked_out),
		cmocka_unit_test(no_password),
		cmocka_unit_test(undo_leaves_alone),
		cmocka_unit_test(undo_needs_the_catalog),
		cmocka_unit_test(check_migrated),
		cmocka_unit_test(check_others),
		cmocka_unit_test(check_changed_by_owner),
		cmocka_unit_test(renewed_then_changed),
		cmocka_unit_test(check_away),
	};
	return cmocka_run_group_tests_name("single", tests, NULL, NULL);
}
