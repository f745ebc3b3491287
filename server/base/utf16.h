/* utf16.h - text as Windows keeps it: passwords and names of NTLM and Active Directory are UTF-16, little-endian. Pure.
 * Thread: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* out has room for 2 * len octets, which is always enough. False, with nothing of use in out, if p is not UTF-8. */
bool utf16_from_utf8(unsigned char *out, size_t *out_len, const char *p, size_t len);
