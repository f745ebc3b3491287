/* person.h - the settings of a directory as the rest of this folder uses them, and finding people by them. Private to ldap/.
 *
 * Thread: any; what takes a connection, and person_find, may block.
 * Owner:  the root lives as long as its dir.
 */
#pragma once
#include <stdatomic.h>
#include "ldap/dir.h"
#include "ldap/policy.h"
#include "ldap/pool.h"
#include "ldap/typed.h"

struct dir_root;
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
	_Atomic(const struct dir_root *) root; /* dir_root_get */
	_Atomic(char *) own; /* DN of the service's entry (find_own); "" = none, NULL = not asked */
	atomic_bool has_hash_class; /* the schema has it; false: not seen so far (nthash.c) */
};

/* The schema's own attribute for the mailbox of an entry: where it is, no other address counts. */
#define MAILBOX_ATTR "winpopAddress"
#define ADMIN_GROUPS_MAX 4

/* What had to be asked of the directory before anything else could be: found out at the first use, kept until the end. */
struct dir_root {
	struct arena *mem;
	const char *base;          /* DN below which people are: the setting, or the context */
	const char *context;       /* DN of the naming context that the base lies in */
	const char *new_users;     /* DN: the setting, or the preset below the base */
	const char *domains;       /* DN, likewise */
	const char *dns, *netbios; /* AD: the domain's two names; "" elsewhere */
	const char *admins[ADMIN_GROUPS_MAX + 1]; /* AD: DNs of the administrators' groups */
	const char *const *address; /* those of names->address that the schema knows */
	const char *const *stamp;   /* names->stamp */
	const char *const *attrs;   /* what is read of a person */
	const char *const *marked;  /* the same, and what only inspect wants to know */
	struct password_policy policy;
	bool sets_passwords;   /* by RFC 3062 */
	bool judges_passwords; /* it has a policy overlay */
};
enum ec dir_root_get(struct dir *d, struct dir_conn *c, const struct dir_root **out, struct err *e);
void dir_root_free(struct dir *d);

/* How somebody was found: the better of two entries is the one with the greater value. */
enum match {
	MATCH_NONE,
	MATCH_LINKED,  /* an address whose user part is the logon name of an entry without mail */
	MATCH_LOGON,   /* by the logon name itself, or by logon name @ the AD domain */
	MATCH_ADDRESS, /* by an address of the entry */
	MATCH_MAILBOX, /* by its MAILBOX_ATTR */
};

#define PERSON_ADDRESSES_MAX 32 /* more are not looked at */

struct person {
	struct account account; /* the name only if is_mailbox */
	enum match match;
	bool has_mail;   /* an address other than what AD gives everybody */
	bool is_mailbox; /* MAILBOX_ATTR is there */
	/* By person_find_marked and person_by_mark. */
	char mark[ACCOUNT_MARK_MAX + 1], changed[ACCOUNT_STAMP_MAX + 1];
	unsigned n_addresses;
	struct name addresses
		[PERSON_ADDRESSES_MAX]; /* preferred ones first; those behind are not set */
};

/* One search; a second one, for the address alone, if a great many have the logon name. EC_ABSENT: nobody, or more than one, and
 * then the text names two. */
enum ec person_search(struct dir *d, struct dir_conn *c, const struct typed *who,
		      struct person *out, struct err *e);
enum ec person_find(struct dir *d, const struct typed *who, struct person *out, struct err *e);
/* With its mark: this one, if it is among several values; else the first that could be one. Nobody by that name: person_by_mark.
 * wanted may be NULL. */
enum ec person_find_marked(struct dir *d, const struct name *n, const char *wanted,
			   struct person *out, struct err *e);
/* What create made for this address with this mark; whether directory_filter and the like lead to it or not. */
enum ec person_by_mark(struct dir *d, struct dir_conn *c, const struct name *n, const char *mark,
		       struct person *out, struct err *e);
/* The entry itself, whatever its names: MATCH_LOGON. EC_ABSENT: it is gone. */
enum ec person_at(struct dir *d, const char *dn, struct person *out, struct err *e);
