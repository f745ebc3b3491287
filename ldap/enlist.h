/* enlist.h - making entries into mailboxes and domains, and unmaking them. Private to ldap/.
 *
 * Each is one or two operations on one connection; none touches the mail root. Thread: any; may block.
 */
#pragma once
#include "ldap/listed.h"

/* EC_EXISTS: also under another spelling. The container for domains is made if it is missing. */
enum ec enlist_domain(struct dir *d, struct dir_conn *c, const struct name *domain, struct err *e);
/* Can the mailbox be made, and of which entry? EC_ABSENT no domain, no person; EC_EXISTS the address is somebody's, or the
 * person has a mailbox. dn: of LISTED_DN_MAX + 1. */
enum ec enlist_check(struct dir *d, struct dir_conn *c, const struct name *mailbox, char *dn,
		     struct err *e);
/* EC_EXISTS: somebody else was faster. Two who try at the same moment may both get that, never both the mailbox. */
enum ec enlist_mailbox(struct dir *d, struct dir_conn *c, const struct name *mailbox,
		       const char *dn, struct err *e);

/* The account stays. EC_OK too if the entry is gone. */
enum ec delist_mailbox(struct dir_conn *c, const char *dn, const char *address,
		       const struct listed_marks *marks, struct err *e);
enum ec delist_domain(struct dir_conn *c, const char *dn, struct err *e);

/* NULL or "": removed. */
enum ec enlist_set(struct dir_conn *c, const char *dn, const char *attr, const char *value,
		   struct err *e);
