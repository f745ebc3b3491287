/* test_options.c - the table itself: every row must be sound, found and explained. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/conf/options.h"

static void rows_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		for (const char *c = o->name; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '_');
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(o->name, options[k].name);
			assert_int_not_equal(o->at, options[k].at);
			assert_true(options[k].group <= o->group);
		}
		assert_true(strlen(o->help) > 10 && isupper((unsigned char)*o->help));
		assert_true(o->help[strlen(o->help) - 1] != '.');
		assert_true(o->type != OPT_WORD || o->words);
		assert_true(o->type != OPT_PATH || o->max > 0);
	}
}

static void presets_pass_their_own_check(void **state)
{
	struct arena *a = arena_new("test", 1024);

	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		const char *stored;
		struct err e;
		if (!options[i].preset)
			continue;
		if (option_check(a, &options[i], options[i].preset, ROLE_STANDALONE, &stored, &e))
			fail_msg("%s", e.text);
		assert_string_equal(stored, options[i].preset);
	}
	arena_drop(&a);
}

static void names_are_found_in_any_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_options; i++)
		assert_ptr_equal(option_find(options[i].name), &options[i]);
	assert_string_equal(option_find("SocketMax")->name, "socketmax");
	assert_string_equal(option_find("AUTH")->name, "authentication");
	assert_null(option_find("sockets"));
	assert_null(option_find(""));
}

static void misspelt_names_find_their_neighbour(void **state)
{
	static const struct {
		const char *typed, *meant;
	} rows[] = {
		{ "socketmx", "socketmax" },
		{ "soketmax", "socketmax" },
		{ "tls-cert", "tls_cert" },
		{ "TLS_CERT", "tls_cert" },
		{ "prot", "port" },
		{ "plaintext_without_tsl", "plaintext_without_tls" },
		{ "logins", "logging" },
		{ "xyzzy", NULL },
		{ "", NULL },
		{ "a_name_that_is_longer_than_any_setting_has", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct option *o = option_nearest(rows[i].typed);
		if (rows[i].meant) {
			assert_non_null(o);
			assert_string_equal(o->name, rows[i].meant);
		} else {
			assert_null(o);
		}
	}
}

static bool is_among(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

static void every_setting_takes_effect_when_it_says(void **state)
{
	static const char *const fixed[] = { "port",        "listen",      "tls_port",
					     "lmtp_socket", "lmtp_listen", "control_socket",
					     "maps_socket", "auth_socket", "workers",
					     "threadcount", "user",        "group",
					     "mailroot",    "log_to",      "keytab",
					     NULL };
	static const char *const reopened[] = { "authentication", "catalog",     "key_file", "spa",
						"ntlm_domain",    "pam_service", NULL };

	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		const char *name = options[i].name;
		enum opt_when when = is_among(name, fixed)                ? OPT_RESTART
				     : is_among(name, reopened)           ? OPT_REOPEN
				     : strncmp(name, "directory", 9) == 0 ? OPT_REOPEN
									  : OPT_LIVE;
		if (options[i].when != when)
			fail_msg("%s", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(presets_pass_their_own_check),
		cmocka_unit_test(names_are_found_in_any_case),
		cmocka_unit_test(misspelt_names_find_their_neighbour),
		cmocka_unit_test(every_setting_takes_effect_when_it_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
