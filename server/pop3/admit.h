/* admit.h - a sign-in from the proof to the open mailbox, in steps that are made where they may wait. Private to this folder.
 *
 *	PROVE  who is it                         may wait for a directory
 *	LOOK   is the mailbox locked             the same
 *	OPEN   claim it; what has expired goes   may wait for a disk, and for a scan of all of its messages
 *
 * Thread: one at a time, any; admit_go waits in the steps that it is told it may. Owner: all is lent but box, which is its
 * reader's once step is DONE.
 */
#pragma once
#include "server/pop3/link.h"

enum admit_step { ADMIT_PROVE, ADMIT_LOOK, ADMIT_OPEN, ADMIT_DONE };
#define ADMIT_MAY_WAIT(step) (1u << (step))

struct admit {
	const struct set *set;
	struct delay *delay;
	const struct log *log;
	const char *sid;
	struct login *login;
	struct p3_ask *q; /* the answer is written here */

	enum admit_step step; /* the next; DONE: q is answered */
	bool is_rule_old;     /* the catalog is away: when mail expires may have been changed */
	unsigned delay_ms;    /* wait this long before the client hears it */
	uint64_t began_us;    /* this step of an exchange; the ones before took spent_us */
	uint64_t spent_us;
};

/* Goes on as far as it can without waiting in any step but those (ADMIT_MAY_WAIT bits). A step that would have to is not begun. */
void admit_go(struct admit *a, unsigned may_wait);
/* Counts one that ended where admit_go did not bring it, as q->class says. */
void admit_failed(const struct admit *a);
