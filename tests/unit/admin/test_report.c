/* test_report.c - what became of each account: order, counts, and the file in its three dresses. */
#include <jansson.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "admin/report.h"

static void add(struct report *r, const char *mailbox, enum mig_what what, const char *why)
{
	struct mig_row row = {
		.what = what, .logon = "kim", .key = "uid=kim,dc=x", .altered = what == MIG_LINK
	};

	assert_int_equal(name_parse(&row.name, mailbox, strlen(mailbox), NAME_FILE, NULL), EC_OK);
	if (why)
		err_set(&row.why, EC_EXISTS, "%s", why);
	report_add(r, &row);
}

/* In the order in which threads might be ready. */
static struct report *three(void)
{
	struct report *r = report_new();

	add(r, "pat@b.org", MIG_CONFLICT, "somebody has, it \"now\"");
	add(r, "pat@a.org", MIG_LINK, NULL);
	add(r, "kim@b.org", MIG_CREATE, NULL);
	return r;
}

static char *shown(struct report *r, bool all)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct out *o = out_text(f, f, OUT_TABS);

	report_totals(r, o, "totals");
	report_accounts(r, o, all);
	out_close(&o, NULL, NULL, NULL);
	fclose(f);
	return text;
}

#define TOTALS "create\t1\nlink\t1\nconflict\t1\n\n"
#define LINKED "pat@a.org\tlink\tkim\tanother logon name\n"
#define IN_THE_WAY "pat@b.org\tconflict\tkim\tsomebody has, it \"now\"\n"

static void accounts_in_order_of_names(void **state)
{
	struct report *r = three();
	char *text = shown(r, true);

	(void)state;
	assert_string_equal(text, TOTALS LINKED "kim@b.org\tcreate\tkim\t-\n" IN_THE_WAY);
	free(text);
	report_free(&r);
	assert_null(r);
}

static void those_that_somebody_must_hear_of(void **state)
{
	struct report *r = three();
	char *text = shown(r, false);

	(void)state;
	assert_string_equal(text, TOTALS LINKED IN_THE_WAY);
	free(text);
	report_free(&r);
}

static void counts(void **state)
{
	struct report *r = report_new();
	enum mig_what what;
	struct err why;

	(void)state;
	assert_false(report_first_failed(r, &what, &why));
	add(r, "b@b.org", MIG_FAILED, "second");
	add(r, "a@b.org", MIG_POLICY, "first");
	add(r, "c@b.org", MIG_DONE, NULL);
	assert_int_equal(report_size(r), 3);
	assert_int_equal(report_failed(r), 2);
	assert_int_equal(report_count(r, MIG_DONE), 1);
	assert_int_equal(report_new_passwords(r), 0);
	assert_true(report_first_failed(r, &what, &why));
	assert_int_equal(what, MIG_POLICY);
	assert_int_equal(why.class, EC_EXISTS);
	assert_string_equal(why.text, "first");
	report_free(&r);
}

/* ---- the file ---- */

static char dir[] = "/tmp/winpop-report-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static const char *in_dir(const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", dir, name);
	return out;
}

static void read_file(const char *path, char out[2000])
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	out[fread(out, 1, 1999, f)] = '\0';
	fclose(f);
}

static void write_three(const char *name, char out[2000])
{
	struct report *r = three();
	char path[PATH_MAX];

	in_dir(name, path);
	assert_int_equal(report_may_write(path, NULL), EC_OK);
	assert_int_equal(report_write(r, path, NULL), EC_OK);
	assert_int_equal(report_write(r, path, NULL), EC_OK); /* takes the place of the last one */
	read_file(path, out);
	report_free(&r);
	unlink(path);
}

static void written_as_csv(void **state)
{
	char text[2000];

	(void)state;
	write_three("r.csv", text);
	assert_string_equal(text, "mailbox,result,logon,altered,new_password,entry,class,why\r\n"
				  "pat@a.org,link,kim,yes,no,\"uid=kim,dc=x\",ok,\r\n"
				  "kim@b.org,create,kim,no,no,\"uid=kim,dc=x\",ok,\r\n"
				  "pat@b.org,conflict,kim,no,no,\"uid=kim,dc=x\",exists,\"somebody "
				  "has, it \"\"now\"\"\"\r\n");
}

static void written_as_json(void **state)
{
	char text[2000];

	(void)state;
	write_three("r.JSON", text);
	json_t *j = json_loads(text, 0, NULL), *accounts = json_object_get(j, "accounts");
	assert_int_equal(json_array_size(accounts), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(accounts, 2), "why")),
			    "somebody has, it \"now\"");
	json_decref(j);
}

static void written_as_text(void **state)
{
	static const char *const names[] = { "report", "r.txt" };
	char text[2000];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		write_three(names[i], text);
		assert_memory_equal(text, "mailbox    result", 17);
		assert_non_null(strstr(text, "\nkim@b.org  create"));
	}
}

/* Asked before a single account is touched. */
static void places_that_cannot_be_written(void **state)
{
	static const struct {
		const char *path;
		enum ec rc;
	} places[] = {
		{ "/nowhere/at/all.csv", EC_ABSENT },
		{ "/dev/stdout", EC_USAGE },
		{ "/dev/null", EC_USAGE },
		{ "/tmp", EC_USAGE },
		{ "/tmp/r.xlsx", EC_USAGE },
	};
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_int_equal(report_may_write(places[i].path, NULL), places[i].rc);
	assert_int_equal(report_may_write(in_dir("not.yet", path), NULL), EC_USAGE);
	assert_int_equal(report_may_write(in_dir("not-yet.csv", path), NULL), EC_OK);
	assert_int_equal(stat(path, &st), -1); /* nothing was made */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accounts_in_order_of_names),
		cmocka_unit_test(those_that_somebody_must_hear_of),
		cmocka_unit_test(counts),
		cmocka_unit_test(written_as_csv),
		cmocka_unit_test(written_as_json),
		cmocka_unit_test(written_as_text),
		cmocka_unit_test(places_that_cannot_be_written),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
