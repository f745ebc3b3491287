/* crypto_old.c - the broken algorithms that NTLM is made of (MS-NLMP section 6): MD4, DES, HMAC-MD5.
 *
 * Nothing new may use them. OpenSSL 3 has moved MD4 and DES to a provider that most hosts do not
 * load, and loading it would offer them to the whole process, TLS included; the functions below
 * OpenSSL's provider layer are deprecated, but always there, take no locks and need no context that
 * must be freed. So they are called here, and the warnings about them are off in this file alone.
 */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <openssl/des.h>
#include <openssl/md4.h>
#include <openssl/md5.h>
#include <string.h>
#include "server/base/crypto.h"
#include "server/base/secret.h"

#define MD5_BLOCK 64

void md4(unsigned char out[16], const void *p, size_t len)
{
	MD4_CTX c;

	MD4_Init(&c);
	MD4_Update(&c, p, len);
	MD4_Final(out, &c);
	wipe(&c, sizeof(c));
}

/* Seven bits of the key to an octet; the eighth is parity, which DES ignores. */
static void spread_key(DES_cblock out, const unsigned char key[DES_KEY])
{
	out[0] = key[0];
	for (int i = 1; i < 7; i++)
		out[i] = (unsigned char)(key[i - 1] << (8 - i) | key[i] >> i);
	out[7] = (unsigned char)(key[6] << 1);
}

void des_encrypt(unsigned char out[DES_BLOCK], const unsigned char key[DES_KEY],
		 const unsigned char in[DES_BLOCK])
{
	DES_key_schedule schedule;
	DES_cblock from, to, spread;

	memcpy(from, in, sizeof(from));
	spread_key(spread, key);
	DES_set_key_unchecked(&spread, &schedule);
	DES_ecb_encrypt(&from, &to, &schedule, DES_ENCRYPT);
	memcpy(out, to, sizeof(to));
	wipe(&schedule, sizeof(schedule));
	wipe(spread, sizeof(spread));
}

/* One half of RFC 2104: MD5 of the padded key, then the text. */
static void hmac_half(unsigned char out[16], const unsigned char pad[MD5_BLOCK], unsigned char with,
		      const void *p, size_t len)
{
	unsigned char block[MD5_BLOCK];
	MD5_CTX c;

	for (int i = 0; i < MD5_BLOCK; i++)
		block[i] = pad[i] ^ with;
	MD5_Init(&c);
	MD5_Update(&c, block, sizeof(block));
	MD5_Update(&c, p, len);
	MD5_Final(out, &c);
	wipe(block, sizeof(block));
	wipe(&c, sizeof(c));
}

void hmac_md5(unsigned char out[16], const void *key, size_t key_len, const void *p, size_t len)
{
	unsigned char pad[MD5_BLOCK] = { 0 }, inner[16];

	if (key_len > sizeof(pad))
		MD5(key, key_len, pad);
	else if (key_len > 0)
		memcpy(pad, key, key_len);
	hmac_half(inner, pad, 0x36, p, len);
	hmac_half(out, pad, 0x5C, inner, sizeof(inner));
	wipe(pad, sizeof(pad));
	wipe(inner, sizeof(inner));
}
