/* test_mech.c - which client messages reach a plug-in, and which plug-ins reach the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/auth/mech.h"

#define BYTES(z) z, sizeof(z) - 1
#define HEX32 "0123456789abcdef0123456789abcdef"

static const struct {
	const char *mech;
	unsigned turn;
	const char *p;
	size_t len;
	bool sane;
} messages[] = {
	{ "PLAIN", 0, BYTES("\0kim@example.com\0pw"), true },
	{ "PLAIN", 0, BYTES("kim@example.com\0kim@example.com\0pw"), true },
	{ "PLAIN", 0, BYTES("\0kim@example.com\0"), true }, /* empty: wrong, but not malformed */
	{ "PLAIN", 0, BYTES("\0kim@example.com\0 p\tw \xff"), true },
	{ "PLAIN", 0, BYTES("\0kim@example.com\0pw\0junk"), false },
	{ "PLAIN", 0, BYTES("\0kim@example.com\0pw\0"), false },
	{ "PLAIN", 0, BYTES("\0\0pw"), false },
	{ "PLAIN", 0, BYTES("\0kim@example.com"), false },
	{ "PLAIN", 0, BYTES("kim@example.com pw"), false },
	{ "PLAIN", 0, BYTES("\0kim\r\n@example.com\0pw"), false },
	{ "PLAIN", 0, BYTES("a\nb\0kim@example.com\0pw"), false },
	{ "PLAIN", 0, BYTES(""), false },
	{ "PLAIN", 1, BYTES("\0kim@example.com\0pw"), false },

	{ "LOGIN", 0, BYTES("kim@example.com"), true },
	{ "LOGIN", 0, BYTES("kim@example.com\0"), false },
	{ "LOGIN", 0, BYTES("kim\0@example.com"), false },
	{ "LOGIN", 0, BYTES(""), false },
	{ "LOGIN", 1, BYTES("pw"), true },
	{ "LOGIN", 1, BYTES(""), true },
	{ "LOGIN", 1, BYTES("pw\0junk"), false },
	{ "LOGIN", 2, BYTES("more"), false },

	{ "CRAM-MD5", 0, BYTES("kim@example.com " HEX32), true },
	{ "CRAM-MD5", 0, BYTES("kim " HEX32), true },
	{ "CRAM-MD5", 0, BYTES("two words " HEX32), true }, /* no name, but a message */
	{ "CRAM-MD5", 0, BYTES(" " HEX32), false },
	{ "CRAM-MD5", 0, BYTES(HEX32), false },
	{ "CRAM-MD5", 0, BYTES("kim " HEX32 "0"), false },
	{ "CRAM-MD5", 0, BYTES("kim " HEX32 " "), false },
	{ "CRAM-MD5", 0, BYTES("kim 0123456789ABCDEF0123456789abcdef"), false },
	{ "CRAM-MD5", 0,
	  BYTES("kim 0123456789abcde\0"
		"0123456789abcdef"),
	  false },
	{ "CRAM-MD5", 0, BYTES("kim\0junk " HEX32), false },
	{ "CRAM-MD5", 0, BYTES(""), false },
	{ "CRAM-MD5", 1, BYTES("kim " HEX32), false },

	{ "SCRAM-SHA-1", 0, BYTES("n,,n=kim@example.com,r=abc"), true },
	{ "SCRAM-SHA-1", 0, BYTES("y,,n=kim@example.com,r=abc"), true },
	{ "SCRAM-SHA-1", 0, BYTES("n,a=kim,n=kim@example.com,r=abc"), true },
	{ "SCRAM-SHA-1", 0, BYTES("n,,n=kim=2Cjr,r=abc,x=y"), true },
	{ "SCRAM-SHA-1", 0, BYTES("p=tls-unique,,n=kim,r=abc"), false }, /* not by this name */
	{ "SCRAM-SHA-1", 0, BYTES("n,a=12345678,"), false }, /* ends where the plug-in reads on */
	{ "SCRAM-SHA-1", 0, BYTES("n,,"), false },
	{ "SCRAM-SHA-1", 0, BYTES("n,,n=,r=abc"), false },
	{ "SCRAM-SHA-1", 0, BYTES("n,,n=kim"), false },
	{ "SCRAM-SHA-1", 0, BYTES("n,,n=kim,"), false },
	{ "SCRAM-SHA-1", 0, BYTES("n,,n=kim,r="), false },
	{ "SCRAM-SHA-1", 0, BYTES("n,,n=kim,r=,"), false },
	{ "SCRAM-SHA-1", 0, BYTES("n,,m=x,n=kim,r=abc"), false },
	{ "SCRAM-SHA-1", 0, BYTES("n,,n=kim\0,r=abc"), false },
	{ "SCRAM-SHA-1", 0, BYTES("x,,n=kim,r=abc"), false },
	{ "SCRAM-SHA-1", 0, BYTES("nn,,n=kim,r=abc"), false },
	{ "SCRAM-SHA-1", 0, BYTES(""), false },
	{ "SCRAM-SHA-1", 1, BYTES("c=biws,r=abcdef,p=AAAA"), true },
	{ "SCRAM-SHA-1", 1, BYTES("c=biws,r=abcdef"), false },
	{ "SCRAM-SHA-1", 1, BYTES("c=biws"), false },
	{ "SCRAM-SHA-1", 1, BYTES("r=abc,c=biws,p=AAAA"), false },
	{ "SCRAM-SHA-1", 1, BYTES(""), false },
	{ "SCRAM-SHA-1", 2, BYTES(""), true },
	{ "SCRAM-SHA-1", 2, BYTES("x"), false },
	{ "SCRAM-SHA-1-PLUS", 0, BYTES("p=tls-exporter,,n=kim,r=abc"), true },
	{ "SCRAM-SHA-1-PLUS", 0, BYTES("n,,n=kim,r=abc"), false },
	{ "SCRAM-SHA-1-PLUS", 0, BYTES("y,,n=kim,r=abc"), false },
	{ "SCRAM-SHA-1-PLUS", 0, BYTES("p=tls-exporter"), false },

	{ "EXTERNAL", 0, BYTES(""), true },
	{ "EXTERNAL", 0, BYTES("kim@example.com"), true },
	{ "EXTERNAL", 0, BYTES("kim@example.com\0x"), false },
	{ "EXTERNAL", 1, BYTES(""), false },

	{ "GSSAPI", 0, BYTES(""), false },
	{ "GSSAPI", 0, BYTES("`\x82\0token"), true },
	{ "GSSAPI", 1, BYTES(""), true },
	{ "GSSAPI", 2, BYTES("\5\4\0wrapped"), true },
	{ "GSSAPI", 4, BYTES("more"), false },

	{ "NTLM", 0, BYTES("NTLMSSP\0\1\0\0\0\7\2\0\0"), true },
	{ "NTLM", 0, BYTES("NTLMSSP\0\1\0\0\0"), true }, /* too short, but that is for its parser */
	{ "NTLM", 0, BYTES("NTLMSSP\0\1\0\0"), false },
	{ "NTLM", 0, BYTES("NTLMSSP\0\2\0\0\0"), false },
	{ "NTLM", 0, BYTES("NTLMSSP\0\3\0\0\0"), false },
	{ "NTLM", 0, BYTES("NTLMSSP \1\0\0\0"), false },
	{ "NTLM", 0, BYTES(""), false },
	{ "NTLM", 1, BYTES("NTLMSSP\0\3\0\0\0"), true },
	{ "NTLM", 1, BYTES("NTLMSSP\0\1\0\0\0"), false },
	{ "NTLM", 1, BYTES("NTLMSSP\0\3\1\0\0"), false },
	{ "NTLM", 2, BYTES("NTLMSSP\0\3\0\0\0"), false },
};

/* The message lies alone in memory of its exact size, so that a step too far is seen. */
static bool judge(const struct mech *m, unsigned turn, bool plus, const char *p, size_t len)
{
	char *alone = malloc(len ? len : 1);
	bool sane;

	memcpy(alone, p, len);
	sane = mech_sane(m, turn, plus, alone, len);
	free(alone);
	return sane;
}

static void messages_are_judged_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const char *name = messages[i].mech;
		bool plus;
		const struct mech *m = mech_find(name, strlen(name), &plus);

		assert_non_null(m);
		if (judge(m, messages[i].turn, plus, messages[i].p, messages[i].len) !=
		    messages[i].sane)
			fail_msg("row %zu, %s: %s", i, name, messages[i].p);
		for (size_t n = 0; n < messages[i].len; n++) /* every front of it, for the reader */
			judge(m, messages[i].turn, plus, messages[i].p, n);
	}
}

static void no_message_with_a_hidden_end_passes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		char longer[256];
		bool plus;
		const char *name = messages[i].mech;
		const struct mech *m = mech_find(name, strlen(name), &plus);
		bool text = strcmp(name, "GSSAPI") != 0 && strcmp(name, "NTLM") != 0;
		size_t n = messages[i].len;

		memcpy(longer, messages[i].p, n);
		memcpy(longer + n, "\0x", 2);
		if (messages[i].sane && text)
			assert_false(judge(m, messages[i].turn, plus, longer, n + 2));
	}
}

static void length_limits(void **state)
{
	static char big[MECH_TICKET_MAX + 1];
	bool plus;

	(void)state;
	memset(big, 'a', sizeof(big));
	assert_true(mech_name_sane(big, MECH_NAME_MAX));
	assert_false(mech_name_sane(big, MECH_NAME_MAX + 1));
	assert_false(mech_name_sane(big, 0));
	memcpy(big, "n,,n=kim,r=", 11);
	assert_true(mech_sane(mech_find("SCRAM-SHA-256", 13, &plus), 0, false, big, 2048));
	assert_false(mech_sane(mech_find("SCRAM-SHA-256", 13, &plus), 0, false, big, 2049));
	assert_true(mech_sane(mech_find("GSSAPI", 6, &plus), 0, false, big, MECH_TICKET_MAX));
	assert_false(mech_sane(mech_find("GSSAPI", 6, &plus), 0, false, big, MECH_TICKET_MAX + 1));
	memcpy(big, "NTLMSSP\0\1\0\0", 12);
	assert_true(mech_sane(mech_find("NTLM", 4, &plus), 0, false, big, MECH_MESSAGE_MAX));
	assert_false(mech_sane(mech_find("NTLM", 4, &plus), 0, false, big, MECH_MESSAGE_MAX + 1));
}

static void names_match_whole_and_in_any_case(void **state)
{
	static const struct {
		const char *name, *found;
		bool plus;
	} rows[] = {
		{ "plain", "PLAIN", false },
		{ "Scram-Sha-256", "SCRAM-SHA-256", false },
		{ "scram-sha-256-plus", "SCRAM-SHA-256", true },
		{ "SCRAM-SHA-1", "SCRAM-SHA-1", false },
		{ "PLAIN-PLUS", NULL, false },
		{ "PLAI", NULL, false },
		{ "PLAINX", NULL, false },
		{ "", NULL, false },
		{ "gssapi", "GSSAPI", false },
		{ "ntlm", "NTLM", false },
		{ "GSS-SPNEGO", NULL, false },
		{ "ANONYMOUS", NULL, false },
		{ "DIGEST-MD5", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool plus;
		const struct mech *m = mech_find(rows[i].name, strlen(rows[i].name), &plus);

		if (!rows[i].found) {
			assert_null(m);
			continue;
		}
		assert_string_equal(m->name, rows[i].found);
		assert_int_equal(plus, rows[i].plus);
	}
}

static void only_our_plugins_are_wanted(void **state)
{
	static const struct {
		const char *path;
		bool wanted;
	} rows[] = {
		{ "/usr/lib/x86_64-linux-gnu/sasl2/libscram.so", true },
		{ "/usr/lib/sasl2/libplain.so.2.0.25", true },
		{ "liblogin.so", true },
		{ "/usr/lib/sasl2/libgssapiv2.so", true },
		{ "/usr/lib/sasl2/libntlm.so", false },
		{ "/usr/lib/sasl2/libsasldb.so", false },
		{ "/usr/lib/sasl2/libplainer.so", false },
		{ "/usr/lib/libplain.so/evil.so", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mech_plugin_wanted(rows[i].path, ~0u), rows[i].wanted);
	assert_false(mech_plugin_wanted("libgssapiv2.so", MECH_SECRET));
	assert_true(mech_plugin_wanted("libplain.so", 0));
	assert_false(mech_plugin_wanted("libscram.so", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_judged_whole),
		cmocka_unit_test(no_message_with_a_hidden_end_passes),
		cmocka_unit_test(length_limits),
		cmocka_unit_test(names_match_whole_and_in_any_case),
		cmocka_unit_test(only_our_plugins_are_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
