/* interrupt.h - Ctrl-C as a question that long work asks itself, instead of a blow.
 *
 *	interrupt_hold(&i);                   before threads are started: they inherit it
 *	... if (interrupt_came(&i)) ...       now and then
 *	interrupt_drop(&i);
 *
 * The first SIGINT, SIGTERM or SIGHUP is told by interrupt_came, once; the next one ends the program as it always does.
 * Thread: the one that called interrupt_hold.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>

struct interrupt {
	int fd;
	sigset_t was;
};

void interrupt_hold(struct interrupt *i);
bool interrupt_came(struct interrupt *i);
/* Fine if never held (zeroed). One that nobody asked about any more is forgotten. */
void interrupt_drop(struct interrupt *i);
