/* throttle.h - how many connections one address may hold that have not signed in yet.
 *
 * Bounded memory, IPv6 by /64. Loopback and unix sockets are not counted. Thread: any (short mutex, one table for all loops).
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

struct throttle;

struct throttle *throttle_new(unsigned max_each); /* 0: never refuses */
void throttle_free(struct throttle **t);
bool throttle_enter(struct throttle *t, const struct sockaddr *sa,
		    socklen_t len); /* false: too many */
void throttle_leave(struct throttle *t, const struct sockaddr *sa,
		    socklen_t len); /* signed in, or gone */
