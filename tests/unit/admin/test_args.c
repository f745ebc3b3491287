/* test_args.c - every spelling of the command line, and what must be refused without telling a
 * password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/args.h"

#define WORDS_MAX 12

struct row {
	const char *words[WORDS_MAX]; /* behind "winpop" */
	enum ec rc;
	const struct wp_cmd *cmd;
	const char *argv[4];
	const char *given0; /* value of the command's first switch; NULL = absent */
	const char *secret; /* NULL = none was given */
	bool json, help, version;
	const char *bind_as;
	bool csv;
};

static const struct row rows[] = {
	{ { NULL } },
	{ { "list", NULL }, .cmd = &wp_list },
	{ { "LiSt", "example.com", NULL }, .cmd = &wp_list, .argv = { "example.com" } },
	{ { "list", "--json", NULL }, .cmd = &wp_list, .json = true },
	{ { "/JSON", "list", NULL }, .cmd = &wp_list, .json = true },
	{ { "list", "--csv", NULL }, .cmd = &wp_list, .csv = true },
	{ { "set", "port", "110", "--csv", NULL },
	  .cmd = &wp_set,
	  .argv = { "port", "110" },
	  .csv = true },
	{ { "list", "--csv", "--json", NULL }, EC_USAGE },
	{ { "/?", NULL }, .help = true },
	{ { "-?", NULL }, .help = true },
	{ { "--help", NULL }, .help = true },
	{ { "--version", NULL }, .version = true },
	{ { "/VERSION", NULL }, .version = true },
	{ { "add", "/?", NULL }, .cmd = &wp_add, .help = true },
	{ { "add", "-?", NULL }, .cmd = &wp_add, .help = true },
	/* switches with a value, in all four spellings, before and behind the argument */
	{ { "add", "a@b", "/createuser", "pw", NULL }, EC_OK, &wp_add, { "a@b" }, "", "pw" },
	{ { "add", "a@b", "/createuser:pw", NULL }, EC_OK, &wp_add, { "a@b" }, "", "pw" },
	{ { "add", "a@b", "--createuser", "pw", NULL }, EC_OK, &wp_add, { "a@b" }, "", "pw" },
	{ { "add", "a@b", "--createuser=pw", NULL }, EC_OK, &wp_add, { "a@b" }, "", "pw" },
	{ { "add", "/CREATEUSER:pw", "a@b", NULL }, EC_OK, &wp_add, { "a@b" }, "", "pw" },
	/* passwords may look like anything */
	{ { "add", "a@b", "/createuser", "/pw", NULL }, EC_OK, &wp_add, { "a@b" }, "", "/pw" },
	{ { "add", "a@b", "/createuser", "--pw", NULL }, EC_OK, &wp_add, { "a@b" }, "", "--pw" },
	{ { "add", "a@b", "/createuser:a:b=c", NULL }, EC_OK, &wp_add, { "a@b" }, "", "a:b=c" },
	{ { "add", "a@b", "/createuser", "p w", NULL }, EC_OK, &wp_add, { "a@b" }, "", "p w" },
	{ { "changepwd", "a@b", "/new", NULL }, EC_OK, &wp_changepwd, { "a@b", "" }, NULL, "/new" },
	{ { "changepwd", "a@b", "--new", NULL },
	  EC_OK,
	  &wp_changepwd,
	  { "a@b", "" },
	  NULL,
	  "--new" },
	{ { "changepwd", "a@b", "/?", NULL }, EC_OK, &wp_changepwd, { "a@b", "" }, NULL, "/?" },
	/* passwords to be asked for */
	{ { "add", "a@b", "/createuser", NULL }, EC_OK, &wp_add, { "a@b" }, "" },
	{ { "add", "a@b", "/createuser", "-", NULL }, EC_OK, &wp_add, { "a@b" }, "" },
	{ { "add", "a@b", "/createuser", "--json", NULL },
	  EC_OK,
	  &wp_add,
	  { "a@b" },
	  "",
	  .json = true },
	{ { "changepwd", "a@b", NULL }, EC_OK, &wp_changepwd, { "a@b" } },
	{ { "changepwd", "a@b", "-", NULL }, EC_OK, &wp_changepwd, { "a@b", "-" } },
	/* an empty one is given, and empty */
	{ { "add", "a@b", "/createuser:", NULL }, EC_OK, &wp_add, { "a@b" }, "", "" },
	{ { "changepwd", "a@b", "", NULL }, EC_OK, &wp_changepwd, { "a@b", "" }, NULL, "" },
	/* other switches */
	{ { "delete", "a@b", "/deleteuser", NULL }, EC_OK, &wp_delete, { "a@b" }, "" },
	{ { "delete", "--DeleteUser", "a@b", NULL }, EC_OK, &wp_delete, { "a@b" }, "" },
	{ { "createquotafile", "a@b", "/user:acct", NULL },
	  EC_OK,
	  &wp_createquotafile,
	  { "a@b" },
	  "acct" },
	{ { "createquotafile", "a@b", "/user", "acct", NULL },
	  EC_OK,
	  &wp_createquotafile,
	  { "a@b" },
	  "acct" },
	{ { "createquotafile", "a@b", "--user=acct", NULL },
	  EC_OK,
	  &wp_createquotafile,
	  { "a@b" },
	  "acct" },
	/* a path is no switch */
	{ { "set", "mailroot", "/srv/mail", NULL }, EC_OK, &wp_set, { "mailroot", "/srv/mail" } },
	{ { "set", "mailroot", "/json", NULL }, EC_OK, &wp_set, { "mailroot", "/json" } },
	{ { "adopt", "/srv/mail", "/dry-run", NULL }, EC_OK, &wp_adopt, { "/srv/mail" }, "" },
	{ { "adopt", "--dry-run", "/srv/mail", NULL }, EC_OK, &wp_adopt, { "/srv/mail" }, "" },
	{ { "adopt", "/dry-run", "here", NULL }, EC_OK, &wp_adopt, { "here" }, "" },
	{ { "adopt", "/passwords", "/root/list", "/srv", NULL }, EC_OK, &wp_adopt, { "/srv" } },
	{ { "adopt", "/dry-run", NULL }, EC_USAGE },
	{ { "adopt", "/srv/mail", "/dryrun", NULL }, EC_USAGE },
	{ { "adopt", "/dryrun", "/srv/mail", NULL }, EC_USAGE },
	{ { "adopt", "--dryrun", NULL }, EC_USAGE },
	{ { "set", "port", "110", "--json", NULL },
	  EC_OK,
	  &wp_set,
	  { "port", "110" },
	  .json = true },
	{ { "migratetoad", "a@b", NULL }, EC_OK, &wp_migrate, { "a@b" } },
	{ { "add", "a@b", "--bind-as", "cn=admin", NULL },
	  EC_OK,
	  &wp_add,
	  { "a@b" },
	  .bind_as = "cn=admin" },
	{ { "changepwd", "a@b", "--bind-as=EX\\kim", NULL },
	  EC_OK,
	  &wp_changepwd,
	  { "a@b" },
	  .bind_as = "EX\\kim" },
	{ { "list", "/bind-as:kim@example.com", NULL },
	  EC_OK,
	  &wp_list,
	  { NULL },
	  .bind_as = "kim@example.com" },
	/* refused */
	{ { "list", "--bind-as", NULL }, EC_USAGE },
	{ { "frobnicate", NULL }, EC_USAGE },
	{ { "add", NULL }, EC_USAGE },
	{ { "add", "a", "b", NULL }, EC_USAGE },
	{ { "list", "a", "b", NULL }, EC_USAGE },
	{ { "changepwd", NULL }, EC_USAGE },
	{ { "set", NULL }, EC_USAGE },
	{ { "lock", "a@b", "/frob", NULL }, EC_USAGE },
	{ { "delete", "a", "/y:1", NULL }, EC_USAGE },
	{ { "delete", "a", "/y", "/y", NULL }, EC_USAGE },
	{ { "createquotafile", "a@b", "/user", NULL }, EC_USAGE },
	{ { "createquotafile", "a@b", "/user:", NULL }, EC_USAGE },
	{ { "list", "--config", NULL }, EC_USAGE },
	{ { "add", "a@b", "/createuserpw", NULL }, EC_USAGE },
};

/* argv as the kernel gives it: writable. */
static int copy_words(const struct row *r, char *argv[WORDS_MAX + 2])
{
	int argc = 0;

	argv[argc++] = strdup("winpop");
	for (int i = 0; r->words[i]; i++)
		argv[argc++] = strdup(r->words[i]);
	argv[argc] = NULL;
	return argc;
}

static void drop_words(char **argv)
{
	for (; *argv; argv++)
		free(*argv);
}

static void check_string(const char *is, const char *should)
{
	if (should)
		assert_string_equal(is, should);
	else
		assert_null(is);
}

static void check_row(const struct row *r, const struct wp_args *a)
{
	int argc = 0;

	assert_ptr_equal(a->cmd, r->cmd);
	for (; argc < 4 && r->argv[argc]; argc++)
		assert_string_equal(a->argv[argc], r->argv[argc]);
	assert_int_equal(a->argc, argc);
	check_string(a->given[0], r->given0);
	check_string((const char *)a->secret.bytes, r->secret);
	check_string(a->bind_as, r->bind_as);
	assert_int_equal(a->json, r->json);
	assert_int_equal(a->csv, r->csv);
	assert_int_equal(a->help, r->help);
	assert_int_equal(a->version, r->version);
}

static void reads_every_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *argv[WORDS_MAX + 2];
		struct wp_args a;
		struct err e;
		int argc = copy_words(&rows[i], argv);
		enum ec rc = args_parse(argc, argv, &a, &e);
		if (rc != rows[i].rc)
			fail_msg("row %zu (%s): %s", i, rows[i].words[0], ec_name(rc));
		if (rc == EC_OK)
			check_row(&rows[i], &a);
		secret_drop(&a.secret);
		drop_words(argv);
	}
}

/* `ps` reads the same memory. */
static void overwrites_passwords(void **state)
{
	static const struct row with_secret[] = {
		{ { "add", "a@b", "/createuser", "topsecret", NULL } },
		{ { "add", "a@b", "--createuser=topsecret", NULL } },
		{ { "changepwd", "a@b", "topsecret", NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(with_secret) / sizeof(with_secret[0]); i++) {
		char *argv[WORDS_MAX + 2];
		size_t sizes[WORDS_MAX];
		struct wp_args a;
		int argc = copy_words(&with_secret[i], argv);
		for (int k = 0; k < argc; k++)
			sizes[k] = strlen(argv[k]) + 1;
		assert_int_equal(args_parse(argc, argv, &a, NULL), EC_OK);
		assert_string_equal((char *)a.secret.bytes, "topsecret");
		for (int k = 0; k < argc; k++)
			assert_null(memmem(argv[k], sizes[k], "secret", 6));
		secret_drop(&a.secret);
		drop_words(argv);
	}
}

static void never_tells_a_password(void **state)
{
	static const struct row wrong[] = {
		{ { "add", "a@b", "/createusertopsecret", NULL } },
		{ { "delete", "a@b", "/createuser:topsecret", NULL } },
		{ { "lock", "a@b", "--createuser=topsecret", NULL } },
		{ { "add", "a@b", "x@y", "/createuser", "topsecret", NULL } },
		{ { "changepwd", "a@b", "topsecret", "topsecret", NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *argv[WORDS_MAX + 2];
		struct wp_args a;
		struct err e;
		int argc = copy_words(&wrong[i], argv);
		assert_int_equal(args_parse(argc, argv, &a, &e), EC_USAGE);
		assert_null(strstr(e.text, "topsecret"));
		drop_words(argv);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_spelling),
		cmocka_unit_test(overwrites_passwords),
		cmocka_unit_test(never_tells_a_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
