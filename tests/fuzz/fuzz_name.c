/* fuzz_name.c - whatever the octets, a name that is taken is a safe file name and stays itself when
 * it is parsed again; one that is refused has a text that says why. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/name.h"
#include "server/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_taken(const struct name *n, enum name_rule rule)
{
	char text[NAME_TEXT_MAX + 1];
	struct name again;

	name_text(n, text);
	check(!strchr(text, '/') && !has_control(text, strlen(text)));
	check(utf8_valid(text, strlen(text)) && ascii_only(n->domain, strlen(n->domain)));
	check(n->domain[0] != '\0' && n->domain[0] != '.' && !strstr(n->domain, ".."));
	check(name_parse_any(&again, text, strlen(text), rule, NULL) == EC_OK);
	check(name_equal(n, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum name_rule rule = NAME_FILE; rule <= NAME_SYSTEM; rule++) {
		struct err e = { 0 };
		struct name n;
		if (name_parse_any(&n, (const char *)data, size, rule, &e) == EC_OK)
			check_taken(&n, rule);
		else
			check(e.class == EC_USAGE && e.text[0] != '\0' &&
			      !has_control(e.text, strlen(e.text)));
	}
	return 0;
}
