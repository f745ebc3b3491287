/* ntlm_proof.c - responses checked against an NT hash.
 *
 * A response is computed again and compared; there is no way back from it. Which formula a client has
 * used shows in the lengths alone, never in what it says of itself. LM responses proper are not
 * among them: they are made of a hash so weak that no directory should keep it, and ours is not asked
 * for it.
 */
#include <assert.h>
#include <string.h>
#include "server/auth/ntlm_proof.h"
#include "server/base/buf.h"
#include "server/base/secret.h"

#define RESPONSE 24 /* octets of LM, LMv2, NTLMv1 and NTLM2 session responses */
#define V2_MIN 44   /* proof and the fixed part of what it proves */

static bool all_zero(const unsigned char *p, size_t len)
{
	unsigned char any = 0;

	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

/* NTLM2 session: eight octets of the client's nonce where the LM response was, then zeros. */
static bool is_session(const struct ntlm_answer *a, uint32_t flags)
{
	return (flags & NTLM_EXTENDED) && a->lm.len == RESPONSE &&
	       all_zero(a->lm.p + NTLM_NONCE, RESPONSE - NTLM_NONCE);
}

enum ntlm_form ntlm_form(const struct ntlm_answer *a, uint32_t flags)
{
	if (a->nt.len >= V2_MIN)
		return NTLM_FORM_V2;
	if (a->nt.len == RESPONSE)
		return is_session(a, flags) ? NTLM_FORM_SESSION : NTLM_FORM_V1;
	if (a->nt.len == 0 && a->lm.len == RESPONSE)
		return NTLM_FORM_LM;
	return NTLM_FORM_NONE;
}

void ntlm_nonce(enum ntlm_form form, const unsigned char ours[NTLM_NONCE],
		const struct ntlm_answer *a, unsigned char out[NTLM_NONCE])
{
	unsigned char both[2 * NTLM_NONCE], sum[16];

	memcpy(both, ours, NTLM_NONCE);
	if (form == NTLM_FORM_SESSION) {
		memcpy(both + NTLM_NONCE, a->lm.p, NTLM_NONCE);
		md5(sum, both, sizeof(both));
		memcpy(both, sum, NTLM_NONCE);
	}
	memcpy(out, both, NTLM_NONCE);
}

/* HMAC-MD5 of two pieces; the second may be empty. */
static void mac_of_two(unsigned char out[16], const unsigned char key[NTLM_KEY], const void *a,
		       size_t a_len, struct ntlm_bytes b)
{
	struct buf both = { 0 };

	buf_add(&both, a, a_len);
	buf_add(&both, b.p, b.len);
	hmac_md5(out, key, NTLM_KEY, buf_at(&both), both.len);
	buf_wipe(&both);
}

/* DESL: the hash, padded to three keys of seven octets. */
static void des_response(unsigned char out[RESPONSE], const unsigned char hash[NTLM_KEY],
			 const unsigned char nonce[NTLM_NONCE])
{
	unsigned char keys[3 * DES_KEY] = { 0 };

	memcpy(keys, hash, NTLM_KEY);
	for (int i = 0; i < 3; i++)
		des_encrypt(out + i * DES_BLOCK, keys + i * DES_KEY, nonce);
	wipe(keys, sizeof(keys));
}

/* NTLMv2 and LMv2 alike: a proof of sixteen octets, then what it proves beside our nonce. */
static bool prove_v2(const struct ntlm_claim *c, const struct ntlm_bytes *response,
		     const unsigned char hash[NTLM_KEY], unsigned char key[NTLM_KEY])
{
	const struct ntlm_bytes rest = { response->p + NTLM_KEY, response->len - NTLM_KEY };
	unsigned char owf[NTLM_KEY], proof[NTLM_KEY];
	bool right;

	mac_of_two(owf, hash, c->user.p, c->user.len, c->domain);
	mac_of_two(proof, owf, c->nonce, NTLM_NONCE, rest);
	right = same_bytes(proof, response->p, sizeof(proof));
	hmac_md5(key, owf, sizeof(owf), proof, sizeof(proof));
	wipe(owf, sizeof(owf));
	return right;
}

static bool prove_des(const struct ntlm_claim *c, const unsigned char hash[NTLM_KEY],
		      unsigned char key[NTLM_KEY])
{
	unsigned char nonce[NTLM_NONCE], response[RESPONSE], base[NTLM_KEY];
	const struct ntlm_bytes client = { c->answer->lm.p, NTLM_NONCE };
	bool right;

	ntlm_nonce(c->form, c->nonce, c->answer, nonce);
	des_response(response, hash, nonce);
	right = same_bytes(response, c->answer->nt.p, sizeof(response));
	md4(base, hash, NTLM_KEY);
	if (c->form == NTLM_FORM_SESSION)
		mac_of_two(key, base, c->nonce, NTLM_NONCE, client);
	else
		memcpy(key, base, sizeof(base));
	wipe(base, sizeof(base));
	return right;
}

bool ntlm_prove(const struct ntlm_claim *c, const unsigned char hash[NTLM_KEY],
		unsigned char key[NTLM_KEY])
{
	unsigned char made[NTLM_KEY] = { 0 };
	bool right = false;

	switch (c->form) {
	case NTLM_FORM_V2: right = prove_v2(c, &c->answer->nt, hash, made); break;
	case NTLM_FORM_SESSION:
	case NTLM_FORM_V1: right = prove_des(c, hash, made); break;
	case NTLM_FORM_LM: right = prove_v2(c, &c->answer->lm, hash, made); break;
	case NTLM_FORM_NONE: break;
	}
	if (right && key)
		memcpy(key, made, sizeof(made));
	wipe(made, sizeof(made));
	return right;
}

bool ntlm_mic_right(const struct ntlm_exchange *x, const unsigned char key[NTLM_KEY])
{
	static const unsigned char zeros[NTLM_MIC];
	const unsigned char *answer = x->answer.p;
	unsigned char mic[NTLM_MIC];
	struct buf all = { 0 };

	assert(x->answer.len >= NTLM_MIC_AT + NTLM_MIC);
	buf_add(&all, x->negotiate.p, x->negotiate.len);
	buf_add(&all, x->challenge.p, x->challenge.len);
	buf_add(&all, answer, NTLM_MIC_AT);
	buf_add(&all, zeros, sizeof(zeros));
	buf_add(&all, answer + NTLM_MIC_AT + NTLM_MIC, x->answer.len - NTLM_MIC_AT - NTLM_MIC);
	hmac_md5(mic, key, NTLM_KEY, buf_at(&all), all.len);
	buf_drop(&all);
	return same_bytes(mic, answer + NTLM_MIC_AT, sizeof(mic));
}

void ntlm_binding(const char *type, const void *data, size_t len, unsigned char out[NTLM_MIC])
{
	static const unsigned char no_addresses[16];
	struct buf b = { 0 };
	size_t n = strlen(type) + 1 + len;
	const unsigned char le[4] = { (unsigned char)n, (unsigned char)(n >> 8) };

	assert(n <= 0xFFFF);
	buf_add(&b, no_addresses, sizeof(no_addresses));
	buf_add(&b, le, sizeof(le));
	buf_fmt(&b, "%s:", type);
	buf_add(&b, data, len);
	md5(out, buf_at(&b), b.len);
	buf_drop(&b);
}
