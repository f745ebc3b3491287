/* utf16.h - text as Windows keeps it: passwords and names of NTLM and Active Directory are UTF-16, little-endian. Pure.
 * Thread: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* out has room for 2 * len octets, which is always enough. False, with nothing of use in out, if p is not UTF-8. */
bool utf16_from_utf8(unsigned char *out, size_t *out_len, const char *p, size_t len);
/* out has room for len / 2 * 3 octets. False, with nothing of use in out: an odd length, or half a surrogate pair. */
bool utf16_to_utf8(char *out, size_t *out_len, const void *p, size_t len);
/* In place, unit by unit, in any language, as Windows compares names; len in octets. */
void utf16_upcase(void *p, size_t len);
