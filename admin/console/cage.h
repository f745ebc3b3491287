/* cage.h - what the half that talks to browsers may do from now on: talk to browsers and to the keeper.
 *
 * Thread: main, of a fork that has nothing but what it inherited.
 */
#pragma once
#include "server/base/err.h"
#include "server/net/listen.h"

/* The keeper's signals are not ours: SIGTERM waits to be asked for, a terminal's are the keeper's. */
void cage_signals(void);
/* user: whom to become if we are root; "" stays. Descriptors but those of the listeners, the link and standard error are closed,
 * the log's too. EC_BROKEN: there is no such user. */
enum ec cage_enter(const char *user, struct listener *const *listeners, int link, struct err *e);
