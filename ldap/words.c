/* words.c - split once, when the settings are read: searches walk the result. */
#include <string.h>
#include "ldap/words.h"
#include "server/base/arena.h"

#define BLANKS " \t"

const char *const *words_split(struct arena *a, const char *list)
{
	const char **words = arena_alloc(a, sizeof(*words) * (strlen(list) / 2 + 2));
	unsigned n = 0;

	for (;;) {
		list += strspn(list, BLANKS);
		size_t len = strcspn(list, BLANKS);
		if (len == 0)
			return words;
		words[n++] = arena_str(a, list, len);
		list += len;
	}
}

unsigned words_count(const char *const *words)
{
	unsigned n = 0;

	while (words[n])
		n++;
	return n;
}

void words_append(const char **to, unsigned *n, const char *const *words)
{
	while (*words)
		to[(*n)++] = *words++;
}
