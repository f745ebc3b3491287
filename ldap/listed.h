/* listed.h - mailboxes and mail domains as entries (schema/README.md): finding and reading them. Private to ldap/.
 *
 * A domain is there when an entry holds its name, anywhere below the base (or below directory_domains, if that is elsewhere).
 * A mailbox is there when an entry holds its address and its
 * domain is there.
 *
 * Thread: any; what takes a connection may block. Owner: a listing is its maker's, until listing_drop.
 */
#pragma once
#include "ldap/person.h"
#include "server/catalog/catalog.h"

#define LISTED_DN_MAX 1024

#define ADDRESS_ATTR MAILBOX_ATTR
#define ALIAS_ATTR "winpopAlias"
#define LOCKED_ATTR "winpopLocked"
#define QUOTA_ATTR "winpopQuotaAccount"
#define HELD_ATTR "winpopHeld"
#define EXPIRE_ATTR "winpopExpireDays"
#define DOMAIN_ATTR "winpopDomainName"
#define MAILBOX_CLASS "winpopMailbox"
#define DOMAIN_CLASS "winpopDomain"

/* All that is read of a mailbox's entry or a domain's, ends with NULL. */
extern const char *const listed_attrs[];

/* What is to be taken off an entry that stops being a mailbox. */
struct listed_marks {
	bool is_mailbox; /* by name: MAILBOX_CLASS */
	bool is_account; /* by name: QUOTA_CLASS: its limit is not the mailbox's, and stays */
	bool held;       /* it has HELD_ATTR, whatever that says: an old schema has none */
};

/* An entry with a mailbox's address, or with a domain's name. */
struct listed_entry {
	struct entry entry; /* without what is its domain's; a domain has its own rule of expiry */
	const char *fault;  /* what is damaged in it and how to mend that; NULL = nothing */
	struct listed_marks marks;
	char address[NAME_TEXT_MAX + 1]; /* as it is spelled there */
	char dn[LISTED_DN_MAX + 1];
};

/* All there is about one name. */
struct listed {
	bool has_domain;
	struct listed_entry domain; /* of the mailbox, if there is one; else of the name */
	unsigned n_boxes; /* entries that hold this very address; more than 1 is one too many */
	unsigned n_alike; /* that the server takes for the same: another case, another accent */
	struct listed_entry box;
	char other_dn[LISTED_DN_MAX + 1]; /* of one that is too many or alike */
};
/* Usually one search; a second one if the address is an alias from another domain, or if domains are outside the base. */
enum ec listed_find(struct dir *d, struct dir_conn *c, const struct name *n, struct listed *out,
		    struct err *e);
/* What it comes to: EC_ABSENT no such name; EC_BROKEN in two places, or damaged (out is filled in then all the same). */
enum ec listed_judge(const struct listed *l, const struct name *n, struct entry *out,
		     struct err *e);

/* DN below which domains are looked for: the root's own string base, or its string domains. */
const char *listed_domains(const struct dir_root *root);
enum ec listed_no_base(const struct dir_root *root, struct err *e);
/* False: it is no domain and no mailbox, or called by something that is no name. */
bool listed_read(struct dir_entry *en, struct listed_entry *out);

struct listing_row {
	struct listing_row *next;
	bool locked, held, quota_damaged;
	uint32_t expire_days;
	struct listed_marks marks;
	const char *name; /* text */
	const char *quota, *fault, *address, *dn;
};
struct listing {
	struct arena *mem;
	struct listing_row *first;
	struct listing_row **rows; /* sorted by name */
	size_t n;
};
/* All domains (domain NULL), or a domain's mailboxes, whether the domain is there or not. out was zeroed or filled before. */
enum ec listing_get(struct dir *d, struct dir_conn *c, const struct name *domain,
		    struct listing *out, struct err *e);
void listing_drop(struct listing *l);
