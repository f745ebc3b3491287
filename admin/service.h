/* service.h - talking to a running winpopd over its control socket.
 *
 * by: on whose behalf it changes something, NULL = the shell's; the service's own note of it says so.
 * Failure: EC_ABSENT no service is running (nothing listens there); else what the service answered.
 * Thread: may block, a few seconds at most.
 */
#pragma once
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/conf/conf.h"
#include "admin/cmd.h"

/* Reads its settings again. *restart: names of settings that wait for a restart ("" = none). */
enum ec service_reload(const struct conf *c, const struct wp_caller *by, struct arena *mem,
		       const char **restart, struct err *e);
/* Ends sessions: of a mailbox, of a domain, "*" = all. */
enum ec service_kick(const struct conf *c, const struct wp_caller *by, const char *who,
		     struct err *e);
/* What it remembers about passwords, of a mailbox's account or ("*") of all. */
enum ec service_forget(const struct conf *c, const struct wp_caller *by, const char *who,
		       struct err *e);
/* Looks through domains and mailboxes now instead of in a while: rules, quota files. Does not wait for it to end. */
enum ec service_upkeep(const struct conf *c, const struct wp_caller *by, struct err *e);
/* By which method people sign in to it now: "ad", "local", "file". */
enum ec service_method(const struct conf *c, struct arena *mem, const char **out, struct err *e);
#define SERVICE_AT_MAX 32
struct service_session { /* strings are lent for the call */
	const char *at;  /* where a list that begins with it begins */
	const char *sid, *peer;
	const char *mailbox, *mechanism; /* "": not signed in */
	bool tls;
	uint64_t seconds, idle, retrieved, deleted, octets;
};
struct service_others {
	uint64_t lmtp, mta; /* connections that deliver mail, and of an MTA */
};
/* Open sessions of a mailbox, of a domain, "*" = all, from a place on (NULL: from the beginning); fn false stops. */
enum ec service_who(const struct conf *c, const char *who, const char *from,
		    bool (*fn)(void *ctx, const struct service_session *), void *ctx,
		    struct service_others *others, struct err *e);
struct service_told {
	void (*number)(void *ctx, const char *name, uint64_t value);
	void (*event)(void *ctx, const char *name, uint64_t count);
	void *ctx;
};
/* The numbers of what it says about itself, and how often each event was. */
enum ec service_figures(const struct conf *c, const struct service_told *to, char *version,
			size_t version_len, struct err *e);
/* Everything it says about itself, as fields. */
enum ec service_status(const struct conf *c, struct out *out, struct err *e);
