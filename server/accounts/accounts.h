/* accounts.h - who may sign in, and with what.
 *
 * Thread:  every slot but verify_now may block: call on a worker or from a program without a loop; any number at once.
 * Failure: EC_DENIED wrong password (verify answers this for an unknown account too, at the same cost); EC_ABSENT find,
 *          reveal, set_password, remove: no such account; EC_REFUSED disabled, or this backend never reveals, or its policy
 *          refuses a new password; EC_TEMP the backend is away; EC_BROKEN record or key damaged, settings wrong. "Wrong
 *          password" and "backend away" never mix.
 */
#pragma once
#include <stdbool.h>
#include "server/accounts/keyring.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/base/secret.h"
#include "server/store/mailroot.h"
#include "server/store/quota.h"

struct accounts;

enum secret_kind { SECRET_CLEAR, SECRET_NT_HASH };

/* Why verify said no although the password may be right, in err.detail: decides what its owner is told and what may be
 * remembered. */
enum refusal {
	REFUSAL_NONE,        /* nothing to add: a wrong password, or "ask your administrator" */
	REFUSAL_LOCKED_OUT,  /* with EC_DENIED: too many wrong ones; says nothing about this one */
	REFUSAL_EXPIRED,     /* from here on with EC_REFUSED: the password is right */
	REFUSAL_MUST_CHANGE, /* before it is used for the first time */
	REFUSAL_DISABLED,    /* or the account has expired */
	REFUSAL_NOT_NOW,     /* logon hours, workstations */
	REFUSAL_GROUP,       /* not in the group that may sign in */
};

#define ACCOUNT_KEY_MAX 512
#define ACCOUNT_STAMP_MAX 40

/* find and resolve fill in all of it; verify and reveal take it as they gave it, or with the name alone. */
struct account {
	struct name name; /* of its mailbox */
	/* the other name it signs in with ("pre-Windows 2000 name"), "" = none */
	char logon[NAME_TEXT_MAX + 1];
	/* Not disabled, not expired; from find also: in the group that may sign in. Where the password is proved by
	 * somebody else (a certificate, a ticket, winbind), this decides. */
	bool enabled;
	/* Too many wrong passwords were given some time ago: a refusal may say nothing about the password. */
	bool locked_out;
	bool admin; /* may not be limited by quota, nor deleted with a mailbox */
	/* From find: what its entry says that all mailboxes counted against it may hold; has_limit: it says something. */
	bool has_limit;
	struct quota_limit limit;
	char key[ACCOUNT_KEY_MAX +
		 1]; /* where the backend found it (a DN), "" = look it up again */
	/* Differs after its password was changed. "" = not known: nothing is remembered about its passwords. */
	char stamp[ACCOUNT_STAMP_MAX + 1];
};

/* What create is asked for. Strings are lent. */
struct account_wish {
	struct name name;
	const char *logon; /* wanted if it is free; NULL = as the backend chooses */
	const char *
		mark; /* kept with the account, so that whoever made it knows it again; NULL = none */
	bool (*avoid)(void *ctx,
		      const char *logon); /* logon names promised to others; NULL = none */
	void *ctx;
};

#define ACCOUNT_MARK_MAX 64 /* printable ASCII */

/* What stands where an account is to be. */
struct prospect {
	bool taken;                      /* there is one: `there` */
	struct account there;            /* as find would give it */
	char mark[ACCOUNT_MARK_MAX + 1]; /* its mark; "" = none, or not ours to read */
	/* When its password was last set, by whomever; "" = not known. */
	char changed[ACCOUNT_STAMP_MAX + 1];
	char logon[NAME_TEXT_MAX + 1]; /* not taken: the logon name that create would give now */
	/* A forecast: EC_REFUSED: the password will most likely be; EC_OK: nothing is known against it. Only create knows. */
	struct err weak;
};

struct accounts_ops {
	const char *name; /* "file", "directory", "system" */
	enum name_rule rule;
	bool needs_create; /* a mailbox cannot be added without /createuser (password file) */
	bool by_root; /* create, set_password and remove change users of this computer: EC_DENIED but for root */
	enum ec (*find)(struct accounts *, const struct name *, struct account *out, struct err *);
	/* Who is meant by what a client typed - an address, or what else this backend knows (UPN, DOMAIN\user, a bare name).
	 * EC_OK does not say that there is an account: a backend that needs no look-up only parses. EC_USAGE, EC_ABSENT:
	 * nobody can be meant. */
	enum ec (*resolve)(struct accounts *, const char *typed, size_t len, struct account *out,
			   struct err *);
	/* EC_REFUSED: the password is right and something else forbids; err.detail says what (enum refusal). */
	enum ec (*verify)(struct accounts *, const struct account *, const struct secret *,
			  struct err *);
	/* On an event loop: EC_OK, the password is right; or EC_BUSY: nothing has happened, ask verify. Costs a stranger what it costs
	 * an account. NULL: everything here may wait; else resolve does not. */
	enum ec (*verify_now)(struct accounts *, const struct account *, const struct secret *);
	enum ec (*reveal)(struct accounts *, const struct account *, enum secret_kind,
			  struct secret *out, struct err *);
	/* by_root: ask find first, as the mail root's owner; EC_REFUSED there is a refusal. Create does not go to the mail root.
	 * draft: the mailbox being made for it (password file: the record goes in there; may be NULL elsewhere:
	 * then the mailbox must exist). Commit or drop the draft before the next change of a password: it holds the keyring's
	 * lock, so that no rekeying passes it by. EC_EXISTS: there is one, or one with this mark. */
	enum ec (*create)(struct accounts *, const struct account_wish *, const struct secret *,
			  struct draft *draft, struct err *);
	/* Changes nothing. What create made for this address with this mark is found even where resolve does not find it.
	 * NULL: accounts cannot be carried over to this backend. secret NULL: the password is not judged.
	 * EC_EXISTS: more than one could be meant, or half of what it needs is somebody else's; EC_USAGE: no such name here. */
	enum ec (*inspect)(struct accounts *, const struct account_wish *, const struct secret *,
			   struct prospect *out, struct err *);
	enum ec (*set_password)(struct accounts *, const struct name *, const struct secret *,
				struct err *);
	/* As find gave it, before its mailbox went; or with the name alone. */
	enum ec (*remove)(struct accounts *, const struct account *, struct err *);
	/* Keeps the limit with the account, for find to tell; limit NULL: has none of its own any more. NULL: limits are kept
	 * elsewhere, as where keeps_limits is false. */
	enum ec (*set_limit)(struct accounts *, const struct name *, const struct quota_limit *,
			     struct err *);
	void (*close)(struct accounts **);
};
struct accounts {
	const struct accounts_ops *ops;
	bool keeps_limits;
	unsigned
		reveals; /* 1u << enum secret_kind: what reveal may give; decides which mechanisms are offered */
};

/* The encrypted password file: one AES-256-GCM record per mailbox, in its directory, bound to its name (keyring.h). */
enum ec accounts_file_open(struct mailroot *root, struct keyring *ring, const struct log *log,
			   struct accounts **out, struct err *e);
/* Re-encrypts every record under the ring's current key while the service runs; each record once, atomically.
 * fn (may be NULL) is told of every mailbox that failed. Resumable: run again after a crash. */
struct rekey_result {
	unsigned n_done, n_already, n_failed;
	/* If none failed, no record is under a key older than this one. */
	char key_id[KEY_ID_LEN + 1];
};
enum ec accounts_file_rekey(struct accounts *a,
			    void (*fn)(void *ctx, const struct name *, const struct err *),
			    void *ctx, struct rekey_result *out, struct err *e);

/* Removes every record, whether or not its mailbox is still registered anywhere; nobody can sign in by the password file
 * afterwards. Resumable. fn (may be NULL) is told of every mailbox that failed. The keys are the caller's to remove, last. */
struct purge_result {
	unsigned n_removed, n_failed;
};
enum ec accounts_file_purge(struct mailroot *root,
			    void (*fn)(void *ctx, const struct name *, const struct err *),
			    void *ctx, struct purge_result *out, struct err *e);

/* Users of this computer, by PAM. The user is the part before the '@', and has one mailbox over all domains: find says
 * EC_REFUSED for a name whose user has a mailbox in another. Root and users below UID_MIN (login.defs) are nobody here.
 * Strings are copied; log is for the time of the call. EC_BROKEN: there is no such PAM service. */
struct accounts_system_setup {
	const char *pam_service;
	const char *group; /* of users that create makes; made if missing */
	/* As in COMPUTER\user; NULL = the host's name. Never a domain's: its users are other people. */
	const char *computer;
	const char *pam_dir; /* where the service's file is; NULL = where the system has them */
	/* Users as such, with or without a mailbox: nobody is looked for in the mail root, which may be NULL. Their names come
	 * as user@invalid. */
	bool as_users;
};
enum ec accounts_system_open(struct mailroot *root, const struct accounts_system_setup *setup,
			     const struct log *log, struct accounts **out, struct err *e);
