/* test_world.c - a small machine under /tmp: sound at first, then broken in one place at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/conf/conf.h"

struct machine {
	char at[64];
	char conf[1024];
};

static void in_machine(const struct machine *m, const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && %s", m->at, command);
	assert_int_equal(system(line), 0);
}

static int set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	strcpy(m->at, "/tmp/winpop-world-XXXXXX");
	assert_non_null(mkdtemp(m->at));
	in_machine(m, "mkdir root run sni && touch cert key ca ocsp dirca && umask 077 && touch "
		      "ring tab word");
	snprintf(m->conf, sizeof(m->conf),
		 "mailroot = %1$s/root\nkey_file = %1$s/ring\ncontrol_socket = %1$s/run/control\n"
		 "lmtp_socket = %1$s/run/lmtp\ntls_cert = %1$s/cert\ntls_key = %1$s/key\n"
		 "tls_ocsp = %1$s/ocsp\ntls_client_ca = %1$s/ca\ntls_sni_dir = %1$s/sni\n"
		 "user = \"\"\ngroup = \"\"\nkeytab = %1$s/tab\ndirectory_ca = %1$s/dirca\n"
		 "directory_servers = ldaps://dc1\ndirectory_user = kim\n"
		 "directory_password_file = %1$s/word\n",
		 m->at);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *m = *state;

	in_machine(m, "rm -rf root run sni cert key ca ocsp dirca ring tab word link");
	rmdir(m->at);
	free(m);
	return 0;
}

static enum ec check(const struct machine *m, const char *more, struct err *e)
{
	char text[2048];
	struct conf *c;

	snprintf(text, sizeof(text), "%s%s", m->conf, more);
	if (conf_parse("winpop.conf", text, strlen(text), &c, e) != EC_OK)
		fail_msg("%s", e->text);
	enum ec rc = conf_check_world(c, e);
	conf_unref(&c);
	return rc;
}

static void sound_machine_passes(void **state)
{
	struct err e = { 0 };

	if (check(*state, "", &e) != EC_OK)
		fail_msg("%s", e.text);
}

static void each_fault_is_found_and_explained(void **state)
{
	static const struct {
		const char *breaks, *mends; /* shell, in the machine's directory */
		enum ec class;
		const char *says, *advises;
	} rows[] = {
		{ "mv root r", "mv r root", EC_ABSENT, "mailroot: directory", "make it" },
		{ "mv root r && touch root", "rm root && mv r root", EC_BROKEN,
		  "mailroot: ", "not a directory" },
		{ "mv ring r", "mv r ring", EC_ABSENT, "key_file: ", "backup" },
		{ "mv ring r && mkdir ring", "rmdir ring && mv r ring", EC_BROKEN,
		  "key_file: ", "plain file" },
		{ "chmod 0640 ring", "chmod 0600 ring", EC_BROKEN, "key_file: ", "chmod 600" },
		{ "chmod 0604 ring", "chmod 0600 ring", EC_BROKEN, "key_file: ", "0604" },
		{ "chmod 0700 ring", "chmod 0600 ring", EC_BROKEN, "key_file: ", "chmod 600" },
		{ "mv ring root/r && ln -s root/r ring", "rm ring && mv root/r ring", EC_BROKEN,
		  "key_file: ", "inside the mail root" },
		{ "rm cert", "touch cert", EC_ABSENT, "tls_cert: ", "put it there" },
		{ "rm key", "touch key", EC_ABSENT, "tls_key: ", "put it there" },
		{ "rm ocsp", "touch ocsp", EC_ABSENT, "tls_ocsp: ", "put it there" },
		{ "rm ca", "touch ca", EC_ABSENT, "tls_client_ca: ", "put it there" },
		{ "rmdir sni", "mkdir sni", EC_ABSENT, "tls_sni_dir: ", "make it" },
		{ "mv tab t", "mv t tab", EC_ABSENT, "keytab: ", "export it" },
		{ "chmod 0644 tab", "chmod 0600 tab", EC_BROKEN, "keytab: ", "chmod 600" },
		{ "mv word w", "mv w word", EC_ABSENT, "directory_password_file: ", "write" },
		{ "chmod 0640 word", "chmod 0600 word", EC_BROKEN,
		  "directory_password_file: ", "0640" },
		{ "mv dirca d", "mv d dirca", EC_ABSENT, "directory_ca: ", "put it there" },
	};
	const struct machine *m = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err e = { 0 };
		in_machine(m, rows[i].breaks);
		enum ec rc = check(m, "", &e);
		in_machine(m, rows[i].mends);
		if (rc != rows[i].class || strncmp(e.text, rows[i].says, strlen(rows[i].says)) ||
		    !strstr(e.text, rows[i].advises))
			fail_msg("%s: class %s, \"%s\"", rows[i].breaks, ec_name(rc), e.text);
		assert_int_equal(check(m, "", &e), EC_OK);
	}
}

static void only_what_is_in_use_is_looked_at(void **state)
{
	const struct machine *m = *state;
	struct err e;

	in_machine(m, "rm ring cert key ocsp ca tab word dirca && rmdir sni && chmod 0400 root");
	assert_int_equal(check(m,
			       "authentication = local\ntls_cert =\ntls_key =\ntls_ocsp =\n"
			       "tls_client_ca =\ntls_sni_dir =\nlmtp_socket =\nkeytab =\n"
			       "directory_servers =\n",
			       &e),
			 EC_OK);
	assert_int_equal(check(m,
			       "authentication = local\ntls_cert =\ntls_key =\ntls_ocsp =\n"
			       "tls_client_ca =\ntls_sni_dir =\nlmtp_socket =\nkeytab =\n"
			       "directory_servers = ldapi:///\ndirectory_bind = external\n",
			       &e),
			 EC_OK);
	in_machine(m, "chmod 0700 root");
}

static void a_read_only_key_and_a_neighbour_of_the_root_are_fine(void **state)
{
	const struct machine *m = *state;
	char more[128];
	struct err e;

	in_machine(m, "chmod 0400 ring && mkdir root/x && mkdir root2 && mv ring root2/ring");
	snprintf(more, sizeof(more), "key_file = %s/root2/ring\n", m->at);
	enum ec rc = check(m, more, &e);
	in_machine(m, "rm -rf root2");
	assert_int_equal(rc, EC_OK);
}

static void in_a_root_of_slash_every_key_lies_inside(void **state)
{
	struct err e;

	assert_int_equal(check(*state, "mailroot = /\n", &e), EC_BROKEN);
	assert_non_null(strstr(e.text, "inside the mail root"));
}

static void root_wants_the_account_it_becomes(void **state)
{
	struct err e;

	if (geteuid() != 0) { /* nobody else can become anybody */
		assert_int_equal(check(*state, "user = no-such-user\n", &e), EC_OK);
		return;
	}
	assert_int_equal(check(*state, "user = no-such-user\n", &e), EC_ABSENT);
	assert_non_null(strstr(e.text, "adduser"));
	assert_int_equal(check(*state, "group = no-such-group\n", &e), EC_ABSENT);
	assert_int_equal(check(*state, "user = root\ngroup = root\n", &e), EC_OK);
}

#define IN_MACHINE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_MACHINE(sound_machine_passes),
		IN_MACHINE(each_fault_is_found_and_explained),
		IN_MACHINE(only_what_is_in_use_is_looked_at),
		IN_MACHINE(a_read_only_key_and_a_neighbour_of_the_root_are_fine),
		IN_MACHINE(in_a_root_of_slash_every_key_lies_inside),
		IN_MACHINE(root_wants_the_account_it_becomes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
