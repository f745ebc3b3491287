/* file.h - what file.c and rekey.c share; nobody else includes it. */
#pragma once
#include "server/accounts/accounts.h"
#include "server/accounts/keyring.h"
#include "server/accounts/proved.h"
#include "server/accounts/record.h"

struct accounts_file {
	struct accounts accounts;
	struct mailroot *root;
	struct keyring *ring;
	const struct log *log;
	struct proved *proved;

	/* Of nobody, under a key of nobody's: what an unknown account is judged by. */
	unsigned char stand_in_key[AEAD_KEY];
	char stand_in[RECORD_TEXT_MAX];
	size_t stand_in_len;
};

/* Opens the mailbox's directory and reads its record; EC_ABSENT: no mailbox, or one without an
 * account. dir < 0 then. */
enum ec accounts_file_load(struct accounts_file *f, const struct name *n, int *dir,
			   struct record *out, struct err *e);
/* Opens the record under whatever key it names. */
enum ec accounts_file_open_record(struct accounts_file *f, const struct name *n,
				  const struct record *r, struct secret *out, struct err *e);
/* Seals under the current key; the caller holds the keyring's lock. */
enum ec accounts_file_seal(struct accounts_file *f, const struct name *n, const struct secret *s,
			   char text[RECORD_TEXT_MAX], size_t *len, struct err *e);
