/* test_session.c - whole conversations: what is sent, what is answered, what is delivered.
 *
 * Every script runs with answers at once and later, and with its octets whole, one by one, and cut
 * in two at every place: none of that may change a single octet of the outcome.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/lmtp/fake.h"

#define N "\r\n"
#define MAIL "LHLO me" N "MAIL FROM:<ann@far.example>" N
#define RCPT "RCPT TO:<kim@example.com>" N
#define HI                                                                                         \
	"250-mx.example.com" N "250-PIPELINING" N "250-8BITMIME" N "250-SMTPUTF8" N                \
	"250-CHUNKING" N "250-ENHANCEDSTATUSCODES" N "250 SIZE 1000" N
#define MAIL_OK HI "250 2.1.0 sender ok" N
#define RCPT_OK "250 2.1.5 <kim@example.com> recipient ok" N
#define GO "354 go ahead, end with CRLF.CRLF" N
#define DONE "250 2.0.0 <kim@example.com> delivered" N
#define GOT(body) "<ann@far.example> kim@example.com: " body "|"
#define BAD_LF "500 5.5.2 lines end in CR LF, not in LF alone" N

struct script {
	const char *name, *in, *out, *got;
};

static const struct script scripts[] = {
	{ "one message", MAIL RCPT "DATA" N "a: b" N N "c" N "." N "QUIT" N,
	  MAIL_OK RCPT_OK GO DONE "221 2.0.0 mx.example.com closing" N, GOT("a: b" N N "c" N) },
	{ "empty message", MAIL RCPT "DATA" N "." N, MAIL_OK RCPT_OK GO DONE, GOT("") },
	{ "two in a row, verbs in any case",
	  MAIL RCPT "data" N "1" N "." N "mail from:<>" N "rcpt to:<KIM@Example.COM>" N "DATA" N
		    "2" N "." N,
	  MAIL_OK RCPT_OK GO DONE "250 2.1.0 sender ok" N
				  "250 2.1.5 <KIM@Example.COM> recipient ok" N GO
				  "250 2.0.0 <KIM@Example.COM> delivered" N,
	  GOT("1" N) "<> KIM@Example.COM: 2" N "|" },
	{ "five recipients, five outcomes, in order",
	  MAIL "RCPT TO:<late-full@a>" N "RCPT TO:<nobody@a>" N RCPT "RCPT TO:<late-away@a>" N
	       "RCPT TO:<late-nobody@a>" N "RCPT TO:<kim@example.com>" N "DATA" N "x" N "." N,
	  MAIL_OK "250 2.1.5 <late-full@a> recipient ok" N
		  "550 5.1.1 <nobody@a> no such mailbox here" N RCPT_OK
		  "250 2.1.5 <late-away@a> recipient ok" N
		  "250 2.1.5 <late-nobody@a> recipient ok" N RCPT_OK GO
		  "552 5.2.2 <late-full@a> mailbox is full (over quota)" N DONE
		  "451 4.3.0 <late-away@a> trouble here, try again later" N
		  "550 5.1.1 <late-nobody@a> no such mailbox here any more" N DONE,
	  "<ann@far.example> late-full@a,kim@example.com,late-away@a,late-nobody@a,"
	  "kim@example.com: x" N "|" },
	{ "trouble of ours is never 5xx",
	  MAIL "RCPT TO:<away@a>" N "RCPT TO:<busy@a>" N "RCPT TO:<broken@a>" N "RCPT TO:<full@a>" N
	       "RCPT TO:<closed@a>" N "RCPT TO:<held@a>" N,
	  MAIL_OK "451 4.3.0 <away@a> trouble here, try again later" N
		  "451 4.3.2 <busy@a> too busy, try again later" N
		  "451 4.3.5 <broken@a> trouble here, an administrator must look" N
		  "552 5.2.2 <full@a> mailbox is full (over quota)" N
		  "550 5.2.1 <closed@a> mailbox takes no mail" N
		  "450 4.2.1 <held@a> mailbox takes no mail for now" N,
	  "" },
	{ "DATA without a valid recipient", MAIL "RCPT TO:<nobody@a>" N "DATA" N "NOOP" N,
	  MAIL_OK "550 5.1.1 <nobody@a> no such mailbox here" N "503 5.5.1 no valid recipients" N
		  "250 2.0.0 ok" N,
	  "" },
	{ "HELO and EHLO are not for us", "HELO me" N "EHLO me" N "EHLO" N,
	  "500 5.5.1 this is LMTP, say LHLO" N "500 5.5.1 this is LMTP, say LHLO" N
	  "500 5.5.1 this is LMTP, say LHLO" N,
	  "" },
	{ "out of order",
	  "MAIL FROM:<a@b>" N "LHLO me" N RCPT "DATA" N "MAIL FROM:<>" N "MAIL FROM:<>" N,
	  "503 5.5.1 say LHLO first" N HI "503 5.5.1 say MAIL first" N "503 5.5.1 say MAIL first" N
	  "250 2.1.0 sender ok" N "503 5.5.1 a transaction is open, RSET ends it" N,
	  "" },
	{ "RSET and LHLO forget the transaction",
	  MAIL RCPT "RSET" N "DATA" N "MAIL FROM:<>" N "LHLO me" N RCPT "RSET" N,
	  MAIL_OK RCPT_OK "250 2.0.0 ok" N "503 5.5.1 say MAIL first" N "250 2.1.0 sender ok" N HI
			  "503 5.5.1 say MAIL first" N "250 2.0.0 ok" N,
	  "" },
	{ "before LHLO", "NOOP x" N "RSET" N "VRFY kim" N "HELP" N "EXPN x" N "STARTTLS" N "" N,
	  "250 2.0.0 ok" N "250 2.0.0 ok" N "252 2.0.0 RCPT tells" N
	  "214 2.0.0 LMTP, RFC 2033: LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT" N
	  "502 5.5.1 there are no lists here" N "500 5.5.1 unknown command" N
	  "500 5.5.1 unknown command" N,
	  "" },
	{ "arguments missing and in the way",
	  "LHLO" N "LHLO  me " N "MAIL" N "RSET now" N "QUIT x" N,
	  "501 5.5.4 this command needs an argument" N HI
	  "501 5.5.4 this command needs an argument" N "501 5.5.4 this command takes no argument" N
	  "501 5.5.4 this command takes no argument" N,
	  "" },
	{ "a blank behind FROM: and TO:",
	  "LHLO me" N "MAIL FROM: <ann@far.example>" N "RCPT TO: <kim@example.com>" N,
	  MAIL_OK RCPT_OK, "" },
	{ "source route, quoted names, literals, no domain",
	  MAIL "RCPT TO:<@a.b,@c:kim@example.com>" N "RCPT TO:<\"k\\im\"@example.com>" N
	       "RCPT TO:<\"kim@example.com\"@a>" N "RCPT TO:<kim@[127.0.0.1]>" N
	       "RCPT TO:<postmaster>" N "RCPT TO:<>" N "RCPT TO:kim@example.com" N
	       "RCPT TO:<../x@a>" N,
	  MAIL_OK RCPT_OK
	  "250 2.1.5 <\"k\\im\"@example.com> recipient ok" N "550 5.1.1 no such mailbox here" N
	  "550 5.1.2 no mail for address literals here" N
	  "550 5.1.1 a recipient needs a domain here" N "501 5.1.3 a recipient has an address" N
	  "501 5.1.3 the form is RCPT TO:<address>" N "550 5.1.1 <../x@a> no such mailbox here" N,
	  "" },
	{ "parameters of MAIL",
	  "LHLO me" N "MAIL FROM:<> SIZE=1001" N "MAIL FROM:<> SIZE=-1" N "MAIL FROM:<> SIZE" N
	  "MAIL FROM:<> SIZE=99999999999999999999999" N "MAIL FROM:<> BODY=BINARYMIME" N
	  "MAIL FROM:<> AUTH=<>" N "MAIL FROM:<> =" N "MAIL FROM:<> SMTPUTF8=1" N
	  "MAIL FROM:<>SIZE=1" N "MAIL FROM:<a@b c>" N
	  "MAIL FROM:<> size=1000  body=8bitmime SMTPUTF8" N,
	  HI "552 5.3.4 message is larger than this server takes" N
	     "501 5.5.4 SIZE is one number of octets" N "501 5.5.4 SIZE is one number of octets" N
	     "501 5.5.4 SIZE is one number of octets" N "501 5.5.4 BODY is 7BIT or 8BITMIME" N
	     "555 5.5.4 unknown parameter" N "501 5.5.4 parameters are KEY or KEY=VALUE" N
	     "501 5.5.4 SMTPUTF8 takes no value" N "501 5.1.7 the form is MAIL FROM:<address>" N
	     "501 5.1.7 the form is MAIL FROM:<address>" N "250 2.1.0 sender ok" N,
	  "" },
	{ "parameters of RCPT", MAIL "RCPT TO:<kim@example.com> NOTIFY=NEVER" N RCPT,
	  MAIL_OK "555 5.5.4 unknown parameter" N RCPT_OK, "" },
	{ "UTF-8 addresses need SMTPUTF8",
	  "LHLO me" N "MAIL FROM:<\xC3\xA4@b>" N "MAIL FROM:<a@b>" N "RCPT TO:<\xC3\xA4@b>" N
	  "RSET" N "MAIL FROM:<\xC3\xA4@b> SMTPUTF8" N "RCPT TO:<\xC3\xA4@b>" N "RCPT TO:<\xC3@b>" N
	  "DATA" N "x" N "." N,
	  HI "553 5.6.7 this address needs SMTPUTF8" N "250 2.1.0 sender ok" N
	     "553 5.6.7 this address needs SMTPUTF8 at MAIL" N "250 2.0.0 ok" N
	     "250 2.1.0 sender ok" N "250 2.1.5 <\xC3\xA4@b> recipient ok" N
	     "501 5.1.3 the form is RCPT TO:<address>" N GO "250 2.0.0 <\xC3\xA4@b> delivered" N,
	  "<\xC3\xA4@b> \xC3\xA4@b: x" N "|" },
	{ "octets that no command holds", "NOOP\t" N "MAIL FROM:<a\rb@c>" N "LHLO \xFF" N,
	  "501 5.5.2 control octet in a command" N "501 5.5.2 control octet in a command" N
	  "501 5.5.4 give your host name in ASCII" N,
	  "" },
	{ "a bare LF ends no command", "NOOP\nRSET" N "NOOP" N "\nQUIT" N,
	  BAD_LF "250 2.0.0 ok" N BAD_LF, "" },
	{ "chunks", MAIL RCPT "BDAT 3" N "a: BDAT 0" N "BDAT 5 LAST" N "b" N N ".",
	  MAIL_OK RCPT_OK "250 2.0.0 chunk ok" N "250 2.0.0 chunk ok" N DONE, GOT("a: b" N N) },
	{ "chunks hold dots, bare LF and no final CRLF",
	  MAIL RCPT "BDAT 10 LAST" N "." N ".." N "\n.."
		    "NOOP" N,
	  MAIL_OK RCPT_OK DONE "250 2.0.0 ok" N, GOT("." N ".." N N ".." N) },
	{ "empty chunks only", MAIL RCPT "BDAT 0" N "BDAT 0 LAST" N,
	  MAIL_OK RCPT_OK "250 2.0.0 chunk ok" N DONE, GOT("") },
	{ "a CRLF torn between two chunks",
	  MAIL RCPT "BDAT 2" N "a\r"
		    "BDAT 2 LAST" N "\nb",
	  MAIL_OK RCPT_OK "250 2.0.0 chunk ok" N DONE, GOT("a" N "b" N) },
	{ "chunks of no transaction are no commands",
	  "BDAT 6" N "NOOP" N "LHLO me" N "BDAT 6 LAST" N "RSET" N "MAIL FROM:<>" N
	  "RCPT TO:<nobody@a>" N "BDAT 6 LAST" N "QUIT" N "RSET" N,
	  "503 5.5.1 no valid recipients for this chunk" N HI
	  "503 5.5.1 no valid recipients for this chunk" N "250 2.1.0 sender ok" N
	  "550 5.1.1 <nobody@a> no such mailbox here" N
	  "503 5.5.1 no valid recipients for this chunk" N "250 2.0.0 ok" N,
	  "" },
	{ "between chunks",
	  MAIL RCPT "BDAT 1" N "a" RCPT "DATA" N "MAIL FROM:<>" N "RSET" N "NOOP" N,
	  MAIL_OK RCPT_OK "250 2.0.0 chunk ok" N "503 5.5.1 only BDAT goes on here, or RSET" N
			  "503 5.5.1 only BDAT goes on here, or RSET" N
			  "503 5.5.1 only BDAT goes on here, or RSET" N "250 2.0.0 ok" N
			  "250 2.0.0 ok" N,
	  "" },
	{ "a chunk of unknown size ends the session", MAIL RCPT "BDAT x LAST" N "QUIT" N,
	  MAIL_OK RCPT_OK "501 5.5.4 the form is BDAT size [LAST]" N
			  "421 4.7.0 where that chunk ends is unknown, closing" N,
	  "" },
	{ "a chunk beyond counting", "BDAT 18446744073709551616" N "NOOP" N,
	  "501 5.5.4 the form is BDAT size [LAST]" N
	  "421 4.7.0 where that chunk ends is unknown, closing" N,
	  "" },
};

/* How end of data may be imitated. Nothing but CRLF.CRLF ends it; the rest is stored, with its bare
 * line ends made whole, and the commands smuggled behind it are lines of the message. */
static const struct {
	const char *sent, *stored;
} smuggled[] = {
	{ "\n.\n", N "." N },
	{ "\n.\r\n", N "." N },
	{ "\r\n.\n", N N },
	{ "\r.\r", "\r.\r" },
	{ "\r.\n", "\r." N },
	{ "\r.\r\n", "\r." N },
	{ "\r\n.\r", N "\r" },
	{ "\n.\r", N ".\r" },
	{ "\r\r\n.\r\r\n", "\r" N "\r" N },
	{ "\r\n..\r\n", N "." N },
	{ "\r\n.\r.\r\n", N "\r." N },
	{ "\r\n.\n.\r\n", N N "." N },
	{ "\r\n. \r\n", N " " N },
	{ "\n\n.\r\n.x", N N "." N "x" },
};

static void compare(struct fake *f, const struct script *t, const char *how)
{
	if (strcmp(fake_out(f), t->out) != 0 || strcmp(fake_got(f), t->got) != 0)
		print_error("script: %s (%s)\n", t->name, how);
	assert_string_equal(fake_out(f), t->out);
	assert_string_equal(fake_got(f), t->got);
	fake_end(f);
}

static void play(const struct script *t, bool later)
{
	size_t len = strlen(t->in);
	struct fake f;

	fake_begin(&f, later);
	fake_sendz(&f, t->in);
	compare(&f, t, "whole");

	fake_begin(&f, later);
	for (size_t i = 0; i < len; i++)
		fake_send(&f, t->in + i, 1);
	compare(&f, t, "octet by octet");

	for (size_t cut = 1; cut < len; cut++) {
		fake_begin(&f, later);
		fake_send(&f, t->in, cut);
		fake_send(&f, t->in + cut, len - cut);
		compare(&f, t, "cut in two");
	}
}

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		play(&scripts[i], false);
		play(&scripts[i], true);
	}
}

static void test_smuggling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(smuggled) / sizeof(smuggled[0]); i++) {
		char in[400], got[400];
		struct script t = { smuggled[i].sent, in, MAIL_OK RCPT_OK GO DONE "250 2.0.0 ok" N,
				    got };

		snprintf(in, sizeof(in),
			 MAIL RCPT "DATA" N "a%sMAIL FROM:<evil@a>" N "." N "NOOP" N,
			 smuggled[i].sent);
		snprintf(got, sizeof(got), GOT("a%sMAIL FROM:<evil@a>" N), smuggled[i].stored);
		play(&t, false);
	}
}

/* By a setting the MTA keeps what is for a full mailbox, before the data and behind it. */
static void test_full_waits(void **state)
{
	struct fake f;

	(void)state;
	fake_begin(&f, true);
	f.full_waits = true;
	fake_sendz(&f, MAIL "RCPT TO:<full@a>" N "RCPT TO:<late-full@a>" N "DATA" N "x" N "." N);
	assert_string_equal(
		fake_out(&f),
		MAIL_OK "452 4.2.2 <full@a> mailbox is full (over quota), try again later" N
			"250 2.1.5 <late-full@a> recipient ok" N GO
			"452 4.2.2 <late-full@a> mailbox is full (over quota), try again later" N);
	fake_end(&f);
}

static void test_nul_is_refused(void **state)
{
	static const char line[] = "NOOP\0" N "NOOP" N;
	struct fake f;

	(void)state;
	fake_begin(&f, false);
	fake_send(&f, line, sizeof(line) - 1);
	assert_string_equal(fake_out(&f),
			    "501 5.5.2 control octet in a command" N "250 2.0.0 ok" N);
	fake_end(&f);
}

/* Cut as the line's limit is crossed, with the CR and the LF on either side of it. */
static void test_long_lines(void **state)
{
	static const struct {
		size_t len; /* with CRLF */
		bool ok;
	} cases[] = { { LM_LINE_MAX - 1, true },
		      { LM_LINE_MAX, true },
		      { LM_LINE_MAX + 1, false },
		      { LM_LINE_MAX + 2, false },
		      { 3 * LM_LINE_MAX, false } };
	struct fake f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int whole = 0; whole < 2; whole++) {
			char line[3 * LM_LINE_MAX];

			memset(line, 'x', sizeof(line));
			memcpy(line, "NOOP ", 5);
			memcpy(line + cases[i].len - 2, N, 2);
			fake_begin(&f, false);
			for (size_t at = 0; at < cases[i].len; at += whole ? cases[i].len : 1)
				fake_send(&f, line + at, whole ? cases[i].len : 1);
			fake_sendz(&f, "RSET" N);
			assert_string_equal(fake_out(&f), cases[i].ok ? "250 2.0.0 ok" N
									"250 2.0.0 ok" N
								      : "500 5.5.2 line too long" N
									"250 2.0.0 ok" N);
			fake_end(&f);
		}
	}
}

static void test_too_many_recipients(void **state)
{
	struct fake f;

	(void)state;
	fake_begin(&f, true);
	fake_sendz(&f, MAIL);
	for (int i = 0; i < LM_RCPT_MAX; i++)
		fake_sendz(&f, RCPT);
	buf_eat(&f.out, f.out.len);
	fake_sendz(&f, RCPT);
	assert_string_equal(fake_out(&f),
			    "452 4.5.3 too many recipients, the rest in a new transaction" N);
	buf_eat(&f.out, f.out.len);
	fake_sendz(&f, "DATA" N "x" N "." N);
	assert_int_equal(f.out.len, strlen(GO) + LM_RCPT_MAX * strlen(DONE));
	fake_end(&f);
}

static void test_too_many_bad(void **state)
{
	struct fake f;

	(void)state;
	fake_begin(&f, false);
	for (int i = 0; i < LM_BAD_MAX; i++)
		fake_sendz(&f, "POST / HTTP/1.1" N);
	assert_int_equal(f.last, LM_BYE);
	assert_non_null(strstr(fake_out(&f), "421 4.7.0 "));
	fake_end(&f);
}

/* Endings. */

static void expect_end(struct fake *f, enum lm_end why, enum lm_verdict v, const char *out)
{
	buf_eat(&f->out, f->out.len);
	assert_int_equal(lm_end(f->lm, why), v);
	assert_string_equal(fake_out(f), out);
}

static void test_end_between_transactions(void **state)
{
	struct fake f;

	(void)state;
	fake_begin(&f, false);
	fake_sendz(&f, "LHLO me" N);
	expect_end(&f, LM_END_STOP, LM_BYE, "421 4.3.2 mx.example.com is shutting down" N);
	expect_end(&f, LM_END_STOP, LM_BYE, "");
	fake_end(&f);
}

static void test_stop_waits_for_the_transaction(void **state)
{
	struct fake f;

	(void)state;
	fake_begin(&f, false);
	fake_sendz(&f, MAIL RCPT);
	expect_end(&f, LM_END_STOP, LM_NEXT, "");
	fake_sendz(&f, "DATA" N "x" N "." N);
	assert_int_equal(f.last, LM_BYE);
	assert_string_equal(fake_out(&f), GO DONE "421 4.3.2 mx.example.com is shutting down" N);
	assert_int_equal(f.n_deliveries, 1);
	fake_end(&f);
}

static void test_idle_in_data(void **state)
{
	struct fake f;

	(void)state;
	fake_begin(&f, false);
	fake_sendz(&f, MAIL RCPT "DATA" N "half of it" N);
	expect_end(&f, LM_END_IDLE, LM_BYE, "421 4.4.2 mx.example.com waited too long, closing" N);
	assert_int_equal(f.n_deliveries, 0);
	assert_int_equal(f.n_forgotten, 1);
	fake_end(&f);
}

static void test_vanished_client(void **state)
{
	static const char *const parts[] = {
		MAIL,
		MAIL RCPT,
		MAIL RCPT "DATA" N,
		MAIL RCPT "DATA" N "x" N ".\r",
		MAIL RCPT "BDAT 3" N "ab",
		MAIL RCPT "BDAT 1" N "a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct fake f;

		fake_begin(&f, false);
		fake_sendz(&f, parts[i]);
		lm_gone(f.lm);
		assert_int_equal(f.n_deliveries, 0);
		assert_int_equal(f.n_forgotten, 1);
		fake_sendz(&f, N "." N);
		assert_int_equal(f.last, LM_BYE);
		fake_end(&f);
	}
}

/* The mail is away with its question when the client goes: it is not the session's to free. */
static void test_vanished_while_delivering(void **state)
{
	struct fake f;
	size_t eaten;
	static const char in[] = "DATA" N "x" N "." N;

	(void)state;
	fake_begin(&f, true);
	fake_sendz(&f, MAIL RCPT);
	assert_int_equal(lm_feed(f.lm, in, strlen(in), &eaten), LM_WAIT);
	assert_non_null(f.asked);
	assert_int_equal(f.asked->kind, LM_ASK_DELIVER);
	assert_int_equal(lm_end(f.lm, LM_END_IDLE), LM_WAIT);
	lm_gone(f.lm);
	assert_int_equal(f.n_forgotten, 0);
	assert_non_null(f.asked->mail);
	fake_end(&f);
}

static void test_totals(void **state)
{
	struct lm_totals t;
	struct fake f;

	(void)state;
	fake_begin(&f, false);
	fake_sendz(&f, MAIL RCPT "RCPT TO:<nobody@a>" N "RCPT TO:<late-full@a>" N "BLAH" N "DATA" N
				 "four" N "." N);
	lm_totals(f.lm, &t);
	assert_int_equal(t.n_delivered, 1);
	assert_int_equal(t.n_refused, 2);
	assert_int_equal(t.n_bad, 1);
	assert_int_equal(t.octets, 6);
	fake_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_smuggling),
		cmocka_unit_test(test_full_waits),
		cmocka_unit_test(test_nul_is_refused),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_too_many_recipients),
		cmocka_unit_test(test_too_many_bad),
		cmocka_unit_test(test_end_between_transactions),
		cmocka_unit_test(test_stop_waits_for_the_transaction),
		cmocka_unit_test(test_idle_in_data),
		cmocka_unit_test(test_vanished_client),
		cmocka_unit_test(test_vanished_while_delivering),
		cmocka_unit_test(test_totals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
