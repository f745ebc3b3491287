/* crypto.c - OpenSSL 3, without its price.
 *
 * Fetching an algorithm takes locks and string look-ups, making a context allocates: together ten
 * times the cost of opening one password record. So algorithms are fetched once per process and
 * contexts are kept once per thread. A context keeps the last key schedule, and one that opens keeps
 * the key beside it: nearly all records are under one key, and a schedule costs as much as opening
 * one. The keyring is in memory all the same. MD5 is fetched apart, at its first use: a host whose
 * provider lacks it must be able to run without APOP. HMAC is two hashes, made here: with a new key
 * for each text EVP_MAC takes twice as long. Random octets come from the kernel, which is three times
 * as fast as OpenSSL's generator and needs nobody to notice a fork.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <openssl/evp.h>
#include "server/base/crypto.h"
#include "server/base/err.h"
#include "server/base/mem.h"
#include "server/base/secret.h"

#define N_HASHES 2
#define HASH_BLOCK 64 /* octets that each of them takes at a time */
static const char *const hash_names[N_HASHES] = {
	[HASH_SHA1] = "SHA1",
	[HASH_SHA256] = "SHA256",
};

/* Read-only once fetched. */
static struct {
	EVP_CIPHER *gcm;
	EVP_MD *hash[N_HASHES];
	EVP_MD *md5;
	pthread_key_t key; /* whose destructor frees a thread's kit */
} algo;

struct kit {
	EVP_CIPHER_CTX *sealer, *opener;
	unsigned char opens[AEAD_KEY]; /* the opener's key */
	bool has_key;
	EVP_MD_CTX *digest;
};

static void need(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

static void kit_free(void *p)
{
	struct kit *k = p;

	EVP_CIPHER_CTX_free(k->sealer);
	EVP_CIPHER_CTX_free(k->opener);
	EVP_MD_CTX_free(k->digest);
	wipe(k, sizeof(*k));
	free(k);
}

static void fetch_all(void)
{
	algo.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	need(algo.gcm, "OpenSSL offers no AES-256-GCM");
	for (int h = 0; h < N_HASHES; h++) {
		algo.hash[h] = EVP_MD_fetch(NULL, hash_names[h], NULL);
		need(algo.hash[h], "OpenSSL offers no SHA-256 or SHA-1");
	}
	need(pthread_key_create(&algo.key, kit_free) == 0, "no thread key left");
}

static void fetch_md5(void)
{
	algo.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	need(algo.md5, "OpenSSL offers no MD5, which APOP needs: set apop = no");
}

static struct kit *kit_new(void)
{
	struct kit *k = mem_new(sizeof(*k));

	k->sealer = EVP_CIPHER_CTX_new();
	k->opener = EVP_CIPHER_CTX_new();
	k->digest = EVP_MD_CTX_new();
	need(k->sealer && k->opener && k->digest, "out of memory");
	need(pthread_setspecific(algo.key, k) == 0, "out of memory");
	return k;
}

static struct kit *kit(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch_all);
	struct kit *mine = pthread_getspecific(algo.key);
	return mine ? mine : kit_new();
}

static int as_int(size_t len)
{
	assert(len <= INT_MAX);
	return (int)len;
}

void random_bytes(void *p, size_t len)
{
	for (unsigned char *at = p; len > 0;) {
		ssize_t n = getrandom(at, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		need(n > 0, "no entropy");
		at += n;
		len -= (size_t)n;
	}
}

uint64_t random_u64(void)
{
	uint64_t n;

	random_bytes(&n, sizeof(n));
	return n;
}

void aead_seal(unsigned char *out, const unsigned char key[AEAD_KEY],
	       const unsigned char nonce[AEAD_NONCE], const void *aad, size_t aad_len,
	       const void *plain, size_t len)
{
	EVP_CIPHER_CTX *c = kit()->sealer;
	int n;

	bool ok = EVP_EncryptInit_ex2(c, algo.gcm, key, nonce, NULL) &&
		  (aad_len == 0 || EVP_EncryptUpdate(c, NULL, &n, aad, as_int(aad_len))) &&
		  (len == 0 || EVP_EncryptUpdate(c, out, &n, plain, as_int(len))) &&
		  EVP_EncryptFinal_ex(c, out + len, &n) &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, out + len);
	need(ok, "OpenSSL failed to encrypt");
}

/* Ready for another record; the key's schedule is made when it is another key. */
static bool begin_open(struct kit *k, const unsigned char key[AEAD_KEY],
		       const unsigned char nonce[AEAD_NONCE])
{
	if (k->has_key && same_bytes(k->opens, key, AEAD_KEY))
		return EVP_DecryptInit_ex2(k->opener, NULL, NULL, nonce, NULL);
	memcpy(k->opens, key, AEAD_KEY);
	k->has_key = true;
	return EVP_DecryptInit_ex2(k->opener, algo.gcm, key, nonce, NULL);
}

bool aead_open(unsigned char *out, const unsigned char key[AEAD_KEY],
	       const unsigned char nonce[AEAD_NONCE], const void *aad, size_t aad_len,
	       const void *sealed, size_t len)
{
	struct kit *k = kit();
	EVP_CIPHER_CTX *c = k->opener;
	const unsigned char *in = sealed;
	unsigned char tag[AEAD_TAG], rest[AEAD_TAG];
	int n;

	if (len < AEAD_TAG)
		return false;
	len -= AEAD_TAG;
	memcpy(tag, in + len, sizeof(tag));
	bool ok = begin_open(k, key, nonce) &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, tag) &&
		  (aad_len == 0 || EVP_DecryptUpdate(c, NULL, &n, aad, as_int(aad_len))) &&
		  (len == 0 || EVP_DecryptUpdate(c, out, &n, in, as_int(len)));
	need(ok, "OpenSSL failed to decrypt");

	if (EVP_DecryptFinal_ex(c, rest, &n) > 0)
		return true;
	wipe(out, len); /* unauthenticated bytes are nobody's business */
	return false;
}

static void digest(unsigned char *out, const EVP_MD *md, const void *p, size_t len)
{
	EVP_MD_CTX *c = kit()->digest;

	need(EVP_DigestInit_ex2(c, md, NULL) && EVP_DigestUpdate(c, p, len) &&
		     EVP_DigestFinal_ex(c, out, NULL),
	     "OpenSSL failed to hash");
}

size_t hash_size(enum hash h)
{
	return h == HASH_SHA1 ? 20 : 32;
}

void hash_bytes(enum hash h, unsigned char *out, const void *p, size_t len)
{
	kit(); /* before algo.hash is read */
	digest(out, algo.hash[h], p, len);
}

void sha256(unsigned char out[32], const void *p, size_t len)
{
	hash_bytes(HASH_SHA256, out, p, len);
}

void md5(unsigned char out[16], const void *p, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch_md5);
	digest(out, algo.md5, p, len);
}

/* One half of RFC 2104: the hash of the padded key, then the text. */
static void hmac_half(enum hash h, unsigned char *out, const unsigned char pad[HASH_BLOCK],
		      unsigned char with, const void *p, size_t len)
{
	EVP_MD_CTX *c = kit()->digest;
	unsigned char block[HASH_BLOCK];

	for (int i = 0; i < HASH_BLOCK; i++)
		block[i] = pad[i] ^ with;
	need(EVP_DigestInit_ex2(c, algo.hash[h], NULL) &&
		     EVP_DigestUpdate(c, block, sizeof(block)) && EVP_DigestUpdate(c, p, len) &&
		     EVP_DigestFinal_ex(c, out, NULL),
	     "OpenSSL failed to authenticate");
	wipe(block, sizeof(block));
}

void hmac(enum hash h, unsigned char *out, const void *key, size_t key_len, const void *p,
	  size_t len)
{
	unsigned char pad[HASH_BLOCK] = { 0 }, inner[HASH_MAX];

	if (key_len > sizeof(pad))
		hash_bytes(h, pad, key, key_len);
	else if (key_len > 0)
		memcpy(pad, key, key_len);
	hmac_half(h, inner, pad, 0x36, p, len);
	hmac_half(h, out, pad, 0x5C, inner, hash_size(h));
	wipe(pad, sizeof(pad));
	wipe(inner, sizeof(inner));
}

void hmac_sha256(unsigned char out[32], const void *key, size_t key_len, const void *p, size_t len)
{
	hmac(HASH_SHA256, out, key, key_len, p, len);
}

void pbkdf2(enum hash h, unsigned char *out, const void *pass, size_t pass_len, const void *salt,
	    size_t salt_len, unsigned rounds)
{
	kit(); /* before algo.hash is read */
	/* Fetches its algorithm at every call; a fraction of a hundredth of what it computes. */
	bool ok = PKCS5_PBKDF2_HMAC(pass, as_int(pass_len), salt, as_int(salt_len), (int)rounds,
				    algo.hash[h], (int)hash_size(h), out);
	need(ok, "OpenSSL failed to derive a key");
}
