/* siphash.h - SipHash-2-4: a keyed hash for tables whose contents strangers choose. Pure.
 *
 * Without the key nobody can aim at a place of a table. It is no digest: what it says of two equal
 * values is "perhaps equal", at 2^-64. Key: SIPHASH_KEY random octets.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY 16

uint64_t siphash(const unsigned char key[SIPHASH_KEY], const void *p, size_t len);
