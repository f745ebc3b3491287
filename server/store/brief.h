/* brief.h - a hold of a mailbox that is over in moments: that of the service's own upkeep.
 *
 * Nobody is told [IN-USE] because of it: who finds the mailbox held waits for the end of it and tries again. One does: a second
 * could only wait for the session that the first one will have, and a worker is a worker. One hold at a time in a store.
 * Thread: any; brief_again waits. /
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "server/base/name.h"

struct brief {
	pthread_mutex_t lock; /* held for a comparison; the loop never takes it */
	pthread_cond_t over;
	struct name who;
	bool held;
	uint64_t n;      /* holds begun so far */
	uint64_t waited; /* the last one that somebody waited for */
};

void brief_open(struct brief *b);
void brief_close(struct brief *b);
/* Around the hold: the mailbox is claimed after brief_begin, and let go before brief_end. */
void brief_begin(struct brief *b, const struct name *mailbox);
void brief_end(struct brief *b);
/* Before the mailbox is tried. */
uint64_t brief_mark(struct brief *b);
/* It was held by somebody. True: perhaps by a brief hold, which is over now, so try again. False: by a session; or the brief hold
 * is not brief, or somebody waits already. */
bool brief_again(struct brief *b, const struct name *mailbox, uint64_t mark);
