/* words.h - octets in whole little-endian words, and a sum over them: what index and ledger are made of.
 *
 * The sum notices torn writes, zeroed pages and flipped bits at a rate of gigabytes per second; it guards against accidents,
 * not against those who may write the mail root. Pure. Thread: any.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* len: a multiple of 8 octets, little-endian. */
uint64_t words_sum(const void *p, size_t len);
/* n words at p, in place. */
void words_to_le(void *p, size_t n);
void words_from_le(void *p, size_t n);
