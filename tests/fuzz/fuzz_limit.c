/* fuzz_limit.c - the text of a limit file: what is taken has an account that fits, and either form of trouble is "broken". */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/quota/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char account[NAME_TEXT_MAX + 1];
	struct quota_limit limit;
	struct err e = { 0 };
	enum ec rc = limit_table_parse((const char *)data, size, account, &limit, &e);

	if (rc == EC_OK ? account[0] == '\0' : rc != EC_BROKEN || e.text[0] == '\0')
		abort();
	return 0;
}
