/* adoptbox.h - one mailbox of another server's tree into ours. Private to migrate/.
 *
 *	make   a mailbox that is not there:  draft -> messages, record, password -> sync -> announced by one rename
 *	add    one that is there:            claim -> messages under side names -> sync -> record -> each gets its name
 *
 * Killed anywhere, the next try goes on: a draft is no mailbox and is swept; of side names the record decides. A message that is in
 * the record has been brought in, whatever became of it since. Messages keep name and time, so their UIDLs and their order.
 *
 * Thread:  one at a time; may block.
 * Failure: EC_LOCKED a session has the mailbox open; EC_EXISTS it is there (make); EC_REFUSED stopped; EC_TEMP, EC_QUOTA the disk;
 *          EC_BROKEN this mailbox. Nothing but what `make` announced, or `add` wrote its record for, has happened.
 */
#pragma once
#include "migrate/adopted.h"
#include "migrate/winroot.h"
#include "server/accounts/accounts.h"
#include "server/catalog/catalog.h"

struct adoptbox {
	struct mailroot *root;
	struct catalog *catalog;
	struct accounts *accounts;
	struct winroot *tree;
	const struct winroot_box *box;
	const char *from; /* for the record */
	bool (*stop)(void *ctx);
	void *ctx;
};
struct adoptbox_count {
	uint64_t n_new, octets_new; /* brought in now */
	uint64_t n_before;          /* by an earlier run, or there already */
	uint64_t canonical_new;     /* octets_new as LIST counts them */
};

/* EC_REFUSED: stopped. Asked between messages by those below, and by their caller between mailboxes. */
enum ec adoptbox_go_on(const struct adoptbox *b, struct err *e);
/* password NULL: the account is there. */
enum ec adoptbox_make(const struct adoptbox *b, const struct secret *password,
		      struct adoptbox_count *out, struct err *e);
enum ec adoptbox_add(const struct adoptbox *b, struct adoptbox_count *out, struct err *e);
/* The record of a mailbox that is there. EC_ABSENT: none. */
enum ec adoptbox_record(struct mailroot *root, const struct name *n, struct adopted **out,
			struct err *e);
/* Messages that the record does not have, by their names; shares: it has one of them. */
enum ec adoptbox_compare(const struct adoptbox *b, struct adopted *record, uint64_t *n_new,
			 uint64_t *octets_new, bool *shares, struct err *e);
