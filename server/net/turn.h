/* turn.h - what a loop offers to the rest of server/net alone: turns, and buffers that all of its
 * connections share.
 *
 * A turn is a place in one of the loop's two lists. "Soon" runs in this pass, after whatever is
 * running now has returned: that is how nothing is called from within a call. "Again" runs in the
 * next pass, after every other ready connection had its turn: that is how nobody is starved.
 * Thread: the loop's own.
 */
#pragma once
#include <stddef.h>
#include "server/net/loop.h"

struct turn { /* embed it; zero is "in no list" */
	struct turn *next, *prev;
	void (*fn)(struct turn *t);
};

void loop_soon(struct loop *l, struct turn *t);  /* nothing happens if it is in a list already */
void loop_again(struct loop *l, struct turn *t); /* moves it if it is */
void turn_cancel(struct turn *t);
/* A turn begins: whether nobody else on this loop had one since its own last. */
bool loop_is_alone(struct loop *l, const struct turn *t);

/* Whatever is in here is valid until the running callback returns, and no longer. */
#define SCRATCH_IN (16u << 10)
#define SCRATCH_OUT (80u << 10) /* 64 KiB and what is said around them: five records, one send */
#define SCRATCH_WIRE (SCRATCH_OUT + (4u << 10))
struct scratch {
	char in[SCRATCH_IN];     /* what was just received, in the clear */
	char out[SCRATCH_OUT];   /* pieces of files on their way out */
	char wire[SCRATCH_WIRE]; /* TLS records of `out`, handshake flights */
};
struct scratch *loop_scratch(struct loop *l);

/* A pipe, for the pages of a file on their way to a socket. Whoever put something in takes it out again before he returns, or spoils
 * the pipe, and the next one finds a new one. ends[0] < 0: there is none to be had. A range that begins within a page needs one page
 * more: hence the rest. */
#define PIPE_BYTES (128u << 10)
#define PIPE_FILE_BYTES (PIPE_BYTES - PIPE_BYTES / 16)
const int *loop_pipe(struct loop *l);
void loop_pipe_spoil(struct loop *l); /* errno stays */

/* Output chunks go round within a loop: the next reply finds one that is still in the cache. */
#define CHUNK_BYTES (16u << 10)
void *loop_chunk_get(struct loop *l);
void loop_chunk_put(struct loop *l, void *chunk);
