/* rights.h - who may administer by the console: a file that only root writes.
 *
 *	# WHO DOMAIN ...
 *	kim@example.com             *                           the whole server
 *	pat@example.com             example.com example.net     these domains
 *	%mailadmins                 *                           users of this computer in this group
 *	group:"CN=Desk,DC=example,DC=com"  example.com          accounts in this group of the directory
 *
 * What several lines give the same person adds up. A file with one line that is not understood gives nobody anything, nor does
 * one that somebody else than root could have written: what was meant as less must never become more.
 *
 * Thread: any. Owner: everything lives as long as the arena.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "admin/scope.h"

#define RIGHTS_BYTES_MAX (256u << 10)

struct rights;
enum rights_group { RIGHTS_SYSTEM_GROUP, RIGHTS_DIRECTORY_GROUP };

/* EC_ABSENT: there is no such file; EC_DENIED: not permitted to read it; EC_BROKEN: others could write it, or a line is wrong (the
 * text names it). */
enum ec rights_load(struct arena *mem, const char *path, struct rights **out, struct err *e);
/* The text of such a file. Pure. EC_USAGE names the line. */
enum ec rights_parse(struct arena *mem, const char *text, size_t len, struct rights **out,
		     struct err *e);
/* who: an address, or a user of this computer. EC_DENIED: has none. is_member is asked no more than needed, and says no where
 * nobody can tell. */
enum ec rights_of(const struct rights *r, const char *who,
		  bool (*is_member)(void *ctx, enum rights_group kind, const char *group),
		  void *ctx, struct scope *out, struct err *e);
/* Is he in this group of the computer, by whatever source of users it has? EC_TEMP: nobody can tell. */
enum ec rights_in_group(const char *user, const char *group, bool *is, struct err *e);
