/* secret.h - a password or key: never logged, never compared byte by byte, wiped when dropped.
 *
 * May hold NUL octets. Zero-initialised is empty. Not to be copied by assignment. Thread: one at a
 * time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct secret {
	unsigned char *bytes; /* NUL-terminated behind len for libraries that want a C string */
	size_t len;
};

void secret_set(struct secret *s, const void *p, size_t len); /* wipes what was there */
void secret_move(struct secret *to, struct secret *from);     /* from is empty afterwards */
bool secret_equal(const struct secret *a,
		  const struct secret *b); /* time depends on the lengths only */
void secret_drop(struct secret *s);
void wipe(void *p, size_t len);                            /* not optimised away */
bool same_bytes(const void *a, const void *b, size_t len); /* constant time */
