/* b64.h - base64 as in RFC 4648 section 4: padding required, no blanks, no stray bits. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define B64_ENC_LEN(n) (((n) + 2) / 3 * 4)
#define B64_DEC_MAX(n) ((n) / 4 * 3)

size_t b64_encode(char *out, const void *p, size_t len); /* writes B64_ENC_LEN(len), no NUL */
bool b64_decode(unsigned char *out, size_t *out_len, const char *p, size_t len);
size_t hex_encode(char *out, const void *p, size_t len);        /* lower case, 2*len, no NUL */
bool hex_decode(unsigned char *out, const char *p, size_t len); /* len even, either case */
