/* test_script.c - whole conversations: what the client sends, what it must get.
 *
 * Every script runs whole, byte by byte and split at every position, with answers that come at once and answers that come
 * later; the outcome must be the same each time. In scripts a line ends in \n and travels as CRLF; a wanted line that ends
 * in '*' may go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/pop3/fake.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define IN_BOX "USER kim\nPASS secret word\n"
#define OPEN "+OK send PASS\n+OK mailbox open, 4 messages (*\n"

struct script {
	const char *name, *sent, *want;
	void (*set)(struct fake *f); /* NULL: the usual world */
	bool over;                   /* the session ends */
};

static void to_crlf(const char *text, struct buf *out)
{
	for (; *text; text++)
		buf_add(out, *text == '\n' ? "\r\n" : text, *text == '\n' ? 2 : 1);
}

static size_t line_len(const char *p, const char *end)
{
	const char *nl = memmem(p, (size_t)(end - p), "\r\n", 2);

	assert_non_null(nl);
	return (size_t)(nl - p);
}

static void expect(const struct script *c, const struct fake *f)
{
	const char *got = buf_at(&f->out), *end = got + f->out.len, *want = c->want;

	while (*want) {
		size_t w = strcspn(want, "\n"), g = got < end ? line_len(got, end) : 0;
		bool open = w && want[w - 1] == '*';
		size_t n = open ? w - 1 : w;

		if (got >= end || (open ? g < n : g != n) || memcmp(got, want, n))
			fail_msg("%s: wanted '%.*s', got '%.*s'", c->name, (int)w, want, (int)g,
				 got < end ? got : "");
		assert_true(g + 2 <= FAKE_REPLY_MAX);
		got += g + 2;
		want += w + 1;
	}
	if (got != end)
		fail_msg("%s: not wanted '%.*s'", c->name, (int)(end - got), got);
	if (c->over != (f->verdict == V_BYE))
		fail_msg("%s: %s", c->name, c->over ? "goes on" : "is over");
}

static void play(const struct script *c, const struct buf *in, size_t first, size_t step,
		 bool async)
{
	struct fake f;

	(c->set ? c->set : fake_with_mail)(&f);
	f.async = async;
	fake_begin(&f);
	for (size_t at = 0, n = first; at < in->len && !f.byed; at += n, n = step) {
		if (n > in->len - at)
			n = in->len - at;
		fake_send(&f, buf_at(in) + at, n);
	}
	expect(c, &f);
	fake_end(&f);
}

static void play_all_ways(const struct script *c)
{
	struct buf in = { 0 };

	to_crlf(c->sent, &in);
	for (int async = 0; async < 2; async++) {
		play(c, &in, in.len, 1, async);
		play(c, &in, 1, 1, async);
		for (size_t at = 1; at < in.len; at++)
			play(c, &in, at, in.len, async);
	}
	buf_drop(&in);
}

static void play_table(const struct script *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		play_all_ways(&table[i]);
}

static void no_tls_no_apop(struct fake *f)
{
	fake_with_mail(f);
	f->policy.stls_offered = false;
	f->allowed.apop_stamp = NULL;
}

static void no_clear(struct fake *f)
{
	fake_with_mail(f);
	f->allowed.clear = false;
	f->allowed.mechs = "CRAM-MD5";
}

static void no_clear_no_tls(struct fake *f)
{
	no_clear(f);
	f->policy.stls_offered = false;
}

static void spa_only(struct fake *f)
{
	no_clear(f);
	f->policy.spa_only = true;
}

static void ntlm(struct fake *f)
{
	fake_with_mail(f);
	f->allowed.mechs = "NTLM PLAIN";
}

static void ntlm_plus_ok(struct fake *f)
{
	ntlm(f);
	f->policy.ntlm_plus_ok = true;
}

static void no_mechs(struct fake *f)
{
	fake_with_mail(f);
	f->allowed.mechs = "";
	f->allowed.secure = true;
}

static void expire_7(struct fake *f)
{
	fake_with_mail(f);
	f->policy.expire_days = 7;
	f->policy.login_delay_s = 60;
}

static void rules_differ(struct fake *f)
{
	fake_with_mail(f);
	f->policy.expire_days = 3;
	f->policy.expire_differs = true;
	f->own_rule = true;
	f->rule = 30;
}

static void rules_differ_never(struct fake *f)
{
	rules_differ(f);
	f->rule = EXPIRE_NEVER;
}

/* A directory that is away keeps the rules to itself. */
static void rules_unknown(struct fake *f)
{
	rules_differ(f);
	f->policy.expire_days = EXPIRE_UNSET;
	f->rule = 0;
}

#define CAPA_TAIL                                                                                  \
	"RESP-CODES\nAUTH-RESP-CODE\nPIPELINING\nEXPIRE NEVER\nIMPLEMENTATION winpop-test\n.\n"
#define CAPA_WITH(expire)                                                                          \
	"+OK *\nSTLS\nUSER\nSASL PLAIN LOGIN\nUTF8 USER\nLANG\nUIDL\nTOP\nRESP-CODES\n"            \
	"AUTH-RESP-CODE\nPIPELINING\n" expire "IMPLEMENTATION winpop-test\n.\n"
#define SIGN_IN "USER kim\nPASS secret word\n"
#define SIGNED_IN "+OK *\n+OK *\n"
#define CAPA_FULL "+OK *\nSTLS\nUSER\nSASL PLAIN LOGIN\nUTF8 USER\nLANG\nUIDL\nTOP\n" CAPA_TAIL

/* clang-format off */
static const struct script before_sign_in_table[] = {
	{ "capa", "CAPA\n", CAPA_FULL },
	{ "capa in small letters", "capa\n", CAPA_FULL },
	{ "capa, no TLS to be had",
	  "CAPA\n",
	  "+OK *\nUSER\nSASL PLAIN LOGIN\nUTF8 USER\nLANG\nUIDL\nTOP\n" CAPA_TAIL, no_tls_no_apop },
	{ "capa, nothing in the clear",
	  "CAPA\n",
	  "+OK *\nSTLS\nSASL CRAM-MD5\nUTF8 USER\nLANG\nUIDL\nTOP\n" CAPA_TAIL, no_clear },
	{ "capa, no mechanism, TLS on",
	  "CAPA\n",
	  "+OK *\nUSER\nUTF8 USER\nLANG\nUIDL\nTOP\n" CAPA_TAIL, no_mechs },
	{ "capa, expire and delay",
	  "CAPA\n",
	  "+OK *\nSTLS\nUSER\nSASL PLAIN LOGIN\nUTF8 USER\nLANG\nUIDL\nTOP\nRESP-CODES\n"
	  "AUTH-RESP-CODE\nPIPELINING\nEXPIRE 7\nLOGIN-DELAY 60\nIMPLEMENTATION winpop-test\n.\n",
	  expire_7 },
	{ "capa, rules for expiry differ", "CAPA\n" SIGN_IN "CAPA\n",
	  CAPA_WITH("EXPIRE 3 USER\n") SIGNED_IN CAPA_WITH("EXPIRE 30\n"), rules_differ },
	{ "capa, rules differ, never here", "CAPA\n" SIGN_IN "CAPA\n",
	  CAPA_WITH("EXPIRE 3 USER\n") SIGNED_IN CAPA_WITH("EXPIRE NEVER\n"), rules_differ_never },
	{ "capa, rules not known yet", "CAPA\n" SIGN_IN "CAPA\n",
	  CAPA_WITH("") SIGNED_IN CAPA_WITH("EXPIRE 0\n"), rules_unknown },
	{ "quit", "QUIT\n", "+OK good bye\n", .over = true },
	{ "nothing after quit", "QUIT\nCAPA\n", "+OK good bye\n", .over = true },
	{ "not before sign-in",
	  "STAT\nLIST\nRETR 1\nDELE 1\nNOOP\nRSET\nTOP 1 0\nUIDL\n",
	  "-ERR sign in first\n-ERR sign in first\n-ERR sign in first\n-ERR sign in first\n"
	  "-ERR sign in first\n-ERR sign in first\n-ERR sign in first\n-ERR sign in first\n" },
	{ "unknown",
	  "XTND\nHELO x\nGET / HTTP/1.0\n\n",
	  "-ERR unknown command\n-ERR unknown command\n-ERR unknown command\n-ERR unknown command\n" },
	{ "arguments",
	  "USER\nUSER a b\nUSER  a\nPASS\nPASS \nAPOP a\nCAPA x\nQUIT now\nLANG a b\n",
	  "-ERR write it as: USER name\n-ERR write it as: USER name\n-ERR write it as: USER name\n"
	  "-ERR write it as: PASS password\n-ERR write it as: PASS password\n"
	  "-ERR write it as: APOP name digest\n-ERR write it as: CAPA\n-ERR write it as: QUIT\n"
	  "-ERR write it as: LANG [language]\n" },
	{ "blanks at the end", "CAPA  \nQUIT \n", CAPA_FULL "+OK *\n", .over = true },
	{ "blank in front", " QUIT\n", "-ERR unknown command\n" },
	{ "control octets",
	  "USER k\tim\nQUIT\x01\nUSER kim\x7f\n",
	  "-ERR control*\n-ERR control*\n-ERR control*\n" },
	{ "a CR within", "USER kim\rPASS x\n", "-ERR control*\n" },
	{ "not ASCII",
	  "LANG d\xc3\xa9\n\xc3\xa9\nAUTH \xff\n",
	  "-ERR the command must be*\n-ERR unknown command\n-ERR the command must be*\n" },
	{ "UTF-8 name",
	  "USER j\xc3\xbcrgen\nUSER j\xfcrgen\n",
	  "+OK *\n-ERR name and password*\n" },
	{ "utf8", "UTF8\nUTF8\nSTLS\nUTF8 x\n", "+OK *\n+OK *\n-ERR STLS must*\n-ERR write*\n" },
	{ "lang",
	  "LANG\nLANG en\nLANG EN\nLANG *\nLANG i-default\nLANG mul\n",
	  "+OK *\nen English\ni-default English\n.\n+OK en *\n+OK en *\n+OK en *\n+OK i-default *\n"
	  "-ERR *\n" },
	{ "no STLS", "STLS\n", "-ERR TLS is not set up on this server\n", no_tls_no_apop },
	{ "STLS twice", "STLS\n", "-ERR TLS is on already\n", no_mechs },
	{ "no APOP",
	  "APOP kim c4c9334bac560ecc979e58001b3e22fb\n",
	  "-ERR APOP is not*\n", no_tls_no_apop },
	{ "no clear passwords yet",
	  "USER kim\nPASS secret word\n",
	  "-ERR no password in the clear; send STLS first\n"
	  "-ERR no password in the clear; send STLS first\n", no_clear },
	{ "no clear passwords at all",
	  "USER kim\n",
	  "-ERR USER is not offered here; use AUTH\n", no_clear_no_tls },
	{ "no clear passwords even with TLS",
	  "USER kim\n",
	  "-ERR turn on Secure Password Authentication*\n", spa_only },
};
/* clang-format on */

static void before_sign_in(void **state)
{
	(void)state;
	play_table(before_sign_in_table, LEN(before_sign_in_table));
}

/* clang-format off */
static const struct script signing_in_table[] = {
	{ "password", "USER kim\nPASS secret word\n", OPEN },
	{ "wrong password", "USER kim\nPASS secret\n", "+OK send PASS\n-ERR [AUTH] *\n" },
	{ "blank at the end is part of it",
	  "USER kim\nPASS secret word \n",
	  "+OK send PASS\n-ERR [AUTH] *\n" },
	{ "unknown user", "USER nobody\nPASS secret word\n", "+OK send PASS\n-ERR [AUTH] *\n" },
	{ "PASS alone", "PASS secret word\n", "-ERR send USER first\n" },
	{ "PASS again needs USER",
	  "USER kim\nPASS x\nPASS secret word\n",
	  "+OK send PASS\n-ERR [AUTH] *\n-ERR send USER first\n" },
	{ "second try",
	  "USER kim\nPASS x\n" IN_BOX "STAT\n",
	  "+OK send PASS\n-ERR [AUTH] *\n" OPEN "+OK 4 *\n" },
	{ "second USER counts", "USER bob\nUSER kim\nPASS secret word\n", "+OK send PASS\n" OPEN },
	{ "classes",
	  "USER inuse\nPASS secret word\nUSER busy\nPASS secret word\nUSER temp\nPASS secret word\n"
	  "USER broken\nPASS secret word\nUSER absent\nPASS secret word\nUSER refused\n"
	  "PASS secret word\n",
	  "+OK *\n-ERR [IN-USE] *\n+OK *\n-ERR [SYS/TEMP] *\n+OK *\n-ERR [SYS/TEMP] *\n+OK *\n"
	  "-ERR [SYS/PERM] *\n+OK *\n-ERR [SYS/PERM] *\n+OK *\n-ERR [SYS/PERM] *\n" },
	{ "better words",
	  "USER locked\nPASS secret word\nUSER delay\nPASS secret word\n",
	  "+OK *\n-ERR [SYS/PERM] mailbox is locked\n+OK *\n-ERR [LOGIN-DELAY] *\n" },
	{ "the right password does not do",
	  "USER expired\nPASS secret word\nUSER mustchange\nPASS secret word\nUSER disabled\n"
	  "PASS secret word\nUSER notnow\nPASS secret word\nUSER group\nPASS secret word\n",
	  "+OK *\n-ERR [AUTH] your password has expired; change it*\n+OK *\n"
	  "-ERR [AUTH] you must change your password*\n+OK *\n-ERR [AUTH] this account is disabled*\n"
	  "+OK *\n-ERR [SYS/PERM] you may not sign in at this time*\n+OK *\n"
	  "-ERR [SYS/PERM] you are not in the group*\n" },
	{ "a wrong one tells nothing",
	  "USER expired\nPASS secret\nUSER group\nPASS secret\n",
	  "+OK *\n-ERR [AUTH] user name or password*\n+OK *\n-ERR [AUTH] user name or password*\n" },
	{ "apop",
	  "APOP kim c4c9334bac560ecc979e58001b3e22fb\nNOOP\n",
	  "+OK mailbox open, 4 *\n+OK *\n" },
	{ "apop wrong",
	  "APOP kim c4c9334bac560ecc979e58001b3e22fc\nSTAT\n",
	  "-ERR [AUTH] *\n-ERR sign in first\n" },
	{ "pipelined",
	  "CAPA\nUSER kim\nPASS secret word\nSTAT\nQUIT\n",
	  CAPA_FULL OPEN "+OK 4 *\n+OK 0 messages removed, good bye\n", .over = true },
	{ "not after sign-in",
	  IN_BOX "USER kim\nPASS x\nAPOP a b\nAUTH\nSTLS\nUTF8\n",
	  OPEN "-ERR you are signed in already\n-ERR you are signed in already\n"
	  "-ERR you are signed in already\n-ERR you are signed in already\n"
	  "-ERR you are signed in already\n-ERR you are signed in already\n" },
	{ "capa is the same after it", IN_BOX "CAPA\n", OPEN CAPA_FULL },
};
/* clang-format on */

static void signing_in(void **state)
{
	(void)state;
	play_table(signing_in_table, LEN(signing_in_table));
}

/* clang-format off */
static const struct script sasl_table[] = {
	{ "list", "AUTH\nAUTH \n", "+OK *\nPLAIN\nLOGIN\n.\n+OK *\nPLAIN\nLOGIN\n.\n" },
	{ "empty list", "AUTH\n", "+OK *\n.\n", no_mechs },
	{ "initial response", "AUTH PLAIN a2lt\n", "+OK mailbox open*\n" },
	{ "any case", "auth pLaIn a2lt\n", "+OK mailbox open*\n" },
	{ "without initial response", "AUTH PLAIN\na2lt\n", "+ \n+OK mailbox open*\n" },
	{ "two steps",
	  "AUTH LOGIN\nbW9yZQ==\na2ltLi4=\n",
	  "+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\n+OK mailbox open*\n" },
	{ "empty initial response", "AUTH PLAIN =\n", "-ERR [AUTH] *\n" },
	{ "empty response", "AUTH PLAIN\n\nNOOP\n", "+ \n-ERR [AUTH] *\n-ERR sign in first\n" },
	{ "wrong", "AUTH PLAIN eHh4\nAUTH PLAIN a2lt\n", "-ERR [AUTH] *\n+OK mailbox open*\n" },
	{ "cancel", "AUTH PLAIN\n*\nCAPA\n", "+ \n-ERR sign-in cancelled\n" CAPA_FULL },
	{ "not base64",
	  "AUTH PLAIN\nUSER kim\nAUTH PLAIN !!!\nAUTH PLAIN a2l\n",
	  "+ \n-ERR this is not base64*\n-ERR the initial*\n-ERR the initial*\n" },
	{ "control octets", "AUTH PLAIN\na2\x01t\n", "+ \n-ERR this is not base64*\n" },
	{ "not offered",
	  "AUTH CRAM-MD5\nAUTH X\nAUTH PLAI\nAUTH LOGIN a b\n",
	  "-ERR this mech*\n-ERR this mech*\n-ERR this mech*\n-ERR write it as: AUTH *\n" },
	{ "NTLM", "AUTH NTLM\na2lt\n", "+ \n+OK mailbox open*\n", ntlm },
	{ "NTLM as the original had it",
	  "AUTH ntlm\n*\nAUTH NTLM\nbW9yZQ==\na2lt\n",
	  "+OK\n-ERR sign-in cancelled\n+OK\n+ UGFzc3dvcmQ6\n+OK mailbox open*\n", ntlm_plus_ok },
	{ "nobody else so",
	  "AUTH PLAIN\n*\nAUTH NTLM bW9yZQ==\n*\n",
	  "+ \n-ERR *\n+ UGFzc3dvcmQ6\n-ERR *\n", ntlm_plus_ok },
	{ "USER after it", "AUTH PLAIN\n*\n" IN_BOX, "+ \n-ERR sign-in cancelled\n" OPEN },
};
/* clang-format on */

static void sasl(void **state)
{
	(void)state;
	play_table(sasl_table, LEN(sasl_table));
}

/* clang-format off */
static const struct script in_the_mailbox_table[] = {
	{ "stat", IN_BOX "STAT\nSTAT \nNOOP\n", OPEN "+OK 4 87\n+OK 4 87\n+OK *\n" },
	{ "list", IN_BOX "LIST\n", OPEN "+OK 4 messages (87 octets)\n1 25\n2 32\n3 30\n4 0\n.\n" },
	{ "list one", IN_BOX "LIST 3\nUIDL 3\n", OPEN "+OK 3 30\n+OK 3 uid-3\n" },
	{ "uidl",
	  IN_BOX "UIDL\n",
	  OPEN "+OK *\n1 uid-1\n2 uid-2\n3 uid-3\n4 uid-4\n.\n" },
	{ "retr plain", IN_BOX "RETR 1\n", OPEN "+OK 25 octets\nSubject: plain\n\nhello\n.\n" },
	{ "retr dots",
	  IN_BOX "RETR 2\n",
	  OPEN "+OK 32 octets\nSubject: dots\n\n..\n...two\nend\n.\n" },
	{ "retr foreign",
	  IN_BOX "RETR 3\n",
	  OPEN "+OK 30 octets\nSubject: foreign\n\n..a\nlast\n.\n" },
	{ "retr empty", IN_BOX "RETR 4\n", OPEN "+OK 0 octets\n.\n" },
	{ "top",
	  IN_BOX "TOP 1 0\nTOP 1 1\nTOP 1 4294967295\nTOP 2 1\nTOP 3 1\nTOP 4 9\n",
	  OPEN "+OK *\nSubject: plain\n\n.\n+OK *\nSubject: plain\n\nhello\n.\n+OK *\n"
	  "Subject: plain\n\nhello\n.\n+OK *\nSubject: dots\n\n..\n.\n+OK *\nSubject: foreign\n\n"
	  "..a\n.\n+OK *\n.\n" },
	{ "numbers",
	  IN_BOX "RETR 0\nRETR 5\nRETR 4294967296\nRETR 4294967297\nRETR 99999999999999999999\n",
	  OPEN "-ERR no such message; this mailbox holds 4\n-ERR no such*\n-ERR no such*\n"
	  "-ERR no such*\n-ERR no such*\n" },
	{ "not numbers",
	  IN_BOX "DELE -1\nDELE +1\nDELE 1x\nDELE  1\nDELE\nTOP 1\nTOP 1 -1\nTOP 1 x\nSTAT\n",
	  OPEN "-ERR a message number*\n-ERR a message number*\n-ERR a message number*\n"
	  "-ERR write it as: DELE message\n-ERR write it as: DELE message\n"
	  "-ERR write it as: TOP message lines\n-ERR the number of lines*\n"
	  "-ERR the number of lines*\n+OK 4 87\n" },
	{ "dele",
	  IN_BOX "DELE 2\nDELE 2\nRETR 2\nTOP 2 0\nLIST 2\nUIDL 2\nLIST\nSTAT\n",
	  OPEN "+OK message 2 *\n-ERR message 2 is deleted*\n-ERR message 2 is deleted*\n"
	  "-ERR message 2 is deleted*\n-ERR message 2 is deleted*\n-ERR message 2 is deleted*\n"
	  "+OK 3 messages (55 octets)\n1 25\n3 30\n4 0\n.\n+OK 3 55\n" },
	{ "rset",
	  IN_BOX "DELE 1\nDELE 2\nRSET\nSTAT\nDELE 1\nSTAT\nQUIT\n",
	  OPEN "+OK *\n+OK *\n+OK *\n+OK 4 87\n+OK *\n+OK 3 62\n+OK 1 message removed, good bye\n",
	  .over = true },
	{ "pipelined retrievals",
	  IN_BOX "RETR 1\nRETR 2\nDELE 1\nQUIT\n",
	  OPEN "+OK 25 *\nSubject: plain\n\nhello\n.\n+OK 32 *\nSubject: dots\n\n..\n...two\nend\n"
	  ".\n+OK *\n+OK 1 message removed*\n", .over = true },
	{ "NUL is no end", IN_BOX "DELE 1\x01\nSTAT\n", OPEN "-ERR control*\n+OK 4 *\n" },
};
/* clang-format on */

static void in_the_mailbox(void **state)
{
	(void)state;
	play_table(in_the_mailbox_table, LEN(in_the_mailbox_table));
}

static void table_is_away(struct fake *f)
{
	fake_with_mail(f);
	f->table_fails = EC_TEMP;
}
static void table_is_bad(struct fake *f)
{
	fake_with_mail(f);
	f->table_fails = EC_BROKEN;
}
static void no_file(struct fake *f)
{
	fake_with_mail(f);
	f->fetch_fails = EC_ABSENT;
}
static void bad_disk(struct fake *f)
{
	fake_with_mail(f);
	f->read_fails = EC_BROKEN;
}
static void cannot_remove(struct fake *f)
{
	fake_with_mail(f);
	f->commit_fails = EC_BROKEN;
	f->n_not_removed = 1;
}
static void removes_some(struct fake *f)
{
	fake_with_mail(f);
	f->n_not_removed = 1;
}

static const struct fake_msg changed[] = {
	{ .stored = fake_plain, .len = sizeof(fake_plain) - 1, .octets = 7 },
	{ .stored = fake_dots, .len = sizeof(fake_dots) - 1, .octets = 7, .flags = MSG_REPAIR },
	{ .stored = fake_dots, .len = sizeof(fake_dots) - 1, .octets = 999, .flags = MSG_REPAIR },
};
static void files_changed(struct fake *f)
{
	fake_defaults(f);
	f->mail = changed;
	f->n_mail = LEN(changed);
}

/* clang-format off */
static const struct script trouble_table[] = {
	{ "no table",
	  IN_BOX "LIST\nUIDL 1\nRETR 1\nSTAT\nQUIT\n",
	  OPEN "-ERR [SYS/TEMP] *\n-ERR [SYS/TEMP] *\n-ERR [SYS/TEMP] *\n+OK 4 87\n+OK *\n",
	  table_is_away, true },
	{ "damaged table", IN_BOX "LIST\n", OPEN "-ERR [SYS/PERM] *\n", table_is_bad },
	{ "file is gone",
	  IN_BOX "RETR 1\nTOP 1 0\nNOOP\n",
	  OPEN "-ERR [SYS/TEMP] *\n-ERR [SYS/TEMP] *\n+OK *\n", no_file },
	{ "cannot be read", IN_BOX "RETR 2\nNOOP\n", OPEN "+OK 32 octets\n", bad_disk, true },
	{ "changed, found before",
	  IN_BOX "RETR 1\nNOOP\n",
	  "+OK *\n+OK mailbox*\n-ERR [SYS/TEMP] *\n+OK *\n", files_changed },
	{ "changed, found while sending",
	  IN_BOX "RETR 2\nNOOP\n",
	  "+OK *\n+OK mailbox*\n+OK 7 octets\n", files_changed, true },
	{ "changed, found at the end",
	  IN_BOX "RETR 3\nNOOP\n",
	  "+OK *\n+OK mailbox*\n+OK 999 octets\nSubject: dots\n\n..\n...two\nend\n", files_changed,
	  true },
	{ "removal fails",
	  IN_BOX "DELE 1\nQUIT\n",
	  OPEN "+OK *\n-ERR [SYS/PERM] some deleted*\n", cannot_remove, true },
	{ "removal fails in part",
	  IN_BOX "DELE 1\nDELE 2\nQUIT\n",
	  OPEN "+OK *\n+OK *\n-ERR [SYS/TEMP] some deleted*\n", removes_some, true },
};
/* clang-format on */

static void trouble(void **state)
{
	(void)state;
	play_table(trouble_table, LEN(trouble_table));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_sign_in), cmocka_unit_test(signing_in),
		cmocka_unit_test(sasl),           cmocka_unit_test(in_the_mailbox),
		cmocka_unit_test(trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
