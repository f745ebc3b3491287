/* secret.c - bytes that must not linger in memory. */
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/base/secret.h"

void wipe(void *p, size_t len)
{
	if (len > 0)
		explicit_bzero(p, len);
}

bool same_bytes(const void *a, const void *b, size_t len)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}

void secret_set(struct secret *s, const void *p, size_t len)
{
	unsigned char *copy = mem_new(len + 1);

	if (len > 0)
		memcpy(copy, p, len); /* before the wipe: p may lie inside *s */
	secret_drop(s);
	s->bytes = copy;
	s->len = len;
}

void secret_move(struct secret *to, struct secret *from)
{
	if (to == from)
		return;
	secret_drop(to);
	*to = *from;
	*from = (struct secret){ 0 };
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && same_bytes(a->bytes, b->bytes, a->len);
}

void secret_drop(struct secret *s)
{
	if (s->bytes)
		wipe(s->bytes, s->len);
	free(s->bytes);
	*s = (struct secret){ 0 };
}
