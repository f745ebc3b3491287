/* mem.h - malloc that does not fail: out of memory ends the process. Thread: any. */
#pragma once
#include <stddef.h>

void *mem_new(size_t n_bytes); /* zeroed; free() it */
char *mem_strz(const char *z); /* copy; NULL gives NULL */
