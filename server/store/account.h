/* account.h - a quota account's name as a number, and the directory where accounts' files are. quota.h has the public part.
 *
 * 128 bits of SHA-256 of the name in lower case: nobody meets another's by accident. The first 64 are the account's number,
 * which its files are called by; all of them are the key of a mailbox in a ledger. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/name.h"
#include "server/store/quota.h"

struct account_key {
	uint64_t word[2]; /* never all 0 in the first: 0 means none */
};

struct account_key account_key(const char *text);
struct account_key account_of_mailbox(const struct name *mailbox);

#define LEDGER_SUFFIX ".ledger"
#define LEDGER_NAME_MAX (QUOTA_STEM_MAX + sizeof(LEDGER_SUFFIX))
void ledger_name(uint64_t account, char out[LEDGER_NAME_MAX]);
bool ledger_name_parse(const char *file, uint64_t *account);
/* Opens what is there; -1 with errno. */
int quota_open(const struct mailroot *root, const char *file, int flags);
/* For an event loop: EAGAIN if it would have to wait. */
int quota_open_now(const struct mailroot *root, const char *file);
