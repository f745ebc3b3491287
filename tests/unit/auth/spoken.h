/* spoken.h - NTLM as others have spoken it: the examples of MS-NLMP section 4.2 and MS-POP3 section 4.
 * And the little a test needs to speak it itself. */
#pragma once
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/b64.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/utf16.h"

/* MS-POP3 section 4.1 and 4.2: Windows XP, "user" with "password", NTLM2 session responses. */
#define POP3_NEGOTIATE "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAFASgKAAAADw=="
#define POP3_ANSWER                                                                                \
	"TlRMTVNTUAADAAAAGAAYAGIAAAAYABgAegAAAAAAAABIAAAACAAIAEgAAAASABIAUAAAAAAAAACSAAAABYKI"     \
	"ogUBKAoAAAAPdQBzAGUAcgBOAEYALQBDAEwASQBFAE4AVABKMiQ4djhcSgAAAAAAAAAAAAAAAAAAAAC7zUSg"     \
	"B0Auy98bRi6h3mwHMJfbKNtxmmo="
#define POP3_NONCE "\x9f\x38\x8a\xa8\x66\x23\x76\x51"
#define POP3_WRONG_ANSWER                                                                          \
	"TlRMTVNTUAADAAAAGAAYAGIAAAAYABgAegAAAAAAAABIAAAACAAIAEgAAAASABIAUAAAAAAAAACSAAAABYKI"     \
	"ogUBKAoAAAAPdQBzAGUAcgBOAEYALQBDAEwASQBFAE4AVAAOarJ6lZ5ZNwAAAAAAAAAAAAAAAAAAAACD9mD8"     \
	"jmWs4FkZe59/nNb1cF2HkL0CGZw="
#define POP3_WRONG_NONCE "\x79\x45\x9d\xe4\x44\xb8\x06\x2d"

struct octets {
	unsigned char p[1024];
	size_t len;
};

static inline struct octets from_hex(const char *hex)
{
	struct octets o = { .len = strlen(hex) / 2 };

	assert(o.len <= sizeof(o.p));
	if (!hex_decode(o.p, hex, strlen(hex)))
		abort();
	return o;
}

static inline struct octets wide(const char *text)
{
	struct octets o;

	assert(2 * strlen(text) <= sizeof(o.p));
	if (!utf16_from_utf8(o.p, &o.len, text, strlen(text)))
		abort();
	return o;
}

static inline void nt_hash(const char *pass, unsigned char out[16])
{
	struct octets o = wide(pass);

	md4(out, o.p, o.len);
}
