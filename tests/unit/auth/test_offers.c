/* test_offers.c - what a connection may try: by the settings, its own state, and what the accounts can prove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <sasl/sasl.h>
#include "server/auth/auth.h"
#include "tests/unit/auth/opened.h"

#define NEGOTIATE "NTLMSSP\0\1\0\0\0\7\x82\x08\xa2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static struct people hashed = { .base = { .ops = &people_ops, .reveals = 1u << SECRET_NT_HASH } };

static void the_list_follows_the_facts(void **state)
{
	static const struct {
		struct auth_facts f;
		const char *want;
	} rows[] = {
		{ { .peer = "192.0.2.7" }, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5" },
		{ { .clear_ok = true }, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN" },
		{ { .secure = true }, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN" },
		{ { .secure = true, .cert_name = "kim@example.com" },
		  "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN EXTERNAL" },
		{ { .secure = true,
		    .binding_name = "tls-exporter",
		    .binding = "x",
		    .binding_len = 1 },
		  "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 PLAIN "
		  "LOGIN" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth *a = open_auth(ALL);
		struct login *l = login_new(a, &on_loopback);

		login_facts(l, &rows[i].f);
		assert_string_equal(login_mechs(l), rows[i].want);
		assert_int_equal(login_clear_allowed(l), strstr(rows[i].want, "PLAIN") != NULL);
		login_free(&l);
		auth_unref(&a);
	}
}

static void the_settings_rule_the_list(void **state)
{
	static const struct {
		const char *mechs, *want;
		bool warned;
	} rows[] = {
		{ "PLAIN CRAM-MD5", "PLAIN CRAM-MD5", false },
		{ "  login\tplain  PLAIN ", "LOGIN PLAIN", false },
		{ "", "", false },
		{ "PLAIN NTLM GSSAPI", "PLAIN", false }, /* there is nobody to prove it with */
		{ "DIGEST-MD5 ANONYMOUS", "", true },
		{ "SCRAM-SHA-256-PLUS", "", false }, /* and nothing to bind to here */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth *a = open_auth(rows[i].mechs);
		struct login *l = login_new(a, &on_loopback);

		assert_string_equal(login_mechs(l), rows[i].want);
		assert_int_equal(strstr(heard, "mechanism-missing") != NULL, rows[i].warned);
		login_free(&l);
		auth_unref(&a);
	}
}

/* What needs the password itself is offered only by accounts that reveal it. */
static void the_accounts_rule_the_list(void **state)
{
	struct people hidden = { .base = { .ops = &people_ops } };
	struct auth_setup s = setup_of(ALL);
	struct auth *a;
	struct login *l;

	(void)state;
	s.accounts = &hidden.base;
	a = open_as(&s, NULL);
	l = login_new(a, &far_tls);
	assert_string_equal(login_mechs(l), "PLAIN LOGIN");
	assert_null(login_apop_stamp(l));
	assert_null(strstr(heard, "mechanism-missing"));
	login_free(&l);
	auth_unref(&a);
}

static void what_is_not_offered_is_not_started(void **state)
{
	static const char *const names[] = { "LOGIN",     "SCRAM-SHA-256-PLUS",
					     "EXTERNAL",  "NTLM",
					     "ANONYMOUS", "",
					     "PLAIN ",    "GSSAPI" };
	struct auth *a = open_auth("PLAIN SCRAM-SHA-256 EXTERNAL");
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		login_begin(l, names[i], NULL, 0, &out);
		assert_int_equal(out.state, AUTH_FAILED);
		assert_int_equal(out.class, EC_USAGE);
		assert_int_equal(out.delay_ms, 0);
	}
	login_free(&l);
	auth_unref(&a);
}

/* The process holds no code of mechanisms we do not offer. */
static void no_other_plugin_is_loaded(void **state)
{
	static const char *const strangers[] = { "NTLM", "DIGEST-MD5", "ANONYMOUS", "GSSAPI" };
	struct auth *a = open_auth(ALL);
	const char **have = sasl_global_listmech();

	(void)state;
	for (; *have; have++) {
		for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
			assert_string_not_equal(*have, strangers[i]);
	}
	auth_unref(&a);
}

/* ---- Secure Password Authentication ---- */

static void spa_required_refuses_them_under_tls_too(void **state)
{
	static const struct secret pass = { .bytes = (unsigned char *)"tanstaaf", .len = 8 };
	struct auth_setup s = setup_of(ALL " NTLM");
	struct auth *a;
	struct login *l;
	struct auth_answer out;

	(void)state;
	s.spa_required = true;
	s.spa.kind = SPA_HASH;
	s.accounts = &hashed.base;
	a = open_as(&s, NULL);
	l = login_new(a, &far_tls);
	assert_string_equal(login_mechs(l), "NTLM");
	assert_false(login_clear_allowed(l));
	login_pass(l, "kim@example.com", 15, &pass, &out);
	assert_int_equal(out.class, EC_REFUSED);
	login_begin(l, "PLAIN", "\0kim@example.com\0tanstaaf", 25, &out);
	assert_int_equal(out.class, EC_REFUSED);
	assert_int_equal(hashed.n_verify, 0);
	login_facts(l, &on_loopback);
	assert_string_equal(login_mechs(l), "NTLM");
	login_free(&l);
	auth_unref(&a);
}

/* A service that nobody could sign in to does not start. */
static void spa_required_needs_spa(void **state)
{
	static const struct {
		struct people *people;
		enum spa_kind kind;
		const char *mechs, *says;
	} rows[] = {
		{ &people, SPA_AUTO, ALL " NTLM", "run winbind" },
		{ &hashed, SPA_OFF, ALL " NTLM", "run winbind" },
		{ &hashed, SPA_HASH, ALL, "add NTLM to mechanisms" },
		{ &people, SPA_HASH, ALL " NTLM", "spa = hash" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth_setup s = setup_of(rows[i].mechs);
		struct auth *a = NULL;
		struct err e = { 0 };

		s.spa_required = true;
		s.spa.kind = rows[i].kind;
		s.accounts = &rows[i].people->base;
		assert_int_not_equal(auth_open(&s, NULL, &a, &e), EC_OK);
		assert_null(a);
		if (!strstr(e.text, rows[i].says))
			fail_msg("%s", e.text);
	}
}

/* A binding that is demanded is not dodged by leaving out TLS; any TLS will do for a try. */
static void demanded_binding_is_offered_under_tls(void **state)
{
	struct auth_setup s = setup_of("NTLM PLAIN");
	struct auth *a;
	struct login *l;
	struct auth_answer out;

	(void)state;
	s.spa.kind = SPA_HASH;
	s.spa.binding = BINDING_REQUIRE;
	s.accounts = &hashed.base;
	a = open_as(&s, NULL);
	l = login_new(a, &on_loopback);
	assert_string_equal(login_mechs(l), "PLAIN");
	login_begin(l, "NTLM", NEGOTIATE, 32, &out);
	assert_int_equal(out.class, EC_USAGE);
	login_facts(l, &far_tls);
	assert_string_equal(login_mechs(l), "NTLM PLAIN");
	login_begin(l, "NTLM", NEGOTIATE, 32, &out);
	assert_int_equal(out.state, AUTH_MORE);
	login_free(&l);
	auth_unref(&a);
}

static void ntlm_runs_to_its_end(void **state)
{
	struct auth_setup s = setup_of("NTLM PLAIN");
	struct auth *a;
	struct login *l;
	struct auth_answer out;

	(void)state;
	s.spa.kind = SPA_HASH;
	s.accounts = &hashed.base;
	a = open_as(&s, NULL);
	l = login_new(a, &far_tls);
	assert_string_equal(login_mechs(l), "NTLM PLAIN");
	for (int early = 0; early < 2; early++) {
		login_begin(l, "ntlm", early ? NEGOTIATE : NULL, early ? 32 : 0, &out);
		assert_int_equal(out.state, AUTH_MORE);
		if (!early) {
			assert_int_equal(out.challenge_len, 0);
			login_step(l, NEGOTIATE, 32, &out);
		}
		assert_int_equal(out.state, AUTH_MORE);
		assert_memory_equal(out.challenge, "NTLMSSP\0\2", 9);
		login_step(l, "NTLMSSP\0\3\0\0\0", 12, &out);
		assert_int_equal(out.class, EC_DENIED);
		assert_string_equal(out.mech, "NTLM");
	}
	login_begin(l, "NTLM", "NTLMSSP\0\3\0\0\0", 12, &out);
	assert_int_equal(out.class, EC_USAGE);
	login_free(&l);
	auth_unref(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_follows_the_facts),
		cmocka_unit_test(the_settings_rule_the_list),
		cmocka_unit_test(the_accounts_rule_the_list),
		cmocka_unit_test(what_is_not_offered_is_not_started),
		cmocka_unit_test(spa_required_refuses_them_under_tls_too),
		cmocka_unit_test(spa_required_needs_spa),
		cmocka_unit_test(demanded_binding_is_offered_under_tls),
		cmocka_unit_test(ntlm_runs_to_its_end),
		cmocka_unit_test(no_other_plugin_is_loaded),
	};

	return cmocka_run_group_tests(tests, listen_in, listen_no_more);
}
