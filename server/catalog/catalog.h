/* catalog.h - which domains and mailboxes exist, their locks and holds, their quota account, when fetched mail expires.
 *
 * A lock refuses retrieval, a hold refuses delivery, each for a domain or a mailbox: two flags that do not touch each other;
 * taking the domain's away leaves a mailbox's own. `local` keeps all in the mail root
 * itself: the directory exists = the mailbox exists. `directory` (LDAP entries) comes from ldap/.
 *
 * Thread:  every slot but find_now may block: call on a worker or from a program without a loop; any number at once.
 * Failure: EC_ABSENT, EC_EXISTS, EC_LOCKED (removal while a session holds it), EC_TEMP, EC_BROKEN.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"
#include "server/base/name.h"
#include "server/store/mailroot.h"

struct catalog;

struct entry {
	struct name name;              /* of a domain or of a mailbox */
	bool locked;                   /* its own lock */
	bool domain_locked;            /* for a mailbox: its domain's */
	bool held, domain_held;        /* the same for delivery */
	char quota[NAME_TEXT_MAX + 1]; /* the quota account it is linked to, "" = its own */
	/* What says so cannot be read: it may be retrieved from, but nobody can say whom new mail is charged to. */
	bool quota_damaged;
	uint32_t expire_days; /* its domain's: EXPIRE_NEVER, days, EXPIRE_UNSET, EXPIRE_DAMAGED */
	bool remembered; /* the directory is away: this is how it was. No reason to delete anything */
};
enum entry_flag { ENTRY_LOCKED, ENTRY_HELD };
/* Of what find_now tells, all that is needed: is it locked, and when does its mail expire; or: is it held, and whom does mail
 * count against. The rest of the entry is empty. */
enum find_use { FIND_TO_RETRIEVE, FIND_TO_DELIVER };
#define EXPIRE_UNSET (UINT32_MAX - 1) /* as the settings say (conf.h) */
/* Somebody wrote a rule that cannot be read. It keeps nobody from his mail, and deletes none; set it again. */
#define EXPIRE_DAMAGED (UINT32_MAX - 2)

struct catalog_ops {
	const char *name;
	bool far; /* `each` reads all there is from afar, even if fn stops it */
	enum ec (*find)(struct catalog *, const struct name *, struct entry *out, struct err *);
	/* On an event loop, what matters for that use of this mailbox. EC_OK; or EC_BUSY: something would have to be waited for or
	 * looked at closely, ask find. NULL: always so. */
	enum ec (*find_now)(struct catalog *, const struct name *, enum find_use,
			    struct entry *out);
	/* A domain: draft is NULL. A mailbox: takes the draft, committed or dropped on return; no draft: its mail is there
	 * already, and stays whatever happens (EC_ABSENT: it is not). */
	enum ec (*add)(struct catalog *, const struct name *, struct draft **draft, struct err *);
	enum ec (*remove)(struct catalog *, const struct name *, struct err *);
	/* Of a domain or a mailbox; idempotent. */
	enum ec (*set_flag)(struct catalog *, const struct name *, enum entry_flag, bool on,
			    struct err *);
	enum ec (*set_quota)(struct catalog *, const struct name *, const char *account,
			     struct err *);
	/* Of a domain: when fetched mail in it expires; EXPIRE_UNSET takes its own rule away. */
	enum ec (*set_expire)(struct catalog *, const struct name *, uint32_t days, struct err *);
	/* domain NULL: all domains, else the domain's mailboxes, sorted by name; fn false stops. */
	enum ec (*each)(struct catalog *, const struct name *domain,
			bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *);
	/* The same of the names alone: no look is taken at what they stand for. NULL: that would cost as much as each. */
	enum ec (*names)(struct catalog *, const struct name *domain,
			 bool (*fn)(void *ctx, const struct name *), void *ctx, struct err *);
	/* A mailbox is no longer registered; its mail and its account stay. NULL: being there is being registered. */
	enum ec (*unlist)(struct catalog *, const struct name *mailbox, struct err *);
	void (*close)(struct catalog **);
};
struct catalog {
	const struct catalog_ops *ops;
	_Atomic uint64_t any_until_ms; /* doubt.c's */
};

/* As find, for those who refuse mail on EC_ABSENT: where there is no domain at all, or nobody can tell, it is EC_TEMP. */
enum ec catalog_find_for_mail(struct catalog *c, const struct name *n, struct entry *out,
			      struct err *e);

enum ec catalog_local_open(struct mailroot *root, struct catalog **out, struct err *e);
/* A mailbox of the local catalog, in the making, is linked to its quota account: it appears with the link. */
enum ec catalog_local_link(struct draft *d, const char *account, struct err *e);
