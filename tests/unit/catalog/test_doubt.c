/* test_doubt.c - what is absent for mail, and what is only doubtful. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "server/catalog/catalog.h"

#define LATER_MS 60000 /* more than a look stands */

static struct {
	bool empty;
	enum ec trouble; /* of each; EC_OK: none */
	unsigned n_each;
} world;

/* kim@example.com, in the only domain. */
static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	bool kim = strcmp(n->local, "kim") == 0;

	(void)c;
	if (world.empty || strcmp(n->domain, "example.com") != 0 || (*n->local && !kim))
		return err_set(e, EC_ABSENT, "there is none");
	*out = (struct entry){ .name = *n };
	return EC_OK;
}

static enum ec each(struct catalog *c, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	static const struct entry entry = { .name.domain = "example.com" };

	(void)c;
	assert_null(domain);
	world.n_each++;
	if (world.trouble != EC_OK)
		return err_set(e, world.trouble, "cannot list");
	if (!world.empty)
		fn(ctx, &entry);
	return EC_OK;
}

static const struct catalog_ops near = { .name = "near", .find = find, .each = each };
static const struct catalog_ops far = { .name = "far", .far = true, .find = find, .each = each };

static const struct name kim = { "kim", "example.com" }, nobody = { "nobody", "example.com" },
			 stranger = { "kim", "elsewhere.example" },
			 foreign = { "", "elsewhere.example" };

static int begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	return 0;
}

static void look(struct catalog *c, const struct name *n, enum ec want, unsigned n_each)
{
	struct entry found;
	struct err e;

	assert_int_equal(catalog_find_for_mail(c, n, &found, &e), want);
	if (want != EC_OK)
		assert_int_equal(e.class, want);
	assert_int_equal(world.n_each, n_each);
}

static void absent_or_not(void **state)
{
	struct catalog c = { .ops = &near };

	(void)state;
	look(&c, &kim, EC_OK, 0);
	look(&c, &nobody, EC_ABSENT, 0); /* its domain is there */
	look(&c, &stranger, EC_ABSENT, 1);
	look(&c, &foreign, EC_ABSENT, 2);
	world.empty = true; /* the very next question hears of it */
	look(&c, &kim, EC_TEMP, 3);
	look(&c, &foreign, EC_TEMP, 4);
}

static void nobody_can_tell(void **state)
{
	static const enum ec troubles[] = { EC_ABSENT, EC_BUSY, EC_TEMP, EC_BROKEN };
	struct catalog c = { .ops = &near };

	(void)state;
	for (unsigned i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		world.trouble = troubles[i];
		look(&c, &foreign, EC_TEMP, i + 1);
	}
}

/* One look for many strangers; what it found does not stand for ever, and an empty catalog is looked at each time. */
static void far_away(void **state)
{
	struct catalog c = { .ops = &far };

	(void)state;
	look(&c, &foreign, EC_ABSENT, 1);
	look(&c, &stranger, EC_ABSENT, 1);
	assert_in_range(c.any_until_ms, clock_mono_ms(), clock_mono_ms() + LATER_MS);
	c.any_until_ms = clock_mono_ms();
	world.empty = true;
	look(&c, &foreign, EC_TEMP, 2);
	look(&c, &kim, EC_TEMP, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(absent_or_not, begin),
		cmocka_unit_test_setup(nobody_can_tell, begin),
		cmocka_unit_test_setup(far_away, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
