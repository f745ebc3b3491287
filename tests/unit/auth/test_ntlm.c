/* test_ntlm.c - the mechanism, whole: a client that does everything right, and one thing wrong at a
 * time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "server/auth/auth.h"
#include "server/auth/ntlm_proof.h"
#include "tests/unit/auth/people.h"
#include "tests/unit/auth/spoken.h"

#define UNICODE_FLAGS (NTLM_UNICODE | NTLM_REQUEST_TARGET | NTLM_NTLM | NTLM_EXTENDED)
#define OEM_FLAGS (NTLM_OEM | NTLM_REQUEST_TARGET | NTLM_NTLM | NTLM_EXTENDED)
#define CERT "0123456789abcdef0123456789abcdef"

static struct people people = { .base = { .ops = &people_ops, .reveals = 1u << SECRET_NT_HASH } };
static const struct auth_facts clear = { .peer = "192.0.2.7" };
static const struct auth_facts secure = { .peer = "192.0.2.7",
					  .secure = true,
					  .tls_bits = 256,
					  .binding_name = "tls-exporter",
					  .binding = "exported key material, 32 octets",
					  .binding_len = 32,
					  .endpoint = CERT,
					  .endpoint_len = 32 };

/* ---- a client ---- */

struct speaker {
	const char *user, *domain, *pass;
	uint32_t flags;      /* 0: UNICODE_FLAGS */
	enum ntlm_form form; /* 0: NTLM_FORM_V2 */
	bool mic;
	unsigned char bound[NTLM_MIC];
	bool binds;
	/* Does something bad to the last message. */
	void (*spoil)(unsigned char *p, size_t *len);
	bool octets; /* computes as curl does: every octet a character */
};

static void put(struct octets *o, const void *p, size_t len)
{
	assert_true(o->len + len <= sizeof(o->p));
	memcpy(o->p + o->len, p, len);
	o->len += len;
}

static void put_n(struct octets *o, uint64_t n, size_t len)
{
	for (size_t i = 0; i < len; i++, n >>= 8)
		put(o, &(unsigned char){ (unsigned char)n }, 1);
}

static unsigned get16(const unsigned char *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

static struct octets widened(const char *text)
{
	struct octets o = { 0 };

	for (; *text; text++)
		put_n(&o, (unsigned char)*text, 2);
	return o;
}

static struct octets name_of(const struct speaker *s, const char *text)
{
	struct octets o = { 0 };

	if (!(s->flags & NTLM_OEM))
		return wide(text);
	put(&o, text, strlen(text));
	return o;
}

static void key_v2(const struct speaker *s, unsigned char out[16])
{
	struct octets user = s->octets ? widened(s->user) : wide(s->user);
	struct octets domain = s->octets ? widened(s->domain) : wide(s->domain);
	unsigned char hash[16];

	if (s->octets) {
		for (size_t i = 0; i < user.len; i += 2) {
			if (user.p[i] < 0x80)
				utf16_upcase(user.p + i, 2);
		}
	} else {
		utf16_upcase(user.p, user.len);
	}
	put(&user, domain.p, domain.len);
	nt_hash(s->pass, hash);
	hmac_md5(out, hash, 16, user.p, user.len);
}

/* Proof of nonce and rest, then the rest. */
static struct octets proof_v2(const struct speaker *s, const unsigned char nonce[8],
			      const struct octets *rest, unsigned char session[16])
{
	struct octets text = { 0 }, out = { .len = 16 };
	unsigned char key[16];

	put(&text, nonce, 8);
	put(&text, rest->p, rest->len);
	key_v2(s, key);
	hmac_md5(out.p, key, 16, text.p, text.len);
	hmac_md5(session, key, 16, out.p, 16);
	put(&out, rest->p, rest->len);
	return out;
}

static struct octets blob(const struct speaker *s, const struct octets *challenge)
{
	struct octets o = { 0 };
	size_t pairs = get16(challenge->p + 44), len = get16(challenge->p + 40);

	put_n(&o, 0x0101, 8);
	put(&o, challenge->p + pairs + len - 12, 8); /* its time */
	put(&o, "client!!\0\0\0\0", 12);
	put(&o, challenge->p + pairs, len - 4); /* all but the end */
	if (s->mic)
		put(&o, "\6\0\4\0\2\0\0\0", 8);
	if (s->binds) {
		put(&o, "\x0a\0\x10\0", 4);
		put(&o, s->bound, 16);
	}
	put_n(&o, 0, 8);
	return o;
}

static struct octets des_of(const struct speaker *s, const unsigned char nonce[8])
{
	unsigned char keys[21] = { 0 };
	struct octets o = { .len = 24 };

	nt_hash(s->pass, keys);
	for (int i = 0; i < 3; i++)
		des_encrypt(o.p + 8 * i, keys + 7 * i, nonce);
	return o;
}

static void respond(const struct speaker *s, const struct octets *challenge, struct octets *lm,
		    struct octets *nt, unsigned char session[16])
{
	const unsigned char *nonce = challenge->p + 24;
	struct octets rest = { .p = "client!!", .len = 8 };
	unsigned char both[16], sum[16];

	*lm = *nt = (struct octets){ 0 };
	switch (s->form) {
	case NTLM_FORM_V2:
		rest = blob(s, challenge);
		*nt = proof_v2(s, nonce, &rest, session);
		lm->len = 24;
		break;
	case NTLM_FORM_SESSION:
		put(lm, "client!!\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
		memcpy(both, nonce, 8);
		memcpy(both + 8, lm->p, 8);
		md5(sum, both, 16);
		*nt = des_of(s, sum);
		break;
	case NTLM_FORM_V1:
		*nt = des_of(s, nonce);
		memset(lm->p, 5, lm->len = 24);
		break;
	case NTLM_FORM_LM: *lm = proof_v2(s, nonce, &rest, session); break;
	case NTLM_FORM_NONE: break;
	}
}

static void put_part(struct octets *o, size_t *at, size_t len)
{
	put_n(o, len, 2);
	put_n(o, len, 2);
	put_n(o, *at, 4);
	*at += len;
}

static struct octets answer_to(const struct speaker *s, const struct octets *negotiate,
			       const struct octets *challenge)
{
	struct octets domain = name_of(s, s->domain), user = name_of(s, s->user), host, lm, nt;
	struct octets o = { 0 }, all = *negotiate;
	unsigned char session[16] = { 0 }, mic[16];
	size_t at = 88;

	host = name_of(s, "DESK");
	respond(s, challenge, &lm, &nt, session);
	put(&o, "NTLMSSP\0\3\0\0\0", 12);
	put_part(&o, &at, lm.len);
	put_part(&o, &at, nt.len);
	put_part(&o, &at, domain.len);
	put_part(&o, &at, user.len);
	put_part(&o, &at, host.len);
	put_part(&o, &at, 0);
	put_n(&o, s->flags, 4);
	put_n(&o, 0, 8 + 16);
	put(&o, lm.p, lm.len);
	put(&o, nt.p, nt.len);
	put(&o, domain.p, domain.len);
	put(&o, user.p, user.len);
	put(&o, host.p, host.len);
	put(&all, challenge->p, challenge->len);
	put(&all, o.p, o.len);
	hmac_md5(mic, session, 16, all.p, all.len);
	if (s->mic)
		memcpy(o.p + 72, mic, 16);
	return o;
}

static struct octets negotiate_of(const struct speaker *s)
{
	struct octets o = { 0 };

	put(&o, "NTLMSSP\0\1\0\0\0", 12);
	put_n(&o, s->flags, 4);
	put_n(&o, 0, 16);
	return o;
}

static void speak(struct login *l, struct speaker *s, struct auth_answer *out)
{
	struct octets negotiate, challenge = { 0 }, last;

	s->flags = s->flags ? s->flags : UNICODE_FLAGS;
	s->form = s->form ? s->form : NTLM_FORM_V2;
	negotiate = negotiate_of(s);
	login_begin(l, "NTLM", negotiate.p, negotiate.len, out);
	if (out->state != AUTH_MORE)
		return;
	put(&challenge, out->challenge, out->challenge_len);
	last = answer_to(s, &negotiate, &challenge);
	if (s->spoil)
		s->spoil(last.p, &last.len);
	login_step(l, last.p, last.len, out);
}

/* ---- a server ---- */

static char heard[4000];

static void hear(void *context, const char *line)
{
	(void)context;
	snprintf(heard, sizeof(heard), "%s", line);
}

static struct spa_setup spa_of(enum ntlm_level level, enum binding_rule binding)
{
	return (struct spa_setup){ .kind = SPA_HASH,
				   .level = level,
				   .binding = binding,
				   .domain = "",
				   .timeout_ms = 1000 };
}

static enum ec try_with(const struct spa_setup *spa, const struct auth_facts *f, struct speaker s,
			struct auth_answer *out)
{
	struct log_sink *sink = log_open(LOG_TO_STDERR, "test", LV_TRACE);
	struct log log = { .sink = sink };
	struct auth_setup setup = { .service = "pop",
				    .hostname = "mail.example.com",
				    .mechanisms = "NTLM",
				    .spa = *spa,
				    .accounts = &people.base,
				    .log = &log };
	struct auth *a = NULL;
	struct login *l;
	struct err e = { 0 };

	log_capture(sink, hear, NULL);
	heard[0] = 0;
	assert_int_equal(auth_open(&setup, NULL, &a, &e), EC_OK);
	l = login_new(a, f);
	speak(l, &s, out);
	login_free(&l);
	auth_unref(&a);
	log_close(&sink);
	assert_null(strstr(heard, s.pass));
	assert_int_not_equal(out->state, AUTH_MORE);
	return out->state == AUTH_DONE ? EC_OK : out->class;
}

static enum ec try_once(struct speaker s)
{
	const struct spa_setup spa = spa_of(NTLM_V2, BINDING_ACCEPT);
	struct auth_answer out;

	return try_with(&spa, &clear, s, &out);
}

#define KIM .user = "kim@example.com", .domain = "", .pass = "tanstaaf"

/* ---- tests ---- */

static void right_and_wrong(void **state)
{
	static const struct {
		const char *user, *domain, *pass;
		enum ec want;
		const char *who, *why;
	} rows[] = {
		{ "kim@example.com", "", "tanstaaf", EC_OK, "kim@example.com", NULL },
		{ "KIM@EXAMPLE.COM", "", "tanstaaf", EC_OK, "kim@example.com", NULL },
		{ "kimmy", "", "tanstaaf", EC_OK, "kim@example.com", NULL },
		{ "kimmy", "DESKTOP-7", "tanstaaf", EC_OK, "kim@example.com", NULL },
		{ "kim", "example.org", "grok-and-roll", EC_OK, "kim@example.org", NULL },
		{ "kim@example.org", "example.com", "grok-and-roll", EC_OK, "kim@example.org",
		  NULL },
		{ "jürgen@example.com", "Straße", "grüße € 5", EC_OK, "jürgen@example.com", NULL },
		{ "kim@example.com", "", "grok-and-roll", EC_DENIED, NULL, "wrong password" },
		{ "nobody@example.com", "", "tanstaaf", EC_DENIED, NULL, "no such account" },
		{ "", "", "tanstaaf", EC_DENIED, NULL, "anonymous" },
		{ "kim\r\n", "", "tanstaaf", EC_DENIED, NULL, "a name that is none" },
		{ "off@example.com", "", "was-here", EC_DENIED, NULL, "not revealed" },
		{ "away@example.com", "", "unreachable", EC_TEMP, NULL, "not revealed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct spa_setup spa = spa_of(NTLM_V2, BINDING_ACCEPT);
		const struct speaker s = { .user = rows[i].user,
					   .domain = rows[i].domain,
					   .pass = rows[i].pass };
		struct auth_answer out;
		char text[NAME_TEXT_MAX + 1];

		assert_int_equal(try_with(&spa, &clear, s, &out), rows[i].want);
		if (rows[i].who)
			assert_string_equal(name_text(&out.who, text), rows[i].who);
		if (rows[i].why)
			assert_non_null(strstr(heard, rows[i].why));
	}
}

static void levels(void **state)
{
	static const struct {
		enum ntlm_form form;
		enum ntlm_level level;
		enum ec want;
	} rows[] = {
		{ NTLM_FORM_V2, NTLM_V2, EC_OK },          { NTLM_FORM_V2, NTLM_LM, EC_OK },
		{ NTLM_FORM_LM, NTLM_V2, EC_OK }, /* LMv2: as good as v2 */
		{ NTLM_FORM_SESSION, NTLM_V2, EC_DENIED }, { NTLM_FORM_SESSION, NTLM_V1, EC_OK },
		{ NTLM_FORM_V1, NTLM_V2, EC_DENIED },      { NTLM_FORM_V1, NTLM_V1, EC_OK },
		{ NTLM_FORM_V1, NTLM_LM, EC_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct spa_setup spa = spa_of(rows[i].level, BINDING_ACCEPT);
		struct auth_answer out;
		struct speaker s = { KIM, .form = rows[i].form };

		assert_int_equal(try_with(&spa, &clear, s, &out), rows[i].want);
		s.pass = "guessed-it";
		assert_int_equal(try_with(&spa, &clear, s, &out), EC_DENIED);
	}
}

/* Names in no character set at all: ours, curl's, and Latin-1. */
static void without_unicode(void **state)
{
	(void)state;
	assert_int_equal(try_once((struct speaker){ KIM, .flags = OEM_FLAGS }), EC_OK);
	assert_int_equal(try_once((struct speaker){ KIM, .flags = OEM_FLAGS, .octets = true }),
			 EC_OK);
	for (int octets = 0; octets < 2; octets++)
		assert_int_equal(try_once((struct speaker){ .user = "jürgen@example.com",
							    .domain = "Büro",
							    .pass = "grüße € 5",
							    .flags = OEM_FLAGS,
							    .octets = octets }),
				 EC_OK);
	assert_int_equal(try_once((struct speaker){ .user = "j\xfcrgen@example.com",
						    .domain = "",
						    .pass = "grüße € 5",
						    .flags = OEM_FLAGS,
						    .octets = true }),
			 EC_OK);
}

/* ---- integrity ---- */

static void turn_mic(unsigned char *p, size_t *len)
{
	(void)len;
	p[80] ^= 1;
}

static void turn_flags(unsigned char *p, size_t *len)
{
	(void)len;
	p[63] ^= 0x20;
}

static void turn_workstation(unsigned char *p, size_t *len)
{
	p[*len - 1] ^= 1;
}

static void turn_proof(unsigned char *p, size_t *len)
{
	(void)len;
	p[get16(p + 24)] ^= 1;
}

static void integrity(void **state)
{
	static const struct {
		bool mic;
		void (*spoil)(unsigned char *p, size_t *len);
		enum ec want;
	} rows[] = {
		{ true, NULL, EC_OK },           { true, turn_mic, EC_DENIED },
		{ true, turn_flags, EC_DENIED }, { true, turn_workstation, EC_DENIED },
		{ true, turn_proof, EC_DENIED }, { false, turn_mic, EC_OK }, /* promised nothing */
		{ false, turn_flags, EC_OK },    { false, turn_proof, EC_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(try_once((struct speaker){ KIM, .mic = rows[i].mic,
							    .spoil = rows[i].spoil }),
				 rows[i].want);
}

/* A code that is promised needs room: an answer that ends in its head has none. */
static void cut_head(unsigned char *p, size_t *len)
{
	size_t nt_len = get16(p + 20), at = get16(p + 24);

	memmove(p + 64, p + at, nt_len);
	p[24] = 64;
	p[25] = 0;
	/* user and domain are taken from the response's own octets: two of them are a letter */
	p[28] = p[44] = p[12] = 0;
	*len = 64 + nt_len;
	p[36] = 2;
	p[37] = 0;
	p[40] = 64;
	p[41] = 0;
}

static void promised_and_missing(void **state)
{
	const struct spa_setup spa = spa_of(NTLM_V2, BINDING_ACCEPT);
	struct auth_answer out;

	(void)state;
	assert_int_equal(try_with(&spa, &clear,
				  (struct speaker){ KIM, .mic = true, .spoil = cut_head }, &out),
			 EC_DENIED);
}

/* ---- the channel ---- */

static void channel(void **state)
{
	enum { NOTHING, ZEROS, ENDPOINT, EXPORTER, OTHER };
	static const struct {
		enum binding_rule rule;
		bool tls;
		int says;
		enum ec want;
	} rows[] = {
		{ BINDING_ACCEPT, true, NOTHING, EC_OK },
		{ BINDING_ACCEPT, true, ZEROS, EC_OK },
		{ BINDING_ACCEPT, true, ENDPOINT, EC_OK },
		{ BINDING_ACCEPT, true, EXPORTER, EC_OK },
		{ BINDING_ACCEPT, true, OTHER, EC_DENIED },
		{ BINDING_ACCEPT, false, NOTHING, EC_OK },
		{ BINDING_ACCEPT, false, ENDPOINT, EC_DENIED }, /* it is in TLS, we are not */
		{ BINDING_REQUIRE, true, NOTHING, EC_DENIED },
		{ BINDING_REQUIRE, true, ZEROS, EC_DENIED },
		{ BINDING_REQUIRE, true, ENDPOINT, EC_OK },
		{ BINDING_REQUIRE, true, OTHER, EC_DENIED },
		{ BINDING_REQUIRE, false, NOTHING, EC_USAGE }, /* not offered */
		{ BINDING_REQUIRE, false, ENDPOINT, EC_USAGE },
		{ BINDING_OFF, true, OTHER, EC_OK },
		{ BINDING_OFF, false, OTHER, EC_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct spa_setup spa = spa_of(NTLM_V2, rows[i].rule);
		struct speaker s = { KIM, .mic = true, .binds = rows[i].says != NOTHING };
		struct auth_answer out;

		if (rows[i].says == ENDPOINT)
			ntlm_binding("tls-server-end-point", CERT, 32, s.bound);
		if (rows[i].says == EXPORTER)
			ntlm_binding("tls-exporter", secure.binding, 32, s.bound);
		if (rows[i].says == OTHER)
			ntlm_binding("tls-server-end-point", CERT, 31, s.bound);
		assert_int_equal(try_with(&spa, rows[i].tls ? &secure : &clear, s, &out),
				 rows[i].want);
	}
}

/* A response without pairs cannot say which channel it is meant for. */
static void old_forms_are_not_bound(void **state)
{
	const struct spa_setup spa = spa_of(NTLM_LM, BINDING_REQUIRE);
	static const enum ntlm_form forms[] = { NTLM_FORM_V1, NTLM_FORM_SESSION, NTLM_FORM_LM };
	struct auth_answer out;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
			try_with(&spa, &secure, (struct speaker){ KIM, .form = forms[i] }, &out),
			EC_DENIED);
}

/* ---- the rest ---- */

static void unknown_costs_the_same(void **state)
{
	unsigned resolve = people.n_resolve, reveal = people.n_reveal, known[2];

	(void)state;
	try_once((struct speaker){ .user = "kim@example.com", .domain = "", .pass = "guessed-it" });
	known[0] = people.n_resolve - resolve;
	known[1] = people.n_reveal - reveal;
	resolve = people.n_resolve;
	reveal = people.n_reveal;
	try_once((struct speaker){
		.user = "nobody@example.com", .domain = "", .pass = "guessed-it" });
	assert_int_equal(people.n_resolve - resolve, known[0]);
	assert_int_equal(people.n_reveal - reveal, known[1]);
	assert_int_equal(known[1], 1);
}

static void away_is_not_wrong(void **state)
{
	(void)state;
	people.down = true;
	assert_int_equal(try_once((struct speaker){ KIM }), EC_TEMP);
	people.down = false;
	people.lost = true;
	assert_int_equal(try_once((struct speaker){ KIM }), EC_TEMP);
	assert_int_equal(try_once((struct speaker){
				 .user = "kim", .domain = "example.com", .pass = "tanstaaf" }),
			 EC_TEMP);
	people.lost = false;
	assert_int_equal(try_once((struct speaker){ KIM }), EC_OK);
}

static void be_anonymous(unsigned char *p, size_t *len)
{
	(void)len;
	p[61] |= NTLM_ANONYMOUS >> 8;
}

static void say_nothing(unsigned char *p, size_t *len)
{
	(void)len;
	p[12] = p[13] = p[20] = p[21] = 0;
}

static void cut_pair(unsigned char *p, size_t *len)
{
	(void)len;
	p[get16(p + 24) + 44 + 2] = 0xff; /* the first pair is longer than the response */
	p[get16(p + 24) + 44 + 3] = 0xff;
}

static void half_a_letter(unsigned char *p, size_t *len)
{
	(void)len;
	p[36]--;
}

static void bad_answers(void **state)
{
	static const struct {
		void (*spoil)(unsigned char *p, size_t *len);
		const char *why;
	} rows[] = {
		{ be_anonymous, "anonymous" },
		{ say_nothing, "anonymous" },
		{ cut_pair, "malformed NTLMv2" },
		{ half_a_letter, "a name that is none" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(try_once((struct speaker){ KIM, .spoil = rows[i].spoil }),
				 EC_DENIED);
		assert_non_null(strstr(heard, rows[i].why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_and_wrong),         cmocka_unit_test(levels),
		cmocka_unit_test(without_unicode),         cmocka_unit_test(integrity),
		cmocka_unit_test(promised_and_missing),    cmocka_unit_test(channel),
		cmocka_unit_test(old_forms_are_not_bound), cmocka_unit_test(unknown_costs_the_same),
		cmocka_unit_test(away_is_not_wrong),       cmocka_unit_test(bad_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
