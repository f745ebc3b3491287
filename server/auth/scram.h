/* scram.h - what SCRAM checks a client against: a salt and two keys, derived from the password.
 *
 * Deriving costs a thousand times what the rest of an exchange does, so what was derived is kept
 * for a while, in a table of fixed size: whoever signs in again from where it did before costs next
 * to nothing. What is kept opens no account: RFC 5802 made it to be stored. The password is not
 * among it, and a changed password finds nothing there.
 * Thread: any; deriving holds no lock.
 */
#pragma once
#include <stdbool.h>
#include "server/base/crypto.h"
#include "server/base/secret.h"

#define SCRAM_ROUNDS 4096 /* RFC 7677 section 4; the same for everybody */
#define SCRAM_SALT 16
#define SCRAM_VALUE_MAX 160

struct scram;

struct scram *scram_new(void);
struct scram *scram_ref(struct scram *s);
void scram_unref(struct scram **s);

/* Who asks for whose keys. The peer counts: were an account's keys found for a stranger too, the
 * quick answer would tell him that somebody else has signed in to it. */
struct scram_query {
	const char *mech; /* "SCRAM-SHA-256", "SCRAM-SHA-1" */
	const char *account;
	const char *peer; /* address text or NULL */
};
/* The value of the property authPassword (RFC 5803 has the idea, libscram the form):
 * mechanism$rounds:salt$StoredKey:ServerKey. True: it was in the table. */
bool scram_value(struct scram *s, const struct scram_query *q, const struct secret *pass,
		 char out[SCRAM_VALUE_MAX]);
/* A password nobody knows for an account that has none to give; the same again for the same
 * account, so that its keys are found in the table like anybody's. */
void scram_stand_in(struct scram *s, const char *account, struct secret *out);

/* RFC 5802 section 3. */
struct scram_keys {
	unsigned char stored[HASH_MAX], server[HASH_MAX];
};
void scram_derive(enum hash h, const struct secret *pass, const void *salt, size_t salt_len,
		  struct scram_keys *out);
