/* cage.h - what the half that talks to browsers may do from now on: talk to browsers and to the keeper.
 *
 * Thread: main, of a fork that has nothing but what it inherited.
 */
#pragma once
#include "server/base/err.h"
#include "server/net/listen.h"

/* The keeper's signals are not ours: SIGTERM waits to be asked for, a terminal's are the keeper's. */
void cage_signals(void);
/* Whom root would become: EC_BROKEN if that is nobody, or root again. Not root, anything will do. */
enum ec cage_check(const char *user, struct err *e);
/* user: whom to become if we are root. Descriptors but those of the listeners, the link and standard error are closed, the log's
 * too. EC_BROKEN as above. */
enum ec cage_enter(const char *user, struct listener *const *listeners, int link, struct err *e);
