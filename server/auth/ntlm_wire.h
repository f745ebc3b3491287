/* ntlm_wire.h - the three messages of NTLM (MS-NLMP section 2.2). Private to this folder. Pure.
 *
 * Whoever sends a message says where in it its parts lie: every place and length is checked against
 * the message before anything is lent out of it. Parts may overlap; only reading outside is harm.
 * Owner: what is read points into the message.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/auth/spa.h"
#include "server/base/buf.h"

/* Section 2.2.2.5; only what we look at or say. */
enum {
	NTLM_UNICODE = 0x00000001,
	NTLM_OEM = 0x00000002,
	NTLM_REQUEST_TARGET = 0x00000004,
	NTLM_NTLM = 0x00000200,
	NTLM_ANONYMOUS = 0x00000800,
	NTLM_ALWAYS_SIGN = 0x00008000,
	NTLM_TARGET_DOMAIN = 0x00010000,
	NTLM_EXTENDED = 0x00080000, /* extended session security: NTLM2 session responses */
	NTLM_TARGET_INFO = 0x00800000,
	NTLM_VERSION = 0x02000000,
	NTLM_128 = 0x20000000,
};
#define NTLM_56 0x80000000u /* has no room in an enum */

#define NTLM_NONCE 8
#define NTLM_MIC 16
#define NTLM_MIC_AT 72
#define NTLM_NAME_MAX 512                     /* octets of one name on the wire */
#define NTLM_TEXT_MAX (NTLM_NAME_MAX / 2 * 3) /* octets of UTF-8 that it can become */

struct ntlm_bytes {
	const unsigned char *p;
	size_t len;
};

bool ntlm_read_negotiate(const void *p, size_t len, uint32_t *flags);
/* What of the client's flags we take part in; always exactly one of UNICODE and OEM. */
uint32_t ntlm_agree(uint32_t flags);

struct ntlm_challenge {
	uint32_t flags; /* agreed */
	unsigned char nonce[NTLM_NONCE];
	uint64_t time; /* 100 ns since 1601 */
	const struct spa_names *names;
};
void ntlm_write_challenge(struct buf *out, const struct ntlm_challenge *c);
uint64_t ntlm_time(uint64_t wall_us); /* from microseconds since 1970 */

struct ntlm_answer {
	struct ntlm_bytes lm, nt, domain, user, workstation;
	uint32_t flags; /* 0 from clients of old that send none */
};
bool ntlm_read_answer(const void *p, size_t len, struct ntlm_answer *out);

/* Of an NTLMv2 response, with the pairs the client has signed. */
enum ntlm_pair { NTLM_PAIR_END = 0, NTLM_PAIR_FLAGS = 6, NTLM_PAIR_BINDING = 10 };
#define NTLM_SAYS_MIC 2u /* bit of NTLM_PAIR_FLAGS */
struct ntlm_pairs {
	uint32_t flags;
	struct ntlm_bytes binding; /* len 0: none */
};
bool ntlm_read_pairs(const struct ntlm_bytes *nt, struct ntlm_pairs *out);
