/* pace.h - long work that gives way.
 *
 * However nice a thread is, the kernel takes the processor from it only when its clock ticks (4 ms at 250 Hz), or when somebody
 * wakes up; and a loop that has much to send does not sleep. Three workers, one behind the other, made it wait for 12 ms. So
 * whatever walks over the messages of a mailbox counts what it does, and gives way about every third of a millisecond. With nobody
 * waiting that costs a thousandth of it. (A signal or a timer for it would interrupt system calls; asking a clock costs more than
 * what is counted.)
 *
 * Owner: the caller, beginning with zero. Thread: a worker's. A walk that ends before its first turn is over, as all do that a loop
 * may begin, calls nothing.
 */
#pragma once
#include <sched.h>

struct pace {
	unsigned done;
};
/* What something costs, in some 50 ns: to look at an entry, to get it from its directory, to copy a page, to open and read or to
 * remove a small file. */
enum { PACE_ENTRY = 1, PACE_DIRENT = 8, PACE_PAGE = 16, PACE_FILE = 200, PACE_TURN = 6000 };

static inline void pace(struct pace *p, unsigned cost)
{
	p->done += cost;
	if (p->done < PACE_TURN)
		return;
	p->done = 0;
	sched_yield();
}
