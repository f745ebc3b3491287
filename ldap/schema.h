/* schema.h - what the directory's schema knows. Private to ldap/.
 *
 * Asked when something was refused, or an administrator wants to know: a schema is large. Thread: any; may block.
 */
#pragma once
#include "ldap/conn.h"

struct dir;

/* An attribute or a class of ours, by its name. */
struct schema_term {
	const char *name;
	const char *in; /* the class that must allow the attribute; NULL: being known will do */
	bool known;
};
enum ec schema_look(struct dir_conn *c, struct schema_term *terms, size_t n, struct err *e);

/* A change was refused with rc, EC_BROKEN: because the schema is older than what it needs? Then need->known is false, and the text
 * says how to mend it; else e stays as it is. Returns rc. */
enum ec schema_blame(struct dir *d, struct dir_conn *c, struct schema_term *need, enum ec rc,
		     struct err *e);
/* "load .../update.ldif as ... says" */
const char *schema_update(const struct dir *d);
