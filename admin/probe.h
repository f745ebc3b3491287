/* probe.h - does the running service answer an MTA on its sockets?
 *
 * Failure: EC_ABSENT nobody listens; EC_DENIED we may not connect; EC_TEMP no answer, or not the one there should be; EC_BUSY the
 * answer is that it cannot tell just now.
 * Thread: any; blocks, a few seconds at most.
 */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"

enum ec probe_lmtp(const char *path, struct err *e);
/* Asks a map; *found: it knows the key. */
enum ec probe_maps(const char *path, const char *map, const char *key, bool *found, struct err *e);
/* Does it offer to let senders sign in? */
enum ec probe_auth(const char *path, struct err *e);
