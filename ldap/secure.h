/* secure.h - TLS under a connection, by OpenSSL. Private to ldap/. Thread: one at a time; blocks until the deadline. */
#pragma once
#include <lber.h>
#include <stdint.h>
#include "server/base/err.h"

/* The authorities, read once: a system's bundle takes a tenth of a second. Read again when the file is another. Thread: any. */
struct dir_trust;
struct dir_trust *dir_trust_new(void);
void dir_trust_free(struct dir_trust **t);

/* Handshake on fd, which is non-blocking, and check of the certificate for host by the authorities in ca; from then on everything
 * that goes through sb is encrypted. host: a name or an address. trust: one for this ca, or NULL. EC_BROKEN: certificate or ca, and
 * the text says what is wrong with it; EC_TEMP: no TLS at the other end, or no answer. */
enum ec dir_secure(Sockbuf *sb, int fd, const char *host, const char *ca, struct dir_trust *trust,
		   uint64_t deadline_ms, struct err *e);
