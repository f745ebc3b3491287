/* user.h - becoming an ordinary user for good, in the one order that leaves nothing behind: groups, group, user.
 *
 * Thread: main, before any other thread exists.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "server/base/err.h"

struct passwd;

/* with_groups: with those that the user is in; else with none beside gid. EC_BROKEN: root could be had back. */
enum ec user_become(const struct passwd *user, gid_t gid, bool with_groups, struct err *e);
