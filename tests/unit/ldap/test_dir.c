/* dir: settings laid over the presets. Nothing is connected to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "ldap/flavour.h"
#include "ldap/nthash.h"
#include "ldap/words.h"
#include "server/base/arena.h"

#define MEMBER "role = member\nauthentication = ad\ndirectory_servers = ldaps://dc1.example.test\n"

static const struct log silent;

static enum ec open_dir(const char *settings, const struct dir_identity *as, struct conf **conf,
			struct dir **d, struct err *e)
{
	char text[2048];

	*e = (struct err){ 0 };
	*d = NULL;
	snprintf(text, sizeof(text),
		 MEMBER "directory_user = winpop@example.test\n"
			"directory_password_file = /nonexistent\n%s",
		 settings);
	enum ec rc = conf_parse("test.conf", text, strlen(text), conf, e);
	return rc == EC_OK ? dir_open(*conf, as, &silent, d, e) : rc;
}

static void presets_and_settings(void **state)
{
	struct conf *conf;
	struct dir *d;
	struct err e;

	(void)state;
	assert_int_equal(open_dir("", NULL, &conf, &d, &e), EC_OK);
	assert_string_equal(d->names->logon, "sAMAccountName");
	assert_string_equal(d->names->nt_hash, "");
	dir_close(&d);
	conf_unref(&conf);
	assert_int_equal(open_dir("directory = openldap\n", NULL, &conf, &d, &e), EC_OK);
	assert_string_equal(d->names->logon, "uid");
	assert_string_equal(d->names->nt_hash, "sambaNTPassword winpopNTHash");
	dir_close(&d);
	conf_unref(&conf);
	assert_int_equal(open_dir("directory = openldap\ndirectory_logon = cn\n"
				  "directory_address = mail mailAlternateAddress\n"
				  "directory_filter = (&(objectClass=person)(!(title=\\28x\\29)))\n"
				  "directory_nt_hash = ntHash\n",
				  NULL, &conf, &d, &e),
			 EC_OK);
	assert_string_equal(d->names->logon, "cn");
	assert_string_equal(d->names->address, "mail mailAlternateAddress");
	assert_string_equal(d->names->nt_hash, "ntHash");
	assert_string_equal(d->link.user, "winpop@example.test");
	dir_close(&d);
	assert_null(d);
	dir_close(&d);
	conf_unref(&conf);
}

static void an_administrator_takes_the_place_of_the_service(void **state)
{
	struct secret password = { 0 };
	struct dir_identity as = { .user = "EXAMPLE\\boss", .password = &password };
	struct conf *conf;
	struct dir *d;
	struct err e;

	(void)state;
	secret_set(&password, "boss's", 6);
	assert_int_equal(open_dir("directory_bind = gssapi\ndirectory_keytab = /nonexistent\n", &as,
				  &conf, &d, &e),
			 EC_OK);
	secret_drop(&password);
	assert_int_equal(d->link.bind, DIR_BIND_SIMPLE);
	assert_string_equal(d->link.user, "EXAMPLE\\boss");
	assert_memory_equal(d->link.password->bytes, "boss's", 6);
	dir_close(&d);
	conf_unref(&conf);
}

static void settings_that_cannot_be(void **state)
{
	static const struct {
		const char *line, *named;
	} cases[] = {
		{ "directory_address = mail )(uid=*\n", "directory_address" },
		{ "directory_address = a b c d e f g h i\n", "directory_address" },
		{ "directory_logon = uid cn\n", "directory_logon" },
		{ "directory_logon = uid;x=\n", "directory_logon" },
		{ "directory_filter = objectClass=person\n", "directory_filter" },
		{ "directory_filter = (a=b)(c=d)\n", "directory_filter" },
		{ "directory_filter = (a=b))(|(c=d)\n", "directory_filter" },
		{ "directory_filter = ((a=b)\n", "directory_filter" },
		{ "directory_base = example.com\n", "directory_base" },
		{ "directory_group = staff\n", "directory_group" },
		{ "directory_new_users = people\n", "directory_new_users" },
	};
	struct conf *conf;
	struct dir *d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		conf = NULL;
		assert_int_equal(open_dir(cases[i].line, NULL, &conf, &d, &e), EC_USAGE);
		if (!strstr(e.text, cases[i].named))
			fail_msg("%s: %s", cases[i].line, e.text);
		assert_null(d);
		conf_unref(&conf);
	}
}

static void lists_of_words(void **state)
{
	struct arena *mem = arena_new("test", 256);
	const char *const *w = words_split(mem, "  mail\twinpopAlias  x ");

	(void)state;
	assert_int_equal(words_count(w), 3);
	assert_string_equal(w[0], "mail");
	assert_string_equal(w[1], "winpopAlias");
	assert_string_equal(w[2], "x");
	assert_int_equal(words_count(words_split(mem, "")), 0);
	assert_int_equal(words_count(words_split(mem, " \t ")), 0);
	w = words_split(mem, "a b c d");
	assert_int_equal(words_count(w), 4);
	arena_drop(&mem);
}

static void hashes_as_text(void **state)
{
	static const char *const bad[] = { "", "8846F7EAEE8FB117AD06BDD830B7586",
					   "8846F7EAEE8FB117AD06BDD830B7586C0",
					   "8846F7EAEE8FB117AD06BDD830B7586G",
					   "8846F7EAEE8FB117AD06BDD830B7586 " };
	unsigned char hash[NT_HASH], again[NT_HASH];
	struct secret pass = { 0 };
	char text[NT_HASH_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(nt_hash_parse(hash, bad[i], strlen(bad[i])));
	secret_set(&pass, "password", 8);
	assert_true(nt_hash_form(text, &pass));
	assert_memory_equal(text, "8846F7EAEE8FB117AD06BDD830B7586C", NT_HASH_TEXT);
	assert_true(nt_hash_parse(hash, text, NT_HASH_TEXT));
	assert_true(nt_hash_parse(again, "8846f7eaee8fb117ad06bdd830b7586c", NT_HASH_TEXT));
	assert_memory_equal(hash, again, NT_HASH);
	secret_set(&pass, "\xFF", 1);
	assert_false(nt_hash_form(text, &pass));
	secret_drop(&pass);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_and_settings),
		cmocka_unit_test(an_administrator_takes_the_place_of_the_service),
		cmocka_unit_test(settings_that_cannot_be),
		cmocka_unit_test(lists_of_words),
		cmocka_unit_test(hashes_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
