/* fuzz_ntlm.c - any octets, taken for each message that an NTLM client sends.
 *
 * Input: an octet of what was agreed, then a message. (fuzz_auth plays whole exchanges; their nonces are
 * random, so nothing can get in there.) Promised: what is read lies inside the message, names are
 * decent UTF-8, a challenge is well-formed whatever is asked for, and whatever proves right - one of
 * the seeds does - is wrong under another nonce.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/ntlm_proof.h"
#include "server/auth/ntlm_who.h"
#include "server/base/utf8.h"
#include "tests/unit/auth/spoken.h"

enum { WITH_UNICODE = 1, WITH_EXTENDED = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct spa_names names = { .nb_domain = "EXAMPLE",
					.nb_computer = "MAIL",
					.dns_domain = "example.com",
					.dns_computer = "mail.example.com" };

static void inside(const struct ntlm_bytes *b, const uint8_t *p, size_t size)
{
	assert(b->p >= p && b->len <= size && (size_t)(b->p - p) <= size - b->len);
}

static void as_negotiate(const uint8_t *p, size_t size)
{
	struct ntlm_challenge c = { .names = &names };
	struct buf out = { 0 };
	uint32_t flags;

	if (!ntlm_read_negotiate(p, size, &flags))
		return;
	c.flags = ntlm_agree(flags);
	assert(!(c.flags & NTLM_UNICODE) != !(c.flags & NTLM_OEM));
	assert(ntlm_agree(c.flags) == c.flags);
	ntlm_write_challenge(&out, &c);
	assert(out.len > 56 && memcmp(buf_at(&out), "NTLMSSP\0\2\0\0\0", 12) == 0);
	assert(memcmp(buf_at(&out) + out.len - 4, "\0\0\0\0", 4) == 0);
	buf_drop(&out);
}

static void check_name(const char *name)
{
	size_t len = strlen(name);

	assert(len <= NTLM_TEXT_MAX && utf8_valid(name, len) && !has_control(name, len));
}

static void check_who(const struct ntlm_answer *a, uint32_t flags, struct ntlm_who *who)
{
	char typed[100];

	check_name(who->user);
	check_name(who->domain);
	check_name(who->workstation);
	assert(*who->user && who->n_spellings >= 1 && who->n_spellings <= 2);
	assert(!(flags & NTLM_UNICODE) || who->spelling[0].user_len == a->user.len);
	ntlm_who_typed(who, typed, sizeof(typed));
	assert(strlen(typed) < sizeof(typed));
}

static void prove(const struct ntlm_answer *a, uint32_t flags, const struct ntlm_who *who)
{
	unsigned char hash[NTLM_KEY], nonce[NTLM_NONCE];
	const struct ntlm_spelling *as = &who->spelling[0];
	const struct ntlm_claim c = { .form = ntlm_form(a, flags),
				      .answer = a,
				      .nonce = nonce,
				      .user = { as->user, as->user_len },
				      .domain = { as->domain, as->domain_len } };

	nt_hash("password", hash);
	memcpy(nonce, POP3_NONCE, sizeof(nonce));
	if (!ntlm_prove(&c, hash, NULL))
		return;
	nonce[0] ^= 1;
	assert(!ntlm_prove(&c, hash, NULL));
}

static void as_answer(const uint8_t *p, size_t size, uint32_t flags)
{
	struct ntlm_answer a;
	struct ntlm_pairs pairs;
	struct ntlm_who who = { 0 };

	if (!ntlm_read_answer(p, size, &a))
		return;
	inside(&a.lm, p, size);
	inside(&a.nt, p, size);
	inside(&a.domain, p, size);
	inside(&a.user, p, size);
	inside(&a.workstation, p, size);
	if (ntlm_read_pairs(&a.nt, &pairs) && pairs.binding.len > 0) {
		assert(pairs.binding.len == NTLM_MIC);
		inside(&pairs.binding, a.nt.p, a.nt.len);
	}
	if (!ntlm_who_read(&a, flags, &who))
		return;
	check_who(&a, flags, &who);
	prove(&a, flags, &who);
}

static void as_signed(uint8_t *p, size_t size)
{
	static const unsigned char key[NTLM_KEY] = "sixteen octets!";
	const struct ntlm_exchange x = { .negotiate = { p, 0 },
					 .challenge = { p, size },
					 .answer = { p, size } };

	if (size < NTLM_MIC_AT + NTLM_MIC || !ntlm_mic_right(&x, key))
		return;
	p[NTLM_MIC_AT] ^= 1;
	assert(!ntlm_mic_right(&x, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t flags = NTLM_OEM;
	uint8_t *copy;

	if (size == 0)
		return 0;
	if (data[0] & WITH_UNICODE)
		flags = NTLM_UNICODE;
	if (data[0] & WITH_EXTENDED)
		flags |= NTLM_EXTENDED;
	size--;
	copy = malloc(size ? size : 1); /* ends where the message does */
	memcpy(copy, data + 1, size);
	as_negotiate(copy, size);
	as_answer(copy, size, flags);
	as_signed(copy, size);
	free(copy);
	return 0;
}
