/* test_tables.c - the rows of commands and settings keep their own promises, and help tells of all
 * of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>
#include "admin/exits.h"
#include "admin/syntax.h"

/* The original's commands, and what its help shows for each. */
static const char *const originals[] = { "add",    "delete", "list",      "lock",
					 "unlock", "stat",   "changepwd", "createquotafile",
					 "help",   "set",    "get",       "migrateToAD" };

static void every_original_command_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(originals) / sizeof(originals[0]); i++) {
		const struct wp_cmd *c = wp_cmd_find(originals[i]);
		assert_non_null(c);
		assert_string_equal(c->name, originals[i]);
		assert_false(c->extra);
	}
	assert_ptr_equal(wp_cmd_find("MIGRATETOAD"), &wp_migrate);
	assert_null(wp_cmd_find("lockexample.com"));
}

static void rows_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; wp_cmds[i]; i++) {
		const struct wp_cmd *c = wp_cmds[i];
		assert_ptr_equal(wp_cmd_find(c->name), c); /* no name twice */
		assert_non_null(c->run);
		assert_true(c->scope >= WP_HOST && c->scope <= WP_DOMAIN);
		assert_true(c->argc_min <= c->argc_max && c->argc_max <= WP_ARGS_MAX);
		assert_int_equal(c->help[strlen(c->help) - 1], '.');
		if (c->more)
			assert_int_equal(c->more[strlen(c->more) - 1], '.');
		for (const struct wp_switch *s = c->switches; s->name; s++) {
			assert_true(s < c->switches + WP_SWITCHES_MAX);
			assert_non_null(strstr(c->args, s->name)); /* shown in its syntax */
			assert_true(!s->secret || s->value);
		}
	}
}

static char *said(enum ec (*fn)(struct wp *, const struct wp_cmd *), const struct wp_cmd *c)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct wp w = { .mem = arena_new("test", 1024), .out = out_text(f, f, OUT_TABS) };

	assert_int_equal(fn(&w, c), EC_OK);
	out_close(&w.out, NULL, NULL, NULL);
	fclose(f);
	arena_drop(&w.mem);
	return text;
}

static enum ec all(struct wp *w, const struct wp_cmd *c)
{
	(void)c;
	return syntax_all(w);
}

static void help_tells_of_every_command(void **state)
{
	char *text = said(all, NULL);

	(void)state;
	for (size_t i = 0; wp_cmds[i]; i++) {
		char call[200];
		snprintf(call, sizeof(call), "\n  %s", wp_cmds[i]->name);
		assert_non_null(strstr(text, call));
	}
	assert_non_null(strstr(text, "[changepwd UserName@DomainName"));
	assert_non_null(
		strstr(text, "[add {DomainName | UserName@DomainName [/createuser Password]}]"));
	assert_non_null(strstr(text, "winpop set [port PortNumber]"));
	assert_non_null(strstr(text, "[socket Value Value Value Value]"));
	free(text);
}

static void set_help_tells_of_every_setting(void **state)
{
	char *text = said(syntax_command, &wp_set);

	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		char line[200];
		snprintf(line, sizeof(line), "\n  %s ", options[i].name);
		assert_non_null(strstr(text, line));
	}
	assert_non_null(strstr(text, "[sparequired {0 | 1}]"));
	assert_non_null(strstr(text, "Range: 1 - 65535."));
	assert_non_null(strstr(text, "260 characters."));
	free(text);
}

static void help_fits_eighty_columns(void **state)
{
	(void)state;
	for (size_t i = 0; wp_cmds[i]; i++) {
		char *text = said(syntax_command, wp_cmds[i]);
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			if (strlen(line) >= 80)
				fail_msg("%s", line);
		}
		free(text);
	}
}

static void settings_look_like_the_original(void **state)
{
	static const char text[] = "sparequired = no\nrole = member\nport = 1110\n";
	struct arena *mem = arena_new("test", 1024);
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(conf_parse("/x/winpop.conf", text, sizeof(text) - 1, &c, NULL), EC_OK);
	assert_string_equal(setting_text(mem, option_find("auth"), c), "3 (file)");
	assert_string_equal(setting_text(mem, option_find("sparequired"), c), "0");
	assert_string_equal(setting_text(mem, option_find("port"), c), "1110");
	assert_string_equal(setting_text(mem, option_find("plaintext_without_tls"), c), "no");
	conf_unref(&c);
	arena_drop(&mem);
}

static void exit_codes_are_a_promise(void **state)
{
	static const struct {
		enum ec rc;
		int code;
	} rows[] = {
		{ EC_OK, 0 },     { EC_ABSENT, 1 }, { EC_EXISTS, 1 }, { EC_REFUSED, 1 },
		{ EC_LOCKED, 1 }, { EC_QUOTA, 1 },  { EC_USAGE, 2 },  { EC_DENIED, 3 },
		{ EC_BUSY, 4 },   { EC_TEMP, 4 },   { EC_BROKEN, 4 },
	};

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), EC_COUNT);
	for (size_t i = 0; i < EC_COUNT; i++) {
		assert_int_equal(exit_for(rows[i].rc, false), rows[i].code);
		assert_int_equal(exit_for(rows[i].rc, true), rows[i].rc == EC_OK ? 0 : 5);
	}
	for (int code = 0; code < EXIT_COUNT; code++)
		assert_non_null(exit_text((enum exit_code)code));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_original_command_is_there),
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(help_tells_of_every_command),
		cmocka_unit_test(set_help_tells_of_every_setting),
		cmocka_unit_test(help_fits_eighty_columns),
		cmocka_unit_test(settings_look_like_the_original),
		cmocka_unit_test(exit_codes_are_a_promise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
