/* amount.h - amounts of octets as people write them: 500000, 64K, 100M, 2G, 1T (powers of 1024).
 *
 * Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define AMOUNT_TEXT_MAX 24

/* false: no such amount, or more than 64 bits hold. */
bool amount_parse(const char *text, uint64_t *out);
/* The shortest that is read back as the same number. */
const char *amount_text(uint64_t n, char out[AMOUNT_TEXT_MAX]);
/* For people: three digits, as "1.46G". Not to be read back. */
const char *amount_about(uint64_t n, char out[AMOUNT_TEXT_MAX]);
