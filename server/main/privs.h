/* privs.h - start as root for the ports, go on as somebody ordinary, leave no core with passwords in it.
 *
 * Thread: main, before any other thread exists.
 */
#pragma once
#include "server/base/err.h"
#include "server/conf/conf.h"

/* Core dumps off, not traceable by others, no new privileges, descriptors enough for what the settings allow. */
enum ec privs_harden(const struct conf *c, struct err *e);
/* Becomes c->user and c->group for good; nothing to do when not root. EC_BROKEN: no such user. */
enum ec privs_drop(const struct conf *c, struct err *e);
/* As root: makes the directory that socket_path stands in, for c->user, if it is not there: /run is empty after a reboot. */
enum ec privs_own_dir(const struct conf *c, const char *socket_path, struct err *e);
