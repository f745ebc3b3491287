/* test_ntlm_proof.c - the published examples, and every bit of them turned over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/auth/ntlm_proof.h"
#include "tests/unit/auth/spoken.h"

/* MS-NLMP section 4.2.1: User of Domain, "Password"; nonces of the server and the client. */
#define SERVER_NONCE "\x01\x23\x45\x67\x89\xab\xcd\xef"
#define CLIENT_NONCE "aaaaaaaaaaaaaaaa"
#define ZEROS_16 "00000000000000000000000000000000"
#define NO_TIME "0000000000000000"
#define V2_BLOB                                                                                    \
	"0101000000000000" NO_TIME CLIENT_NONCE "00000000"                                         \
	"02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000"

static const struct example {
	enum ntlm_form form;
	const char *user, *domain, *pass; /* user in capitals */
	const char *nonce;
	const char *lm, *nt;
	const char *key; /* NULL: not published */
} examples[] = {
	{ NTLM_FORM_V1, "USER", "Domain", "Password", SERVER_NONCE,
	  "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13",
	  "67c43011f30298a2ad35ece64f16331c44bdbed927841f94", "d87262b0cde4b1cb7499becccdf10784" },
	{ NTLM_FORM_SESSION, "USER", "Domain", "Password", SERVER_NONCE, CLIENT_NONCE ZEROS_16,
	  "7537f803ae367128ca458204bde7caf81e97ed2683267232", "eb93429a8bd952f8b89c55b87f475edc" },
	{ NTLM_FORM_V2, "USER", "Domain", "Password", SERVER_NONCE,
	  "86c35097ac9cec102554764a57cccc19" CLIENT_NONCE,
	  "68cd0ab851e51c96aabc927bebef6a1c" V2_BLOB, "8de40ccadbc14a82f15cb0ad0de95ca3" },
	{ NTLM_FORM_LM, "USER", "Domain", "Password", SERVER_NONCE,
	  "86c35097ac9cec102554764a57cccc19" CLIENT_NONCE, "", NULL },
};
#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))

struct tried {
	struct octets lm, nt, user, domain;
	struct ntlm_answer answer;
	unsigned char nonce[NTLM_NONCE], hash[NTLM_KEY], key[NTLM_KEY];
};

static void prepare(struct tried *t, const struct example *x)
{
	*t = (struct tried){ .lm = from_hex(x->lm),
			     .nt = from_hex(x->nt),
			     .user = wide(x->user),
			     .domain = wide(x->domain) };
	memcpy(t->nonce, x->nonce, NTLM_NONCE);
	nt_hash(x->pass, t->hash);
}

static bool right(struct tried *t, enum ntlm_form form)
{
	struct ntlm_claim c = { .form = form,
				.answer = &t->answer,
				.nonce = t->nonce,
				.user = { t->user.p, t->user.len },
				.domain = { t->domain.p, t->domain.len } };

	t->answer.lm = (struct ntlm_bytes){ t->lm.p, t->lm.len };
	t->answer.nt = (struct ntlm_bytes){ t->nt.p, t->nt.len };
	return ntlm_prove(&c, t->hash, t->key);
}

static void hash_of_the_example(void **state)
{
	unsigned char hash[16];
	struct octets want = from_hex("a4f49c406510bdcab6824ee7c30fd852");

	(void)state;
	nt_hash("Password", hash);
	assert_memory_equal(hash, want.p, 16);
}

static void examples_are_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		struct tried t;

		prepare(&t, &examples[i]);
		assert_true(right(&t, examples[i].form));
		if (examples[i].key) {
			struct octets key = from_hex(examples[i].key);

			assert_memory_equal(t.key, key.p, NTLM_KEY);
		}
	}
}

static void forms_are_told_by_length(void **state)
{
	static const struct {
		size_t lm_len, nt_len;
		uint32_t flags;
		bool nonce_only;
		enum ntlm_form want;
	} rows[] = {
		{ 24, 24, 0, false, NTLM_FORM_V1 },
		{ 24, 24, NTLM_EXTENDED, false, NTLM_FORM_V1 },
		{ 24, 24, NTLM_EXTENDED, true, NTLM_FORM_SESSION },
		{ 24, 24, 0, true, NTLM_FORM_V1 }, /* not agreed */
		{ 0, 24, NTLM_EXTENDED, true, NTLM_FORM_V1 },
		{ 24, 0, 0, false, NTLM_FORM_LM },
		{ 24, 44, 0, false, NTLM_FORM_V2 },
		{ 0, 300, 0, false, NTLM_FORM_V2 },
		{ 24, 43, 0, false, NTLM_FORM_NONE },
		{ 24, 25, 0, false, NTLM_FORM_NONE },
		{ 0, 16, 0, false, NTLM_FORM_NONE },
		{ 0, 0, 0, false, NTLM_FORM_NONE },
		{ 1, 0, 0, false, NTLM_FORM_NONE },
		{ 23, 0, 0, false, NTLM_FORM_NONE },
	};
	unsigned char lm[24], nt[300] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ntlm_answer a = { .lm = { lm, rows[i].lm_len },
					       .nt = { nt, rows[i].nt_len } };

		memset(lm, 7, sizeof(lm));
		if (rows[i].nonce_only)
			memset(lm + 8, 0, 16);
		assert_int_equal(ntlm_form(&a, rows[i].flags), rows[i].want);
	}
}

/* Every bit of what a form is computed from, and nothing else. */
static void turn_bits(struct tried *t, enum ntlm_form form, unsigned char *p, size_t len, bool all)
{
	for (size_t bit = 0; bit < 8 * len; bit++) {
		p[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_equal(right(t, form), !all);
		p[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

static void one_bit_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		enum ntlm_form form = examples[i].form;
		bool v2 = form == NTLM_FORM_V2 || form == NTLM_FORM_LM;
		struct tried t;

		prepare(&t, &examples[i]);
		turn_bits(&t, form, t.nonce, sizeof(t.nonce), true);
		turn_bits(&t, form, t.hash, sizeof(t.hash), true);
		turn_bits(&t, form, t.nt.p, t.nt.len, true);
		turn_bits(&t, form, t.user.p, t.user.len, v2);
		turn_bits(&t, form, t.domain.p, t.domain.len, v2);
		if (form == NTLM_FORM_SESSION)
			turn_bits(&t, form, t.lm.p, NTLM_NONCE, true);
		else
			turn_bits(&t, form, t.lm.p, t.lm.len, form == NTLM_FORM_LM);
		assert_true(right(&t, form));
	}
}

static void a_wrong_one_yields_no_key(void **state)
{
	static const unsigned char none[NTLM_KEY];
	struct tried t;

	(void)state;
	prepare(&t, &examples[2]);
	t.hash[0] ^= 1;
	assert_false(right(&t, NTLM_FORM_V2));
	assert_memory_equal(t.key, none, sizeof(none));
	assert_false(right(&t, NTLM_FORM_NONE));
}

/* MS-POP3 section 4: one sign-in that went well, one that did not. */
static void examples_of_pop3(void **state)
{
	static const struct {
		const char *blob, *nonce;
		bool want;
	} rows[] = {
		{ POP3_ANSWER, POP3_NONCE, true },
		{ POP3_ANSWER, POP3_WRONG_NONCE, false },
		{ POP3_WRONG_ANSWER, POP3_WRONG_NONCE, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char message[256], hash[NTLM_KEY];
		struct ntlm_answer a;
		struct ntlm_claim c = { .answer = &a,
					.nonce = (const unsigned char *)rows[i].nonce };
		size_t len;

		nt_hash("password", hash);
		assert_true(b64_decode(message, &len, rows[i].blob, strlen(rows[i].blob)));
		assert_true(ntlm_read_answer(message, len, &a));
		c.form = ntlm_form(&a, a.flags);
		assert_int_equal(c.form, NTLM_FORM_SESSION);
		assert_int_equal(ntlm_prove(&c, hash, NULL), rows[i].want);
	}
}

static void nonces(void **state)
{
	static const unsigned char ours[NTLM_NONCE] = SERVER_NONCE;
	struct octets lm = from_hex(CLIENT_NONCE ZEROS_16);
	const struct ntlm_answer a = { .lm = { lm.p, lm.len } };
	unsigned char out[NTLM_NONCE], both[16], sum[16];

	(void)state;
	ntlm_nonce(NTLM_FORM_V2, ours, &a, out);
	assert_memory_equal(out, ours, NTLM_NONCE);
	ntlm_nonce(NTLM_FORM_SESSION, ours, &a, out);
	memcpy(both, ours, 8);
	memcpy(both + 8, lm.p, 8);
	md5(sum, both, sizeof(both));
	assert_memory_equal(out, sum, NTLM_NONCE);
}

/* The key is that of MS-NLMP section 4.2.4.1.2; the code was computed by Python's hmac. */
static void integrity_code(void **state)
{
	struct octets key = from_hex("8de40ccadbc14a82f15cb0ad0de95ca3");
	unsigned char answer[100];
	const struct ntlm_exchange x = { .negotiate = { (const unsigned char *)"negotiate", 9 },
					 .challenge = { (const unsigned char *)"challenge", 9 },
					 .answer = { answer, sizeof(answer) } };
	struct octets mic = from_hex("4b7fc892d953c9a2a5def6cac5e17822");

	(void)state;
	for (size_t i = 0; i < sizeof(answer); i++)
		answer[i] = (unsigned char)i;
	memcpy(answer + NTLM_MIC_AT, mic.p, NTLM_MIC);
	assert_true(ntlm_mic_right(&x, key.p));
	for (size_t i = 0; i < sizeof(answer); i++) {
		answer[i] ^= 0x10;
		assert_false(ntlm_mic_right(&x, key.p));
		answer[i] ^= 0x10;
	}
	key.p[15] ^= 1;
	assert_false(ntlm_mic_right(&x, key.p));
}

/* From Microsoft's note on NTLM and the channel binding hash (2013). */
static void channel_binding(void **state)
{
	struct octets cert =
		from_hex("ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95");
	struct octets want = from_hex("6586e99d81c2fc984e47172fd4dd0310");
	unsigned char out[NTLM_MIC];

	(void)state;
	ntlm_binding("tls-server-end-point", cert.p, cert.len, out);
	assert_memory_equal(out, want.p, sizeof(out));
	ntlm_binding("tls-unique", cert.p, cert.len, out);
	assert_memory_not_equal(out, want.p, sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_of_the_example),
		cmocka_unit_test(examples_are_right),
		cmocka_unit_test(forms_are_told_by_length),
		cmocka_unit_test(one_bit_is_wrong),
		cmocka_unit_test(a_wrong_one_yields_no_key),
		cmocka_unit_test(examples_of_pop3),
		cmocka_unit_test(nonces),
		cmocka_unit_test(integrity_code),
		cmocka_unit_test(channel_binding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
