/* choose.h - which of a person's addresses has the mailbox. Private to ldap/.
 *
 * Thread: any; may block, as the catalog does. Holds no connection: the catalog may need one.
 */
#pragma once
#include "ldap/person.h"

/* Fills in p->account.name: the entry's own mailbox attribute; else what was typed, if the catalog has it; else the first
 * address that the catalog has and that leads to this very entry; else LOGON@DOMAIN in one of the catalog's domains, for an
 * entry without mail; else what was typed, or an address without a mailbox, so that the catalog can say no. EC_ABSENT: there is
 * nothing to choose, or too much. */
enum ec choose_mailbox(struct dir *d, struct catalog *cat, const struct typed *who,
		       struct person *p, struct err *e);
/* EC_OK: the person has another mailbox than this one, by any of its addresses or by the logon name. EC_ABSENT: none. */
enum ec choose_other(struct dir *d, struct catalog *cat, const struct person *p,
		     const struct name *except, struct name *other, struct err *e);
