/* mem.c - one place that decides what "out of memory" means.
 *
 * A server that limps on after a failed malloc runs code nobody has ever tested. The supervisor
 * restarts us faster than such code could recover, and acknowledged mail is on disk by then.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/err.h"
#include "server/base/mem.h"

/* glibc's calloc(3) takes no block from the thread's own list, where free(3) puts small ones: it goes
 * for the heap and its lock each time. Large ones come zeroed from the kernel, perhaps. */
#define SMALL 1024

void *mem_zeroed(size_t n_bytes)
{
	if (n_bytes > SMALL)
		return calloc(1, n_bytes);
	void *p = malloc(n_bytes ? n_bytes : 1);
	return p ? memset(p, 0, n_bytes) : NULL;
}

void *mem_new(size_t n_bytes)
{
	void *p = mem_zeroed(n_bytes);

	if (!p)
		die("out of memory");
	return p;
}

char *mem_strz(const char *z)
{
	if (!z)
		return NULL;
	size_t n = strlen(z) + 1;
	return memcpy(mem_new(n), z, n);
}
