/* test_roll.c - who is in the list, in which order, and what is told of damaged entries. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "migrate/roll.h"
#include "tests/unit/store/tree.h"

struct world {
	struct tree tree;
	struct catalog *boxes;
};

static void add_domain(struct world *w, const char *domain)
{
	struct name n = tree_name(domain);
	struct err e;

	assert_ec(mailroot_add_domain(w->tree.root, &n, &e), EC_OK);
}

static int setup(void **state)
{
	static const char *const boxes[] = { "zoe@example.com", "al@example.com", "kim@a.example",
					     "al@a.example", "kim@b.example" };
	static struct world w;
	struct err e;

	tree_setup(&w.tree); /* has kim@example.com */
	add_domain(&w, "b.example");
	add_domain(&w, "a.example");
	add_domain(&w, "empty.example");
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++)
		tree_add_mailbox(&w.tree, boxes[i]);
	assert_ec(catalog_local_open(w.tree.root, &w.boxes, &e), EC_OK);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->boxes->ops->close(&w->boxes);
	tree_teardown(&w->tree);
	return 0;
}

static void expect(const struct roll *r, const char *want)
{
	char got[1024] = "", text[NAME_TEXT_MAX + 1];

	for (size_t i = 0; i < roll_count(r); i++) {
		struct name n = roll_name(r, i);

		assert_string_equal(roll_local(r, i), n.local);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s%s", i ? " " : "",
			 name_text(&n, text), roll_damage(r, i) ? "!" : "");
	}
	assert_string_equal(got, want);
}

static void expect_scope(struct world *w, const char *scope, enum ec rc, const char *want)
{
	struct name n;
	struct roll *r;
	struct err e;

	if (scope)
		n = tree_name(scope);
	assert_ec(roll_of_catalog(w->boxes, scope ? &n : NULL, &r, &e), rc);
	if (rc == EC_OK)
		expect(r, want);
	else
		assert_null(r);
	roll_free(&r);
}

static void scopes(void **state)
{
	expect_scope(*state, NULL, EC_OK,
		     "al@a.example kim@a.example kim@b.example al@example.com kim@example.com "
		     "zoe@example.com");
	expect_scope(*state, "example.com", EC_OK,
		     "al@example.com kim@example.com zoe@example.com");
	expect_scope(*state, "empty.example", EC_OK, "");
	expect_scope(*state, "kim@b.example", EC_OK, "kim@b.example");
	expect_scope(*state, "lee@b.example", EC_ABSENT, "");
	expect_scope(*state, "nowhere.example", EC_ABSENT, "");
}

/* ---- a catalog in which some cannot be read ---- */

struct flawed {
	struct catalog catalog;
	struct catalog *sound;
	const char *first; /* whom `each` complains of */
};

static enum ec find_flawed(struct catalog *c, const struct name *n, struct entry *out,
			   struct err *e)
{
	struct flawed *f = (struct flawed *)c;
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	if (strcmp(text, "al@example.com") == 0 || strcmp(text, "kim@a.example") == 0)
		return err_set(e, EC_BROKEN, "%s cannot be read", text);
	return f->sound->ops->find(f->sound, n, out, e);
}

static enum ec each_flawed(struct catalog *c, const struct name *domain,
			   bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	struct flawed *f = (struct flawed *)c;
	enum ec rc = f->sound->ops->each(f->sound, domain, fn, ctx, e);

	if (rc != EC_OK || !domain || !strstr(f->first, domain->domain))
		return rc;
	return err_set(e, EC_BROKEN, "%s cannot be read", f->first);
}

static void expect_flawed(struct world *w, const char *first, const char *scope, const char *want)
{
	static const struct catalog_ops ops = { .find = find_flawed, .each = each_flawed };
	struct flawed f = { { .ops = &ops }, w->boxes, first };
	struct catalog *sound = w->boxes;

	w->boxes = &f.catalog;
	expect_scope(w, scope, EC_OK, want);
	w->boxes = sound;
}

/* One of them is told about, all the others are there. */
static void damaged(void **state)
{
	expect_flawed(*state, "al@example.com", "example.com",
		      "al@example.com! kim@example.com zoe@example.com");
	expect_flawed(*state, "kim@a.example", "a.example", "al@a.example kim@a.example!");
	expect_flawed(*state, "al@example.com", "al@example.com", "al@example.com!");
	expect_flawed(*state, "al@example.com", "kim@example.com", "kim@example.com");
	expect_flawed(*state, "al@example.com", NULL,
		      "al@a.example kim@a.example kim@b.example al@example.com! kim@example.com "
		      "zoe@example.com");
}

/* Twice the same to a catalog that does not mind: two threads must not have one account in hand. */
static enum ec tell_twice(struct catalog *c, const struct name *domain,
			  bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	static const struct entry said[] = {
		{ .name = { .local = "kim", .domain = "example.com" } },
		{ .name = { .local = "lee", .domain = "example.com" } },
		{ .name = { .local = "kim", .domain = "example.com" } },
	};

	(void)c;
	(void)domain;
	(void)e;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		fn(ctx, &said[i]);
	return EC_OK;
}

static void each_once(void **state)
{
	static const struct catalog_ops ops = { .each = tell_twice };
	struct catalog boxes = { .ops = &ops };
	struct name domain = { .domain = "example.com" };
	struct roll *r;
	struct err e;

	(void)state;
	assert_ec(roll_of_catalog(&boxes, &domain, &r, &e), EC_OK);
	expect(r, "kim@example.com lee@example.com");
	roll_free(&r);
}

/* ---- a catalog that breaks off ---- */

static enum ec break_off(struct catalog *c, const struct name *domain,
			 bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	const struct entry one = { .name = { .local = "kim", .domain = "example.com" } };

	(void)c;
	(void)domain;
	fn(ctx, &one);
	return err_set(e, EC_BROKEN, "cannot read the directory any further");
}

static enum ec find_any(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	(void)e;
	*out = (struct entry){ .name = *n };
	return EC_OK;
}

/* Half a list would pass over the other half without a word. */
static void half_a_list_is_none(void **state)
{
	static const struct catalog_ops ops = { .find = find_any, .each = break_off };
	struct catalog boxes = { .ops = &ops };
	struct name domain = { .domain = "example.com" };
	struct roll *r;
	struct err e;

	(void)state;
	assert_ec(roll_of_catalog(&boxes, &domain, &r, &e), EC_BROKEN);
	assert_string_equal(e.text, "cannot read the directory any further");
	assert_null(r);
}

/* ---- the journal ---- */

static void journal_of(struct world *w, char path[512], struct journal **out)
{
	static const struct {
		const char *who;
		enum journal_state state;
	} said[] = { { "zoe@example.com", JOURNAL_MADE },
		     { "kim@b.example", JOURNAL_INTENT },
		     { "gone@a.example", JOURNAL_MADE },
		     { "al@example.com", JOURNAL_GONE },
		     { "kim@example.com", JOURNAL_LINKED } };
	struct err e;

	tree_path(&w->tree, ".migration", path);
	assert_ec(journal_open(path, "test", true, out, &e), EC_OK);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct journal_entry en = { .state = said[i].state, .mark = "m", .key = "cn=x" };
		struct name n = tree_name(said[i].who);

		assert_ec(journal_put(*out, &n, &en, &e), EC_OK);
	}
}

static void expect_left(struct journal *j, const char *scope, const char *want)
{
	struct name n;
	struct roll *r;

	if (scope)
		n = tree_name(scope);
	roll_of_journal(j, scope ? &n : NULL, &r);
	expect(r, want);
	roll_free(&r);
}

static void what_is_left_to_undo(void **state)
{
	struct journal *j;
	char path[512];

	journal_of(*state, path, &j);
	expect_left(j, NULL, "gone@a.example kim@b.example kim@example.com zoe@example.com");
	expect_left(j, "example.com", "kim@example.com zoe@example.com");
	expect_left(j, "gone@a.example", "gone@a.example");
	expect_left(j, "al@example.com", "");
	journal_close(&j);
	expect_left(NULL, NULL, "");
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes),
		cmocka_unit_test(damaged),
		cmocka_unit_test(each_once),
		cmocka_unit_test(half_a_list_is_none),
		cmocka_unit_test(what_is_left_to_undo),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
