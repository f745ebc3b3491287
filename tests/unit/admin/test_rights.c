/* test_rights.c - who gets which rights by which lines; which lines and files nobody gets any by. */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/rights.h"

static const char file[] = "# who may\n"
			   "\n"
			   "  kim@example.com *\n"
			   "Pat@Example.com\tExample.COM  example.net. \r\n"
			   "pat@example.com example.org example.com\n"
			   "%desk *\n"
			   "%helpers example.org\n"
			   "group:\"CN=Mail \\\"Desk\\\",DC=example,DC=com\" example.info\n"
			   "group:\"CN=Chiefs\" * \n"
			   "lee@example.com b\xC3\xBC"
			   "cher.example";

struct member { /* of one group */
	enum rights_group kind;
	const char *group;
	unsigned asked;
};

static bool is_member(void *ctx, enum rights_group kind, const char *group)
{
	struct member *m = ctx;

	m->asked++;
	return m->group && m->kind == kind && strcmp(m->group, group) == 0;
}

/* "*", or domains with a blank behind each, or "-" for none. */
static void what_has(const struct rights *r, const char *who, struct member *m, char out[200])
{
	struct scope s;
	struct err e;
	enum ec rc = rights_of(r, who, is_member, m, &s, &e);

	strcpy(out, rc == EC_OK && s.whole ? "*" : rc == EC_OK ? "" : "-");
	for (size_t i = 0; i < s.n_domains; i++)
		strcat(strcat(out, s.domains[i]), " ");
	assert_true(rc == EC_OK || (rc == EC_DENIED && e.class == EC_DENIED));
}

static void lines_give_what_they_say(void **state)
{
	static const struct {
		const char *who;
		struct member of;
		const char *has;
	} rows[] = {
		{ "kim@example.com", { 0 }, "*" },
		{ "KIM@Example.com", { 0 }, "*" },
		{ "pat@example.com", { 0 }, "example.com example.net example.org " },
		{ "lee@example.com", { 0 }, "xn--bcher-kva.example " },
		{ "kim@example.org", { 0 }, "-" },
		{ "kim", { 0 }, "-" },
		{ "root", { 0 }, "-" },
		{ "", { 0 }, "-" },
		{ "@", { 0 }, "-" },
		{ "kim@example.com@", { 0 }, "-" },
		{ "max", { .kind = RIGHTS_SYSTEM_GROUP, .group = "desk" }, "*" },
		{ "max", { .kind = RIGHTS_DIRECTORY_GROUP, .group = "desk" }, "-" },
		{ "max", { .kind = RIGHTS_SYSTEM_GROUP, .group = "helpers" }, "example.org " },
		{ "max@example.com",
		  { .kind = RIGHTS_DIRECTORY_GROUP,
		    .group = "CN=Mail \\\"Desk\\\",DC=example,DC=com" },
		  "example.info " },
		{ "max@example.com",
		  { .kind = RIGHTS_DIRECTORY_GROUP, .group = "CN=Chiefs" },
		  "*" },
		{ "pat@example.com", { .kind = RIGHTS_SYSTEM_GROUP, .group = "desk" }, "*" },
	};
	struct arena *mem = arena_new("test", 4096);
	struct rights *r;

	(void)state;
	assert_int_equal(rights_parse(mem, file, sizeof(file) - 1, &r, NULL), EC_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct member m = rows[i].of;
		char has[200];
		what_has(r, rows[i].who, &m, has);
		assert_string_equal(has, rows[i].has);
	}
	arena_drop(&mem);
}

/* Who has all by his name costs no question to a directory. */
static void nobody_is_asked_without_need(void **state)
{
	static const char text[] = "group:\"CN=x\" *\n%y example.com\nkim@example.com *\n";
	struct arena *mem = arena_new("test", 4096);
	struct member m = { 0 };
	struct rights *r;
	char has[200];

	(void)state;
	assert_int_equal(rights_parse(mem, text, sizeof(text) - 1, &r, NULL), EC_OK);
	what_has(r, "kim@example.com", &m, has);
	assert_int_equal(m.asked, 0);
	arena_drop(&mem);
}

static void one_wrong_line_is_no_rights(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "kim@example.com", "which domains" },
		{ "kim *", "neither user@domain" },
		{ "* *", "neither" },
		{ "example.com *", "neither" },
		{ "kim@example.com * example.com", "stands alone" },
		{ "kim@example.com example.com *", "stands alone" },
		{ "kim@example.com **", "" },
		{ "kim@example.com example..com", "" },
		{ "kim@example.com example.com # all", "" },
		{ "kim@example.com kim@example.com", "" },
		{ "kim@ *", "" },
		{ "@example.com *", "" },
		{ "kim@@example.com *", "" },
		{ "% *", "a name is missing" },
		{ "%desk", "which domains" },
		{ "group: *", "quotes" },
		{ "group:CN=x *", "quotes" },
		{ "group:\"\" *", "quotes" },
		{ "group:\"CN=x *", "quotes" },
		{ "group:\"CN=x\\\" *", "quotes" },
		{ "group:\"CN=x\"*", "blank" },
		{ "group:\"CN=x\"", "which domains" },
		{ "kim@example.com\v*", "control" },
		{ "kim@example.com \x01*", "control" },
		{ "kim@example.com\r *", "control" },
		{ "# \xFF", "UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena *mem = arena_new("test", 4096);
		struct rights *r;
		struct err e;
		char text[200];
		int len = snprintf(text, sizeof(text), "lee@example.com *\n%s\n", rows[i].line);
		assert_int_equal(rights_parse(mem, text, (size_t)len, &r, &e), EC_USAGE);
		assert_null(r);
		assert_int_equal(strncmp(e.text, "line 2: ", 8), 0);
		if (!strstr(e.text, rows[i].says))
			fail_msg("%s: %s", rows[i].line, e.text);
		arena_drop(&mem);
	}
}

static void a_zero_octet_hides_nothing(void **state)
{
	static const char text[] = "kim@example.com example.com\0 # *\n";
	struct arena *mem = arena_new("test", 4096);
	struct rights *r;

	(void)state;
	assert_int_equal(rights_parse(mem, text, sizeof(text) - 1, &r, NULL), EC_USAGE);
	arena_drop(&mem);
}

/* ---- the file ---- */

static enum ec load(const char *path, struct err *e)
{
	struct arena *mem = arena_new("test", 4096);
	struct rights *r;
	enum ec rc = rights_load(mem, path, &r, e);

	assert_true((rc == EC_OK) == (r != NULL));
	arena_drop(&mem);
	return rc;
}

static void who_could_write_it_counts(void **state)
{
	char dir[] = "/tmp/winpop-rights-XXXXXX", path[64];
	struct err e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rights", dir);
	assert_int_equal(load(path, &e), EC_ABSENT);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, file, sizeof(file) - 1), sizeof(file) - 1);
	for (mode_t mode = 0600; mode <= 0666; mode++) {
		fchmod(fd, mode);
		assert_int_equal(load(path, &e), mode & 022 ? EC_BROKEN : EC_OK);
	}
	fchmod(fd, 0644);
	if (geteuid() == 0) {
		assert_int_equal(fchown(fd, 1, 0), 0);
		assert_int_equal(load(path, &e), EC_BROKEN);
		assert_non_null(strstr(e.text, "does not belong to root"));
		assert_int_equal(fchown(fd, 0, 0), 0);
	}
	assert_int_equal(write(fd, "\nkim *", 6), 6);
	assert_int_equal(load(path, &e), EC_BROKEN);
	assert_non_null(strstr(e.text, "line 11"));
	assert_non_null(strstr(e.text, path));
	close(fd);
	unlink(path);
	assert_int_equal(load(dir, &e), EC_BROKEN); /* no plain file */
	rmdir(dir);
}

/* ---- groups of this computer ---- */

static void root_is_in_his_group(void **state)
{
	const struct group *gr = getgrgid(0);
	bool is;

	(void)state;
	assert_non_null(gr);
	char *name = strdup(gr->gr_name);
	assert_int_equal(rights_in_group("root", name, &is, NULL), EC_OK);
	assert_true(is);
	assert_int_equal(rights_in_group("daemon", name, &is, NULL), EC_OK);
	assert_false(is);
	assert_int_equal(rights_in_group("no-such-user", name, &is, NULL), EC_OK);
	assert_false(is);
	assert_int_equal(rights_in_group("root", "no-such-group", &is, NULL), EC_OK);
	assert_false(is);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_give_what_they_say),
		cmocka_unit_test(nobody_is_asked_without_need),
		cmocka_unit_test(one_wrong_line_is_no_rights),
		cmocka_unit_test(a_zero_octet_hides_nothing),
		cmocka_unit_test(who_could_write_it_counts),
		cmocka_unit_test(root_is_in_his_group),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
