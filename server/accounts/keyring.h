/* keyring.h - the keys of the encrypted password file: a 0600 file outside the mail root.
 *
 *	key = 5f3a9c10 Base64OfThe32Bytes...      (kv.h lines; the last one is current)
 *
 * A record names its key, so that old and new keys work side by side while `winpop rekey` runs. A running service meets
 * an unknown key id by reading the file again if it changed, so rekeying needs no restart.
 * Thread: any. Keys are wiped on close and never logged.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/crypto.h"
#include "server/base/err.h"

struct keyring;

#define KEY_ID_LEN 8 /* hex digits */

enum ec keyring_open(const char *path, struct keyring **out,
		     struct err *e); /* refuses a file others can read */
/* Reads it again. A file that is damaged or gone is an error, and what was read before stays in use. */
enum ec keyring_check(struct keyring *r, struct err *e);
void keyring_close(struct keyring **r);
/* Makes the file with one fresh key, 0600, owned by uid/gid; EC_EXISTS if it is there. */
enum ec keyring_create(const char *path, unsigned uid, unsigned gid, struct err *e);
/* For good: whatever is sealed under these keys, wherever copies of it are, cannot be read any more. EC_OK also if it is gone. */
enum ec keyring_remove(const char *path, struct err *e);
/* Appends a fresh key and makes it current / drops the keys older than that one. Both replace the file atomically.
 * Not "all but the current": another rekeying may have added that a moment ago, and most records are under ours. */
enum ec keyring_add(struct keyring *r, struct err *e);
enum ec keyring_prune(struct keyring *r, const char *oldest_id, struct err *e);
/* Copies a key out; id NULL = current (its id goes to id_out). EC_BROKEN: no such key. */
enum ec keyring_get(struct keyring *r, const char *id, unsigned char key[AEAD_KEY],
		    char id_out[KEY_ID_LEN + 1], struct err *e);
/* The same for event loops: false if it is not among the keys read last. */
bool keyring_have(struct keyring *r, const char *id, unsigned char key[AEAD_KEY]);
/* Another number after other keys were read. */
uint64_t keyring_era(const struct keyring *r);
/* Held by whoever replaces a password record, so that rekey never writes back an older password. Blocks. */
enum ec keyring_lock(struct keyring *r, int *token, struct err *e);
void keyring_unlock(struct keyring *r, int token);
