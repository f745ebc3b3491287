/* store.h - where mail lives.
 *
 * A store holds mailboxes. A mailbox is claimed by one session, read, and committed once; delivery goes on meanwhile,
 * unseen by that session. An acknowledged delivery survives power loss. A mailbox's message order and UIDLs never change.
 *
 * Thread:  every slot may block (disk, network): call on a worker or from a program without a loop; what does not, says so.
 *          One box is used by one thread at a time; the store by any number.
 * Owner:   what claim returns is yours until release; msgs and uidl strings live as long as their box.
 * Failure: EC_ABSENT no such mailbox; EC_LOCKED somebody else holds it; EC_QUOTA over a limit; EC_TEMP try later;
 *          EC_BROKEN an administrator must look.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/store/quota.h"

struct store;
struct mailroot;

/* What stands between the stored octets and the octets RFC 1939 sends. */
enum {
	MSG_DOTS = 1, /* some line begins with '.': stuff it */
	MSG_REPAIR =
		2, /* not canonical (bare LF, no final CRLF): convert while sending; implies looking for dots too */
	MSG_UTF8 = 4,    /* 8-bit octets in the header (RFC 6856) */
	MSG_FETCHED = 8, /* retrieved whole in an earlier session (EXPIRE) */
};

struct msg {
	uint64_t
		octets; /* as RFC 1939 counts: canonical CRLF form, before dot-stuffing; what LIST and RETR say */
	int64_t arrived_us;
	uint32_t flags;   /* MSG_* */
	uint32_t id;      /* the store's own */
	const char *uidl; /* 1..70 of 0x21..0x7E, unique in the mailbox for ever */
};

/* One claimed mailbox as its session sees it. Implementations embed it as their first member. */
struct box {
	const struct store_ops *ops;
	struct name name;
	uint32_t n_msgs;        /* known at claim, without reading anything per message */
	uint64_t octets;        /* the sum of msgs[].octets */
	const struct msg *msgs; /* NULL until table() */
	bool release_now;       /* release does not wait: safe on an event loop */
};

/* A message's stored octets: a range of a file, or memory for small ones. Lent until blob_done. */
struct blob {
	int fd;            /* -1: mem holds all of it */
	uint64_t off, len; /* stored octets; equal to msg.octets unless MSG_REPAIR */
	const char *mem;
	void *own; /* the store's */
};

/* What a session changes when it commits; arrays of n_msgs bits, LSB first, NULL = none. */
struct marks {
	const uint8_t *removed;
	const uint8_t *fetched; /* recorded only if the store was told to keep it */
};
struct commit {
	uint32_t n_removed, n_failed;
};

/* A message to deliver: CRLF-canonical octets (canon.h), in pieces, then optionally a spooled file's. */
struct message {
	const struct iovec *iov;
	int n_iov;
	int spool_fd; /* -1: all is in iov; else its octets follow them */
	uint64_t spool_len;
	uint32_t flags; /* MSG_DOTS, MSG_UTF8 as canon found */
	/* Which account is to hold it; before and after are filled in. NULL: it is counted where the mailbox was settled last, and
	 * nothing limits it. */
	struct charge *charge;
};

enum { FETCH_NOWAIT = 1 }; /* answer EC_BUSY instead of waiting for a disk: safe on an event loop */

/* A holder who lets go in moments, one at a time: who finds the mailbox held by it in the same process waits for that. Known by
 * its address. */
extern const char STORE_UPKEEP[];

struct store_ops {
	const char *name;
	/* Exclusive, at once or EC_LOCKED; gone with its process, whatever kills it. holder: session id for messages, or
	 * STORE_UPKEEP. */
	enum ec (*claim)(struct store *, const struct name *, const char *holder, struct box **out,
			 struct err *);
	/* The same on an event loop. EC_BUSY: something would have to be waited for, or messages to be counted; nothing is held, ask
	 * claim. NULL: always so. */
	enum ec (*claim_now)(struct store *, const struct name *, const char *holder,
			     struct box **out, struct err *);
	/* Fills box->msgs. EC_TEMP if the mailbox no longer is what claim counted (somebody changed files by hand). */
	enum ec (*table)(struct box *, struct err *);
	/* The same on an event loop, for mailboxes that are short. EC_BUSY: ask table. NULL: always so. */
	enum ec (*table_now)(struct box *, struct err *);
	/* Opens message i (0-based). EC_ABSENT: its file is gone. */
	enum ec (*fetch)(struct box *, uint32_t i, unsigned flags, struct blob *out, struct err *);
	/* pread: returns octets read in *got; 0 only at the end. For MSG_DOTS, MSG_REPAIR and TOP. */
	enum ec (*read)(struct box *, const struct blob *, uint64_t off, void *to, size_t len,
			size_t *got, struct err *);
	/* read on an event loop: EC_BUSY instead of waiting for a disk. NULL: always a worker. */
	enum ec (*read_now)(struct box *, const struct blob *, uint64_t off, void *to, size_t len,
			    size_t *got, struct err *);
	void (*blob_done)(struct box *, struct blob *);
	/* Removes what is marked: all it can; EC_TEMP/EC_BROKEN if some failed, out tells. Call at most once. */
	enum ec (*commit)(struct box *, const struct marks *, struct commit *out, struct err *);
	void (*release)(struct box **);
	/* Returns EC_OK only when message, name and directory are durable. EC_ABSENT: no such mailbox; EC_QUOTA: the account's
	 * limit, exactly, or the file system's for the message's owner (store_files_give). */
	enum ec (*deliver)(struct store *, const struct name *, const struct message *,
			   struct err *);
	/* Messages and octets now, without a claim; exact or EC_*. */
	enum ec (*usage)(struct store *, const struct name *, uint32_t *n_msgs, uint64_t *octets,
			 struct err *);
	/* The messages now, without a claim, in the order a session would number them; msg is lent for the call; fn false stops. */
	enum ec (*each)(struct store *, const struct name *,
			bool (*fn)(void *ctx, const struct msg *msg), void *ctx, struct err *);
	void (*close)(struct store **);
};
struct store { /* implementations embed it as their first member */
	const struct store_ops *ops;
	const struct quota_ops *quota;
};

/* The local store: files in the mail root. keep_fetched: remember which messages were fetched (EXPIRE). */
enum ec store_files_open(struct mailroot *root, const struct log *log, bool keep_fetched,
			 struct store **out, struct err *e);
/* Whose file a delivered message becomes, so that the file system's quotas count it; false: the service's, as ever. Asked at
 * each delivery, on its thread; may block. Without the right to give files away (CAP_CHOWN) they stay the service's. */
struct store_owner {
	bool (*of)(void *ctx, const struct name *mailbox, uid_t *out);
	void *ctx;
};
/* Before the first delivery; copied, ctx is lent. */
void store_files_give(struct store *s, const struct store_owner *owner);
/* Removes a mailbox's fetched messages older than days (EXPIRE); the caller holds the claim. */
enum ec store_expire(struct box *box, uint32_t days, uint32_t *n_removed, struct err *e);
