/* test_page.c - a page of names: the right ones, in order, whatever the catalog's order; and no look at the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/page.h"

/* In no order, as a directory may have it. */
static const char *const everybody[] = { "lee", "kim", "kim-2",  "Ärger", "kim.a",
					 "ada", "zoe", "straße", "ärmel", "x" };
#define N_ALL (sizeof(everybody) / sizeof(everybody[0]))

struct town {
	struct catalog catalog;
	unsigned n_looks;
	const char *gone, *damaged;
	enum ec broken; /* the listing itself */
};

static void name_it(struct name *n, const struct name *domain, const char *text)
{
	*n = (struct name){ 0 };
	if (domain)
		strcpy(n->local, text);
	strcpy(n->domain, domain ? domain->domain : text);
}

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	struct town *t = (struct town *)c;

	t->n_looks++;
	if (t->gone && strcmp(n->local, t->gone) == 0)
		return err_set(e, EC_ABSENT, "gone");
	*out = (struct entry){ .name = *n, .locked = true };
	return t->damaged && strcmp(n->local, t->damaged) == 0 ? err_set(e, EC_BROKEN, "damaged")
							       : EC_OK;
}

static enum ec names(struct catalog *c, const struct name *domain,
		     bool (*fn)(void *ctx, const struct name *), void *ctx, struct err *e)
{
	const struct town *t = (const struct town *)c;

	for (size_t i = 0; i < N_ALL; i++) {
		struct name n;
		name_it(&n, domain, everybody[i]);
		if (!fn(ctx, &n))
			break;
	}
	return t->broken ? err_set(e, t->broken, "broken") : EC_OK;
}

static enum ec each(struct catalog *c, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	(void)c, (void)e;
	for (size_t i = 0; i < N_ALL; i++) {
		struct entry en = { .locked = true };
		name_it(&en.name, domain, everybody[i]);
		if (!fn(ctx, &en))
			break;
	}
	return EC_OK;
}

static const struct catalog_ops near = {
	.name = "near", .find = find, .each = each, .names = names
};
static const struct catalog_ops far = { .name = "far", .each = each };
static const struct name domain = { .domain = "example.com" };

struct heard {
	char text[400];
};

static bool hear(void *ctx, const struct entry *en)
{
	struct heard *h = ctx;
	size_t len = strlen(h->text);

	assert_true(en->locked); /* it was looked at */
	snprintf(h->text + len, sizeof(h->text) - len, "%s%s", len ? " " : "",
		 en->name.local[0] ? en->name.local : en->name.domain);
	return true;
}

static const struct row {
	const char *from, *match;
	uint64_t limit;
	const char *page;
	unsigned total, before;
	const char *more;
} rows[] = {
	{ NULL, NULL, 3, "ada kim kim-2", 10, 0, "kim.a@example.com" },
	{ "kim.a@example.com", NULL, 3, "kim.a lee straße", 10, 3, "x@example.com" },
	{ "x", NULL, 3, "x zoe Ärger", 10, 6, "ärmel@example.com" },
	{ "ärmel", NULL, 3, "ärmel", 10, 9, "" },
	{ "kim-", NULL, 1, "kim-2", 10, 2, "kim.a@example.com" }, /* need not exist */
	{ "KIM", NULL, 1, "kim", 10, 1, "kim-2@example.com" },
	{ "\xFF", NULL, 5, "", 10, 10, "" },
	{ NULL, NULL, 10, "ada kim kim-2 kim.a lee straße x zoe Ärger ärmel", 10, 0, "" },
	{ NULL, "kim", 2, "kim kim-2", 3, 0, "kim.a@example.com" },
	{ NULL, "KIM", 5, "kim kim-2 kim.a", 3, 0, "" },
	{ NULL, "ÄR", 5, "Ärger ärmel", 2, 0, "" },
	{ NULL, "är", 5, "Ärger ärmel", 2, 0, "" },
	{ NULL, "raß", 5, "straße", 1, 0, "" },
	{ "kim-2", "kim", 5, "kim-2 kim.a", 3, 1, "" },
	{ NULL, "", 1, "ada", 10, 0, "kim@example.com" },
	{ NULL, "\xC3", 5, "", 0, 0, "" }, /* half a character is in no name */
	{ NULL, "nobody", 5, "", 0, 0, "" },
};

static void check(struct town *t, const struct row *r)
{
	const struct page wish = { true, r->from, r->match, r->limit };
	struct heard h = { "" };
	struct page_at at;
	struct err e;

	t->n_looks = 0;
	assert_int_equal(page_each(&t->catalog, &domain, &wish, hear, &h, &at, &e), EC_OK);
	assert_string_equal(h.text, r->page);
	assert_int_equal(at.total, r->total);
	assert_int_equal(at.before, r->before);
	assert_string_equal(at.more, r->more);
}

static void pages_of_both_kinds(void **state)
{
	struct town near_town = { .catalog.ops = &near }, far_town = { .catalog.ops = &far };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(&near_town, &rows[i]);
		assert_true(near_town.n_looks <= rows[i].limit); /* and none at the others */
		check(&far_town, &rows[i]);
	}
}

static void pages_of_domains(void **state)
{
	struct town t = { .catalog.ops = &near };
	const struct page wish = { true, "kim", NULL, 2 };
	struct heard h = { "" };
	struct page_at at;
	struct err e;

	(void)state;
	assert_int_equal(page_each(&t.catalog, NULL, &wish, hear, &h, &at, &e), EC_OK);
	assert_string_equal(h.text, "kim kim-2");
	assert_string_equal(at.more, "kim.a");
}

static void what_is_gone_or_damaged(void **state)
{
	struct town t = { .catalog.ops = &near, .gone = "kim", .damaged = "kim-2" };
	const struct page wish = { true, NULL, "kim", 5 };
	struct heard h = { "" };
	struct page_at at;
	struct err e;

	(void)state;
	assert_int_equal(page_each(&t.catalog, &domain, &wish, hear, &h, &at, &e), EC_BROKEN);
	assert_string_equal(e.text, "damaged");
	assert_string_equal(h.text, "kim-2 kim.a"); /* shown all the same */
	t = (struct town){ .catalog.ops = &near, .broken = EC_TEMP };
	assert_int_equal(page_each(&t.catalog, &domain, &wish, hear, &h, &at, &e), EC_TEMP);
}

static void limits(void **state)
{
	static const struct {
		const char *text;
		uint64_t limit; /* 0: refused */
	} all[] = { { NULL, 100 },      { "1", 1 },
		    { "10000", 10000 }, { "10001", 0 },
		    { "0", 0 },         { "-1", 0 },
		    { "", 0 },          { "5x", 0 },
		    { " 5", 0 },        { "99999999999999999999999", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint64_t n;
		struct err e;
		enum ec rc = page_limit(all[i].text, &n, &e);
		assert_int_equal(rc, all[i].limit ? EC_OK : EC_USAGE);
		if (rc == EC_OK)
			assert_int_equal(n, all[i].limit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_both_kinds),
		cmocka_unit_test(pages_of_domains),
		cmocka_unit_test(what_is_gone_or_damaged),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
