/* mem.c - one place that decides what "out of memory" means.
 *
 * A server that limps on after a failed malloc runs code nobody has ever tested. The supervisor
 * restarts us faster than such code could recover, and acknowledged mail is on disk by then.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/err.h"
#include "server/base/mem.h"

void *mem_new(size_t n_bytes)
{
	void *p = calloc(1, n_bytes ? n_bytes : 1);

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
