/* fuzz_kv.c - a file that parses has no surprise in it, and setting one of its keys to the value of
 * another changes that key and nothing else. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/kv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_edit(struct arena *a, const char *text, size_t len, const struct kv *was,
		       const char *key, const char *value)
{
	char *edited = kv_edit(a, text, len, key, value);
	struct kv now;

	/* Quoting may have made a long line too long; nothing else may go wrong. */
	struct err e;
	if (kv_parse(a, edited, strlen(edited), &now, &e) != EC_OK) {
		check(strstr(e.text, "longer than"));
		return;
	}
	check(strcmp(kv_get(&now, key), value) == 0);
	check(now.n == was->n + (kv_get(was, key) ? 0 : 1));
	for (size_t i = 0; i < was->n; i++) {
		const char *other = was->lines[i].key;
		if (strcasecmp(other, key) != 0)
			check(strcmp(kv_get(&now, other), kv_get(was, other)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new("fuzz", 1024);
	const char *text = (const char *)data;
	struct kv kv;
	struct err e = { 0 };

	if (kv_parse(a, text, size, &kv, &e) != EC_OK) {
		check(e.class == EC_USAGE && strncmp(e.text, "line ", 5) == 0);
	} else if (kv.n > 0) {
		check_edit(a, text, size, &kv, kv.lines[0].key, kv.lines[kv.n - 1].value);
		check_edit(a, text, size, &kv, "brand.new", kv.lines[0].value);
	}
	arena_drop(&a);
	return 0;
}
