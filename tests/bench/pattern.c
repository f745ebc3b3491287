/* pattern.c - 64-octet lines with a number at the front of each, so that no two lines of a message are the same. */
#include "tests/bench/pattern.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, HEADER = 200 };

static char *octets_new(size_t size)
{
	char *p = malloc(size);

	if (p == NULL)
		err(1, "malloc");
	return p;
}

void pattern_make(struct pattern *p, unsigned size, bool dots)
{
	unsigned left = size;
	char *at;

	p->wire = at = octets_new((size_t)size * 2 + LINE * 2);
	for (unsigned n = 0; left >= 2; n++) {
		unsigned len = left < LINE ? left - 2 : LINE - 2;
		bool dot = dots && n % 8 == 7;
		char line[LINE + 16];
		size_t made = (size_t)snprintf(
			line, sizeof line,
			"%s%010u abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVW",
			dot ? "." : "x", n);

		memset(line + made, '-', sizeof line - made);
		if (dot && len > 0)
			*at++ = '.';
		at = mempcpy(at, line, len);
		at = mempcpy(at, "\r\n", 2);
		left -= len + 2;
	}
	p->octets = size - left;
	at = mempcpy(at, ".\r\n", 3);
	p->len = (size_t)(at - p->wire);
}

size_t pattern_mail(const struct pattern *p, unsigned size, unsigned number, char **out)
{
	char *at = *out = octets_new(p->len + HEADER);

	at += sprintf(at, "From: <bench@example.net>\r\nSubject: bench\r\nX-Bench: %u", size);
	if (number > 0)
		at += sprintf(at, " %u", number);
	at = mempcpy(at, "\r\n\r\n", 4);
	at = mempcpy(at, p->wire, p->len);
	return (size_t)(at - *out);
}
