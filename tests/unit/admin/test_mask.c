/* test_mask.c - nothing secret passes, and nothing else is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/mask.h"

#define M MASKED

static const struct {
	const char *in, *out; /* NULL: stays as it is */
} cases[] = {
	{ "", NULL },
	{ "port = 110\n", NULL },
	{ "directory_password_file = /etc/winpop/directory.password\n", NULL },
	{ "authentication: file (encrypted password file)", NULL },
	{ "winpop changepwd", NULL },
	{ "event=signin account=\"kim@example.com\" mech=\"PLAIN\" ms=12", NULL },
	{ "2026-11-21T18:22:40Z", NULL },
	{ "deadbeef 0123456789abcdef", NULL },
	{ "{1} {x} {} $ $1 $x", NULL },
	/* behind a word */
	{ "password = hunter two\nnext", "password = " M "\nnext" },
	{ "PASSWD: x", "PASSWD: " M },
	{ "secret=x y", "secret=" M },
	{ "\"token\": \"abc\"", "\"token\": \"" M },
	{ "directory_password=x", "directory_password=" M },
	/* in addresses */
	{ "ldap://cn=a:pw@host:389/ ldaps://h", "ldap://" M "@host:389/ ldaps://h" },
	/* keys, hashes, tokens */
	{ "a\n-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nb", "a\n" M "\nb" },
	{ "-----BEGIN PRIVATE KEY-----\nMII cut off", M },
	{ "userPassword {SSHA}0123456789abcdefg end", "userPassword " M " end" },
	{ "root:$6$salt$hash:1", "root:" M },
	{ "Bearer wpt_abc123, next", "Bearer wpt_" M ", next" },
	{ "nt 0123456789abcdef0123456789ABCDEF.", "nt " M "." },
};

static void looks_are_enough(void **state)
{
	struct arena *mem = arena_new("test", 1024);
	const struct mask none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want = cases[i].out ? cases[i].out : cases[i].in;
		const char *got = mask_text(&none, mem, cases[i].in);
		if (strcmp(got, want) != 0)
			fail_msg("%s -> %s", cases[i].in, got);
	}
	arena_drop(&mem);
}

static void known_ones_go_wherever_they_are(void **state)
{
	struct arena *mem = arena_new("test", 1024);
	char path[] = "/tmp/winpop-mask-XXXXXX";
	struct mask m = { 0 };
	FILE *f = fdopen(mkstemp(path), "w");

	(void)state;
	fputs("# not this comment\nopen sesame\r\nkey = 0a1b2c3d MDEyMzQ1Njc4OWFiY2RlZg==\n\nabc\n",
	      f);
	fclose(f);
	mask_learn_file(&m, path);
	unlink(path);
	mask_learn_file(&m, path); /* not there: nothing more */
	assert_string_equal(
		mask_text(&m, mem, "xopen sesamex, open s; 0a1b2c3d abc # not this comment"),
		"x" M "x, open s; 0a1b2c3d abc # not this comment");
	assert_string_equal(mask_text(&m, mem, "k MDEyMzQ1Njc4OWFiY2RlZg== end"), "k " M " end");
	assert_null(strstr(mask_text(&m, mem, "AUTH b3BlbiBzZXNhbWU="), "b3BlbiBzZXNhbW"));
	mask_drop(&m);
	assert_int_equal(m.n, 0);
	arena_drop(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_are_enough),
		cmocka_unit_test(known_ones_go_wherever_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
