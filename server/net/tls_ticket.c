/* tls_ticket.c - keys of session tickets: made here, turned over daily, never on disk.
 *
 * One set for the whole process and over reloads, because a client that comes back meets any
 * thread (a changed certificate ends it, see tls.c). The previous key is accepted for a day more. Tickets sealed under a key last as long as
 * the key is around, so forward secrecy of a resumed session is bounded by two days (and in TLS 1.3
 * by nothing, since every resumption does a new key exchange).
 *
 * The mutex here is held for a copy of eighty octets, once per full or resumed handshake; the
 * handshake itself takes a thousand times as long.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/base/secret.h"
#include "server/net/tls_own.h"

#define KEY_LIFE_MS (24ull * 3600 * 1000)
#define NAME_BYTES 16

struct key {
	unsigned char name[NAME_BYTES], aes[32], mac[32];
};

struct tls_tickets {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct key now, before;
	uint64_t made_ms;
	EVP_CIPHER *cipher; /* fetched once: each handshake would look for it anew */
};

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *k = mem_new(sizeof(*k));

	atomic_init(&k->refs, 1);
	pthread_mutex_init(&k->lock, NULL);
	random_bytes(&k->now, sizeof(k->now));
	random_bytes(&k->before, sizeof(k->before)); /* nobody's: opens nothing */
	k->made_ms = clock_mono_ms();
	k->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (!k->cipher)
		die("OpenSSL offers no AES-256-CBC");
	return k;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *k)
{
	atomic_fetch_add(&k->refs, 1);
	return k;
}

void tls_tickets_unref(struct tls_tickets **kp)
{
	struct tls_tickets *k = *kp;

	*kp = NULL;
	if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&k->lock);
	EVP_CIPHER_free(k->cipher);
	wipe(k, sizeof(*k));
	free(k);
}

/* With the lock held. */
static void turn(struct tls_tickets *k)
{
	k->before = k->now;
	random_bytes(&k->now, sizeof(k->now));
	k->made_ms = clock_mono_ms();
}

void tls_tickets_turn(struct tls_tickets *k)
{
	pthread_mutex_lock(&k->lock);
	turn(k);
	pthread_mutex_unlock(&k->lock);
}

/* With the lock held. A server that nobody called for two days forgets both. */
static void turn_if_old(struct tls_tickets *k)
{
	uint64_t age = clock_mono_ms() - k->made_ms;

	if (age >= KEY_LIFE_MS)
		turn(k);
	if (age >= 2 * KEY_LIFE_MS)
		turn(k);
}

static struct key key_to_seal(struct tls_tickets *k)
{
	struct key key;

	pthread_mutex_lock(&k->lock);
	turn_if_old(k);
	key = k->now;
	pthread_mutex_unlock(&k->lock);
	return key;
}

static bool key_to_open(struct tls_tickets *k, const unsigned char *name, struct key *out,
			bool *is_old)
{
	bool now, before;

	pthread_mutex_lock(&k->lock);
	turn_if_old(k);
	now = memcmp(name, k->now.name, NAME_BYTES) == 0;
	before = !now && memcmp(name, k->before.name, NAME_BYTES) == 0;
	*out = now ? k->now : k->before;
	pthread_mutex_unlock(&k->lock);
	*is_old = before;
	return now || before;
}

static bool set_keys(const struct tls_tickets *k, const struct key *key, const unsigned char *iv,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seal)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac,
						  sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, k->cipher, NULL, key->aes, iv, seal) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 go on, 2 go on and give the client a new one, 0 not
 * ours (a full handshake), -1 failure. In TLS 1.3 always a new one: a ticket is for one use
 * (RFC 8446 appendix C.4). */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		     EVP_MAC_CTX *mac, int seal)
{
	const struct tls_shared *shared = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct tls_tickets *k = shared->tickets;
	struct key key;
	bool is_old = false, ok;

	if (seal) {
		key = key_to_seal(k);
		memcpy(name, key.name, NAME_BYTES);
		random_bytes(iv, EVP_CIPHER_get_iv_length(k->cipher));
	} else if (!key_to_open(k, name, &key, &is_old)) {
		wipe(&key, sizeof(key));
		return 0;
	}
	ok = set_keys(k, &key, iv, cipher, mac, seal);
	wipe(&key, sizeof(key));
	if (!ok)
		return -1;
	return !seal && (is_old || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
}

void tls_tickets_use(struct tls_tickets *k, const struct tls_cert *c)
{
	c->shared->tickets = k;
	SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ctx, on_ticket);
	SSL_CTX_set_timeout(c->ctx, KEY_LIFE_MS / 1000);
}
