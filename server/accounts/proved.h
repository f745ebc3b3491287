/* proved.h - records that were opened a moment ago, and that the password was right.
 *
 * Opening a record - base64, AES, padding - costs more than reading it. So what was proved is kept: that this text, as the record of
 * this mailbox, and this password belong together under the keys we have. The text is read each time, and one octet that differs is
 * another question; there is nothing that could be out of date. Kept is a hash of it all under a key of this process: no password,
 * and nothing to guess it by for who has not the process's memory, where the key file's keys lie too.
 *
 * Thread: any, without locks. Bounded: an old proof gives way to a new one, and costs an opening more.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/name.h"
#include "server/base/secret.h"

struct proved;

struct proved *proved_new(void);
void proved_free(struct proved **p);

struct proof {
	uint64_t half[2];
};
/* era: keyring_era, asked before the record is opened. */
struct proof proved_ask(const struct proved *p, uint64_t era, const struct name *n,
			const char *text, size_t len, const struct secret *s);
bool proved_has(const struct proved *p, const struct proof *proof);
void proved_keep(struct proved *p, const struct proof *proof);
