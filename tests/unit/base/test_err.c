/* test_err.c - classes, texts, and what happens to a text that is too long. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "server/base/err.h"
#include "server/base/utf8.h"

static void sets_class_and_text(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, EC_LOCKED, "held by %s", "a1"), EC_LOCKED);
	assert_int_equal(e.class, EC_LOCKED);
	assert_string_equal(e.text, "held by a1");
	assert_int_equal(err_set(NULL, EC_BUSY, "nobody asks"), EC_BUSY);
}

/* Characters of two octets, at both phases: the cut must never fall inside one. */
static void long_text_is_marked_and_stays_utf8(void **state)
{
	char big[1000];
	struct err e;

	(void)state;
	for (unsigned phase = 0; phase < 2; phase++) {
		memset(big, 'x', sizeof(big));
		for (size_t i = phase; i + 2 < sizeof(big); i += 2)
			memcpy(big + i, "\xC3\xA9", 2);
		big[sizeof(big) - 1] = '\0';
		err_set(&e, EC_TEMP, "%s", big);
		size_t len = strlen(e.text);
		assert_true(len > sizeof(e.text) - 6 && len < sizeof(e.text));
		assert_string_equal(e.text + len - 3, "...");
		assert_true(utf8_valid(e.text, len));
	}
}

static void text_that_just_fits_is_whole(void **state)
{
	char fits[sizeof(((struct err *)0)->text)];
	struct err e;

	(void)state;
	memset(fits, 'x', sizeof(fits));
	fits[sizeof(fits) - 1] = '\0';
	err_set(&e, EC_TEMP, "%s", fits);
	assert_string_equal(e.text, fits);
}

static void errno_decides_class(void **state)
{
	static const struct {
		int number;
		enum ec class;
	} cases[] = {
		{ EDQUOT, EC_TEMP },   { ENOENT, EC_ABSENT }, { EEXIST, EC_EXISTS },
		{ EACCES, EC_BROKEN }, { EPERM, EC_BROKEN },  { EROFS, EC_BROKEN },
		{ EIO, EC_BROKEN },    { ELOOP, EC_BROKEN },  { ENOTDIR, EC_BROKEN },
		{ ENOSPC, EC_TEMP },   { EMFILE, EC_TEMP },   { ENOMEM, EC_TEMP },
		{ EINTR, EC_TEMP },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		errno = cases[i].number;
		assert_int_equal(err_sys(&e, "cannot %s", "do"), cases[i].class);
		assert_int_equal(errno, cases[i].number);
		assert_memory_equal(e.text, "cannot do: ", 11);
		assert_string_equal(e.text + 11, strerror(cases[i].number));
		assert_int_equal(err_sys(NULL, "x"), cases[i].class);
	}
}

/* A detail belongs to the error it was added to, not to whatever the struct tells next. */
static void a_detail_goes_with_its_error(void **state)
{
	struct err e = { .detail = 7 };

	(void)state;
	err_set(&e, EC_DENIED, "x");
	assert_int_equal(e.detail, 0);
	e.detail = 7;
	err_sys(&e, "x");
	assert_int_equal(e.detail, 0);
}

static void every_class_has_its_own_word(void **state)
{
	(void)state;
	for (int i = 0; i < EC_COUNT; i++) {
		assert_non_null(ec_name(i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(ec_name(i), ec_name(k));
	}
	assert_string_equal(ec_name(EC_DENIED), "denied");
	assert_string_equal(ec_name(EC_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_class_and_text),
		cmocka_unit_test(long_text_is_marked_and_stays_utf8),
		cmocka_unit_test(text_that_just_fits_is_whole),
		cmocka_unit_test(errno_decides_class),
		cmocka_unit_test(a_detail_goes_with_its_error),
		cmocka_unit_test(every_class_has_its_own_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
