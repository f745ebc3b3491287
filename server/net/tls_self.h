/* tls_self.h - a certificate that vouches for itself, for a server that has none yet.
 *
 * Mail programs ask their people once whether they trust it. ECDSA on P-256, which every mail program of today knows.
 * Thread: any. A failure of OpenSSL itself ends the process.
 */
#pragma once
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/secret.h"

struct tls_self {
	const char *cert;   /* PEM; in the arena */
	struct secret key;  /* PEM (PKCS #8); the caller drops it */
	char print[32 * 3]; /* SHA-256 fingerprint, as mail programs show it */
};
/* names: host names or IP addresses, at least one; the first is the subject. */
void tls_self_make(struct arena *mem, const char *const names[], size_t n, unsigned days,
		   struct tls_self *out);
