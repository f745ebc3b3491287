/* test_session.c - what scripts cannot show: NULs, TLS, marks at QUIT, limits, pace, and ends at the wrong moment. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/pop3/fake.h"

#define SIGN_IN "USER kim\r\nPASS secret word\r\n"
#define LEN(a) (sizeof(a) / sizeof((a)[0]))
/* One conversation, answered later; the text may hold NULs. */
static void talk(struct fake *f, const char *text, size_t len)
{
	fake_begin(f);
	fake_send(f, text, len);
}
#define TALK(f, text) talk(f, text, sizeof(text) - 1)

static void saw(const struct fake *f, const char *text)
{
	if (!memmem(buf_at(&f->out), f->out.len, text, strlen(text)))
		fail_msg("no '%s' in '%.*s'", text, (int)f->out.len, buf_at(&f->out));
}

static void nul_is_refused(void **state)
{
	struct fake f;

	(void)state;
	fake_with_mail(&f);
	TALK(&f, "USER kim\r\nPASS secret word\0junk\r\nSTAT\r\n");
	saw(&f, "-ERR control");
	saw(&f, "-ERR sign in first");
	assert_int_equal(f.n_claims, 0);
	fake_end(&f);
	fake_with_mail(&f);
	TALK(&f, "USER kim\r\nPASS secret word\r\nDELE 1\0\r\nQUIT\r\n");
	saw(&f, "-ERR control");
	assert_int_equal(f.n_commits, 0);
	fake_end(&f);
}

static void greeting(void **state)
{
	struct fake f;

	(void)state;
	fake_defaults(&f);
	fake_begin(&f);
	p3_greet(f.s);
	assert_int_equal(f.out.len, strlen("+OK mx.example.com POP3 ready " FAKE_STAMP "\r\n"));
	saw(&f, "+OK mx.example.com POP3 ready " FAKE_STAMP "\r\n");
	fake_end(&f);
	fake_with_mail(&f);
	f.allowed.apop_stamp = NULL;
	fake_begin(&f);
	p3_greet(f.s);
	assert_null(memchr(buf_at(&f.out), '<', f.out.len));
	fake_end(&f);
}

static void stls_drops_what_follows(void **state)
{
	struct fake f;

	(void)state;
	for (int async = 0; async < 2; async++) {
		fake_with_mail(&f);
		f.async = async;
		TALK(&f, "USER kim\r\nSTLS\r\nPASS secret word\r\nQUIT\r\n");
		assert_int_equal(f.n_tls, 1);
		assert_int_equal(f.n_claims, 0);
		assert_int_equal(f.verdict, V_NEXT);
		buf_drop(&f.out);
		fake_send(&f, "PASS secret word\r\nSTLS\r\nCAPA\r\n", 31);
		saw(&f, "-ERR send USER first\r\n-ERR TLS is on already\r\n+OK");
		saw(&f, "SASL PLAIN LOGIN EXTERNAL\r\n");
		assert_null(memmem(buf_at(&f.out), f.out.len, "\r\nSTLS\r\n", 8));
		fake_end(&f);
	}
}

static void quit_says_what_goes(void **state)
{
	static const struct {
		const char *commands;
		uint32_t expire_days;
		unsigned n_commits;
		const char *removed, *fetched;
	} cases[] = {
		{ "RETR 1\r\nQUIT\r\n", EXPIRE_NEVER, 0, "", "" },
		{ "DELE 1\r\nDELE 3\r\nQUIT\r\n", EXPIRE_NEVER, 1, "1 3 ", "" },
		{ "RETR 1\r\nTOP 2 1\r\nQUIT\r\n", 7, 1, "", "1 " },
		{ "TOP 2 1\r\nQUIT\r\n", 7, 0, "", "" },
		{ "RETR 1\r\nRETR 2\r\nDELE 4\r\nQUIT\r\n", 0, 1, "1 2 4 ", "1 2 " },
		{ "RETR 1\r\nDELE 1\r\nQUIT\r\n", 0, 1, "1 ", "1 " },
		{ "DELE 1\r\nRSET\r\nQUIT\r\n", EXPIRE_NEVER, 0, "", "" },
		{ "DELE 1\r\n", EXPIRE_NEVER, 0, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct fake f;
		fake_with_mail(&f);
		f.policy.expire_days = i % 2 ? 0 : EXPIRE_NEVER; /* others' */
		f.own_rule = true;
		f.rule = cases[i].expire_days;
		TALK(&f, "USER kim\r\nPASS secret word\r\n");
		fake_send(&f, cases[i].commands, strlen(cases[i].commands));
		assert_int_equal(f.n_commits, cases[i].n_commits);
		assert_string_equal(f.removed, cases[i].removed);
		assert_string_equal(f.fetched, cases[i].fetched);
		fake_end(&f);
		assert_int_equal(f.n_commits, cases[i].n_commits);
	}
}

/* Settings may change from EXPIRE 7 to EXPIRE 0: a mark from before must not save a message. */
static void expire_0_with_marks_from_before(void **state)
{
	struct fake f;

	(void)state;
	fake_with_mail(&f);
	f.policy.expire_days = 0;
	TALK(&f, "USER kim\r\nPASS secret word\r\nUIDL 1\r\n");
	f.msgs[0].flags |= MSG_FETCHED;
	fake_send(&f, "RETR 1\r\nQUIT\r\n", 14);
	assert_string_equal(f.removed, "1 ");
	fake_end(&f);
}

static void long_lines(void **state)
{
	struct buf in = { 0 };
	char many[P3_AUTH_LINE_MAX + 8];
	struct fake f;

	(void)state;
	memset(many, 'A', sizeof(many));
	/* a command: once refused, then on */
	buf_addz(&in, "USER ");
	buf_add(&in, many, P3_LINE_MAX - 4);
	buf_addz(&in, "\r\nCAPA\r\n");
	fake_with_mail(&f);
	talk(&f, buf_at(&in), in.len);
	saw(&f, "-ERR line is too long");
	saw(&f, "PIPELINING\r\n");
	fake_end(&f);
	/* AUTH: as long as RFC 5034 has it, and one octet more */
	for (size_t more = 0; more <= 4; more += 4) {
		fake_with_mail(&f);
		TALK(&f, "AUTH PLAIN\r\n");
		fake_send(&f, many, P3_AUTH_LINE_MAX + more);
		fake_send(&f, "\r\nCAPA\r\n", 8);
		saw(&f, more ? "-ERR line is too long; sign-in ended\r\n+OK" : "-ERR [AUTH]");
		saw(&f, "PIPELINING\r\n");
		assert_int_equal(f.n_cancels, more != 0);
		fake_end(&f);
	}
	buf_drop(&in);
}

/* Where Kerberos is, a ticket with many groups must fit, as a response and as an initial one. */
static void tickets_are_longer(void **state)
{
	static char many[P3_TICKET_LINE_MAX + 8];
	struct fake f;

	(void)state;
	memset(many, 'A', sizeof(many));
	for (size_t more = 0; more <= 4; more += 4) {
		fake_with_mail(&f);
		f.policy.kerberos = true;
		TALK(&f, "AUTH PLAIN\r\n");
		fake_send(&f, many, P3_TICKET_LINE_MAX + more);
		fake_send(&f, "\r\nCAPA\r\nAUTH PLAIN ", 19);
		fake_send(&f, many, P3_TICKET_LINE_MAX - 12 + more);
		fake_send(&f, "\r\n", 2);
		saw(&f, more ? "-ERR line is too long; sign-in ended\r\n+OK" : "-ERR [AUTH]");
		saw(&f, "PIPELINING\r\n");
		saw(&f, more ? ".\r\n-ERR line is too long" : ".\r\n-ERR [AUTH]");
		fake_end(&f);
	}
}

static void useless_clients_are_shown_out(void **state)
{
	char many[4096];
	struct fake f;

	(void)state;
	memset(many, 'x', sizeof(many));
	fake_with_mail(&f);
	fake_begin(&f);
	for (int i = 0; i < 40 && f.verdict != V_BYE; i++)
		fake_send(&f, many, sizeof(many));
	saw(&f, "-ERR line without end");
	assert_int_equal(f.verdict, V_BYE);
	fake_end(&f);

	fake_with_mail(&f);
	TALK(&f, "USER kim\r\nPASS secret word\r\n");
	for (int i = 0; i < 19; i++)
		fake_send(&f, "RETR x\r\n", 8);
	fake_send(&f, "NOOP\r\n", 6);
	for (int i = 0; i < 19; i++)
		fake_send(&f, "RETR x\r\n", 8);
	assert_int_equal(f.verdict, V_NEXT);
	fake_send(&f, "\r\n", 2);
	saw(&f, "-ERR too many bad commands");
	assert_int_equal(f.verdict, V_BYE);
	fake_end(&f);

	fake_with_mail(&f);
	fake_begin(&f);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(f.verdict, V_NEXT);
		fake_send(&f, "USER kim\r\nPASS guess\r\n", 22);
	}
	saw(&f, "-ERR [AUTH] too many failed");
	assert_int_equal(f.verdict, V_BYE);
	fake_end(&f);

	fake_with_mail(&f);
	fake_begin(&f);
	for (int i = 0; i < 101; i++)
		fake_send(&f, "LANG\r\n", 6);
	saw(&f, "-ERR too many commands without");
	assert_int_equal(f.verdict, V_BYE);
	fake_end(&f);
}

/* 20,000 messages to a client that reads slowly: all of it comes, and never much is queued. */
static void big_list_is_paced(void **state)
{
	enum { N = 20000 };
	struct fake_msg *many = calloc(N, sizeof(*many));
	struct buf want = { 0 };
	struct fake f;

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		many[i] = (struct fake_msg){ .octets = i * 1000ull };
		buf_fmt(&want, "%u %u\r\n", i + 1, i * 1000u);
	}
	for (int async = 0; async < 2; async++) {
		fake_defaults(&f);
		f.async = async;
		f.slow = true;
		f.mail = many;
		f.n_mail = N;
		TALK(&f, "USER kim\r\nPASS secret word\r\nLIST\r\nLIST\r\nQUIT\r\n");
		assert_int_equal(f.verdict, V_BYE);
		assert_true(f.n_drains >= 2 * want.len / (P3_HIGH + 8192));
		const char *first = memmem(buf_at(&f.out), f.out.len, buf_at(&want), want.len);
		assert_non_null(first);
		const char *rest = first + want.len;
		size_t left = (size_t)(buf_at(&f.out) + f.out.len - rest);
		assert_non_null(memmem(rest, left, buf_at(&want), want.len));
		fake_end(&f);
	}
	buf_drop(&want);
	free(many);
}

/* Numbers go on counting across those that are deleted, and sizes may be as long as numbers can be. */
static void lists_with_gaps(void **state)
{
	enum { N = 1200 };
	static const uint64_t octets[] = { 0, 9, 10, 4294967296, UINT64_MAX };
	static const uint32_t gone[] = { 1, 9, 10, 99, 100, 101, 999, 1000, 1200 };
	struct fake_msg *many = calloc(N, sizeof(*many));
	struct buf say = { 0 }, list = { 0 }, uidl = { 0 };
	struct fake f;

	(void)state;
	buf_addz(&say, "USER kim\r\nPASS secret word\r\n");
	for (uint32_t i = 1, k = 0; i <= N; i++) {
		many[i - 1].octets = octets[i % LEN(octets)];
		if (k < LEN(gone) && gone[k] == i) {
			buf_fmt(&say, "DELE %u\r\n", i);
			k++;
			continue;
		}
		buf_fmt(&list, "%u %" PRIu64 "\r\n", i, octets[i % LEN(octets)]);
		buf_fmt(&uidl, "%u uid-%u\r\n", i, i);
	}
	buf_addz(&list, ".\r\n+OK");
	buf_addz(&uidl, ".\r\n+OK");
	buf_addz(&say, "LIST\r\nUIDL\r\nQUIT\r\n");
	fake_defaults(&f);
	f.slow = true;
	f.mail = many;
	f.n_mail = N;
	talk(&f, buf_at(&say), say.len);
	assert_non_null(memmem(buf_at(&f.out), f.out.len, buf_at(&list), list.len));
	assert_non_null(memmem(buf_at(&f.out), f.out.len, buf_at(&uidl), uidl.len));
	fake_end(&f);
	buf_drop(&say);
	buf_drop(&list);
	buf_drop(&uidl);
	free(many);
}

/* A message of many pieces, read in odd lengths: what arrives is what was announced. */
static void big_message_in_pieces(void **state)
{
	enum { ROWS = 20000 };
	struct buf msg = { 0 }, want = { 0 };
	struct fake f;

	(void)state;
	buf_addz(&msg, "A: b\r\n\r\n");
	buf_addz(&want, " octets\r\nA: b\r\n\r\n");
	for (int i = 0; i < ROWS; i++) {
		buf_fmt(&msg, ".%d\r\n", i);
		buf_fmt(&want, "..%d\r\n", i);
	}
	buf_addz(&want, ".\r\n+OK");
	for (int way = 0; way < 8; way++) {
		struct fake_msg m = { .stored = buf_at(&msg),
				      .len = msg.len,
				      .octets = msg.len,
				      .flags = MSG_DOTS,
				      .in_memory = way & 1 };
		fake_defaults(&f);
		f.async = way & 2;
		f.slow = way & 4;
		f.read_max = 4099;
		f.mail = &m;
		f.n_mail = 1;
		TALK(&f, "USER kim\r\nPASS secret word\r\nRETR 1\r\nNOOP\r\nQUIT\r\n");
		assert_non_null(memmem(buf_at(&f.out), f.out.len, buf_at(&want), want.len));
		fake_end(&f);
	}
	buf_drop(&msg);
	buf_drop(&want);
}

static void ends(void **state)
{
	static const struct {
		const char *sent, *want;
		enum p3_end why;
	} cases[] = {
		{ "", "", P3_END_IDLE },
		{ "USER kim\r\nPASS secret word\r\nDELE 1\r\n", "", P3_END_IDLE },
		{ "", "-ERR [SYS/TEMP] the service is stopping", P3_END_STOP },
		{ "AUTH PLAIN\r\n", "-ERR [SYS/TEMP] the service is stopping", P3_END_STOP },
		{ "USER kim\r\nPASS secret word\r\nDELE 1\r\n", "-ERR [SYS/TEMP] an admin",
		  P3_END_KICK },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct fake f;
		size_t eaten;
		fake_with_mail(&f);
		talk(&f, cases[i].sent, strlen(cases[i].sent));
		buf_drop(&f.out);
		assert_int_equal(p3_end(f.s, cases[i].why), V_BYE);
		if (cases[i].want[0])
			saw(&f, cases[i].want);
		else
			assert_int_equal(f.out.len, 0);
		assert_int_equal(p3_feed(f.s, "QUIT\r\n", 6, &eaten), V_BYE);
		assert_int_equal(eaten, 6);
		assert_int_equal(f.n_commits, 0);
		fake_end(&f);
	}
}

/* The client vanishes while an answer is awaited: everything lent goes back, nothing is said. */
static void gone_while_waiting(void **state)
{
	static const char *const cases[] = { "USER kim\r\nPASS secret word\r\n", "LIST\r\n",
					     "RETR 2\r\n", "QUIT\r\n" };

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct fake f;
		size_t eaten;
		fake_with_mail(&f);
		fake_begin(&f);
		if (i)
			fake_send(&f, "USER kim\r\nPASS secret word\r\nLIST 1\r\n", 36);
		buf_drop(&f.out);
		f.async = true;
		assert_int_equal(p3_feed(f.s, cases[i], strlen(cases[i]), &eaten),
				 i == 1 ? V_NEXT : V_WAIT);
		struct p3_ask *q = f.pending;
		size_t said = f.out.len;
		p3_end(f.s, P3_END_IDLE);
		if (q) {
			fake_answer(&f, q);
			assert_int_equal(p3_answered(f.s, q), V_BYE);
		}
		p3_gone(f.s);
		assert_int_equal(f.out.len, said);
		f.pending = NULL;
		fake_end(&f);
	}
}

/* The service stops while a password is judged: the client hears that, and not the verdict that comes later. */
static void stopping_while_waiting(void **state)
{
	struct fake f;
	size_t eaten;

	(void)state;
	fake_with_mail(&f);
	f.async = true;
	fake_begin(&f);
	assert_int_equal(p3_feed(f.s, SIGN_IN, strlen(SIGN_IN), &eaten), V_WAIT);
	assert_int_equal(p3_end(f.s, P3_END_STOP), V_BYE);
	saw(&f, "-ERR [SYS/TEMP] the service is stopping");
	size_t said = f.out.len;
	fake_answer(&f, f.pending);
	assert_int_equal(p3_answered(f.s, f.pending), V_BYE);
	assert_int_equal(f.out.len, said);
	assert_false(p3_signed_in(f.s));
	fake_end(&f);
}

static void totals(void **state)
{
	struct p3_totals t;
	struct fake f;

	(void)state;
	fake_with_mail(&f);
	TALK(&f, "XYZZY\r\nUSER kim\r\nPASS secret word\r\nRETR 1\r\nRETR 2\r\nTOP 1 1\r\n"
		 "DELE 1\r\n");
	assert_true(p3_signed_in(f.s));
	p3_totals(f.s, &t);
	assert_int_equal(t.n_bad, 1);
	assert_int_equal(t.n_retr, 2);
	assert_int_equal(t.n_top, 1);
	assert_int_equal(t.n_dele, 1);
	assert_int_equal(t.octets_retr, 57);
	assert_string_equal(t.mech, "USER");
	assert_string_equal(t.who.local, "kim");
	fake_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greeting),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(stls_drops_what_follows),
		cmocka_unit_test(quit_says_what_goes),
		cmocka_unit_test(expire_0_with_marks_from_before),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(tickets_are_longer),
		cmocka_unit_test(useless_clients_are_shown_out),
		cmocka_unit_test(big_list_is_paced),
		cmocka_unit_test(lists_with_gaps),
		cmocka_unit_test(big_message_in_pieces),
		cmocka_unit_test(ends),
		cmocka_unit_test(gone_while_waiting),
		cmocka_unit_test(stopping_while_waiting),
		cmocka_unit_test(totals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
