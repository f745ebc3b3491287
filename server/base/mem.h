/* mem.h - malloc that does not fail: out of memory ends the process. Thread: any. */
#pragma once
#include <stddef.h>

void *mem_new(size_t n_bytes); /* zeroed; free() it */
void *mem_zeroed(
	size_t n_bytes); /* the same, but NULL when there is no memory: for libraries that ask us */
char *mem_strz(const char *z); /* copy; NULL gives NULL */
