/* fuzz_uidl.c - two file names, a NUL between them: UIDLs are printable, short, and differ if the names do. */
#include <stdlib.h>
#include <string.h>
#include "server/store/uidl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool take(const char *name, char out[UIDL_MAX + 1])
{
	int64_t us;

	if (!is_message_name(name))
		return false;
	size_t len = uidl_of(name, out);
	check(len == strlen(out) && len >= 1 && len <= UIDL_MAX);
	for (size_t i = 0; i < len; i++)
		check(out[i] >= 0x21 && out[i] <= 0x7E);
	if (message_name_arrival(name, &us))
		check(us >= 0 && us < INT64_C(1) << 56);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 2), a[UIDL_MAX + 1], b[UIDL_MAX + 1];

	memcpy(text, data, size);
	const char *second = text + strlen(text) + 1;
	if (second <= text + size && take(text, a) && take(second, b))
		check((strcmp(text, second) == 0) == (strcmp(a, b) == 0));
	free(text);
	return 0;
}
