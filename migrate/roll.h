/* roll.h - which accounts: a list of names in order, of the mailboxes there are or of what a journal says. Private to migrate/.
 *
 * A name costs some forty bytes, so that a million mailboxes fit. In order: by domain, then by mailbox.
 * Thread: one at a time while it is filled, then any number.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "migrate/journal.h"
#include "server/base/err.h"
#include "server/base/name.h"
#include "server/catalog/catalog.h"

struct roll;

/* scope: a mailbox, a domain, or all (NULL). EC_ABSENT: it is not there. A mailbox whose entry is damaged is in the list, with what
 * is wrong with it (roll_damage). */
enum ec roll_of_catalog(struct catalog *boxes, const struct name *scope, struct roll **out,
			struct err *e);
/* Those of whom something is left to undo, mailbox or not. j NULL: there was no migration yet. */
void roll_of_journal(struct journal *j, const struct name *scope, struct roll **out);
void roll_free(struct roll **r);

size_t roll_count(const struct roll *r);
struct name roll_name(const struct roll *r, size_t i);
const char *roll_local(const struct roll *r, size_t i);        /* lent as long as the list lives */
const struct err *roll_damage(const struct roll *r, size_t i); /* NULL: none */
