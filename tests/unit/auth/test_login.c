/* test_login.c - what a connection is told: passwords, APOP, order, delays, the log. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/auth/auth.h"
#include "server/auth/mech.h"
#include "server/auth/penalty.h"
#include "server/base/b64.h"
#include "server/base/crypto.h"
#include "tests/unit/auth/opened.h"

#define HEX32 "0123456789abcdef0123456789abcdef"

static const struct auth_facts far_away = { .sid = "s2", .peer = "192.0.2.7" };

static enum ec pass_as(struct login *l, const char *user, size_t user_len, const char *pass,
		       size_t pass_len, struct auth_answer *out)
{
	struct secret s = { 0 };

	secret_set(&s, pass, pass_len);
	login_pass(l, user, user_len, &s, out);
	secret_drop(&s);
	assert_int_equal(out->state, out->class == EC_OK ? AUTH_DONE : AUTH_FAILED);
	return out->class;
}

static enum ec passz(struct login *l, const char *user, const char *pass)
{
	struct auth_answer out;

	return pass_as(l, user, strlen(user), pass, strlen(pass), &out);
}

/* Without waiting: true, or nothing has happened. */
static bool pass_now(struct login *l, const char *user, const char *pass)
{
	struct auth_answer out = { .delay_ms = 77 };
	size_t said = strlen(heard);
	struct secret s = { 0 };

	secret_set(&s, pass, strlen(pass));
	bool right = login_pass_now(l, user, strlen(user), &s, &out);
	secret_drop(&s);
	assert_string_equal(heard + said, "");
	if (right) {
		assert_int_equal(out.state, AUTH_DONE);
		assert_int_equal(out.class, EC_OK);
		assert_int_equal(out.delay_ms, 0);
		assert_string_equal(out.mech, "USER");
	}
	return right;
}

/* ---- clear passwords ---- */

static void clear_passwords_are_refused_unseen(void **state)
{
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &far_away);
	unsigned asked = people.n_verify;
	struct auth_answer out;

	(void)state;
	assert_int_equal(passz(l, "kim@example.com", "tanstaaf"), EC_REFUSED);
	assert_int_equal(passz(l, "kim@example.com", "wrong"), EC_REFUSED);
	login_begin(l, "PLAIN", "\0kim@example.com\0tanstaaf", 25, &out);
	assert_int_equal(out.class, EC_REFUSED);
	login_begin(l, "LOGIN", NULL, 0, &out);
	assert_int_equal(out.class, EC_REFUSED);
	assert_int_equal(out.delay_ms, 0);
	assert_int_equal(people.n_verify, asked);
	login_facts(l, &far_tls);
	assert_int_equal(passz(l, "kim@example.com", "tanstaaf"), EC_OK);
	login_free(&l);
	auth_unref(&a);
}

static void user_and_pass(void **state)
{
	static const struct {
		const char *user, *pass;
		enum ec want;
	} rows[] = {
		{ "kim@example.com", "tanstaaf", EC_OK },
		{ "KIM@example.COM", "tanstaaf", EC_OK },
		{ "kim@example.com.", "tanstaaf", EC_OK },
		{ "kim@example.org", "grok-and-roll", EC_OK },
		{ "j\xc3\xbcrgen@example.com",
		  "gr\xc3\xbc\xc3\x9f"
		  "e \xe2\x82\xac 5",
		  EC_OK },
		{ "kim@example.org", "tanstaaf", EC_DENIED },
		{ "kim@example.com", "tanstaaf ", EC_DENIED },
		{ "kim@example.com", "", EC_DENIED },
		{ "empty@example.com", "", EC_DENIED },
		{ "kim", "tanstaaf", EC_DENIED },
		{ "kimmy", "tanstaaf", EC_OK },
		{ " kim@example.com", "tanstaaf", EC_DENIED },
		{ "kim@example.com ", "tanstaaf", EC_DENIED },
		{ "?", "tanstaaf", EC_DENIED },
		{ "ghost@example.com", "tanstaaf", EC_DENIED },
		{ "off@example.com", "was-here", EC_REFUSED },
		{ "off@example.com", "wrong", EC_DENIED },
		{ "away@example.com", "x", EC_TEMP },
		{ "broken@example.com", "x", EC_BROKEN },
		{ "kim\n@example.com", "tanstaaf", EC_USAGE },
		{ "", "tanstaaf", EC_USAGE },
	};
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum ec got = passz(l, rows[i].user, rows[i].pass);

		if (got != rows[i].want)
			fail_msg("row %zu: %s", i, ec_name(got));
		if (pass_now(l, rows[i].user, rows[i].pass) != (got == EC_OK))
			fail_msg("row %zu: another answer without waiting", i);
	}
	login_free(&l);
	auth_unref(&a);
}

/* A wrong one costs nothing yet: the call that may wait counts it. Where everything may wait, nobody is asked. */
static void what_is_tried_without_waiting(void **state)
{
	static struct accounts_ops slow_ops;
	struct people slow = { .base = { .ops = &slow_ops } };
	struct auth_setup s = setup_of("PLAIN");
	struct auth *a, *far;
	struct login *l;

	(void)state;
	s.penalty_ms = 1000;
	a = open_as(&s, NULL);
	l = login_new(a, &far_tls);
	unsigned asked = people.n_verify_now;
	for (int i = 0; i < 3; i++)
		assert_false(pass_now(l, "kim@example.com", "wrong"));
	assert_false(pass_now(l, "ghost@example.com", "wrong"));
	assert_false(pass_now(l, "no name", "wrong"));
	assert_int_equal(people.n_verify_now, asked + 5);
	struct auth_answer out;
	assert_int_equal(pass_as(l, "kim@example.com", 15, "wrong", 5, &out), EC_DENIED);
	assert_int_equal(out.delay_ms, 1000); /* the first failure's */
	login_facts(l, &far_away);
	assert_false(pass_now(l, "kim@example.com", "tanstaaf"));
	assert_int_equal(people.n_verify_now, asked + 5);
	login_free(&l);

	slow_ops = people_ops;
	slow_ops.verify_now = NULL;
	s.accounts = &slow.base;
	far = open_as(&s, a);
	l = login_new(far, &far_tls);
	assert_false(pass_now(l, "kim@example.com", "tanstaaf"));
	assert_int_equal(slow.n_resolve, 0);
	login_free(&l);
	auth_unref(&far);
	auth_unref(&a);
}

/* Everybody in turn, right and wrong: who is let in and was not himself, or was not let in. */
static void *mistaken(void *arg)
{
	static const char *const who[] = { "kim", "ghost", "kim", "lee", "kim" };
	uintptr_t n = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct login *l = login_new(arg, &on_loopback);
		const char *name = who[i % 5];
		bool is_kim = strcmp(name, "kim") == 0;
		char user[64];
		struct auth_answer out;
		struct secret s = { 0 };

		snprintf(user, sizeof(user), "%s@example.com", name);
		secret_set(&s, "tanstaaf", 8);
		bool right = login_pass_now(l, user, strlen(user), &s, &out);
		secret_drop(&s);
		n += right != is_kim || (right && strcmp(out.who.local, name) != 0);
		login_free(&l);
	}
	return (void *)n;
}

/* Each thread keeps what libsasl needs for the next password: not who came before, nor what was opened when. */
static void nobody_inherits(void **state)
{
	pthread_t threads[2];

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct auth *a = open_auth(ALL);
		void *n;

		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, mistaken, a), 0);
		assert_ptr_equal(mistaken(a), NULL);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(pthread_join(threads[i], &n), 0);
			assert_ptr_equal(n, NULL);
		}
		auth_unref(&a);
	}
}

static void nuls_and_giants_are_refused(void **state)
{
	static char big[20000];
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);
	unsigned asked = people.n_verify;
	struct auth_answer out;

	(void)state;
	memset(big, 'a', sizeof(big));
	assert_int_equal(pass_as(l, "kim@example.com", 15, "tanstaaf\0junk", 13, &out), EC_USAGE);
	assert_int_equal(pass_as(l, "kim@example.com", 15, "tanstaaf\0", 9, &out), EC_USAGE);
	assert_int_equal(pass_as(l, "kim@example.com\0x", 17, "tanstaaf", 8, &out), EC_USAGE);
	assert_int_equal(pass_as(l, big, 1025, "tanstaaf", 8, &out), EC_USAGE);
	assert_int_equal(pass_as(l, "kim@example.com", 15, big, sizeof(big), &out), EC_USAGE);
	assert_int_equal(people.n_verify, asked);
	assert_int_equal(pass_as(l, big, 1024, "tanstaaf", 8, &out), EC_DENIED);
	assert_int_equal(pass_as(l, "kim@example.com", 15, big, 12288, &out), EC_DENIED);
	login_free(&l);
	auth_unref(&a);
}

/* Whatever the name, the accounts are asked once per try: no short way for those that cannot be. */
static void every_name_costs_the_same_questions(void **state)
{
	static const char *const users[] = { "kim@example.com", "ghost@example.com", "no name",
					     "nul@example.com" };
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		unsigned verified = people.n_verify, revealed = people.n_reveal;
		char cram[128];
		int n = snprintf(cram, sizeof(cram), "%s %s", users[i], HEX32);

		assert_int_equal(passz(l, users[i], "wrong"), EC_DENIED);
		assert_int_equal(people.n_verify, verified + 1);
		login_apop(l, users[i], strlen(users[i]), HEX32, &out);
		assert_int_equal(out.class, EC_DENIED);
		login_begin(l, "CRAM-MD5", NULL, 0, &out);
		login_step(l, cram, (size_t)n, &out);
		assert_int_equal(out.class, EC_DENIED);
		assert_int_equal(people.n_reveal, revealed + 2);
	}
	login_free(&l);
	auth_unref(&a);
}

/* While nobody can be asked, a name that is none looks like any other. */
static void trouble_of_ours_outranks_a_denial(void **state)
{
	static const char *const users[] = { "kim@example.com", "ghost@example.com", "no name" };
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	people.down = true;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(passz(l, users[i], "tanstaaf"), EC_TEMP);
		login_apop(l, users[i], strlen(users[i]), HEX32, &out);
		assert_int_equal(out.class, EC_TEMP);
		assert_int_equal(out.delay_ms, 0);
	}
	people.down = false;
	login_free(&l);
	auth_unref(&a);
}

/* ---- APOP ---- */

static void digest_of(struct login *l, const char *pass, char out[33])
{
	const char *stamp = login_apop_stamp(l);
	unsigned char mac[16];
	char text[512];
	int n = snprintf(text, sizeof(text), "%s%s", stamp, pass);

	md5(mac, text, (size_t)n);
	hex_encode(out, mac, sizeof(mac));
	out[32] = 0;
}

static void apop(void **state)
{
	static const struct {
		const char *user, *pass;
		enum ec want;
	} rows[] = {
		{ "kim@example.com", "tanstaaf", EC_OK },
		{ "kim@example.org", "grok-and-roll", EC_OK },
		{ "kim@example.org", "tanstaaf", EC_DENIED },
		{ "ghost@example.com", "tanstaaf", EC_DENIED },
		{ "kim", "tanstaaf", EC_DENIED },
		{ "kimmy", "tanstaaf", EC_OK },
		{ "off@example.com", "was-here", EC_DENIED },
		{ "nul@example.com", "fr0nt", EC_DENIED },
		{ "away@example.com", "unreachable", EC_TEMP },
	};
	struct auth *a = open_auth("");
	struct login *l = login_new(a, &far_away);
	struct auth_answer out;
	char digest[33];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		digest_of(l, rows[i].pass, digest);
		login_apop(l, rows[i].user, strlen(rows[i].user), digest, &out);
		assert_int_equal(out.class, rows[i].want);
		assert_string_equal(out.mech, "APOP");
		for (char *c = digest; *c; c++)
			*c = *c >= 'a' ? *c - 32 : *c;
		login_apop(l, rows[i].user, strlen(rows[i].user), digest, &out);
		assert_int_equal(out.class, rows[i].want);
	}
	login_apop(l, "kim@example.com", 15, "short", &out);
	assert_int_equal(out.class, EC_USAGE);
	login_free(&l);
	auth_unref(&a);
}

static void apop_stays_off_and_stamps_stay(void **state)
{
	struct auth_setup s = setup_of("PLAIN");
	struct auth *a;
	struct login *l;
	struct auth_answer out;
	char *before;

	(void)state;
	s.apop = false;
	a = open_as(&s, NULL);
	l = login_new(a, &on_loopback);
	assert_null(login_apop_stamp(l));
	login_apop(l, "kim@example.com", 15, HEX32, &out);
	assert_int_equal(out.class, EC_USAGE);
	login_free(&l);
	auth_unref(&a);

	a = open_auth("PLAIN");
	l = login_new(a, &far_away);
	before = strdup(login_apop_stamp(l));
	login_facts(l, &far_tls); /* the greeting is not sent again after STLS */
	assert_string_equal(login_apop_stamp(l), before);
	free(before);
	login_free(&l);
	auth_unref(&a);
}

/* ---- order ---- */

static void steps_out_of_order(void **state)
{
	static char big[MECH_MESSAGE_MAX + 1];
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	login_cancel(l);
	login_step(l, "x", 1, &out);
	assert_int_equal(out.class, EC_USAGE);
	login_begin(l, "LOGIN", NULL, 0, &out);
	assert_int_equal(out.state, AUTH_MORE);
	assert_int_equal(passz(l, "kim@example.com", "tanstaaf"), EC_OK); /* drops the exchange */
	login_step(l, "kim@example.com", 15, &out);
	assert_int_equal(out.class, EC_USAGE);
	login_begin(l, "LOGIN", NULL, 0, &out);
	login_facts(l, &on_loopback); /* and so does a change of facts */
	login_step(l, "kim@example.com", 15, &out);
	assert_int_equal(out.class, EC_USAGE);
	login_begin(l, "CRAM-MD5", "", 0, &out); /* speaks first, takes nothing */
	assert_int_equal(out.class, EC_USAGE);
	login_begin(l, "PLAIN", "", 0, &out);
	assert_int_equal(out.class, EC_USAGE);
	login_begin(l, "PLAIN", NULL, 0, &out);
	assert_int_equal(out.state, AUTH_MORE);
	login_step(l, big, sizeof(big), &out);
	assert_int_equal(out.class, EC_USAGE);
	login_free(&l);
	auth_unref(&a);
}

/* An error text that fills libsasl's buffer to the last octet: it used to end one octet behind it.
 * The text quotes the header we send, so the length is ours to choose; buffers double from 150. */
static void error_texts_of_every_length(void **state)
{
	static const size_t buffers[] = { 150, 300, 600 };
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
		for (size_t n = buffers[i] - 110; n < buffers[i] - 85; n++) {
			char first[1024], second[1024], nonce[256] = "";
			char authzid[601] = "";

			memset(authzid, 'a', n);
			snprintf(first, sizeof(first), "n,a=%s,n=kim@example.com,r=abc", authzid);
			login_begin(l, "SCRAM-SHA-1", first, strlen(first), &out);
			assert_int_equal(out.state, AUTH_MORE);
			memcpy(nonce, out.challenge, strcspn(out.challenge, ","));
			snprintf(second, sizeof(second), "c=biws,%s,p=AAAA", nonce);
			login_step(l, second, strlen(second), &out);
			assert_int_equal(out.class, EC_DENIED);
		}
	}
	login_free(&l);
	auth_unref(&a);
}

static void login_takes_its_name_early_or_late(void **state)
{
	static const struct {
		const char *ir;
		size_t len;
	} rows[] = { { NULL, 0 }, { "", 0 }, { "kim@example.com", 15 } };
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		login_begin(l, "login", rows[i].ir, rows[i].len, &out);
		assert_int_equal(out.state, AUTH_MORE);
		if (rows[i].len == 0) {
			assert_memory_equal(out.challenge, "Username:", 9);
			login_step(l, "kim@example.com", 15, &out);
		}
		assert_memory_equal(out.challenge, "Password:", 9);
		login_step(l, "tanstaaf", 8, &out);
		assert_int_equal(out.state, AUTH_DONE);
		assert_string_equal(out.mech, "LOGIN");
	}
	login_free(&l);
	auth_unref(&a);
}

/* 12288 octets of base64 are the longest line; what they decode to must be answered. */
static void the_longest_plain_message(void **state)
{
	static char msg[12288];
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &on_loopback);
	struct auth_answer out;

	(void)state;
	memset(msg, 'x', sizeof(msg));
	memcpy(msg, "\0kim@example.com\0", 17);
	login_begin(l, "PLAIN", msg, sizeof(msg), &out);
	assert_int_equal(out.class, EC_DENIED);
	login_free(&l);
	auth_unref(&a);
}

/* ---- delays and the log ---- */

static void failures_are_delayed_and_outlive_a_reload(void **state)
{
	struct auth_setup s = setup_of(ALL);
	struct auth *a, *b;
	struct login *l;
	struct auth_answer out;

	(void)state;
	s.penalty_ms = 5000; /* much longer than anything here takes */
	a = open_as(&s, NULL);
	l = login_new(a, &far_tls);
	pass_as(l, "kim@example.com", 15, "wrong", 5, &out);
	assert_int_equal(out.delay_ms, 5000);
	login_free(&l);
	b = open_as(&s, a);
	auth_unref(&a);
	l = login_new(b, &far_tls);
	pass_as(l, "kim@example.com", 15, "wrong", 5, &out);
	assert_in_range(out.delay_ms, 10001, 15000);
	pass_as(l, "kim@example.com", 15, "tanstaaf", 8, &out);
	assert_int_equal(out.delay_ms, 0);
	login_facts(l, &on_loopback);
	pass_as(l, "KIM@example.com", 15, "wrong", 5, &out); /* forgiven; no address counts here */
	assert_int_equal(out.delay_ms, 5000);
	pass_as(l, "away@example.com", 16, "x", 1, &out); /* our trouble is nobody's guess */
	assert_int_equal(out.delay_ms, 0);
	login_free(&l);
	auth_unref(&b);
}

static void the_log_tells_the_reason(void **state)
{
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, &far_tls);

	(void)state;
	passz(l, "Kim@Example.com", "wrong");
	assert_non_null(strstr(heard, "event=signin-failed"));
	assert_non_null(strstr(heard, "account=\"Kim@Example.com\""));
	assert_non_null(strstr(heard, "reason=\"denied\""));
	assert_non_null(strstr(heard, "why=\"wrong password\""));
	heard[0] = 0;
	passz(l, "a\"b\xff", "tanstaaf");
	assert_null(strstr(heard, "a\"b"));
	assert_null(strstr(heard, "tanstaaf"));
	assert_null(strstr(heard, "signin-burst"));
	for (int i = 0; i < PENALTY_BURST; i++)
		passz(l, "kim@example.com", "wrong");
	assert_non_null(strstr(heard, "event=signin-burst"));
	login_free(&l);
	auth_unref(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clear_passwords_are_refused_unseen),
		cmocka_unit_test(user_and_pass),
		cmocka_unit_test(what_is_tried_without_waiting),
		cmocka_unit_test(nobody_inherits),
		cmocka_unit_test(nuls_and_giants_are_refused),
		cmocka_unit_test(every_name_costs_the_same_questions),
		cmocka_unit_test(trouble_of_ours_outranks_a_denial),
		cmocka_unit_test(apop),
		cmocka_unit_test(apop_stays_off_and_stamps_stay),
		cmocka_unit_test(steps_out_of_order),
		cmocka_unit_test(error_texts_of_every_length),
		cmocka_unit_test(login_takes_its_name_early_or_late),
		cmocka_unit_test(the_longest_plain_message),
		cmocka_unit_test(failures_are_delayed_and_outlive_a_reload),
		cmocka_unit_test(the_log_tells_the_reason),
	};

	return cmocka_run_group_tests(tests, listen_in, listen_no_more);
}
