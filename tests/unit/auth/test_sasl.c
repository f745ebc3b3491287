/* test_sasl.c - every mechanism against libsasl's own client: who gets in, and who does not. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>
#include "tests/unit/auth/client.h"
#include "tests/unit/auth/people.h"

#define ALL "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN EXTERNAL"
static const char *const by_password[] = { "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN",
					   "LOGIN" };
#define N_BY_PASSWORD (sizeof(by_password) / sizeof(by_password[0]))

static struct people people = { .base = { .ops = &people_ops, .reveals = 1u << SECRET_CLEAR } };
static const struct auth_facts plain_facts = { .sid = "s1", .peer = "127.0.0.1", .clear_ok = true };

/* Everything said to the log, at the chattiest level. */
static struct {
	pthread_mutex_t lock;
	char text[1 << 20];
	size_t len;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct log_sink *sink;

static void hear(void *context, const char *line)
{
	size_t n = strlen(line);

	(void)context;
	pthread_mutex_lock(&heard.lock);
	if (heard.len + n + 2 < sizeof(heard.text)) {
		memcpy(heard.text + heard.len, line, n);
		heard.len += n;
		heard.text[heard.len++] = '\n';
		heard.text[heard.len] = 0;
	}
	pthread_mutex_unlock(&heard.lock);
}

static struct auth *open_auth(const char *mechs)
{
	struct log log = { .sink = sink };
	struct auth_setup setup = { .service = "pop",
				    .hostname = "mail.example.com",
				    .mechanisms = mechs,
				    .apop = true,
				    .accounts = &people.base,
				    .log = &log };
	struct auth *a = NULL;
	struct err e = { 0 };

	assert_int_equal(auth_open(&setup, NULL, &a, &e), EC_OK);
	return a;
}

/* One try on a connection of its own. */
static struct auth_answer try_once(const struct auth_facts *f, const char *mech, struct client *c)
{
	struct auth *a = open_auth(ALL);
	struct login *l = login_new(a, f);
	struct auth_answer out;

	client_talk(l, mech, c, &out);
	login_free(&l);
	auth_unref(&a);
	out.challenge = NULL;
	return out;
}

static const struct {
	const char *user, *pass;
	enum ec want;
} cases[] = {
	{ "kim@example.com", "tanstaaf", EC_OK },
	{ "KIM@Example.COM", "tanstaaf", EC_OK },
	{ "kim@example.org", "grok-and-roll", EC_OK },
	{ "j\xc3\xbcrgen@example.com",
	  "gr\xc3\xbc\xc3\x9f"
	  "e \xe2\x82\xac 5",
	  EC_OK },
	{ "kim@example.com", "tanstaa", EC_DENIED },
	{ "kim@example.com", "tanstaaff", EC_DENIED },
	{ "kim@example.com", "Tanstaaf", EC_DENIED },
	{ "kim@example.com", "grok-and-roll", EC_DENIED }, /* the other kim's */
	{ "kim@example.org", "tanstaaf", EC_DENIED },
	{ "kim", "tanstaaf", EC_DENIED },
	{ "kim@", "tanstaaf", EC_DENIED },
	{ "@example.com", "tanstaaf", EC_DENIED },
	{ "kim@example.com@example.org", "tanstaaf", EC_DENIED },
	{ "kim@example.com/admin", "tanstaaf", EC_DENIED },
	{ "../kim@example.com", "tanstaaf", EC_DENIED },
	{ "?", "tanstaaf", EC_DENIED },
	{ "nobody@invalid", "x", EC_DENIED },
	{ "unknown@example.com", "tanstaaf", EC_DENIED },
	{ "nul@example.com", "fr0nt", EC_DENIED },
	{ "off@example.com", "wrong", EC_DENIED },
	{ "away@example.com", "unreachable", EC_TEMP },
	{ "broken@example.com", "unreadable", EC_BROKEN },
};

static void every_mechanism_gives_the_same_verdict(void **state)
{
	(void)state;
	for (size_t m = 0; m < N_BY_PASSWORD; m++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct client c = { .user = cases[i].user, .pass = cases[i].pass };
			struct auth_answer out = try_once(&plain_facts, by_password[m], &c);

			if (out.class != cases[i].want)
				fail_msg("%s as %s: %s", by_password[m], cases[i].user,
					 ec_name(out.class));
			assert_false(c.distrusts);
			assert_int_equal(out.state,
					 cases[i].want == EC_OK ? AUTH_DONE : AUTH_FAILED);
			if (out.state == AUTH_DONE)
				assert_string_equal(out.mech, by_password[m]);
		}
	}
}

static void the_name_in_the_answer_is_canonical(void **state)
{
	struct client c = { .user = "Kim@EXAMPLE.org", .pass = "grok-and-roll" };
	struct auth_answer out = try_once(&plain_facts, "SCRAM-SHA-1", &c);

	(void)state;
	assert_int_equal(out.state, AUTH_DONE);
	assert_string_equal(out.who.local, "kim");
	assert_string_equal(out.who.domain, "example.org");
}

/* Right password, account disabled: told so where the password was shown; unknown-like elsewhere. */
static void a_disabled_account(void **state)
{
	(void)state;
	for (size_t m = 0; m < N_BY_PASSWORD; m++) {
		struct client c = { .user = "off@example.com", .pass = "was-here" };
		struct auth_answer out = try_once(&plain_facts, by_password[m], &c);
		bool clear = m >= 3;

		assert_int_equal(out.class, clear ? EC_REFUSED : EC_DENIED);
	}
}

static void nobody_acts_for_another(void **state)
{
	static const struct {
		const char *authzid;
		enum ec want;
	} rows[] = {
		{ "kim@example.com", EC_OK },
		{ "KIM@EXAMPLE.COM", EC_OK },
		{ "kim@example.org", EC_DENIED },
		{ "kim", EC_DENIED },
		{ "kimmy", EC_OK }, /* another name of her own */
		{ "?", EC_DENIED },
		{ "unknown@example.com", EC_DENIED },
	};
	static const char *const mechs[] = { "PLAIN", "SCRAM-SHA-256" };

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct client c = { .user = "kim@example.com",
					    .pass = "tanstaaf",
					    .authzid = rows[i].authzid };
			struct auth_answer out = try_once(&plain_facts, mechs[m], &c);

			assert_int_equal(out.class, rows[i].want);
		}
	}
}

static size_t with_a_tail(char *p, size_t len)
{
	memcpy(p + len, "\0tail", 5);
	return len + 5;
}

static size_t with_a_letter_more(char *p, size_t len)
{
	p[len] = 'a';
	return len + 1;
}

/* NUL and more between name and digest: the plug-in would see the name end at the NUL. */
static size_t with_a_longer_name(char *p, size_t len)
{
	const char *blank = memchr(p, ' ', len);
	size_t at = blank ? (size_t)(blank - p) : len;

	memmove(p + at + 5, p + at, len - at);
	memcpy(p + at, "\0tail", 5);
	return len + 5;
}

/* All right but for what stands behind a NUL, or behind the end. */
static void nothing_is_cut_off(void **state)
{
	static size_t (*const ways[])(char *, size_t) = { with_a_tail, with_a_letter_more,
							  with_a_longer_name };

	(void)state;
	for (size_t m = 0; m < N_BY_PASSWORD; m++) {
		if (strcmp(by_password[m], "PLAIN") == 0)
			continue; /* has all in its initial response: test_mech.c */
		for (size_t i = 0; i < 3; i++) {
			struct client c = { .user = "kim@example.com",
					    .pass = "tanstaaf",
					    .tamper = ways[i] };
			struct auth_answer out = try_once(&plain_facts, by_password[m], &c);

			assert_int_equal(out.state, AUTH_FAILED);
		}
	}
}

static void begin_scram(struct auth *a, const char *peer, const char *who, char salt[128])
{
	const struct auth_facts f = { .peer = peer, .clear_ok = true };
	struct login *l = login_new(a, &f);
	char msg[128], text[512];
	int n = snprintf(msg, sizeof(msg), "n,,n=%s,r=abcdefgh", who);
	struct auth_answer out;
	char *at;

	login_begin(l, "SCRAM-SHA-256", msg, (size_t)n, &out);
	assert_int_equal(out.state, AUTH_MORE);
	memcpy(text, out.challenge, out.challenge_len);
	text[out.challenge_len] = 0;
	at = strstr(text, ",s=");
	assert_non_null(at);
	assert_non_null(strstr(at, ",i=4096"));
	snprintf(salt, 128, "%s", at);
	login_free(&l);
}

/* An unknown account is asked the same questions: the same number of steps, the same salt again,
 * whoever asks and however the name is spelled. */
static void an_unknown_account_looks_real(void **state)
{
	static const char *const who[][2] = {
		{ "ghost@example.com", "GHOST@Example.com" },
		{ "kim@example.com", "KIM@Example.com" },
		{ "off@example.com", "off@example.com" },
		{ "kim@@example.com", "kim@@example.com" },
	};
	struct auth *a = open_auth(ALL);
	char salts[4][128], again[128];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin_scram(a, "192.0.2.7", who[i][0], salts[i]);
		begin_scram(a, "192.0.2.8", who[i][1], again);
		assert_string_equal(salts[i], again);
		assert_int_equal(strlen(salts[i]), strlen(salts[0]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(salts[i], salts[k]);
	}
	auth_unref(&a);
}

static void a_salt_survives_a_reload(void **state)
{
	struct auth_setup setup = { .service = "pop",
				    .hostname = "mail.example.com",
				    .mechanisms = "SCRAM-SHA-256",
				    .accounts = &people.base };
	struct auth *a = open_auth(ALL), *next = NULL;
	char before[128], after[128];

	(void)state;
	begin_scram(a, "192.0.2.7", "kim@example.com", before);
	assert_int_equal(auth_open(&setup, a, &next, NULL), EC_OK);
	auth_unref(&a);
	begin_scram(next, "192.0.2.7", "kim@example.com", after);
	assert_string_equal(before, after);
	auth_unref(&next);
}

static uint64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Deriving keys is what SCRAM costs: once for an account and an address, and for an account that
 * does not exist, is disabled or is none just as for any other. */
static void a_second_try_is_cheap_for_all_alike(void **state)
{
	static const char *const who[] = { "kim@example.com", "ghost@example.com",
					   "off@example.com", "kim@@example.com" };
	struct auth *a = open_auth(ALL);
	uint64_t spent[4][2] = { 0 };
	char salt[128], peer[32];

	(void)state;
	for (int i = 0; i < 8 * 4 * 2; i++) { /* addresses, names, tries */
		int name = i / 2 % 4;
		uint64_t began;

		snprintf(peer, sizeof(peer), "192.0.2.%d", i / 8);
		began = cpu_us();
		begin_scram(a, peer, who[name], salt);
		spent[name][i % 2] += cpu_us() - began;
	}
	for (int name = 0; name < 4; name++) {
		assert_true(spent[name][1] * 2 < spent[name][0]);
		assert_true(spent[name][0] < spent[0][0] * 2);
		assert_true(spent[name][0] > spent[0][0] / 2);
	}
	auth_unref(&a);
}

static void a_client_may_cancel_at_any_step(void **state)
{
	(void)state;
	for (size_t m = 0; m < N_BY_PASSWORD; m++) {
		for (int at = 1; at < 4; at++) {
			struct auth *a = open_auth(ALL);
			struct login *l = login_new(a, &plain_facts);
			struct client c = { .user = "kim@example.com",
					    .pass = "tanstaaf",
					    .cancel_at = at };
			struct auth_answer out;

			client_talk(l, by_password[m], &c, &out);
			if (!c.cancelled)
				assert_int_equal(out.state, AUTH_DONE);
			login_step(l, "x", 1, &out); /* nothing is under way any more */
			assert_int_equal(out.class, EC_USAGE);
			c = (struct client){ .user = "kim@example.com", .pass = "tanstaaf" };
			client_talk(l, by_password[m], &c, &out);
			assert_int_equal(out.state, AUTH_DONE);
			login_free(&l);
			auth_unref(&a);
		}
	}
}

/* The same, with the binding said when it is asked for. */
static struct auth_answer try_bound_late(const struct auth_facts *f, const char *mech,
					 struct client *c)
{
	struct auth_facts unsaid = *f;
	struct auth *a = open_auth(ALL);
	struct auth_answer out;
	struct login *l;

	unsaid.binding = NULL;
	unsaid.binding_len = 0;
	l = login_new(a, &unsaid);
	assert_false(login_binds(l, "PLAIN"));
	assert_false(login_binds(l, "UNKNOWN"));
	assert_true(login_binds(l, mech));
	login_bind(l, f->binding, f->binding_len);
	assert_false(login_binds(l, mech));
	client_talk(l, mech, c, &out);
	login_free(&l);
	auth_unref(&a);
	return out;
}

static sasl_channel_binding_t binding(const char *name, const char *data)
{
	return (sasl_channel_binding_t){ .name = name,
					 .critical = 0,
					 .len = strlen(data),
					 .data = (const unsigned char *)data };
}

static void channel_binding(void **state)
{
	const struct auth_facts f = { .peer = "127.0.0.1",
				      .secure = true,
				      .tls_bits = 256,
				      .binding_name = "tls-exporter",
				      .binding = "0123456789abcdef",
				      .binding_len = 16 };
	sasl_channel_binding_t right = binding("tls-exporter", "0123456789abcdef");
	sasl_channel_binding_t wrong = binding("tls-exporter", "0123456789abcdeF");
	sasl_channel_binding_t shorter = binding("tls-exporter", "0123456789abcde");
	sasl_channel_binding_t other = binding("tls-unique", "0123456789abcdef");
	const struct {
		const char *mech, *believes;
		sasl_channel_binding_t *b;
		enum ec want;
	} rows[] = {
		{ "SCRAM-SHA-256-PLUS", NULL, &right, EC_OK },
		{ "SCRAM-SHA-1-PLUS", NULL, &right, EC_OK },
		{ "scram-sha-256-plus", "SCRAM-SHA-256-PLUS", &right, EC_OK },
		{ "SCRAM-SHA-256-PLUS", NULL, &wrong, EC_DENIED },
		{ "SCRAM-SHA-256-PLUS", NULL, &shorter, EC_DENIED },
		{ "SCRAM-SHA-256-PLUS", NULL, &other, EC_DENIED },
		/* cannot bind at all: fine */
		{ "SCRAM-SHA-256", NULL, NULL, EC_OK },
		/* could, but was made to believe that we cannot: somebody cut our list */
		{ "SCRAM-SHA-256", "SCRAM-SHA-256 CRAM-MD5", &right, EC_DENIED },
		/* asks for -PLUS and then does not bind */
		{ "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", NULL, EC_USAGE },
		{ "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", &right, EC_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client c = { .user = "kim@example.com",
				    .pass = "tanstaaf",
				    .believes = rows[i].believes,
				    .binding = rows[i].b };
		struct auth_answer out = try_once(&f, rows[i].mech, &c);
		struct auth_answer late = try_bound_late(&f, rows[i].mech, &c);

		assert_int_equal(late.state, out.state);
		assert_int_equal(late.class, out.class);
		if (out.class != rows[i].want || (out.class == EC_OK && out.state != AUTH_DONE))
			fail_msg("row %zu: %s", i, ec_name(out.class));
	}
}

static void external_is_for_certificates(void **state)
{
	static const struct {
		const char *cert, *authzid;
		enum ec want;
	} rows[] = {
		{ "kim@example.com", "", EC_OK },
		{ "Kim@example.com", "kim@example.com", EC_OK },
		{ "kim@example.com", "kim@example.org", EC_DENIED },
		{ "ghost@example.com", "", EC_DENIED },
		{ "off@example.com", "", EC_REFUSED },
		{ "away@example.com", "", EC_TEMP },
		{ "Kim of Example", "", EC_DENIED },
		{ "Kim of Example", "?", EC_DENIED },
		{ NULL, "", EC_USAGE },
	};
	struct auth *a = open_auth(ALL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth_facts f = { .secure = true,
					.tls_bits = 256,
					.cert_name = rows[i].cert };
		struct login *l = login_new(a, &f);
		struct auth_answer out;

		login_begin(l, "EXTERNAL", rows[i].authzid, strlen(rows[i].authzid), &out);
		assert_int_equal(out.class, rows[i].want);
		login_begin(l, "EXTERNAL", NULL, 0, &out); /* asked for the name by a challenge */
		if (rows[i].want != EC_USAGE) {
			assert_int_equal(out.state, AUTH_MORE);
			assert_int_equal(out.challenge_len, 0);
			login_step(l, rows[i].authzid, strlen(rows[i].authzid), &out);
		}
		assert_int_equal(out.class, rows[i].want);
		login_free(&l);
	}
	auth_unref(&a);
}

/* Whoever is being verified, the password is in no line of the log. */
static void no_password_reaches_the_log(void **state)
{
	(void)state;
	assert_true(heard.len > 0);
	assert_non_null(strstr(heard.text, "signin-failed"));
	for (size_t i = 0; i < N_PERSONS; i++) {
		if (persons[i].pass_len > 0 && strcmp(persons[i].pass, "unreadable") != 0)
			assert_null(strstr(heard.text, persons[i].pass));
	}
}

struct mix {
	struct auth *auth;
	unsigned seed, bad;
};

static void *sign_in_often(void *context)
{
	struct mix *mix = context;

	for (unsigned i = 0; i < 200; i++) {
		unsigned pick = (mix->seed * 7 + i) % N_BY_PASSWORD;
		bool right = (i + mix->seed) % 3 != 0;
		struct login *l = login_new(mix->auth, &plain_facts);
		struct client c = { .user = "kim@example.com",
				    .pass = right ? "tanstaaf" : "wrong-one" };
		struct auth_answer out;

		client_talk(l, by_password[pick], &c, &out);
		mix->bad += out.state != (right ? AUTH_DONE : AUTH_FAILED);
		login_free(&l);
	}
	return NULL;
}

static void threads_do_not_mix(void **state)
{
	struct auth *a = open_auth(ALL);
	struct mix mix[8];
	pthread_t t[8];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		mix[i] = (struct mix){ .auth = a, .seed = i };
		pthread_create(&t[i], NULL, sign_in_often, &mix[i]);
	}
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(mix[i].bad, 0);
	}
	auth_unref(&a);
}

static int set_up(void **state)
{
	struct auth *a;

	(void)state;
	sink = log_open(LOG_TO_STDERR, "test", LV_TRACE);
	log_capture(sink, hear, NULL);
	a = open_auth(ALL); /* ours first: it gives libsasl its locks and its memory */
	auth_unref(&a);
	return sasl_client_init(NULL) == SASL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	sasl_client_done();
	log_close(&sink);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mechanism_gives_the_same_verdict),
		cmocka_unit_test(the_name_in_the_answer_is_canonical),
		cmocka_unit_test(a_disabled_account),
		cmocka_unit_test(nobody_acts_for_another),
		cmocka_unit_test(nothing_is_cut_off),
		cmocka_unit_test(an_unknown_account_looks_real),
		cmocka_unit_test(a_salt_survives_a_reload),
		cmocka_unit_test(a_second_try_is_cheap_for_all_alike),
		cmocka_unit_test(a_client_may_cancel_at_any_step),
		cmocka_unit_test(channel_binding),
		cmocka_unit_test(external_is_for_certificates),
		cmocka_unit_test(threads_do_not_mix),
		cmocka_unit_test(no_password_reaches_the_log),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
