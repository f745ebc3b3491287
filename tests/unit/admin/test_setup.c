/* test_setup.c - the parts of the wizard that touch nothing: sizes, rights, files of other programs; and all or nothing. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/setup.h"

/* ---- sizes ---- */

static void sizes_keep_the_rules(void **state)
{
	unsigned before = 0;

	(void)state;
	for (unsigned long users = 1; users <= SETUP_USERS_MAX; users += 1 + users / 50) {
		struct setup_size s = setup_size(users);
		struct err e;
		if (socket_rule(s.socketmax, s.socketmin, s.socketthreshold, &e) != EC_OK)
			fail_msg("%lu users: %s", users, e.text);
		assert_true(s.socketmax >= before && s.socketmax <= 32000);
		assert_true(s.socketbacklog <= 100 && s.socketthreshold <= 100);
		assert_in_range(s.workers, 1, 256);
		before = s.socketmax;
	}
	assert_int_equal(setup_size(50).socketmax, 50); /* as without a wizard */
	assert_int_equal(setup_size(1000).socketmax, 200);
	assert_int_equal(setup_size(SETUP_USERS_MAX).socketmax, 32000);
}

/* ---- rights ---- */

static const struct {
	const char *names, *out; /* NULL: refused */
} rights[] = {
	{ "kim@example.com", "kim@example.com" },
	{ " %sudo ;kim@example.com; ", "%sudo; kim@example.com" },
	{ "group:\"cn=a b,dc=example\"", "group:\"cn=a b,dc=example\"" },
	{ "", NULL },
	{ ";", NULL },
	{ "kim", NULL },
	{ "@example.com", NULL },
	{ "kim@", NULL },
	{ "%", NULL },
	{ "%a b", NULL },
	{ "kim@example.com #", NULL },
	{ "group:\"\"", NULL },
	{ "group:\"cn=a", NULL },
};

static void rights_are_names(void **state)
{
	struct arena *mem = arena_new("test", 1024);

	(void)state;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		const char *out = "";
		struct err e;
		enum ec rc = setup_rights(mem, rights[i].names, &out, &e);
		if ((rc == EC_OK) != (rights[i].out != NULL) ||
		    (rc == EC_OK && strcmp(out, rights[i].out) != 0))
			fail_msg("\"%s\": %d %s", rights[i].names, rc, out);
	}
	arena_drop(&mem);
}

static void rights_are_added_once(void **state)
{
	struct arena *mem = arena_new("test", 1024);
	const char *one = setup_rights_text(mem, "", "%sudo; kim@example.com");

	(void)state;
	assert_non_null(strstr(one, "\n%sudo *\nkim@example.com *\n"));
	assert_string_equal(setup_rights_text(mem, one, "kim@example.com;%sudo"), one);
	assert_string_equal(setup_rights_text(mem, "lee@example.com a.example", "%sudo"),
			    "lee@example.com a.example\n%sudo *\n");
	/* one who has some domains gets all in a line of its own; another's name may begin alike */
	assert_string_equal(setup_rights_text(mem, "%sudoers *\n", "%sudo"),
			    "%sudoers *\n%sudo *\n");
	arena_drop(&mem);
}

/* ---- what other programs know ---- */

static const struct {
	const char *text, *servers; /* NULL: no directory */
	bool controller;
} samba[] = {
	{ "[global]\n  realm = EXAMPLE.TEST\n  security = ads\n", "srv:example.test", false },
	{ "[global]\nREALM=Example.Test\n\tserver role = member server\n", "srv:example.test",
	  false },
	{ "[global]\nserver role = active directory domain controller\nrealm = a.b\n", "srv:a.b",
	  true },
	{ "[global]\n  workgroup = WORKGROUP\n  server role = standalone server\n", NULL, false },
	{ "[global]\n  realm = EXAMPLE.TEST\n", NULL, false },
	{ "# realm = X.Y\n# security = ads\n", NULL, false },
	{ "", NULL, false },
	{ "realm", NULL, false },
};

static void samba_knows_its_domain(void **state)
{
	struct arena *mem = arena_new("test", 1024);

	(void)state;
	for (size_t i = 0; i < sizeof(samba) / sizeof(samba[0]); i++) {
		struct found_directory d = { 0 };
		found_in_smb_conf(mem, samba[i].text, &d);
		assert_int_equal(d.kind != NULL, samba[i].servers != NULL);
		assert_int_equal(d.controller, samba[i].controller);
		if (samba[i].servers)
			assert_string_equal(d.servers, samba[i].servers);
	}
	arena_drop(&mem);
}

static void ldap_conf_names_a_server(void **state)
{
	struct arena *mem = arena_new("test", 1024);
	struct found_directory d = { 0 };

	(void)state;
	found_in_ldap_conf(mem, "#BASE dc=x\n#URI ldap://x\nTLS_CACERT /a\nURIS none\n", &d);
	assert_null(d.kind);
	found_in_ldap_conf(
		mem,
		"base\tdc=example,dc=com # ours\r\nURI ldaps://a.example ldaps://b.example  \n",
		&d);
	assert_string_equal(d.kind, "openldap");
	assert_string_equal(d.servers, "ldaps://a.example ldaps://b.example");
	assert_string_equal(d.base, "dc=example,dc=com");
	arena_drop(&mem);
}

/* ---- all of it or nothing ---- */

/* What the steps below did, and what they are told to do. */
struct tale {
	struct setup s; /* first: steps get it */
	char text[64];
	int fails_at, stuck_at, interrupted_at; /* -1: nowhere */
};

static struct tale *tale_of(const struct setup *s)
{
	return (struct tale *)(uintptr_t)s;
}

static enum ec do_step(struct setup *s, int nth, char *kept, struct err *e)
{
	struct tale *t = tale_of(s);

	*kept = (char)('a' + nth);
	t->text[strlen(t->text)] = (char)('A' + nth);
	if (t->interrupted_at == nth)
		kill(getpid(), SIGINT);
	return t->fails_at == nth ? err_set(e, EC_TEMP, "step %d", nth) : EC_OK;
}

static enum ec undo_step(struct setup *s, void *kept, struct err *e)
{
	struct tale *t = tale_of(s);

	t->text[strlen(t->text)] = *(char *)kept;
	return t->stuck_at == *(char *)kept - 'a' ? err_set(e, EC_BROKEN, "stuck") : EC_OK;
}

static enum ec do_a(struct setup *s, void *kept, struct err *e)
{
	return do_step(s, 0, kept, e);
}

static enum ec do_b(struct setup *s, void *kept, struct err *e)
{
	return do_step(s, 1, kept, e);
}

static enum ec do_c(struct setup *s, void *kept, struct err *e)
{
	return do_step(s, 2, kept, e);
}

static const char *due(const struct setup *s)
{
	(void)s;
	return "does something";
}

static const char *not_due(const struct setup *s)
{
	(void)s;
	return NULL;
}

static const struct setup_step steps[] = {
	{ due, do_a, undo_step, 2 },
	{ not_due, do_c, undo_step, 2 },
	{ due, do_b, undo_step, 2 },
	{ due, do_c, NULL, 2 }, /* nothing stays of it */
	{ 0 },
};

static const struct {
	int fails_at, stuck_at, interrupted_at;
	enum ec rc;
	bool partly;
	const char *text;
} tales[] = {
	{ -1, -1, -1, EC_OK, false, "ABC" },
	{ 0, -1, -1, EC_TEMP, false, "Aa" }, /* what fails may have done half of it */
	{ 1, -1, -1, EC_TEMP, false, "ABba" },
	{ 2, -1, -1, EC_TEMP, false, "ABCba" },
	{ 2, 1, -1, EC_TEMP, true, "ABCba" }, /* the others are taken back all the same */
	{ -1, -1, 0, EC_REFUSED, false, "Aa" },
	{ -1, -1, 1, EC_REFUSED, false, "ABba" },
	{ -1, -1, 2, EC_OK, false, "ABC" }, /* too late */
};

static void all_or_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tales) / sizeof(tales[0]); i++) {
		FILE *nowhere = fopen("/dev/null", "w");
		struct wp w = { .mem = arena_new("test", 1024),
				.out = out_text(nowhere, nowhere, OUT_TABS) };
		struct tale t = { .s.w = &w,
				  .fails_at = tales[i].fails_at,
				  .stuck_at = tales[i].stuck_at,
				  .interrupted_at = tales[i].interrupted_at };
		struct err e;
		sigset_t was;
		sigprocmask(SIG_BLOCK, NULL, &was);
		assert_int_equal(setup_apply(&t.s, steps, &e), tales[i].rc);
		sigprocmask(SIG_SETMASK, &was, NULL);
		assert_string_equal(t.text, tales[i].text);
		assert_int_equal(w.partly, tales[i].partly);
		assert_int_equal(w.hint != NULL, tales[i].rc != EC_OK);
		out_close(&w.out, NULL, NULL, NULL);
		fclose(nowhere);
		arena_drop(&w.mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_keep_the_rules),
		cmocka_unit_test(rights_are_names),
		cmocka_unit_test(rights_are_added_once),
		cmocka_unit_test(samba_knows_its_domain),
		cmocka_unit_test(ldap_conf_names_a_server),
		cmocka_unit_test(all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
