/* tls_heap.c - OpenSSL's large buffers, kept out of the heap.
 *
 * A handshake needs 60 KiB for some milliseconds: records received, records to send, a message. malloc lays them between things
 * that live as long as the connection does; when they go the holes stay, for glibc gives back only the end of a heap, and an
 * idle connection that owns 24 KiB costs 46. So they have blocks of their own, last in first out: the next handshake finds one
 * that is in the cache still. Beyond a few dozen free ones the pages go back at once.
 *
 * State of the process, not of a struct: OpenSSL's hooks know no owner. And a mutex, because whoever frees may be another thread
 * than who allocated; it is held for ten instructions, some six times in a handshake.
 */
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "server/net/tls.h"

#define BLOCK_LEAST 16384u      /* what is smaller may live long, and belongs in the heap */
#define BLOCK_BYTES (24u << 10) /* the largest is that of a message: 21848 */
#define BLOCKS 43000u           /* a GiB of addresses; what does not fit goes to the heap */
#define WARM_MAX 64u            /* free blocks that keep their pages */

/* Free blocks, each naming the next; 0 ends a list, so block 0 is nobody's. */
static struct {
	pthread_mutex_t lock;
	char *mem;
	unsigned warm, cold, n_warm, n_used; /* used: handed out once, at least */
	uint32_t next[BLOCKS];
} heap = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_block(const void *p)
{
	return heap.mem && (uintptr_t)p - (uintptr_t)heap.mem < (size_t)BLOCKS * BLOCK_BYTES;
}

static unsigned pop(unsigned *list)
{
	unsigned i = *list;

	if (i)
		*list = heap.next[i];
	return i;
}

static void push(unsigned *list, unsigned i)
{
	heap.next[i] = *list;
	*list = i;
}

/* NULL: all are in use. */
static void *block_get(void)
{
	unsigned i;

	pthread_mutex_lock(&heap.lock);
	i = pop(&heap.warm);
	if (i)
		heap.n_warm--;
	else
		i = pop(&heap.cold);
	if (!i && heap.n_used + 1 < BLOCKS)
		i = ++heap.n_used;
	pthread_mutex_unlock(&heap.lock);
	return i ? heap.mem + (size_t)i * BLOCK_BYTES : NULL;
}

static void block_put(char *p)
{
	unsigned i = (unsigned)((size_t)(p - heap.mem) / BLOCK_BYTES);
	bool warm;

	pthread_mutex_lock(&heap.lock);
	warm = heap.n_warm < WARM_MAX;
	if (warm) {
		push(&heap.warm, i);
		heap.n_warm++;
	}
	pthread_mutex_unlock(&heap.lock);
	if (warm)
		return;
	madvise(p, BLOCK_BYTES, MADV_DONTNEED); /* should it fail, pages stay: no more than that */
	pthread_mutex_lock(&heap.lock);
	push(&heap.cold, i);
	pthread_mutex_unlock(&heap.lock);
}

/* ---- CRYPTO_set_mem_functions(3); like OpenSSL's own, no octets are NULL ---- */

static void *get(size_t n, const char *file, int line)
{
	void *p = n >= BLOCK_LEAST && n <= BLOCK_BYTES ? block_get() : NULL;

	(void)file, (void)line;
	return p || n == 0 ? p : malloc(n);
}

static void put(void *p, const char *file, int line)
{
	(void)file, (void)line;
	if (is_block(p))
		block_put(p);
	else
		free(p);
}

/* What began in the heap stays there. */
static void *resize(void *p, size_t n, const char *file, int line)
{
	void *grown;

	if (!p)
		return get(n, file, line);
	if (n == 0) {
		put(p, file, line);
		return NULL;
	}
	if (!is_block(p))
		return realloc(p, n);
	if (n <= BLOCK_BYTES)
		return p;
	grown = malloc(n);
	if (grown) {
		memcpy(grown, p, BLOCK_BYTES);
		OPENSSL_cleanse(p, BLOCK_BYTES);
		block_put(p);
	}
	return grown;
}

bool tls_heap_start(void)
{
	void *mem = mmap(NULL, (size_t)BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return false;
	/* With huge pages a block would bring 2 MiB, and none of it would go back. Not known to every kernel. */
	(void)madvise(mem, (size_t)BLOCKS * BLOCK_BYTES, MADV_NOHUGEPAGE);
	heap.mem = mem;
	if (CRYPTO_set_mem_functions(get, resize, put))
		return true;
	heap.mem = NULL;
	munmap(mem, (size_t)BLOCKS * BLOCK_BYTES);
	return false;
}
