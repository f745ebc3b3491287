/* test_scope.c - a narrowed catalog and narrowed accounts over ones in which addresses lead elsewhere, and what a veil hides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/veil.h"

static const char *const com[] = { "sales.example.com", "example.net" };
static const struct scope only = { .n_domains = 2, .domains = com };

static struct name name_of(const char *text)
{
	struct name n;

	assert_int_equal(name_parse_any(&n, text, strlen(text), NAME_FILE, NULL), EC_OK);
	return n;
}

/* ---- backends in which alias@ is another address of chief@example.org, who is an administrator ---- */

static unsigned changes;

static void lead(struct name *n)
{
	if (strcmp(n->local, "alias") == 0)
		*n = name_of("chief@example.org");
}

static enum ec all_find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	*out = (struct entry){ 0 };
	if (strcmp(n->local, "gone") == 0)
		return err_set(e, EC_ABSENT, "gone");
	out->name = *n;
	lead(&out->name);
	return strcmp(n->local, "broken") == 0 ? err_set(e, EC_BROKEN, "broken") : EC_OK;
}

static enum ec all_flag(struct catalog *c, const struct name *n, enum entry_flag flag, bool on,
			struct err *e)
{
	(void)c, (void)n, (void)flag, (void)on, (void)e;
	changes++;
	return EC_OK;
}

static enum ec all_remove(struct catalog *c, const struct name *n, struct err *e)
{
	(void)c, (void)n, (void)e;
	changes++;
	return EC_OK;
}

static enum ec all_each(struct catalog *c, const struct name *domain,
			bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	static const char *const domains[] = { "example.com", "example.net",
					       "example.org", "sales.example.com",
					       "inside",      "xn--bcher-kva.example" };

	(void)c, (void)domain, (void)e;
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		fn(ctx, &(struct entry){ .name = name_of(domains[i]) });
	return EC_OK;
}

static void all_close(struct catalog **c)
{
	*c = NULL;
}

static const struct catalog_ops all_ops = { .find = all_find,
					    .set_flag = all_flag,
					    .remove = all_remove,
					    .each = all_each,
					    .close = all_close };

static void what_an_address_leads_to_counts(void **state)
{
	static const struct {
		const char *name;
		enum ec find, lock, remove;
	} rows[] = {
		{ "kim@sales.example.com", EC_OK, EC_OK, EC_OK },
		{ "kim@example.net", EC_OK, EC_OK, EC_OK },
		{ "alias@example.net", EC_ABSENT, EC_ABSENT, EC_ABSENT },
		{ "gone@example.net", EC_ABSENT, EC_OK, EC_OK }, /* the catalog below refuses it */
		{ "broken@example.net", EC_BROKEN, EC_OK, EC_OK },
		{ "kim@example.com", EC_ABSENT, EC_DENIED, EC_DENIED },
		{ "kim@example.org", EC_ABSENT, EC_DENIED, EC_DENIED },
		{ "example.net", EC_OK, EC_OK, EC_DENIED },
		{ "example.org", EC_ABSENT, EC_DENIED, EC_DENIED },
	};
	struct catalog all = { .ops = &all_ops }, *c = scope_catalog(&all, &only);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct name n = name_of(rows[i].name);
		struct entry found;
		unsigned expected = (rows[i].lock == EC_OK) + (rows[i].remove == EC_OK);
		changes = 0;
		assert_int_equal(c->ops->find(c, &n, &found, NULL), rows[i].find);
		if (rows[i].find == EC_ABSENT)
			assert_string_equal(found.name.domain, "");
		assert_int_equal(c->ops->set_flag(c, &n, ENTRY_LOCKED, true, NULL), rows[i].lock);
		assert_int_equal(c->ops->remove(c, &n, NULL), rows[i].remove);
		assert_int_equal(changes, expected);
	}
	c->ops->close(&c);
	assert_null(c);
}

static enum ec acct_find(struct accounts *a, const struct name *n, struct account *out,
			 struct err *e)
{
	(void)a, (void)e;
	*out = (struct account){ .name = *n, .admin = strcmp(n->local, "root") == 0 };
	lead(&out->name);
	return EC_OK;
}

static enum ec acct_resolve(struct accounts *a, const char *typed, size_t len, struct account *out,
			    struct err *e)
{
	(void)a, (void)e;
	*out = (struct account){ .name = name_of(strncmp(typed, "kim", len) == 0
							 ? "kim@example.net"
							 : "kim@example.org") };
	return EC_OK;
}

static enum ec acct_set(struct accounts *a, const struct name *n, const struct secret *s,
			struct err *e)
{
	(void)a, (void)n, (void)s, (void)e;
	changes++;
	return EC_OK;
}

static enum ec acct_remove(struct accounts *a, const struct account *who, struct err *e)
{
	(void)a, (void)who, (void)e;
	changes++;
	return EC_OK;
}

static void acct_close(struct accounts **a)
{
	*a = NULL;
}

static const struct accounts_ops acct_ops = { .find = acct_find,
					      .resolve = acct_resolve,
					      .set_password = acct_set,
					      .remove = acct_remove,
					      .close = acct_close };

/* Whoever could set an administrator's password would be that administrator. */
static void other_peoples_accounts_are_not_changed(void **state)
{
	static const struct {
		const char *name;
		enum ec find, set, remove;
	} rows[] = {
		{ "kim@example.net", EC_OK, EC_OK, EC_OK },
		{ "root@example.net", EC_OK, EC_REFUSED, EC_REFUSED },
		{ "alias@example.net", EC_ABSENT, EC_ABSENT, EC_OK },
		{ "kim@example.org", EC_ABSENT, EC_DENIED, EC_DENIED },
	};
	struct accounts all = { .ops = &acct_ops }, *a = scope_accounts(&all, &only);
	struct secret reveal = { 0 };
	struct account found;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct name n = name_of(rows[i].name);
		struct account who = { .name = n, .admin = strcmp(n.local, "root") == 0 };
		changes = 0;
		assert_int_equal(a->ops->find(a, &n, &found, NULL), rows[i].find);
		assert_int_equal(a->ops->set_password(a, &n, &reveal, NULL), rows[i].set);
		assert_int_equal(a->ops->remove(a, &who, NULL), rows[i].remove);
		assert_int_equal(changes, (rows[i].set == EC_OK) + (rows[i].remove == EC_OK));
	}
	assert_int_equal(a->ops->resolve(a, "kim", 3, &found, NULL), EC_OK);
	assert_int_equal(a->ops->resolve(a, "lee", 3, &found, NULL), EC_ABSENT);
	assert_int_equal(a->ops->reveal(a, &found, SECRET_CLEAR, &reveal, NULL), EC_DENIED);
	a->ops->close(&a);
}

/* ---- the veil ---- */

static void hides_names_of_others_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		bool hidden;
	} rows[] = {
		{ "", false },
		{ "example.net", false },
		{ "kim@sales.example.com", false }, /* although there is an example.com */
		{ "mail.sales.example.com", false },
		{ "kim@example.com", true },
		{ "EXAMPLE.ORG", true },
		{ "It is example.org.", true },
		{ "/srv/mail/example.org/P3_kim.mbx", true },
		{ "\"example.org\"", true },
		{ "host mail.example.org:25", true },
		{ "<kim@example.org>,", true },
		{ "myexample.org", false },
		{ "example.org.test", false },
		{ "kim@xn--bcher-kva.example", true },
		{ "the inside of it", false },
		{ "kim@inside", true },
		{ "...", false },
		{ ".example.org", true },
	};
	struct catalog all = { .ops = &all_ops };
	const struct wp_caller by = { .name = "pat@example.org", .only = &only };
	struct wp w = {
		.mem = arena_new("test", 1024), .everyone = &all, .by = &by, .only = &only
	};
	struct wp_args a = { .argc = 1, .argv = { "kim@example.org" } };
	struct err e = { .class = EC_ABSENT, .text = "there is no kim@example.org" };
	struct veil *v;

	(void)state;
	assert_int_equal(veil_new(&w, &a, &v, NULL), EC_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (veil_hides(v, rows[i].text) != rows[i].hidden)
			fail_msg("%s", rows[i].text);
	}
	veil_err(v, &e); /* he typed it himself */
	assert_string_equal(e.text, "there is no kim@example.org");
	err_set(&e, EC_EXISTS, "kim has the mailbox kim@example.com");
	veil_err(v, &e);
	assert_int_equal(e.class, EC_EXISTS);
	assert_null(strstr(e.text, "kim"));
	assert_null(veil_hint(v, "see kim@example.com"));
	assert_string_equal(veil_hint(v, "see kim@example.net"), "see kim@example.net");
	assert_string_equal(veil_hint(NULL, "see kim@example.com"), "see kim@example.com");
	arena_drop(&w.mem);
}

static void whose_is_what(void **state)
{
	static const struct scope whole = { .whole = true }, none = { 0 };

	(void)state;
	assert_true(scope_has(NULL, "example.org") && scope_has(&whole, "example.org"));
	assert_true(scope_has(&only, "Example.NET") && !scope_has(&only, "example.com"));
	assert_false(scope_has(&none, "example.net") || scope_has(&none, ""));
	assert_true(scope_has_account(&only, "kim@example.net"));
	assert_false(scope_has_account(&only, "kim") ||
		     scope_has_account(&only, "a@example.net@b"));
	assert_true(scope_has_account(NULL, "kim"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_address_leads_to_counts),
		cmocka_unit_test(other_peoples_accounts_are_not_changed),
		cmocka_unit_test(hides_names_of_others_and_nothing_else),
		cmocka_unit_test(whose_is_what),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
