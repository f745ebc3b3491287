/* test_body.c - bodies long and random: against the canonical form, within bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/store/canon.h"
#include "tests/unit/lmtp/fake.h"

#define ENVELOPE "LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<kim@c>\r\nRCPT TO:<lee@c>\r\n"
#define BIG ((size_t)3 * LM_SPOOL_AT + 12345)

static void begin(struct fake *f, bool later, uint64_t max)
{
	fake_begin(f, later);
	f->policy.message_max_bytes = max;
	fake_sendz(f, ENVELOPE);
	buf_eat(&f->out, f->out.len);
}

static void canonical(const char *p, size_t len, struct buf *out)
{
	struct canon c;

	canon_begin(&c);
	canon_feed(&c, p, len, out);
	canon_end(&c, out);
}

static void expect_got(struct fake *f, const char *p, size_t len)
{
	static const char head[] = "<a@b> kim@c,lee@c: ";
	struct buf want = { 0 };

	buf_addz(&want, head);
	canonical(p, len, &want);
	buf_addz(&want, "|");
	assert_int_equal(f->got.len, want.len);
	assert_memory_equal(buf_at(&f->got), buf_at(&want), want.len);
	buf_drop(&want);
}

static void expect_both(struct fake *f, const char *code)
{
	char want[200];

	snprintf(want, sizeof(want), "%s <kim@c>", code);
	assert_non_null(strstr(fake_out(f), want));
	snprintf(want, sizeof(want), "%s <lee@c>", code);
	assert_non_null(strstr(fake_out(f), want));
}

/* What a client sends for a message: every line that begins with a dot gets one more. */
static void send_data(struct fake *f, const char *p, size_t len, size_t most)
{
	struct buf wire = { 0 };

	for (size_t i = 0; i < len; i++) {
		bool bol = i == 0 || (i >= 2 && p[i - 2] == '\r' && p[i - 1] == '\n');

		buf_add(&wire, "..", p[i] == '.' && bol ? 1 : 0);
		buf_add(&wire, p + i, 1);
	}
	buf_addz(&wire, len >= 2 && memcmp(p + len - 2, "\r\n", 2) == 0 ? ".\r\n" : "\r\n.\r\n");
	fake_sendz(f, "DATA\r\n");
	while (wire.len > 0) {
		size_t n = 1 + (size_t)random() % most;

		n = n < wire.len ? n : wire.len;
		fake_send(f, buf_at(&wire), n);
		buf_eat(&wire, n);
	}
	buf_drop(&wire);
}

static void send_chunks(struct fake *f, const char *p, size_t len, size_t most)
{
	char line[64];

	while (len > 0) {
		size_t n = (size_t)random() % most;

		n = n < len ? n : len;
		snprintf(line, sizeof(line), "BDAT %zu%s\r\n", n, n == len ? " LAST" : "");
		fake_sendz(f, line);
		fake_send(f, p, n);
		p += n;
		len -= n;
	}
}

static void scribble(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = random() % 3 ? "\r\n.\r\n.."[random() % 7] : (char)random();
}

static void test_random_data(void **state)
{
	(void)state;
	srandom(2);
	for (int round = 0; round < 2000; round++) {
		char msg[300];
		size_t len = 1 + (size_t)random() % (sizeof(msg) - 3);
		struct fake f;

		scribble(msg, len);
		/* A message in DATA ends in CRLF by nature. */
		memcpy(msg + len, "\r\n", 2);
		begin(&f, round & 1, 0);
		send_data(&f, msg, len + 2, 1 + (size_t)random() % 30);
		expect_both(&f, "250 2.0.0");
		expect_got(&f, msg, len + 2);
		fake_end(&f);
	}
}

static void test_random_chunks(void **state)
{
	(void)state;
	srandom(3);
	for (int round = 0; round < 2000; round++) {
		char msg[300];
		size_t len = 1 + (size_t)random() % sizeof(msg);
		struct fake f;

		scribble(msg, len);
		begin(&f, round & 1, 0);
		send_chunks(&f, msg, len, 2 + (size_t)random() % 60);
		expect_both(&f, "250 2.0.0");
		expect_got(&f, msg, len);
		fake_end(&f);
	}
}

static char *big_message(size_t len)
{
	char *p = malloc(len);

	for (size_t i = 0; i < len; i++)
		p[i] = i % 61 == 0 ? '\n' : (char)('a' + i % 23);
	memcpy(p + len - 2, "\r\n", 2);
	return p;
}

static void test_big(void **state)
{
	char *msg = big_message(BIG);

	(void)state;
	for (int way = 0; way < 4; way++) {
		struct fake f;

		begin(&f, way & 1, 0);
		if (way & 2)
			send_data(&f, msg, BIG, 100000);
		else
			send_chunks(&f, msg, BIG, 900000);
		expect_both(&f, "250 2.0.0");
		expect_got(&f, msg, BIG);
		assert_true(f.n_spooled >= 3);
		assert_true(f.body_max < LM_SPOOL_AT + (256 << 10));
		fake_end(&f);
	}
	free(msg);
}

/* The limit is on the message as it is stored; the reply comes once its end was read. */
static void test_size_limit(void **state)
{
	static const struct {
		const char *msg; /* 10 octets are allowed */
		bool ok;
	} rows[] = {
		{ "12345678\r\n", true },
		{ "123456789\r\n", false },
		{ "1\n\n\n\n\r\n", false }, /* 1 + 5 line ends = 11 octets */
		{ "\n\n\n\n\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int way = 0; way < 2; way++) {
			struct fake f;

			begin(&f, false, 10);
			(way ? send_data : send_chunks)(&f, rows[i].msg, strlen(rows[i].msg), 3);
			expect_both(&f, rows[i].ok ? "250 2.0.0" : "552 5.3.4");
			assert_int_equal(f.n_deliveries, rows[i].ok);
			buf_eat(&f.out, f.out.len);
			fake_sendz(&f, "MAIL FROM:<>\r\n");
			assert_string_equal(fake_out(&f), "250 2.1.0 sender ok\r\n");
			fake_end(&f);
		}
	}
}

/* A line end that only canon_end adds may be the one too many. */
static void test_size_limit_at_the_end(void **state)
{
	struct fake f;

	(void)state;
	begin(&f, false, 10);
	fake_sendz(&f, "BDAT 10 LAST\r\n0123456789");
	expect_both(&f, "552 5.3.4");
	assert_int_equal(f.n_deliveries, 0);
	fake_end(&f);
}

static void test_chunks_after_a_refusal(void **state)
{
	struct fake f;

	(void)state;
	begin(&f, false, 10);
	fake_sendz(&f, "BDAT 11\r\n0123456789\nBDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\nNOOP\r\n");
	assert_string_equal(fake_out(&f),
			    "552 5.3.4 message is larger than this server takes\r\n"
			    "552 5.3.4 message is larger than this server takes\r\n"
			    "552 5.3.4 <kim@c> message is larger than this server takes\r\n"
			    "552 5.3.4 <lee@c> message is larger than this server takes\r\n"
			    "250 2.0.0 ok\r\n");
	fake_end(&f);
}

/* A disk that is full is our trouble, whatever the message. */
static void test_spool_in_trouble(void **state)
{
	char *msg = big_message(BIG);

	(void)state;
	for (int way = 0; way < 4; way++) {
		struct fake f;

		begin(&f, way & 1, 0);
		f.spool_broken = true;
		(way & 2 ? send_data : send_chunks)(&f, msg, BIG, 500000);
		expect_both(&f, "451 4.3.0");
		assert_int_equal(f.n_spooled, 1);
		assert_int_equal(f.n_deliveries, 0);
		fake_sendz(&f, "RSET\r\n");
		assert_int_equal(f.last, LM_NEXT);
		fake_end(&f);
	}
	free(msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_data),
		cmocka_unit_test(test_random_chunks),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_size_limit_at_the_end),
		cmocka_unit_test(test_chunks_after_a_refusal),
		cmocka_unit_test(test_spool_in_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
