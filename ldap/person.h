/* person.h - the settings of a directory as the rest of this folder uses them, and finding people by them. Private to ldap/.
 *
 * Thread: any; person_find may block.
 */
#pragma once
#include "ldap/dir.h"
#include "ldap/pool.h"

struct flavour;
struct dir_names;

struct dir {
	const struct conf *conf;
	const struct log *log;
	struct arena *mem;
	const struct flavour *flavour;
	const struct dir_names *names; /* presets overridden by settings */
	struct link_setup link;
	struct secret password; /* an administrator's */
	struct pool *pool;
	/* found out at the first use and kept: atomics or pthread_once, see person.c */
	struct dir_root *root;
};

/* The DN below which everything is: the setting, or the server's first naming context (AD: its default one). */
enum ec dir_base(struct dir *d, struct dir_conn *c, const char **out, struct err *e);
