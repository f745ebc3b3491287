/* ntlm_wire.c - NTLM messages: little-endian numbers at fixed places that point to the rest.
 *
 * Clients have grown by appending: messages of thirty years differ in how much of the fixed part they
 * have. So a field that starts behind the end of a message is absent, one that is cut off is an error,
 * and where the variable part begins is nobody's business. What we do not use (session keys, versions,
 * the names in a NEGOTIATE) is not read at all.
 */
#include <assert.h>
#include <string.h>
#include "server/auth/ntlm_wire.h"
#include "server/base/utf16.h"

static const char signature[8] = "NTLMSSP";

enum { NEGOTIATE = 1, CHALLENGE = 2, AUTHENTICATE = 3 };

#define NEGOTIATE_MIN 16
#define ANSWER_MIN 52 /* up to and with the workstation: the oldest clients stop there */
#define FLAGS_AT 60
#define V2_PROOF 16
#define V2_HEAD 28 /* of NTLMv2_CLIENT_CHALLENGE, before its pairs */

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static bool is_type(const unsigned char *p, size_t len, uint32_t type)
{
	return len >= sizeof(signature) + 4 && memcmp(p, signature, sizeof(signature)) == 0 &&
	       get32(p + sizeof(signature)) == type;
}

/* ---- NEGOTIATE ---- */

bool ntlm_read_negotiate(const void *p, size_t len, uint32_t *flags)
{
	const unsigned char *u = p;

	if (len < NEGOTIATE_MIN || !is_type(u, len, NEGOTIATE))
		return false;
	*flags = get32(u + 12);
	return true;
}

/* No signing, sealing or key exchange: nothing is sent under the keys of this session. ALWAYS_SIGN
 * and the key lengths are agreed to all the same, since clients ask for them out of habit and some
 * give up without. */
uint32_t ntlm_agree(uint32_t flags)
{
	uint32_t ours = NTLM_NTLM | NTLM_TARGET_INFO;

	ours |= flags & NTLM_UNICODE ? NTLM_UNICODE : NTLM_OEM;
	ours |= flags & (NTLM_EXTENDED | NTLM_ALWAYS_SIGN | NTLM_VERSION | NTLM_128 | NTLM_56);
	if (flags & NTLM_REQUEST_TARGET)
		ours |= NTLM_REQUEST_TARGET | NTLM_TARGET_DOMAIN;
	return ours;
}

/* ---- CHALLENGE ---- */

enum { PAIR_NB_COMPUTER = 1, PAIR_NB_DOMAIN, PAIR_DNS_COMPUTER, PAIR_DNS_DOMAIN, PAIR_TIME = 7 };

#define CHALLENGE_HEAD 56

static void put16(struct buf *out, size_t n)
{
	const unsigned char le[2] = { (unsigned char)n, (unsigned char)(n >> 8) };

	buf_add(out, le, sizeof(le));
}

static void put32(struct buf *out, uint32_t n)
{
	put16(out, n & 0xFFFF);
	put16(out, n >> 16);
}

static void put_utf16(struct buf *out, const char *z)
{
	size_t len = strlen(z), wide;
	unsigned char *to = (unsigned char *)buf_room(out, 2 * len);

	/* Names come from our settings or from winbind; what is no UTF-8 there is left out. */
	buf_grew(out, utf16_from_utf8(to, &wide, z, len) ? wide : 0);
}

/* Length, length again, place (MS-NLMP calls them Len, MaxLen, BufferOffset). */
static void put_part(struct buf *out, size_t len, size_t at)
{
	put16(out, len);
	put16(out, len);
	put32(out, (uint32_t)at);
}

static void put_pair(struct buf *out, unsigned id, const char *z)
{
	struct buf value = { 0 };

	put_utf16(&value, z);
	if (value.len > 0) {
		put16(out, id);
		put16(out, value.len);
		buf_add(out, buf_at(&value), value.len);
	}
	buf_drop(&value);
}

/* The time makes clients sign the whole exchange (MIC) and leave LMv2 out. */
static void put_pairs(struct buf *out, const struct ntlm_challenge *c)
{
	put_pair(out, PAIR_NB_DOMAIN, c->names->nb_domain);
	put_pair(out, PAIR_NB_COMPUTER, c->names->nb_computer);
	put_pair(out, PAIR_DNS_DOMAIN, c->names->dns_domain);
	put_pair(out, PAIR_DNS_COMPUTER, c->names->dns_computer);
	put16(out, PAIR_TIME);
	put16(out, 8);
	put32(out, (uint32_t)c->time);
	put32(out, (uint32_t)(c->time >> 32));
	put16(out, NTLM_PAIR_END);
	put16(out, 0);
}

static void put_version(struct buf *out, uint32_t flags)
{
	/* 10.0, NTLM revision 15: the only one there is */
	static const unsigned char ours[8] = { 10, 0, 0, 0, 0, 0, 0, 15 }, none[8];

	buf_add(out, flags & NTLM_VERSION ? ours : none, 8);
}

void ntlm_write_challenge(struct buf *out, const struct ntlm_challenge *c)
{
	static const unsigned char reserved[8];
	struct buf target = { 0 }, pairs = { 0 };

	if (c->flags & NTLM_REQUEST_TARGET) {
		if (c->flags & NTLM_UNICODE)
			put_utf16(&target, c->names->nb_domain);
		else
			buf_addz(&target, c->names->nb_domain);
	}
	put_pairs(&pairs, c);
	buf_add(out, signature, sizeof(signature));
	put32(out, CHALLENGE);
	put_part(out, target.len, CHALLENGE_HEAD);
	put32(out, c->flags);
	buf_add(out, c->nonce, sizeof(c->nonce));
	buf_add(out, reserved, sizeof(reserved));
	put_part(out, pairs.len, CHALLENGE_HEAD + target.len);
	put_version(out, c->flags);
	buf_add(out, buf_at(&target), target.len);
	buf_add(out, buf_at(&pairs), pairs.len);
	buf_drop(&target);
	buf_drop(&pairs);
}

uint64_t ntlm_time(uint64_t wall_us)
{
	return (wall_us + 11644473600000000u) * 10;
}

/* ---- AUTHENTICATE ---- */

struct message {
	const unsigned char *p;
	size_t len;
};

static bool get_part(const struct message *m, size_t field, struct ntlm_bytes *out)
{
	size_t len = get16(m->p + field), at = get32(m->p + field + 4);

	*out = (struct ntlm_bytes){ m->p, 0 };
	if (len == 0)
		return true; /* wherever it is not */
	if (at > m->len || len > m->len - at)
		return false;
	*out = (struct ntlm_bytes){ m->p + at, len };
	return true;
}

static bool get_name(const struct message *m, size_t field, struct ntlm_bytes *out)
{
	return get_part(m, field, out) && out->len <= NTLM_NAME_MAX;
}

bool ntlm_read_answer(const void *p, size_t len, struct ntlm_answer *out)
{
	const struct message m = { p, len };

	*out = (struct ntlm_answer){ 0 };
	if (len < ANSWER_MIN || !is_type(p, len, AUTHENTICATE))
		return false;
	if (!get_part(&m, 12, &out->lm) || !get_part(&m, 20, &out->nt))
		return false;
	if (!get_name(&m, 28, &out->domain) || !get_name(&m, 36, &out->user) ||
	    !get_name(&m, 44, &out->workstation))
		return false;
	if (len >= FLAGS_AT + 4)
		out->flags = get32(m.p + FLAGS_AT);
	return true;
}

/* ---- the pairs of a response ---- */

static bool take_pair(unsigned id, struct ntlm_bytes value, struct ntlm_pairs *out)
{
	if (id == NTLM_PAIR_FLAGS) {
		if (value.len != 4)
			return false;
		out->flags = get32(value.p);
	} else if (id == NTLM_PAIR_BINDING) {
		if (value.len != NTLM_MIC) /* MD5 */
			return false;
		out->binding = value;
	}
	return true;
}

bool ntlm_read_pairs(const struct ntlm_bytes *nt, struct ntlm_pairs *out)
{
	const unsigned char *u = nt->p + V2_PROOF + V2_HEAD, *end = nt->p + nt->len;

	*out = (struct ntlm_pairs){ 0 };
	if (nt->len < V2_PROOF + V2_HEAD)
		return false;
	while (end - u >= 4) {
		unsigned id = get16(u);
		size_t len = get16(u + 2);

		u += 4;
		if (id == NTLM_PAIR_END)
			return true;
		if (len > (size_t)(end - u) || !take_pair(id, (struct ntlm_bytes){ u, len }, out))
			return false;
		u += len;
	}
	return u == end; /* some clients leave the end out */
}
