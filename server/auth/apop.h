/* apop.h - the strings of APOP (RFC 1939 section 7). Private to this folder. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/buf.h"

#define APOP_DIGEST_LEN 32

/* "<32 hex digits@host>", never the same twice; free() it. */
char *apop_stamp(const char *hostname);
/* "user digest" and a NUL, digest in lower case; false: malformed. */
bool apop_response(const char *user, size_t user_len, const char *digest, struct buf *out);
