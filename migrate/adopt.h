/* adopt.h - a copied mail tree of an original server becomes ours.
 *
 *	open   looks through the tree and says of each mailbox what would be done; nothing is touched
 *	run    registers domains, brings in mailboxes and messages; the tree is only read
 *
 * A mailbox appears with all its messages and its account, or not at all. One that is there is only added to if it was adopted from
 * there before (its record says so, adopted.h), or on request. Run it again after whatever ended it, or when the tree was copied
 * again: what was brought in is known by name, octets and sum. Messages keep their file names and times, so their UIDLs and their
 * order are those of the tree itself, served as it is.
 *
 * A tree that *is* the mail root (the same directories) is in place already: then only accounts are made.
 *
 * Thread:  one at a time; may block for as long as there is work.
 * Owner:   what is in struct adopt_setup is lent and outlives it.
 * Failure: of single mailboxes are rows. EC_TEMP, EC_QUOTA, EC_BUSY, EC_DENIED, and EC_REFUSED (stopped; no room) end all of it;
 *          what was done stays done.
 */
#pragma once
#include "migrate/winroot.h"
#include "server/accounts/accounts.h"
#include "server/catalog/catalog.h"
#include "server/store/store.h"

struct adopt;

struct adopt_setup {
	struct mailroot *root;
	struct store *store;
	struct catalog *catalog;
	struct accounts *accounts;
	const char *mailroot; /* its path */
	const char *from;     /* where the tree is, for the records */
	bool merge;           /* also into mailboxes that are not from there */
	/* run: for those with needs_password. EC_*: that mailbox is left */
	enum ec (*password)(void *ctx, const struct name *n, struct secret *out, struct err *e);
	bool (*stop)(void *ctx); /* asked between mailboxes and between messages */
	void *ctx;
};

enum adopt_what {
	ADOPT_NEW,        /* a mailbox that is not there yet */
	ADOPT_MORE,       /* one that is, and gets what it does not have */
	ADOPT_DONE,       /* has everything */
	ADOPT_PASSWORD,   /* in place, but nobody can sign in to it */
	ADOPT_LEFT,       /* somebody's already, or cannot be registered; `why` */
	ADOPT_NO_ACCOUNT, /* nobody who could sign in to it */
	ADOPT_FAILED,     /* `why` */
	ADOPT_WHAT_COUNT
};
extern const char *const adopt_what_words[ADOPT_WHAT_COUNT];

struct adopt_row {
	const struct winroot_box *box;
	enum adopt_what what;
	struct err why;             /* class EC_OK: nothing to explain */
	uint64_t n_new, octets_new; /* brought in; at first: would be, as far as names tell */
	uint64_t n_before;          /* had already */
	uint64_t n_missing;         /* run: found at first, and not brought in */
	bool needs_password;
	bool finished; /* by a run */
};
/* fn false stops. */
typedef bool adopt_row_fn(void *ctx, const struct adopt_row *row);

/* fd: as for winroot_scan. EC_REFUSED: there is nothing of an original server. */
enum ec adopt_open(const struct adopt_setup *setup, int fd, const struct winroot_eye *eye,
		   struct adopt **out, struct err *e);
void adopt_close(struct adopt **a);

const struct winroot *adopt_tree(const struct adopt *a);
void adopt_each(const struct adopt *a, adopt_row_fn *fn, void *ctx);
/* Octets on the disk that it takes, about, and that are free. EC_REFUSED if that is not enough. */
enum ec adopt_room(const struct adopt *a, uint64_t *needed, uint64_t *available, struct err *e);

struct adopt_totals {
	uint64_t n_rows[ADOPT_WHAT_COUNT];
	uint64_t domains_new;
	/* found == new + before + missing, mailboxes that were left included */
	uint64_t n_found, n_new, n_before, n_missing;
	uint64_t octets_found, octets_new;
};
/* Rows as mailboxes are finished; totals also after a failure. */
enum ec adopt_run(struct adopt *a, adopt_row_fn *fn, void *ctx, struct adopt_totals *totals,
		  struct err *e);
