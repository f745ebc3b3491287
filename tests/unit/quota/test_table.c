/* test_table.c - limits as files: what is written is read again, what is damaged is named. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/file.h"
#include "server/quota/table.h"

struct place {
	char path[40];
	struct mailroot *root;
	int dir;
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->path, "/tmp/winpop-limits-XXXXXX");
	if (!mkdtemp(p->path) || mailroot_open(p->path, &p->root, NULL) != EC_OK ||
	    quota_dir(p->root, &p->dir, NULL) != EC_OK)
		return -1;
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	char command[80];

	close(p->dir);
	mailroot_close(&p->root);
	snprintf(command, sizeof(command), "rm -r %s", p->path);
	int rc = system(command);
	free(p);
	return rc;
}

static void put(const struct place *p, const char *account, const char *text)
{
	char file[QUOTA_STEM_MAX + 8];

	quota_stem(account, file);
	strcat(file, ".limit");
	assert_int_equal(file_replace_at(p->dir, file, text, strlen(text), 0640, NULL), EC_OK);
}

static void test_there_and_back(void **state)
{
	static const struct quota_limit cases[] = {
		{ 0, 0 }, { 1, 0 }, { 0, 1 }, { 500 << 20, 1000 }, { UINT64_MAX, UINT64_MAX },
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct quota_limit got;
		struct err e;

		assert_int_equal(limit_table_read(p->root, "kim@a", &got, &e), EC_ABSENT);
		assert_int_equal(limit_table_write(p->root, "kim@a", &cases[i], &e), EC_OK);
		assert_int_equal(limit_table_read(p->root, "kim@a", &got, &e), EC_OK);
		assert_int_equal(got.octets, cases[i].octets);
		assert_int_equal(got.messages, cases[i].messages);
		assert_int_equal(limit_table_read(p->root, "KIM@A", &got, &e), EC_OK);
		assert_int_equal(limit_table_read(p->root, "kim@b", &got, &e), EC_ABSENT);
		assert_int_equal(limit_table_drop(p->root, "kim@a", &e), EC_OK);
		assert_int_equal(limit_table_drop(p->root, "kim@a", &e), EC_OK);
	}
}

/* As an administrator sees it, whatever his umask. */
static void test_text_and_mode(void **state)
{
	static const char want[] = "account = kim@a\nbytes = 500M\nmessages = none\n";
	struct place *p = *state;
	const struct quota_limit limit = { 500 << 20, 0 };
	struct arena *mem = arena_new("test", 256);
	char file[QUOTA_STEM_MAX + 8];
	struct stat st;
	char *text;
	size_t len;

	assert_int_equal(limit_table_write(p->root, "kim@a", &limit, NULL), EC_OK);
	quota_stem("kim@a", file);
	strcat(file, ".limit");
	assert_int_equal(file_read_at(mem, p->dir, file, 1000, &text, &len, NULL), EC_OK);
	assert_string_equal(text, want);
	assert_int_equal(fstatat(p->dir, file, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	arena_drop(&mem);
}

static const struct {
	const char *text;
	enum ec class;
	struct quota_limit want;
} texts[] = {
	{ "account = kim@a\n", EC_OK, { 0, 0 } },
	{ "account = kim@a\nbytes = 64K\n", EC_OK, { 65536, 0 } },
	{ "# by hand\r\naccount = KIM@a\r\nBYTES=1g\r\nmessages = 5\r\n", EC_OK, { 1 << 30, 5 } },
	{ "account = kim@a\nbytes = None\nmessages = none\n", EC_OK, { 0, 0 } },
	{ "account = kim@a\nbytes = 1\nbytes = 2\n", EC_OK, { 2, 0 } },
	{ "", EC_BROKEN, { 0, 0 } },
	{ "bytes = 5\n", EC_BROKEN, { 0, 0 } },
	{ "account =\nbytes = 5\n", EC_BROKEN, { 0, 0 } },
	{ "account = lee@a\nbytes = 5\n", EC_BROKEN, { 0, 0 } },
	{ "account = kim@a\nbytes = many\n", EC_BROKEN, { 0, 0 } },
	{ "account = kim@a\nbytes = -1\n", EC_BROKEN, { 0, 0 } },
	{ "account = kim@a\nbytes = 99999999999T\n", EC_BROKEN, { 0, 0 } },
	{ "account = kim@a\nmessages = 1.5\n", EC_BROKEN, { 0, 0 } },
	{ "account = kim@a\nnonsense\n", EC_BROKEN, { 0, 0 } },
	{ "account = kim@a\001\n", EC_BROKEN, { 0, 0 } },
};

static void test_texts(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct quota_limit got;
		struct err e;

		put(p, "kim@a", texts[i].text);
		enum ec rc = limit_table_read(p->root, "kim@a", &got, &e);
		if (rc != texts[i].class)
			fail_msg("%s: %s", texts[i].text, ec_name(rc));
		if (rc == EC_OK) {
			assert_int_equal(got.octets, texts[i].want.octets);
			assert_int_equal(got.messages, texts[i].want.messages);
		} else {
			assert_non_null(strstr(e.text, "limit file .quota/"));
		}
	}
}

static void test_account_too_long(void **state)
{
	struct place *p = *state;
	char text[2 * NAME_TEXT_MAX];
	struct quota_limit got;

	memset(text, 'k', sizeof(text));
	memcpy(text, "account = ", 10);
	text[sizeof(text) - 1] = '\0';
	put(p, "kim@a", text);
	assert_int_equal(limit_table_read(p->root, "kim@a", &got, NULL), EC_BROKEN);
}

static void test_link_is_not_followed(void **state)
{
	struct place *p = *state;
	char file[QUOTA_STEM_MAX + 8];
	struct quota_limit got;

	quota_stem("kim@a", file);
	strcat(file, ".limit");
	assert_int_equal(symlinkat("/etc/hostname", p->dir, file), 0);
	assert_int_equal(limit_table_read(p->root, "kim@a", &got, NULL), EC_BROKEN);
}

struct seen {
	unsigned n;
	uint64_t octets;
	bool stop;
};

static bool see(void *ctx, const char *account, const struct quota_limit *limit)
{
	struct seen *s = ctx;

	assert_int_equal(strncmp(account, "user", 4), 0);
	s->n++;
	s->octets += limit->octets;
	return !s->stop;
}

/* Whoever only looks leaves a mail root as it is. */
static void test_nothing_is_made_by_looking(void **state)
{
	struct place *p = *state;
	struct seen seen = { 0 };
	struct quota_limit got;
	char path[sizeof(p->path) + 8];

	snprintf(path, sizeof(path), "%s/.quota", p->path);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(limit_table_read(p->root, "kim@a", &got, NULL), EC_ABSENT);
	assert_int_equal(limit_table_drop(p->root, "kim@a", NULL), EC_OK);
	assert_int_equal(limit_table_each(p->root, see, &seen, NULL), EC_OK);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_each(void **state)
{
	struct place *p = *state;
	struct seen seen = { 0 };
	char account[20];
	struct err e;

	assert_int_equal(limit_table_each(p->root, see, &seen, &e), EC_OK);
	assert_int_equal(seen.n, 0);
	for (unsigned i = 1; i <= 20; i++) {
		const struct quota_limit limit = { i, 0 };

		snprintf(account, sizeof(account), "user%u@a", i);
		assert_int_equal(limit_table_write(p->root, account, &limit, &e), EC_OK);
	}
	/* What else is in there. */
	assert_int_equal(file_replace_at(p->dir, "changes", "\n", 1, 0640, NULL), EC_OK);
	assert_int_equal(file_replace_at(p->dir, "0123456789abcdef.ledger", "x", 1, 0640, NULL),
			 EC_OK);
	assert_int_equal(file_replace_at(p->dir, "notes.limit", "x", 1, 0640, NULL), EC_OK);
	assert_int_equal(limit_table_each(p->root, see, &seen, &e), EC_OK);
	assert_int_equal(seen.n, 20);
	assert_int_equal(seen.octets, 210);
	seen = (struct seen){ .stop = true };
	assert_int_equal(limit_table_each(p->root, see, &seen, &e), EC_OK);
	assert_int_equal(seen.n, 1);
	put(p, "damaged", "x");
	seen = (struct seen){ 0 };
	assert_int_equal(limit_table_each(p->root, see, &seen, &e), EC_BROKEN);
	assert_int_equal(seen.n, 20);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_there_and_back),
		IN_PLACE(test_text_and_mode),
		IN_PLACE(test_texts),
		IN_PLACE(test_account_too_long),
		IN_PLACE(test_link_is_not_followed),
		IN_PLACE(test_nothing_is_made_by_looking),
		IN_PLACE(test_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
