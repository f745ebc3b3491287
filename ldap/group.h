/* group.h - is somebody in a group, directly or by groups inside groups? Private to ldap/.
 *
 * Thread: any; may block. Membership by an AD user's primary group is not seen: it is no attribute of either entry.
 */
#pragma once
#include "ldap/person.h"

/* EC_BROKEN: the group does not exist, or groups are nested without end. */
enum ec group_has(struct dir *d, struct dir_conn *c, const char *group, const struct account *who,
		  bool *out, struct err *e);
/* AD: in one of them? */
enum ec group_chain(struct dir_conn *c, const char *const *groups, const char *dn, bool *out,
		    struct err *e);
