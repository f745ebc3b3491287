/* ntlm_proof.h - the arithmetic of NTLM (MS-NLMP section 3.3). Private to this folder. Pure.
 *
 * All comparisons take the same time whatever they find.
 */
#pragma once
#include "server/auth/ntlm_wire.h"
#include "server/base/crypto.h"

#define NTLM_KEY 16 /* octets of an NT hash, a session key, a proof */

/* What a client has sent to prove itself, weakest first. */
enum ntlm_form {
	NTLM_FORM_NONE,    /* nothing, or nothing we know: an anonymous client */
	NTLM_FORM_LM,      /* an LM response alone; or LMv2, which looks the same */
	NTLM_FORM_V1,      /* DES under the NT hash */
	NTLM_FORM_SESSION, /* the same of both sides' nonces ("NTLM2 session response") */
	NTLM_FORM_V2,
};
/* flags: as agreed. */
enum ntlm_form ntlm_form(const struct ntlm_answer *a, uint32_t flags);

/* What the eight octets under DES are: of NTLM_FORM_SESSION a hash of both nonces. Whoever checks
 * the responses elsewhere wants it in place of our nonce. */
void ntlm_nonce(enum ntlm_form form, const unsigned char ours[NTLM_NONCE],
		const struct ntlm_answer *a, unsigned char out[NTLM_NONCE]);

struct ntlm_claim {
	enum ntlm_form form;
	const struct ntlm_answer *answer;
	const unsigned char *nonce; /* ours */
	/* UTF-16; the user already in capitals */
	struct ntlm_bytes user, domain;
};
/* Does whoever made the answer know this hash? NTLM_FORM_LM is tried as LMv2: a true LM response
 * is made of another hash. key (may be NULL) is filled in if so. */
bool ntlm_prove(const struct ntlm_claim *c, const unsigned char hash[NTLM_KEY],
		unsigned char key[NTLM_KEY]);

/* Message integrity code: the three messages in a row; of the last, the room of the code itself
 * counts as zeros. */
struct ntlm_exchange {
	struct ntlm_bytes negotiate, challenge, answer; /* answer.len >= NTLM_MIC_AT + NTLM_MIC */
};
bool ntlm_mic_right(const struct ntlm_exchange *x, const unsigned char key[NTLM_KEY]);

/* The value of NTLM_PAIR_BINDING for a channel: MD5 of gss_channel_bindings_struct (RFC 2744 section
 * 3.11) around "type:data" (RFC 5929). */
void ntlm_binding(const char *type, const void *data, size_t len, unsigned char out[NTLM_MIC]);
