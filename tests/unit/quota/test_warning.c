/* test_warning.c - who is warned, once, and what the message says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/buf.h"
#include "server/quota/table.h"
#include "server/quota/warning.h"
#include "tests/unit/quota/folks.h"

#define N "\r\n"

struct scene {
	struct store store;
	struct catalog catalog;
	struct folks folks;
	struct conf conf;
	struct log log;
	char path[40], template[64];
	struct mailroot *root;
	struct limits *limits;
	struct log_sink *sink;
	struct buf got; /* "mailbox account limit\n" message "|" */
	struct buf lines;
	struct entry boss; /* the account's own mailbox */
	bool boss_there, full;
	uint32_t flags;
};

static struct scene *scene_of(void *p, size_t off)
{
	return (struct scene *)((char *)p - off);
}

static enum ec deliver(struct store *st, const struct name *to, const struct message *m,
		       struct err *e)
{
	struct scene *s = scene_of(st, offsetof(struct scene, store));
	char text[NAME_TEXT_MAX + 1];

	assert_int_equal(m->n_iov, 1);
	assert_int_equal(m->spool_fd, -1);
	buf_fmt(&s->got, "%s %s %u\n", name_text(to, text), m->charge->account,
		(unsigned)m->charge->limit.octets);
	buf_add(&s->got, m->iov[0].iov_base, m->iov[0].iov_len);
	buf_addz(&s->got, "|");
	s->flags = m->flags;
	return s->full ? err_set(e, EC_QUOTA, "no room") : EC_OK;
}

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	struct scene *s = scene_of(c, offsetof(struct scene, catalog));

	if (!s->boss_there || strcmp(n->local, "boss") != 0)
		return err_set(e, EC_ABSENT, "no mailbox");
	*out = s->boss;
	return EC_OK;
}

static const struct store_ops store_ops = { .name = "test", .deliver = deliver };
static const struct catalog_ops catalog_ops = { .name = "test", .find = find };
static const struct name kim = { "kim", "example.com" };

static void collect(void *ctx, const char *line)
{
	buf_addz(ctx, line);
	buf_addz(ctx, "\n");
}

static int begin(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	*state = s;
	s->store.ops = &store_ops;
	s->catalog.ops = &catalog_ops;
	s->conf = (struct conf){ .hostname = "pop.example.com",
				 .quota_warning = "",
				 .quota_warn = 90,
				 .quota_bytes = 77 };
	s->boss.name = (struct name){ "boss", "example.com" };
	s->sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	s->log.sink = s->sink;
	log_capture(s->sink, collect, &s->lines);
	strcpy(s->path, "/tmp/winpop-warning-XXXXXX");
	if (!mkdtemp(s->path) || mailroot_open(s->path, &s->root, NULL) != EC_OK)
		return -1;
	snprintf(s->template, sizeof(s->template), "%s/template", s->path);
	folks_begin(&s->folks, NAME_FILE, false);
	limits_open(s->root, &s->folks.base, &s->limits);
	return 0;
}

static int end(void **state)
{
	struct scene *s = *state;
	char command[80];

	limits_close(&s->limits);
	mailroot_close(&s->root);
	log_close(&s->sink);
	buf_drop(&s->got);
	buf_drop(&s->lines);
	snprintf(command, sizeof(command), "rm -r %s", s->path);
	int rc = system(command);
	free(s);
	return rc;
}

static void put_template(struct scene *s, const char *text)
{
	FILE *f = fopen(s->template, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	s->conf.quota_warning = s->template;
}

static void warn(struct scene *s, const struct charge *c)
{
	const struct quota_warner with = { &s->store, &s->catalog, s->limits, &s->conf, &s->log };

	quota_warn(&with, &kim, c);
	*buf_room(&s->got, 1) = *buf_room(&s->lines, 1) = '\0';
}

static const struct charge at_90 = {
	.account = "kim@example.com",
	.limit = { 500 << 20, 0 },
	.before = { 449 << 20, 9 },
	.after = { 455 << 20, 10 },
};

/* ---- crossing ---- */

#define OCTETS(limit_, before_, after_)                                                            \
	{                                                                                          \
		.limit.octets = limit_, .before.octets = before_, .after.octets = after_           \
	}
#define MESSAGES(limit_, before_, after_)                                                          \
	{                                                                                          \
		.limit.messages = limit_, .before.messages = before_, .after.messages = after_     \
	}
static const struct {
	struct charge charge;
	unsigned percent;
	bool want;
} crossings[] = {
	{ OCTETS(1000, 0, 899), 90, false },
	{ OCTETS(1000, 0, 900), 90, true },
	{ OCTETS(1000, 899, 900), 90, true },
	{ OCTETS(1000, 899, 1000), 90, true },
	{ OCTETS(1000, 900, 901), 90, false },
	{ OCTETS(1000, 900, 900), 90, false },
	{ OCTETS(1000, 0, 900), 0, false },
	{ OCTETS(1000, 999, 1000), 100, true },
	{ OCTETS(1000, 0, 10), 1, true },
	{ OCTETS(0, 0, 900), 90, false },
	{ OCTETS(5, 3, 4), 90, false }, /* 4.5 */
	{ OCTETS(5, 4, 5), 90, true },
	{ OCTETS(1, 0, 1), 50, true },
	{ OCTETS(UINT64_MAX, UINT64_MAX / 2, UINT64_MAX - 1), 100, false },
	{ OCTETS(UINT64_MAX, UINT64_MAX / 2, UINT64_MAX), 100, true },
	{ OCTETS(UINT64_MAX, 0, UINT64_MAX / 2), 51, false },
	{ MESSAGES(10, 8, 9), 90, true },
	{ MESSAGES(10, 9, 10), 90, false },
	{ { .limit = { 1000, 10 }, .before = { 0, 8 }, .after = { 5, 9 } }, 90, true },
	{ { .limit = { 1000, 10 }, .before = { 899, 9 }, .after = { 900, 10 } }, 90, true },
	{ { .limit = { 1000, 10 }, .before = { 0, 0 }, .after = { 5, 1 } }, 90, false },
};

static void test_crossings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(crossings) / sizeof(crossings[0]); i++) {
		if (quota_crossed(&crossings[i].charge, crossings[i].percent) != crossings[i].want)
			fail_msg("row %zu", i);
	}
}

static void test_nothing_without_crossing(void **state)
{
	struct scene *s = *state;
	struct charge c = at_90;

	c.before = c.after;
	warn(s, &c);
	assert_string_equal(buf_at(&s->got), "");
	assert_string_equal(buf_at(&s->lines), "");
	s->conf.quota_warn = 0;
	warn(s, &at_90);
	assert_string_equal(buf_at(&s->got), "");
}

/* ---- the message ---- */

static void expect_parts(const struct scene *s, const char *const *parts)
{
	const char *at = buf_at(&s->got);

	for (; *parts; parts++) {
		const char *found = strstr(at, *parts);

		if (!found)
			fail_msg("no \"%s\" behind what came before it in:\n%s", *parts,
				 buf_at(&s->got));
		else
			at = found + strlen(*parts);
	}
}

static void test_our_text(void **state)
{
	static const char *const parts[] = {
		"kim@example.com kim@example.com 524288000\n"
		"Return-Path: <>" N "Delivered-To: kim@example.com" N
		"Subject: Your mailbox is 91 % full" N
		"From: Mail service <postmaster@example.com>" N "To: kim@example.com" N "Date: ",
		" +0000" N "Message-ID: <quota.",
		"@pop.example.com>" N "Auto-Submitted: auto-generated" N "MIME-Version: 1.0" N
		"Content-Type: text/plain; charset=utf-8" N "Content-Transfer-Encoding: 8bit" N N
		"The mailbox kim@example.com is 91 % full:" N,
		"455M, limit 500M" N,
		"10, limit none" N,
		"is that of kim@example.com;",
		NULL,
	};
	struct scene *s = *state;

	warn(s, &at_90);
	expect_parts(s, parts);
	assert_int_equal(s->flags, 0);
	assert_ptr_equal(strchr(buf_at(&s->got), '|'), buf_at(&s->got) + s->got.len - 1);
	for (const char *p = strchr(buf_at(&s->got), '\n') + 1; *p; p++)
		assert_true(*p != '\n' || p[-1] == '\r');
	assert_non_null(strstr(buf_at(&s->lines), "event=quota-warning mailbox=\"kim@example.com\" "
						  "account=\"kim@example.com\" percent="));
}

static void test_count_is_nearer(void **state)
{
	static const char *const parts[] = { "is 95 % full:" N, "1.00M, limit none", "19, limit 20",
					     NULL };
	const struct charge c = { .account = "kim@example.com",
				  .limit = { 0, 20 },
				  .before = { 0, 17 },
				  .after = { 1 << 20, 19 } };
	struct scene *s = *state;

	warn(s, &c);
	expect_parts(s, parts);
}

static void test_template(void **state)
{
	static const char *const parts[] = {
		"Delivered-To: kim@example.com" N "From: Postfach <post@example.com>" N
		"Subject: =?UTF-8?B?",
		"?=" N "To: kim@example.com" N "Date: ",
		N N "noch 455M" N ".\xC3\xBC" N "|",
		NULL,
	};
	struct scene *s = *state;

	put_template(s, "From: Postfach <post@example.com>\nSubject: \xC3\xBC {percent}\n\n"
			"noch {used}\n.\xC3\xBC\n");
	warn(s, &at_90);
	expect_parts(s, parts);
	assert_int_equal(s->flags, MSG_DOTS); /* the header is ASCII */
}

/* It was checked, and went bad since. */
static void test_template_gone_bad(void **state)
{
	static const char *const parts[] = { "Subject: Your mailbox is 91 % full" N, NULL };
	struct scene *s = *state;

	put_template(s, "\n{nothing}\n");
	warn(s, &at_90);
	expect_parts(s, parts);
	assert_non_null(strstr(buf_at(&s->lines), "event=quota-warning-template file="));
	assert_non_null(strstr(buf_at(&s->lines), "line 2: {nothing}"));
	assert_null(strstr(buf_at(&s->got), "{"));
}

static void test_check(void **state)
{
	struct scene *s = *state;
	struct err e;

	assert_int_equal(quota_warning_check("", &e), EC_OK);
	put_template(s, "Subject: x\n\n{mailbox}\n");
	assert_int_equal(quota_warning_check(s->template, &e), EC_OK);
	put_template(s, "Subject: x\n\n{malbox}\n");
	assert_int_equal(quota_warning_check(s->template, &e), EC_USAGE);
	assert_int_equal(e.class, EC_USAGE);
	assert_non_null(strstr(e.text, "quota_warning: "));
	assert_non_null(strstr(e.text, "/template: line 3: {malbox} is nothing"));
	unlink(s->template);
	assert_int_equal(quota_warning_check(s->template, &e), EC_ABSENT);
	assert_int_equal(mkdir(s->template, 0700), 0);
	assert_int_equal(quota_warning_check(s->template, &e), EC_BROKEN);
}

/* ---- whom ---- */

static const struct charge shared = {
	.account = "boss@example.com",
	.limit = { 1000, 0 },
	.before = { 800, 9 },
	.after = { 950, 10 },
};

static void test_account_is_told_too(void **state)
{
	static const char *const parts[] = {
		"kim@example.com boss@example.com 1000\n",
		"To: kim@example.com" N,
		"The mailbox kim@example.com",
		"|boss@example.com other@example.com 77\n",
		"Delivered-To: boss@example.com" N,
		"To: boss@example.com" N,
		"The mailbox kim@example.com",
		NULL,
	};
	struct scene *s = *state;

	s->boss_there = true;
	strcpy(s->boss.quota, "other@example.com"); /* its mail is somebody else's matter */
	warn(s, &shared);
	expect_parts(s, parts);
}

static unsigned count(const struct buf *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += buf_at(b)[i] == '|';
	return n;
}

static void test_account_without_mailbox(void **state)
{
	struct scene *s = *state;
	struct charge bare = shared;

	warn(s, &shared);
	assert_int_equal(count(&s->got), 1);
	bare.account = "boss";
	warn(s, &bare);
	assert_int_equal(count(&s->got), 2);
	assert_null(strstr(buf_at(&s->lines), "failed"));
}

static void test_account_on_hold(void **state)
{
	struct scene *s = *state;

	s->boss_there = s->boss.held = true;
	warn(s, &shared);
	assert_int_equal(count(&s->got), 1);
}

/* "boss" turns out to be another spelling of the mailbox that was told. */
static void test_account_is_the_mailbox(void **state)
{
	struct scene *s = *state;

	s->boss_there = true;
	s->boss.name = kim;
	warn(s, &shared);
	assert_int_equal(count(&s->got), 1);
}

static void test_no_room_for_it(void **state)
{
	struct scene *s = *state;

	s->full = s->boss_there = true;
	warn(s, &shared);
	assert_int_equal(count(&s->got), 2);
	assert_non_null(strstr(buf_at(&s->lines),
			       "event=quota-warning-failed mailbox=\"kim@example.com\" "
			       "account=\"boss@example.com\" class=\"quota\" text=\"no room\""));
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crossings),
		IN_SCENE(test_nothing_without_crossing),
		IN_SCENE(test_our_text),
		IN_SCENE(test_count_is_nearer),
		IN_SCENE(test_template),
		IN_SCENE(test_template_gone_bad),
		IN_SCENE(test_check),
		IN_SCENE(test_account_is_told_too),
		IN_SCENE(test_account_without_mailbox),
		IN_SCENE(test_account_on_hold),
		IN_SCENE(test_account_is_the_mailbox),
		IN_SCENE(test_no_room_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
