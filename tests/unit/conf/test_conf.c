/* test_conf.c - whole files: defaults, faults with their place, rules between settings, reload. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/arena.h"
#include "server/conf/conf.h"
#include "server/conf/options.h"

static enum ec parse(const char *text, struct conf **out, struct err *e)
{
	return conf_parse("/etc/winpop/winpop.conf", text, strlen(text), out, e);
}

static void empty_file_gives_the_defaults(void **state)
{
	struct conf *c;
	struct err e;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	assert_int_equal(conf_parse("/x", NULL, 0, &c, &e), EC_OK);
	assert_string_equal(c->path, "/x");
	assert_int_equal(c->port, 110);
	assert_int_equal(c->tls_port, 995);
	assert_int_equal(c->logging, 2);
	assert_int_equal(c->authentication, AUTHN_FILE);
	assert_int_equal(c->socketmax, 50);
	assert_int_equal(c->socketmin, 10);
	assert_int_equal(c->socketbacklog, 10);
	assert_int_equal(c->socketthreshold, 10);
	assert_false(c->sparequired);
	assert_false(c->plaintext_without_tls);
	assert_int_equal(c->apop, TRI_AUTO);
	assert_int_equal(c->role, ROLE_STANDALONE);
	assert_int_equal(c->log_to, LOG_TO_STDERR);
	assert_int_equal(c->threadcount, cpus > 32 ? 32 : cpus);
	assert_int_equal(c->expire_days, EXPIRE_NEVER);
	assert_int_equal(c->message_max_bytes, 100 << 20);
	assert_int_equal(c->penalty_ms, 1000);
	assert_true(strlen(c->hostname) > 0);
	assert_string_equal(c->mailroot, "/var/lib/winpop/mailroot");
	conf_unref(&c);
	assert_null(c);
	conf_unref(&c);
}

/* Every option's field must be the one its name says. */
static void lines_reach_their_fields(void **state)
{
	static const char text[] = "PORT = 8110\nauth = local\nsocketmax = 100\nsocketmin = 20\n"
				   "sparequired = 1\nexpire = 30\nmessage_max = 2G\napop = no\n"
				   "tls_cert = /c\ntls_key = /k\ntls_min = 1.3\nlogin_delay = 5\n"
				   "idle_timeout = 900\ndrain = 0\nlog_to = syslog\n"
				   "hostname = mail.example.com\nport = 9110\n";
	struct conf *c;
	struct err e;

	(void)state;
	assert_int_equal(parse(text, &c, &e), EC_OK);
	assert_int_equal(c->port, 9110); /* the last one counts */
	assert_int_equal(c->authentication, AUTHN_LOCAL);
	assert_int_equal(c->socketmax, 100);
	assert_int_equal(c->socketmin, 20);
	assert_true(c->sparequired);
	assert_int_equal(c->expire_days, 30);
	assert_true(c->message_max_bytes == 2ull << 30);
	assert_int_equal(c->apop, TRI_NO);
	assert_string_equal(c->tls_cert, "/c");
	assert_string_equal(c->tls_key, "/k");
	assert_string_equal(c->tls_min, "1.3");
	assert_int_equal(c->login_delay_s, 5);
	assert_int_equal(c->idle_timeout_s, 900);
	assert_int_equal(c->drain_s, 0);
	assert_int_equal(c->log_to, LOG_TO_SYSLOG);
	assert_string_equal(c->hostname, "mail.example.com");
	conf_unref(&c);
}

static void faults_name_their_place(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "\n\nsocketmax = 0\n",
		  "winpop.conf line 3: socketmax: expected a number from 1 to 32000" },
		{ "socketmx = 5",
		  "winpop.conf line 1: socketmx: unknown setting; did you mean socketmax?" },
		{ "quux = 5",
		  "winpop.conf line 1: quux: unknown setting; \"winpop get\" lists all" },
		{ "port 110", "winpop.conf line 1: expected key = value" },
		{ "auth = ad", "winpop.conf line 1: authentication: a stand-alone server offers" },
		{ "auth = local\nrole = dc",
		  "winpop.conf line 1: authentication: a domain controller" },
		{ "socketmin = 40\nport = 1", "winpop.conf line 1: socketmax: must be greater" },
		{ "socketmin = 5\nsocketmax = 12",
		  "winpop.conf line 2: socketmax: must be greater" },
		{ "socketthreshold = 0", "winpop.conf line 1: socketthreshold: may be 0 only if" },
		{ "sparequired = 1", "winpop.conf line 1: sparequired: Secure Password" },
		{ "tls_cert = /c", "winpop.conf line 1: tls_cert: set tls_key too" },
		{ "tls_key = /k", "winpop.conf line 1: tls_key: set tls_cert too" },
		{ "tls_cert=/c\ntls_key=/k\ntls_port = 110",
		  "winpop.conf line 3: tls_port: must not be the same as port (110)" },
		{ "key_file = keyring", "winpop.conf line 1: key_file: must be an absolute path" },
		{ "auth = local\nsparequired = 1\nspa = off",
		  "winpop.conf line 3: sparequired: with spa = off nobody" },
		{ "auth = local\nsparequired = 1\nmechanisms = PLAIN",
		  "winpop.conf line 3: sparequired: add NTLM to mechanisms" },
		{ "auth = local\nsparequired = 1\nchannel_binding = require",
		  "winpop.conf line 3: sparequired: channel_binding = require needs TLS" },
		{ "auth = local\napop = yes", "winpop.conf line 2: apop: only the encrypted" },
		{ "role = dc\nauth = ad",
		  "winpop.conf line 2: directory_servers: name the directory's servers" },
		{ "catalog = directory", "winpop.conf line 1: directory_servers: name" },
		{ "directory_servers = ldapi:///",
		  "winpop.conf: directory_user: name the account" },
		{ "directory_servers = ldapi:///\ndirectory_user = cn=x",
		  "winpop.conf line 2: directory_password_file: name the file" },
		{ "directory_bind = gssapi\ndirectory_servers = ldapi:///\ndirectory_user = x@Y",
		  "winpop.conf line 3: directory_keytab: name the file" },
		{ "directory_servers = http://x",
		  "winpop.conf line 1: directory_servers: \"http://x\"" },
		{ "mechanisms = PLAIN NTML", "winpop.conf line 1: mechanisms: \"NTML\" is not" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct conf *c = NULL;
		struct err e;
		assert_int_equal(parse(rows[i].text, &c, &e), EC_USAGE);
		assert_null(c);
		if (strncmp(e.text, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("%s\n   is not: %s", e.text, rows[i].says);
		assert_int_equal(parse(rows[i].text, &c, NULL), EC_USAGE);
	}
}

static void socket_rule_is_the_original_one(void **state)
{
	static const struct {
		unsigned max, min, threshold;
		bool fits;
	} rows[] = {
		{ 50, 10, 10, true },         { 21, 10, 10, true },
		{ 20, 10, 10, false },        { 10, 10, 0, true },
		{ 10, 10, 1, false },         { 11, 10, 0, false },
		{ 10, 11, 0, false },         { 1, 1, 0, true },
		{ 32000, 32000, 0, true },    { 32000, 31899, 100, true },
		{ 32000, 31900, 100, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err e;
		assert_int_equal(socket_rule(rows[i].max, rows[i].min, rows[i].threshold, &e) ==
					 EC_OK,
				 rows[i].fits);
	}
}

/* Settings that are only right together must pass together, in whichever order they stand. */
static void rules_look_at_the_whole(void **state)
{
	static const char *const good[] = {
		"socketmin = 60\nsocketmax = 100",
		"socketmax = 5\nsocketmin = 5\nsocketthreshold = 0",
		"sparequired = yes\nauthentication = local",
		"authentication = ad\nsparequired = yes\nrole = dc\ndirectory_bind = external\n"
		"directory_servers = ldapi:///",
		"directory_user = cn=winpop\ndirectory_servers = ldaps://a ldaps://b:1 "
		"srv:x.example\n"
		"directory_password_file = /p\ncatalog = directory",
		"directory_user = a@B\ndirectory_bind = gssapi\ndirectory_keytab = /k\n"
		"directory_servers = ldap://a",
		"tls_key = /k\ntls_cert = /c",
		"port = 0\ntls_port = 0\ntls_key = /k\ntls_cert = /c",
		"tls_port = 110", /* no certificate, no listener, no clash */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct conf *c;
		struct err e;
		if (parse(good[i], &c, &e) != EC_OK)
			fail_msg("%s", e.text);
		conf_unref(&c);
	}
}

static void every_prefix_and_octet_is_survived(void **state)
{
	static const char text[] = "# c\nport = 111\r\nhostname = \"a.b\"\nlisten=127.0.0.1 ::1\n";
	struct conf *c;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *exact = malloc(len ? len : 1);
		memcpy(exact, text, len);
		if (conf_parse("f", exact, len, &c, NULL) == EC_OK)
			conf_unref(&c);
		for (size_t i = 0; i < len; i++) {
			exact[i] ^= 0x55;
			if (conf_parse("f", exact, len, &c, NULL) == EC_OK)
				conf_unref(&c);
			exact[i] ^= 0x55;
		}
		free(exact);
	}
}

/* Everything of the new one that does not wait; what does, and nothing else, of the old one. */
static void in_force_is_what_need_not_wait(void **state)
{
	static const char was_text[] = "port = 1\nsocketmax = 60\nmailroot = /a\nkey_file = /a.key";
	static const char now_text[] =
		"port = 2\nsocketmax = 70\nmailroot = /b\nkey_file = /b.key\n"
		"expire = 7\nmessage_max = 3M\nsparequired = yes\n"
		"role = member\nauthentication = local\nspa = winbind";
	struct arena *a = arena_new("test", 4096);
	struct conf *was, *now, *both;

	(void)state;
	assert_int_equal(parse(was_text, &was, NULL), EC_OK);
	assert_int_equal(parse(now_text, &now, NULL), EC_OK);
	both = conf_in_force(was, now);
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		const struct conf *from = o->when == OPT_RESTART ? was : now;
		if (strcmp(option_text(a, o, both), option_text(a, o, from)) != 0)
			fail_msg("%s", o->name);
	}
	assert_string_equal(both->path, now->path);
	conf_unref(&was);
	conf_unref(&now);
	assert_string_equal(both->mailroot, "/a"); /* its own strings */
	assert_string_equal(both->key_file, "/b.key");
	assert_int_equal(both->authentication, AUTHN_LOCAL);
	conf_unref(&both);
	arena_drop(&a);
}

static void backends_depend_on_some_settings(void **state)
{
	static const struct {
		const char *text;
		bool same;
	} rows[] = {
		{ "", true },
		{ "authentication = file", true },
		{ "authentication = local", false },
		{ "key_file = /elsewhere", false },
		{ "directory_timeout_ms = 5001", false },
		{ "socketmax = 60\nlocal_group = others\nmailroot = /b\nworkers = 3", true },
	};
	struct conf *was, *now;

	(void)state;
	assert_int_equal(parse("", &was, NULL), EC_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse(rows[i].text, &now, NULL), EC_OK);
		if (conf_same_backends(was, now) != rows[i].same)
			fail_msg("%s", rows[i].text);
		conf_unref(&now);
	}
	conf_unref(&was);
}

static void reload_tells_what_needs_a_restart(void **state)
{
	struct conf *was, *now;
	char out[64];

	(void)state;
	assert_int_equal(parse("", &was, NULL), EC_OK);
	assert_int_equal(parse("port = 1\nlogging = 3\nsocketmax = 60\nworkers = 3\nuser = \"\"",
			       &now, NULL),
			 EC_OK);
	conf_restart_list(was, now, out, sizeof(out));
	assert_string_equal(out, "port workers user");
	conf_restart_list(was, now, out, 13);
	assert_string_equal(out, "port workers");
	conf_restart_list(was, now, out, 12); /* whole names only */
	assert_string_equal(out, "port user");
	conf_restart_list(was, now, out, 1);
	assert_string_equal(out, "");
	conf_restart_list(was, was, out, sizeof(out));
	assert_string_equal(out, "");
	conf_unref(&was);
	conf_unref(&now);
}

static void *use(void *arg)
{
	struct conf *c = arg;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < 10000; i++) {
		struct conf *mine = conf_ref(c);
		wrong += mine->port != 110;
		conf_unref(&mine);
	}
	conf_unref(&c);
	return (void *)wrong;
}

/* The last thread to let go frees; a sanitizer sees it if that is too early, late or twice. */
static void snapshot_lives_as_long_as_its_users(void **state)
{
	pthread_t threads[4];
	struct conf *c;
	void *wrong;

	(void)state;
	assert_int_equal(parse("", &c, NULL), EC_OK);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, use, conf_ref(c));
	conf_unref(&c);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

static void files_are_loaded(void **state)
{
	char path[] = "/tmp/winpop-conf-XXXXXX";
	struct conf *c;
	struct err e;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "port = 42\n", 10), 10);
	assert_int_equal(conf_load(path, &c, &e), EC_OK);
	assert_int_equal(c->port, 42);
	assert_string_equal(c->path, path);
	conf_unref(&c);
	assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
	assert_int_equal(conf_load(path, &c, &e), EC_BROKEN);
	close(fd);
	unlink(path);
	assert_int_equal(conf_load(path, &c, &e), EC_ABSENT);
	assert_int_equal(conf_load("/tmp", &c, &e), EC_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_file_gives_the_defaults),
		cmocka_unit_test(lines_reach_their_fields),
		cmocka_unit_test(faults_name_their_place),
		cmocka_unit_test(socket_rule_is_the_original_one),
		cmocka_unit_test(rules_look_at_the_whole),
		cmocka_unit_test(every_prefix_and_octet_is_survived),
		cmocka_unit_test(reload_tells_what_needs_a_restart),
		cmocka_unit_test(in_force_is_what_need_not_wait),
		cmocka_unit_test(backends_depend_on_some_settings),
		cmocka_unit_test(snapshot_lives_as_long_as_its_users),
		cmocka_unit_test(files_are_loaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
