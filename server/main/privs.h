/* privs.h - start as root for the ports, go on as somebody ordinary, leave no core with passwords in it.
 *
 * Thread: main, before any other thread exists, if nothing else is said.
 */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/conf/conf.h"

/* Core dumps off, not traceable by others, no new privileges. */
enum ec privs_harden(struct err *e);
/* Descriptors enough for what the settings allow, at start and after every reload; "files-limited" is logged where there cannot
 * be. EC_BROKEN: too few to serve anybody. Thread: the keeper's. */
enum ec privs_files(const struct conf *c, const struct log *log, struct err *e);
/* The directories that the sockets stand in. As root, one that is missing is made for c->user, or is to be made when `look` only:
 * /run is empty after a reboot. For anybody else a missing one is EC_ABSENT. */
enum ec privs_socket_dirs(const struct conf *c, bool look, struct err *e);
/* Becomes c->user and c->group for good; not root, it stays who it is. Capabilities go in either case, but
 * CAP_CHOWN with local accounts, if a service that was never root got it. EC_BROKEN: no such user. */
enum ec privs_drop(const struct conf *c, struct err *e);
