/* single: every situation undisturbed, and the rows that administrators read. */
#include <stdio.h>
#include "tests/unit/migrate/scene.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_situation),
	};
	return cmocka_run_group_tests_name("single", tests, NULL, NULL);
}
