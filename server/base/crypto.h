/* crypto.h - the few primitives we need, by OpenSSL, behind names that say what they are for.
 *
 * Thread: any. A failure of the library itself (no entropy, no algorithm) ends the process: nothing
 * sane can follow.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY 32
#define AEAD_NONCE 12
#define AEAD_TAG 16

void random_bytes(void *p, size_t len);
uint64_t random_u64(void);
/* AES-256-GCM. out has len + AEAD_TAG bytes when sealing, len - AEAD_TAG when opening. */
void aead_seal(unsigned char *out, const unsigned char key[AEAD_KEY],
	       const unsigned char nonce[AEAD_NONCE], const void *aad, size_t aad_len,
	       const void *plain, size_t len);
bool aead_open(unsigned char *out, const unsigned char key[AEAD_KEY],
	       const unsigned char nonce[AEAD_NONCE], const void *aad, size_t aad_len,
	       const void *sealed, size_t len);

enum hash { HASH_SHA1, HASH_SHA256 }; /* SHA-1: for SCRAM-SHA-1 and {SSHA} */
#define HASH_MAX 32                   /* octets of the longest */
size_t hash_size(enum hash h);        /* octets that the next three write */
void hash_bytes(enum hash h, unsigned char *out, const void *p, size_t len);
void hmac(enum hash h, unsigned char *out, const void *key, size_t key_len, const void *p,
	  size_t len);
/* PBKDF2 with HMAC, its first block: what RFC 5802 calls Hi. 4096 rounds take milliseconds. */
void pbkdf2(enum hash h, unsigned char *out, const void *pass, size_t pass_len, const void *salt,
	    size_t salt_len, unsigned rounds);
void sha256(unsigned char out[32], const void *p, size_t len);
void hmac_sha256(unsigned char out[32], const void *key, size_t key_len, const void *p, size_t len);
void md5(unsigned char out[16], const void *p, size_t len); /* RFC 1321, for APOP */

/* What NTLM is made of, and nothing else may use (crypto_old.c). */
#define DES_KEY 7 /* octets, before they are spread to eight with parity */
#define DES_BLOCK 8
void md4(unsigned char out[16], const void *p, size_t len); /* RFC 1320 */
void hmac_md5(unsigned char out[16], const void *key, size_t key_len, const void *p, size_t len);
void des_encrypt(unsigned char out[DES_BLOCK], const unsigned char key[DES_KEY],
		 const unsigned char in[DES_BLOCK]); /* one block */
