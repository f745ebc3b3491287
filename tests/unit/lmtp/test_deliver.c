/* test_deliver.c - a mail and a store: what each mailbox is given, what each recipient is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/lmtp/mail.h"

/* A store that keeps what it was given as text and refuses some. */
struct memory {
	struct store base;
	struct buf got;
	uint32_t flags;
	unsigned n;
	uint64_t before; /* what every account holds */
};

static enum ec keep(struct store *st, const struct name *to, const struct message *m, struct err *e)
{
	struct memory *me = (struct memory *)st;

	me->n++;
	me->flags = m->flags;
	assert_string_equal(m->charge->account, to->local);
	m->charge->before = (struct quota_usage){ me->before, 1 };
	m->charge->after = (struct quota_usage){ me->before + 50, 2 };
	if (strcmp(to->local, "full") == 0)
		return err_set(e, EC_QUOTA, "over the limit");
	if (strcmp(to->local, "away") == 0)
		return err_set(e, EC_TEMP, "disk full");
	buf_fmt(&me->got, "%s=", to->local);
	for (int i = 0; i < m->n_iov; i++)
		buf_add(&me->got, m->iov[i].iov_base, m->iov[i].iov_len);
	if (m->spool_fd >= 0) {
		char *room = buf_room(&me->got, m->spool_len);

		assert_int_equal(pread(m->spool_fd, room, m->spool_len, 0), (ssize_t)m->spool_len);
		buf_grew(&me->got, m->spool_len);
	}
	buf_addz(&me->got, "|");
	return EC_OK;
}

static const struct store_ops memory_ops = { .name = "memory", .deliver = keep };
static const struct log silent;

static void deliver(struct lm_mail *m, struct memory *st, unsigned percent, const struct log *log)
{
	const struct conf conf = { .hostname = "mx", .quota_warning = "", .quota_warn = percent };
	struct quota_warner with = { .store = &st->base, .conf = &conf, .log = log };

	limits_open(NULL, NULL, &with.limits); /* of which nobody is asked here */
	lm_mail_deliver(m, &with);
	for (const struct lm_rcpt *r = m->rcpts; r; r = r->next)
		if (r->class == EC_OK && r->charge.after.octets > 0)
			assert_int_equal(limits_roomy(with.limits, &r->charge, 1),
					 r->charge.after.octets < 875);
	limits_close(&with.limits);
}

static void add(struct lm_mail *m, const char *address)
{
	struct name n;

	assert_int_equal(name_parse(&n, address, strlen(address), NAME_FILE, NULL), EC_OK);
	const struct charge charge = { .account = n.local, .limit = { 1000, 0 } };

	lm_mail_add(m, &n, &charge, address, strlen(address));
}

static void expect(struct memory *st, const char *want)
{
	*buf_room(&st->got, 1) = '\0';
	assert_string_equal(buf_at(&st->got), want);
	buf_drop(&st->got);
}

static void expect_classes(const struct lm_mail *m, const enum ec *want)
{
	for (const struct lm_rcpt *r = m->rcpts; r; r = r->next)
		assert_int_equal(r->class, *want++);
}

static void test_headers_on_top(void **state)
{
	struct memory st = { .base.ops = &memory_ops };
	struct lm_mail *m = lm_mail_new("\"x y\"@far", 9);

	(void)state;
	add(m, "Kim@Example.COM");
	buf_addz(&m->body, "Return-Path: <old>\r\n\r\nx\r\n");
	m->flags = MSG_DOTS;
	deliver(m, &st, 0, &silent);
	expect(&st, "kim=Return-Path: <\"x y\"@far>\r\nDelivered-To: Kim@Example.COM\r\n"
		    "Return-Path: <old>\r\n\r\nx\r\n|");
	assert_int_equal(st.flags, MSG_DOTS);
	lm_mail_free(&m);
	assert_null(m);
}

static void test_one_outcome_each(void **state)
{
	static const enum ec want[] = { EC_QUOTA, EC_OK, EC_TEMP, EC_OK, EC_QUOTA, EC_OK };
	struct memory st = { .base.ops = &memory_ops };
	struct lm_mail *m = lm_mail_new("", 0);

	(void)state;
	add(m, "full@a");
	add(m, "kim@a");
	add(m, "away@a");
	add(m, "KIM@A"); /* the same mailbox: answered twice, delivered once */
	add(m, "FULL@a");
	add(m, "kim@b");
	deliver(m, &st, 0, &silent);
	assert_int_equal(st.n, 4);
	expect_classes(m, want);
	expect(&st, "kim=Return-Path: <>\r\nDelivered-To: kim@a\r\n|"
		    "kim=Return-Path: <>\r\nDelivered-To: kim@b\r\n|");
	lm_mail_free(&m);
}

static void test_spooled(void **state)
{
	struct memory st = { .base.ops = &memory_ops };
	struct lm_mail *m = lm_mail_new("", 0);
	struct err e;

	(void)state;
	add(m, "kim@a");
	buf_addz(&m->body, "one ");
	assert_int_equal(lm_mail_spool(m, "/tmp", &e), EC_OK);
	buf_addz(&m->body, "two");
	assert_int_equal(lm_mail_spool(m, "/tmp", &e), EC_OK);
	assert_int_equal(m->body.len, 0);
	assert_int_equal(m->spool_len, 7);
	deliver(m, &st, 0, &silent);
	expect(&st, "kim=Return-Path: <>\r\nDelivered-To: kim@a\r\none two|");
	lm_mail_free(&m);
}

static void test_spool_errors_name_the_place(void **state)
{
	struct lm_mail *m = lm_mail_new("", 0);
	struct err e;

	(void)state;
	assert_int_not_equal(lm_mail_spool(m, "/nowhere/at/all", &e), EC_OK);
	assert_non_null(strstr(e.text, "/nowhere/at/all"));
	lm_mail_free(&m);
}

/* RFC 6856: 8-bit octets in the header, though the message itself has none. */
static void test_utf8_address_marks_the_message(void **state)
{
	struct memory st = { .base.ops = &memory_ops };
	struct lm_mail *m = lm_mail_new("\xC3\xA4@far", 6);

	(void)state;
	add(m, "kim@a");
	deliver(m, &st, 0, &silent);
	assert_int_equal(st.flags, MSG_UTF8);
	buf_drop(&st.got);
	lm_mail_free(&m);
}

static void collect(void *ctx, const char *line)
{
	buf_addz(ctx, line);
	buf_addz(ctx, "\n");
}

static void test_log(void **state)
{
	struct memory st = { .base.ops = &memory_ops };
	struct log_sink *sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	struct log log = { .sink = sink, .sid = "l1", .peer = "local" };
	struct lm_mail *m = lm_mail_new("ann@far", 7);
	struct buf lines = { 0 };

	(void)state;
	st.before = 990;
	log_capture(sink, collect, &lines);
	add(m, "KIM@a");
	add(m, "full@a");
	buf_addz(&m->body, "x\r\n");
	deliver(m, &st, 0, &log);
	*buf_room(&lines, 1) = '\0';
	assert_non_null(strstr(buf_at(&lines), "event=delivered sid=l1"));
	assert_non_null(strstr(buf_at(&lines), "account=\"kim@a\" from=\"ann@far\" octets=48"));
	assert_null(strstr(buf_at(&lines), "event=delivery-refused"));
	assert_non_null(strstr(buf_at(&lines),
			       "event=over-quota sid=l1 peer=local account=\"full\" "
			       "mailbox=\"full@a\" from=\"ann@far\" used=990 limit=1000 "
			       "messages=1 messages_limit=0 text=\"over the limit\""));
	buf_drop(&lines);
	buf_drop(&st.got);
	log_close(&sink);
	lm_mail_free(&m);
}

/* Nobody's quota: the message is larger than the server takes. */
static void test_log_of_what_is_no_quota(void **state)
{
	struct log_sink *sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	struct log log = { .sink = sink };
	struct buf lines = { 0 };
	struct err e;

	(void)state;
	log_capture(sink, collect, &lines);
	err_set(&e, EC_QUOTA, "too big");
	lm_log_refused(&log, "kim@a", "ann@far", &e, NULL);
	*buf_room(&lines, 1) = '\0';
	assert_non_null(strstr(buf_at(&lines),
			       "event=delivery-refused account=\"kim@a\" "
			       "from=\"ann@far\" class=\"quota\" text=\"too big\""));
	buf_drop(&lines);
	log_close(&sink);
}

/* After a delivery that crossed, and only then. */
static void test_warning(void **state)
{
	static const struct {
		uint64_t before;
		const char *address;
		unsigned n;
	} cases[] = { { 849, "kim@a", 1 }, { 850, "kim@a", 2 },  { 899, "kim@a", 2 },
		      { 900, "kim@a", 1 }, { 850, "full@a", 1 }, { 850, "away@a", 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct memory st = { .base.ops = &memory_ops, .before = cases[i].before };
		struct lm_mail *m = lm_mail_new("", 0);

		add(m, cases[i].address);
		deliver(m, &st, 90, &silent);
		assert_int_equal(st.n, cases[i].n);
		buf_drop(&st.got);
		lm_mail_free(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers_on_top),
		cmocka_unit_test(test_one_outcome_each),
		cmocka_unit_test(test_spooled),
		cmocka_unit_test(test_spool_errors_name_the_place),
		cmocka_unit_test(test_utf8_address_marks_the_message),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_of_what_is_no_quota),
		cmocka_unit_test(test_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
