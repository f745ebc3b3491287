/* oldschema.c - see oldschema.h. What came later is cut out: a copy of the old file would be one more to keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/unit/ldap/oldschema.h"

/* Definitions that have a name of these are gone... */
static const char *const gone[] = { "NAME 'winpopHeld'", "NAME 'winpopExpireDays'",
				    "NAME 'winpopQuota'" };
/* ... and from the others these words. */
static const char *const words[] = { "winpopHeld $ ", "winpopExpireDays $ " };

static void cut(char *text, const char *word)
{
	size_t n = strlen(word);
	unsigned found = 0;

	for (char *at = text; (at = strstr(at, word)); found++)
		memmove(at, at + n, strlen(at + n) + 1);
	assert_true(found > 0);
}

/* A definition ends with an empty line. */
static void copy(char *text, FILE *to)
{
	for (char *at = text, *end; *at; at = end) {
		bool wanted = true;

		end = strstr(at, "\n\n");
		end = end ? end + 2 : at + strlen(at);
		for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
			wanted &= !memmem(at, (size_t)(end - at), gone[i], strlen(gone[i]));
		if (wanted)
			assert_true(fwrite(at, 1, (size_t)(end - at), to) > 0);
	}
}

void old_schema_write(const char *schema, char out[64])
{
	char text[16384];
	FILE *from = fopen(schema, "r");

	assert_non_null(from);
	text[fread(text, 1, sizeof(text) - 1, from)] = '\0';
	assert_true(feof(from) && fclose(from) == 0);
	strcpy(out, "/tmp/winpop-schema-XXXXXX");
	int fd = mkstemp(out);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	assert_non_null(to);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		cut(text, words[i]);
	copy(text, to);
	assert_int_equal(fclose(to), 0);
}
