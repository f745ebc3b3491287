/* test_judge.c - what is to be done about what stands there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "migrate/judge.h"

#define FREE NULL
#define DISABLED 1u
#define WEAK 2u
#define LINK 4u
#define NEW 8u

static const struct {
	enum journal_state past; /* with the mark "m" and the key "cn=kim" */
	const char *mark;        /* of what is there; FREE: nothing is */
	const char *key;
	unsigned flags;
	enum mig_what want;
	enum ec why;
} cases[] = {
	{ JOURNAL_NONE, FREE, "", 0, MIG_CREATE, EC_OK },
	{ JOURNAL_NONE, FREE, "", WEAK, MIG_POLICY, EC_REFUSED },
	{ JOURNAL_NONE, FREE, "", WEAK | NEW, MIG_CREATE, EC_OK },
	{ JOURNAL_GONE, FREE, "", 0, MIG_CREATE, EC_OK },
	{ JOURNAL_MADE, FREE, "", 0, MIG_CREATE, EC_OK }, /* somebody removed it */
	{ JOURNAL_INTENT, FREE, "", 0, MIG_CREATE, EC_OK },
	{ JOURNAL_INTENT, "m", "cn=kim", 0, MIG_CREATE, EC_OK }, /* the rest of it */
	{ JOURNAL_INTENT, "m", "cn=moved", DISABLED, MIG_CREATE, EC_OK },
	{ JOURNAL_MADE, "m", "cn=kim", 0, MIG_DONE, EC_OK },
	{ JOURNAL_MADE, "m", "cn=moved", 0, MIG_DONE, EC_OK },
	{ JOURNAL_MADE, "", "cn=kim", 0, MIG_CONFLICT, EC_EXISTS },
	{ JOURNAL_MADE, "x", "cn=kim", 0, MIG_CONFLICT, EC_EXISTS },
	{ JOURNAL_MADE, "x", "cn=kim", LINK, MIG_LINK, EC_OK },
	{ JOURNAL_GONE, "m", "cn=kim", 0, MIG_CONFLICT, EC_EXISTS }, /* no longer ours */
	{ JOURNAL_NONE, "", "cn=kim", 0, MIG_CONFLICT, EC_EXISTS },
	{ JOURNAL_NONE, "m", "cn=kim", 0, MIG_CONFLICT, EC_EXISTS }, /* of another mail root */
	{ JOURNAL_NONE, "", "cn=kim", LINK, MIG_LINK, EC_OK },
	{ JOURNAL_NONE, "", "cn=kim", LINK | DISABLED, MIG_FAILED, EC_REFUSED },
	{ JOURNAL_LINKED, "", "cn=kim", 0, MIG_DONE, EC_OK },
	{ JOURNAL_LINKED, "", "cn=kim", DISABLED, MIG_FAILED, EC_REFUSED },
	{ JOURNAL_LINKED, "", "cn=other", 0, MIG_CONFLICT, EC_EXISTS },
	{ JOURNAL_LINKED, "", "cn=other", LINK, MIG_LINK, EC_OK },
	{ JOURNAL_LINKED, FREE, "", 0, MIG_CREATE, EC_OK },
};

static void verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal_entry past = { .state = cases[i].past,
					      .mark = "m",
					      .key = "cn=kim" };
		struct prospect seen = { .taken = cases[i].mark != FREE };
		unsigned flags = cases[i].flags;
		struct err why;

		strcpy(seen.mark, cases[i].mark ? cases[i].mark : "");
		strcpy(seen.there.key, cases[i].key);
		seen.there.enabled = !(flags & DISABLED);
		if (flags & WEAK)
			err_set(&seen.weak, EC_REFUSED, "too short");
		enum mig_what what = judge(&past, &seen, flags & LINK, flags & NEW, &why);
		if (what != cases[i].want || why.class != cases[i].why)
			fail_msg("case %zu: %s, %s", i, mig_what_words[what], ec_name(why.class));
	}
}

/* The longest DN must not push what helps out of the text. */
static void the_hint_is_told(void **state)
{
	struct journal_entry past = { .state = JOURNAL_NONE };
	struct prospect seen = { .taken = true };
	struct err why;

	(void)state;
	memset(seen.there.key, 'x', ACCOUNT_KEY_MAX);
	judge(&past, &seen, false, false, &why);
	assert_non_null(strstr(why.text, "/link"));
	past.state = JOURNAL_MADE;
	judge(&past, &seen, false, false, &why);
	assert_non_null(strstr(why.text, "/link"));
}

/* A mark that is "" is none, in the journal and in the directory. */
static void no_mark_is_nobodys(void **state)
{
	struct journal_entry past = { .state = JOURNAL_MADE };
	struct prospect seen = { .taken = true };

	(void)state;
	assert_false(judge_is_ours(&past, &seen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(the_hint_is_told),
		cmocka_unit_test(no_mark_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
