/* passlist: lines good and bad, the last one counts, nothing of a bad list is kept, nobody else may read it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "migrate/passlist.h"

static void check(const struct passlist *l, const char *address, const char *want)
{
	struct name n = tree_name(address);
	const struct secret *s = passlist_get(l, &n);

	if (!want) {
		assert_null(s);
		return;
	}
	assert_non_null(s);
	assert_string_equal((char *)s->bytes, want);
}

static void good_lists(void **state)
{
	static const struct {
		const char *text, *kim; /* NULL: none */
		size_t n;
	} cases[] = {
		{ "", NULL, 0 },
		{ "\n\r\n\n", NULL, 0 },
		{ "kim@example.com\tpw", "pw", 1 },
		{ "kim@example.com\tpw\n", "pw", 1 },
		{ "kim@example.com:pw\r\n", "pw", 1 },
		{ "KIM@Example.COM\tpw\n", "pw", 1 },
		{ "kim@example.com\ta:b\tc d \n", "a:b\tc d ", 1 },
		{ "kim@example.com:a:b\n", "a:b", 1 },
		{ "kim@example.com\tone\nlee@example.com\tx\nkim@example.com\ttwo\n", "two", 2 },
		{ "kim@example.com:p\xC3\xA4\n", "p\xC3\xA4", 1 },
		{ "lee@example.com:kim\n", NULL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct passlist *l = passlist_new();
		struct err e;
		assert_ec(passlist_parse(l, cases[i].text, strlen(cases[i].text), "f", &e), EC_OK);
		check(l, "kim@example.com", cases[i].kim);
		assert_int_equal(passlist_count(l), cases[i].n);
		passlist_free(&l);
		assert_null(l);
	}
}

static void bad_lists(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "kim@example.com", "f line 1: not " },
		{ "a@b.example\tSECRET\nkim@example.com\n", "f line 2: not " },
		{ "a@b.example\tSECRET\r\n\r\nSECRET\n", "f line 3: not " },
		{ "kim\tSECRET\n", "before the tab" },
		{ "kim:SECRET@example.com\n", "before the colon" },
		{ "kim@example.com\t\n", "line 1: the password is empty" },
		{ "kim@example.com:\xFFSECRET\n", "UTF-8" },
		{ "kim@example.com\tSECRET\rSECRET\n", "line end" },
	};
	struct passlist *l = passlist_new();
	struct err e;

	(void)state;
	assert_ec(passlist_parse(l, "lee@x.example:old", 17, "f", &e), EC_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_ec(passlist_parse(l, cases[i].text, strlen(cases[i].text), "f", &e),
			  EC_USAGE);
		assert_non_null(strstr(e.text, cases[i].why));
		assert_null(strstr(e.text, "SECRET"));
		assert_int_equal(passlist_count(l), 1);
		check(l, "lee@x.example", "old");
		check(l, "a@b.example", NULL);
	}
	passlist_free(&l);
}

static int make_file(char path[], const char *text, unsigned mode)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void files_that_others_may_read(void **state)
{
	static const struct {
		unsigned mode;
		enum ec rc;
	} cases[] = { { 0600, EC_OK },     { 0400, EC_OK },     { 0700, EC_OK },
		      { 0640, EC_DENIED }, { 0604, EC_DENIED }, { 0620, EC_DENIED } };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char path[] = "/tmp/test-passlist-XXXXXX";
		int fd = make_file(path, "kim@example.com:pw\n", cases[i].mode);
		struct passlist *l = passlist_new();
		assert_ec(passlist_read(l, fd, "f", &e), cases[i].rc);
		check(l, "kim@example.com", cases[i].rc == EC_OK ? "pw" : NULL);
		passlist_free(&l);
		close(fd);
		unlink(path);
	}
}

static void made_and_gone_on_with(void **state)
{
	char path[] = "/tmp/test-passlist-XXXXXX", text[200];
	int fd = make_file(path, "kim@example.com\tpw\n", 0600);
	int to = open(path, O_RDWR | O_APPEND);
	struct passlist *l = passlist_new(), *again = passlist_new();
	struct name lee = tree_name("lee@example.com");
	struct err e;

	(void)state;
	assert_ec(passlist_read(l, to, "f", &e), EC_OK);
	check(l, "kim@example.com", "pw");
	check(l, "lee@example.com", NULL);
	assert_ec(passlist_make(l, to, &lee, &e), EC_OK);
	const struct secret *made = passlist_get(l, &lee);
	assert_non_null(made);
	assert_true(made->len >= 16);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ec(passlist_read(again, fd, "f", &e), EC_OK);
	check(again, "kim@example.com", "pw");
	check(again, "lee@example.com", (char *)made->bytes);
	ssize_t n = pread(fd, text, sizeof(text), 0);
	assert_int_equal(n, strlen("kim@example.com\tpw\nlee@example.com\t\n") + made->len);
	passlist_free(&l);
	passlist_free(&again);
	close(fd);
	close(to);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lists),
		cmocka_unit_test(bad_lists),
		cmocka_unit_test(files_that_others_may_read),
		cmocka_unit_test(made_and_gone_on_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
