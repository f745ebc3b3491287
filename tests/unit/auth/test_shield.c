/* test_shield.c - which questions of a sign-in reach the accounts: each once, and known ones not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "server/auth/auth.h"
#include "tests/unit/auth/heard.h"
#include "tests/unit/auth/people.h"

static struct people people = { .base = { .ops = &people_ops, .reveals = 1u << SECRET_CLEAR } };
static const struct auth_facts on_loopback = { .sid = "s1", .peer = "127.0.0.1", .clear_ok = true };

static struct auth *open_on(struct people *on, unsigned shield_s, unsigned cache_s,
			    const struct auth *before)
{
	struct auth_setup s = { .service = "pop",
				.hostname = "mail.example.com",
				.mechanisms = "SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN",
				.penalty_ms = 100,
				.shield_s = shield_s,
				.cache_s = cache_s,
				.accounts = &on->base,
				.log = &the_log };
	struct auth *a = NULL;
	struct err e = { 0 };

	assert_int_equal(auth_open(&s, before, &a, &e), EC_OK);
	return a;
}

static struct auth *open_auth(unsigned shield_s, unsigned cache_s, const struct auth *before)
{
	return open_on(&people, shield_s, cache_s, before);
}

static void fresh(void)
{
	people.n_resolve = people.n_verify = people.n_reveal = people.n_find = 0;
	people.stamp = "1";
	people.down = people.lost = false;
	heard[0] = 0;
}

static struct auth_answer pass(struct auth *a, const char *user, const char *word)
{
	struct login *l = login_new(a, &on_loopback);
	struct secret s = { 0 };
	struct auth_answer out;

	secret_set(&s, word, strlen(word));
	login_pass(l, user, strlen(user), &s, &out);
	secret_drop(&s);
	login_free(&l);
	return out;
}

static struct auth_answer plain(struct auth *a, const char *authzid, const char *user,
				const char *word)
{
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;
	char msg[256];
	size_t n = 0;

	n += strlen(strcpy(msg + n, authzid)) + 1;
	n += strlen(strcpy(msg + n, user)) + 1;
	n += strlen(strcpy(msg + n, word));
	login_begin(l, "PLAIN", msg, n, &out);
	login_free(&l);
	return out;
}

static void an_identity_is_looked_up_once(void **state)
{
	static const struct {
		const char *authzid, *user;
		enum ec want;
		unsigned looked_up;
	} rows[] = {
		{ "", "kim@example.com", EC_OK, 1 },
		{ "", "KIM@example.com", EC_OK, 1 },
		{ "", "kimmy", EC_OK, 1 },
		{ "kimmy", "kimmy", EC_OK, 1 },
		{ "kim@example.com", "kim@example.com", EC_OK, 1 },
		{ "kimmy", "kim@example.com", EC_OK, 2 },
		{ "kim@example.org", "kim@example.com", EC_DENIED, 2 },
		{ "ghost@example.com", "kim@example.com", EC_DENIED, 2 },
		{ "no name", "kim@example.com", EC_DENIED, 2 },
		{ "", "no name", EC_DENIED, 1 },
	};
	struct auth *a = open_auth(0, 0, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fresh();
		enum ec got = plain(a, rows[i].authzid, rows[i].user, "tanstaaf").class;
		if (got != rows[i].want || people.n_resolve != rows[i].looked_up ||
		    people.n_verify > 1)
			fail_msg("row %zu: %s after %u", i, ec_name(got), people.n_resolve);
	}
	fresh();
	assert_int_equal(pass(a, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_resolve, 1);
	auth_unref(&a);
}

static void challenges_look_up_once_too(void **state)
{
	struct auth *a = open_auth(0, 0, NULL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	fresh();
	login_begin(l, "CRAM-MD5", NULL, 0, &out);
	login_step(l, "kimmy 0123456789abcdef0123456789abcdef", 38, &out);
	assert_int_equal(out.class, EC_DENIED);
	assert_int_equal(people.n_resolve, 1);
	assert_int_equal(people.n_reveal, 1);
	fresh();
	login_begin(l, "SCRAM-SHA-256", "n,,n=kimmy,r=abc", 16, &out);
	assert_int_equal(out.state, AUTH_MORE);
	assert_int_equal(people.n_resolve, 1);
	login_free(&l);
	auth_unref(&a);
}

/* Whoever could not tell who is meant is not asked about the password as well. */
static void a_directory_that_is_away_is_asked_once(void **state)
{
	struct auth *a = open_auth(900, 60, NULL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	fresh();
	people.lost = true;
	out = pass(a, "kimmy", "tanstaaf");
	assert_int_equal(out.class, EC_TEMP);
	assert_int_equal(out.delay_ms, 0);
	assert_int_equal(plain(a, "", "kimmy", "tanstaaf").class, EC_TEMP);
	assert_int_equal(plain(a, "kimmy", "kim@example.com", "wrong").class, EC_TEMP);
	login_begin(l, "CRAM-MD5", NULL, 0, &out);
	login_step(l, "kimmy 0123456789abcdef0123456789abcdef", 38, &out);
	assert_int_equal(out.class, EC_TEMP);
	login_begin(l, "SCRAM-SHA-256", "n,,n=kimmy,r=abc", 16, &out);
	assert_int_equal(out.class, EC_TEMP);
	assert_int_equal(people.n_verify + people.n_reveal, 0);
	login_free(&l);
	auth_unref(&a);
}

static void a_wrong_password_is_asked_about_once(void **state)
{
	struct auth *a = open_auth(900, 0, NULL);
	struct auth_answer out;

	(void)state;
	fresh();
	out = pass(a, "kim@example.com", "old");
	assert_int_equal(out.class, EC_DENIED);
	assert_int_equal(out.delay_ms, 100);
	assert_null(strstr(heard, "shield="));
	for (unsigned i = 1; i <= 3; i++) {
		out = plain(a, "", i % 2 ? "kimmy" : "KIM@example.com", "old");
		assert_int_equal(out.class, EC_DENIED);
		assert_true(out.delay_ms > 100); /* slowed as ever */
	}
	assert_int_equal(people.n_verify, 1);
	assert_non_null(strstr(heard, "shield=\"yes\""));
	assert_null(strstr(heard, "\"old\""));
	assert_int_equal(pass(a, "kim@example.com", "older").class, EC_DENIED);
	assert_int_equal(people.n_verify, 2);
	assert_int_equal(pass(a, "kim@example.com", "tanstaaf").class, EC_OK); /* the owner */
	assert_int_equal(pass(a, "kim@example.com", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 4);
	assert_int_equal(pass(a, "kim@example.org", "old").class, EC_DENIED); /* somebody else */
	assert_int_equal(people.n_verify, 5);
	auth_unref(&a);
}

static void a_changed_password_is_noticed_at_once(void **state)
{
	struct auth *a = open_auth(900, 60, NULL);

	(void)state;
	fresh();
	assert_int_equal(pass(a, "kim@example.com", "old").class, EC_DENIED);
	assert_int_equal(pass(a, "kim@example.com", "tanstaaf").class, EC_OK);
	people.stamp = "2";
	assert_int_equal(pass(a, "kim@example.com", "old").class, EC_DENIED);
	assert_int_equal(pass(a, "kim@example.com", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 4);
	people.stamp = NULL; /* nobody could tell: always asked */
	assert_int_equal(pass(a, "kim@example.com", "old").class, EC_DENIED);
	assert_int_equal(pass(a, "kim@example.com", "old").class, EC_DENIED);
	assert_int_equal(people.n_verify, 6);
	auth_unref(&a);
}

/* Trouble, refusals and lock-outs say nothing about the password. */
static void only_wrong_passwords_are_remembered(void **state)
{
	static const struct {
		const char *user, *pass;
		enum ec want;
		enum refusal why;
	} rows[] = {
		{ "away@example.com", "x", EC_TEMP, REFUSAL_NONE },
		{ "broken@example.com", "x", EC_BROKEN, REFUSAL_NONE },
		{ "off@example.com", "was-here", EC_REFUSED, REFUSAL_NONE },
		{ "old@example.com", "yesterday", EC_REFUSED, REFUSAL_EXPIRED },
		{ "locked@example.com", "patience", EC_DENIED, REFUSAL_NONE },
		{ "kim@example.com", "", EC_DENIED, REFUSAL_NONE },
	};
	struct auth *a = open_auth(900, 60, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool asked = rows[i].pass[0] != 0;

		fresh();
		for (int k = 0; k < 2; k++) {
			struct auth_answer out = pass(a, rows[i].user, rows[i].pass);
			if (out.class != rows[i].want || out.refusal != rows[i].why)
				fail_msg("row %zu: %s %d", i, ec_name(out.class), out.refusal);
		}
		assert_int_equal(people.n_verify, asked ? 2 : 0);
		assert_null(strstr(heard, "shield="));
	}
	auth_unref(&a);
}

/* Or the time that the answer takes would tell that it is disabled, or has expired. */
static void disabled_accounts_are_shielded_too(void **state)
{
	static const char *const users[] = { "off@example.com", "old@example.com" };
	struct auth *a = open_auth(900, 60, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		fresh();
		for (int k = 0; k < 3; k++)
			assert_int_equal(pass(a, users[i], "wrong").class, EC_DENIED);
		assert_int_equal(people.n_verify, 1);
		assert_non_null(strstr(heard, "shield=\"yes\""));
	}
	auth_unref(&a);
}

static void a_right_password_is_remembered_only_if_told_to(void **state)
{
	struct auth *a = open_auth(900, 60, NULL), *b;
	struct account kim;

	(void)state;
	fresh();
	for (int i = 0; i < 3; i++)
		assert_int_equal(pass(a, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 1);
	assert_int_equal(people.n_resolve, 3); /* whether there is such an account is asked still */
	assert_int_equal(people_resolve(&people.base, "kimmy", 5, &kim, NULL), EC_OK);
	auth_forget(a, &kim.name);
	assert_int_equal(pass(a, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 2);
	b = open_auth(0, 0, a); /* a reload that turned both off */
	pass(a, "kimmy", "old");
	assert_int_equal(people.n_verify, 3);
	assert_int_equal(pass(b, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(pass(b, "kimmy", "old").class, EC_DENIED);
	assert_int_equal(people.n_verify, 5);
	auth_unref(&b);
	b = open_auth(900, 60, a); /* and one that did not */
	auth_unref(&a);
	assert_int_equal(pass(b, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(pass(b, "kimmy", "old").class, EC_DENIED);
	assert_int_equal(people.n_verify, 5);
	auth_forget(b, NULL);
	assert_int_equal(pass(b, "kimmy", "old").class, EC_DENIED);
	assert_int_equal(people.n_verify, 6);
	auth_unref(&b);
}

/* The same address, the same stamp, and yet another method's: nothing of what the one said is the other's, nor its own again
 * when it comes back. */
static void other_accounts_are_asked_themselves(void **state)
{
	struct people others = { .base = people.base, .stamp = "1" };
	struct auth *a = open_auth(900, 60, NULL), *b, *c;

	(void)state;
	fresh();
	assert_int_equal(pass(a, "kimmy", "old").class, EC_DENIED);
	assert_int_equal(pass(a, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 2);
	b = open_on(&others, 900, 60, a);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pass(b, "kimmy", "old").class, EC_DENIED);
		assert_int_equal(pass(b, "kimmy", "tanstaaf").class, EC_OK);
	}
	assert_int_equal(others.n_verify, 2);
	c = open_auth(900, 60, b);
	assert_int_equal(pass(c, "kimmy", "old").class, EC_DENIED);
	assert_int_equal(pass(c, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 4);
	/* who began before is reached by what an administrator does now */
	assert_int_equal(pass(a, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 4);
	auth_forget(c, NULL);
	assert_int_equal(pass(a, "kimmy", "tanstaaf").class, EC_OK);
	assert_int_equal(people.n_verify, 5);
	auth_unref(&a);
	auth_unref(&b);
	auth_unref(&c);
}

static void accounts_are_held_until_the_last_login_has_gone(void **state)
{
	struct share share;
	struct auth_setup s = { .service = "pop",
				.hostname = "mail.example.com",
				.mechanisms = "PLAIN",
				.accounts = &people.base,
				.share = &share };
	struct auth *a = NULL;
	struct err e = { 0 };

	(void)state;
	share_begin(&share);
	assert_int_equal(auth_open(&s, NULL, &a, &e), EC_OK);
	struct login *l = login_new(a, &on_loopback);

	auth_unref(&a);
	assert_false(share_alone(&share));
	login_free(&l);
	assert_true(share_alone(&share));
	s.spa_required = true; /* a failed opening holds nothing */
	assert_int_equal(auth_open(&s, NULL, &a, &e), EC_BROKEN);
	assert_true(share_alone(&share));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_identity_is_looked_up_once),
		cmocka_unit_test(challenges_look_up_once_too),
		cmocka_unit_test(a_directory_that_is_away_is_asked_once),
		cmocka_unit_test(a_wrong_password_is_asked_about_once),
		cmocka_unit_test(a_changed_password_is_noticed_at_once),
		cmocka_unit_test(only_wrong_passwords_are_remembered),
		cmocka_unit_test(disabled_accounts_are_shielded_too),
		cmocka_unit_test(a_right_password_is_remembered_only_if_told_to),
		cmocka_unit_test(other_accounts_are_asked_themselves),
		cmocka_unit_test(accounts_are_held_until_the_last_login_has_gone),
	};

	return cmocka_run_group_tests(tests, listen_in, listen_no_more);
}
