/* record.h - one password record of the encrypted password file.
 *
 *	v1 = KEYID NONCE DATA          (base64; AES-256-GCM under the key of that id)
 *
 * DATA seals the password, padded so that its length does not show, together with the mailbox's
 * name: a record copied into another mailbox does not open there. Thread: any. Failure: EC_BROKEN
 * with a text that holds nothing of the record. /
 */
#pragma once
#include "server/accounts/keyring.h"
#include "server/base/arena.h"
#include "server/base/name.h"
#include "server/base/secret.h"

#define RECORD_FILE "password"
#define RECORD_FILE_MAX 4096
#define PASSWORD_MAX 256
#define RECORD_SEALED_MAX (320 + AEAD_TAG)
#define RECORD_TEXT_MAX 640

struct record {
	char key_id[KEY_ID_LEN + 1];
	unsigned char nonce[AEAD_NONCE];
	unsigned char sealed[RECORD_SEALED_MAX];
	size_t sealed_len;
};

/* 1..256 octets of UTF-8 without NUL, CR, LF: what POP3 and mail programs can carry. EC_USAGE says
 * what is wrong. */
enum ec password_check(const struct secret *s, struct err *e);

enum ec record_parse(const char *p, size_t len, const struct name *n, struct record *out,
		     struct err *e);
size_t record_form(const struct record *r, char out[RECORD_TEXT_MAX]);
void record_seal(struct record *out, const unsigned char key[AEAD_KEY],
		 const char key_id[KEY_ID_LEN + 1], const struct name *n, const struct secret *s);
enum ec record_open(const struct record *r, const unsigned char key[AEAD_KEY], const struct name *n,
		    struct secret *out, struct err *e);
