/* conn.h - one blocking connection to one directory server, with deadlines.
 *
 * Every call ends within the timeout; a search without limit has it for each page. A call that failed because of the connection
 * (closed, silent, garbage) is EC_TEMP and sets `lost`: the connection is good for nothing but closing. Referrals and search
 * references are never followed. Connecting, StartTLS, certificate check and binding are part of opening.
 *
 * Thread: one at a time; may block; dir_conn_cancel from any. Owner: entries live inside the callback they are shown to.
 */
#pragma once
#include <ldap.h>
#include <stdbool.h>
#include <stdint.h>
#include "ldap/change.h"
#include "ldap/entry.h"
#include "ldap/sock.h"
#include "ldap/status.h"
#include "server/base/err.h"
#include "server/base/secret.h"
#include "server/conf/conf.h"

/* How to reach a server and who we are there. Lent, constant, shared by all connections. */
struct dir_trust;
struct link_setup {
	bool starttls;
	const char *ca;
	unsigned timeout_ms;
	enum dir_bind bind;
	const char *user;
	const char
		*password_file; /* read at each opening, so that a new password needs no restart */
	const char *keytab;
	const struct secret *password; /* instead of the file: an administrator's */
	struct dir_trust *trust; /* of ca; NULL: read at each opening. The pool puts its own here */
};

struct dir_conn {
	LDAP *ld;
	const struct link_setup *setup;
	const char *uri;      /* lent */
	struct dir_sock sock; /* stop: operations fail at once */
	uint64_t deadline_ms;
	bool secured; /* by TLS */
	bool clear;   /* a password must not cross it */
	bool refused; /* opening failed because the server does not accept who we are */
	bool silent;  /* lost because no answer came in time */
	bool lost;
	unsigned server;  /* the pool's */
	uint64_t used_ms; /* the pool's */
};

/* A password crosses ldap:// only with StartTLS, or to this computer. as_service: binds as setup says; false: stays
 * anonymous, to prove other people's passwords. EC_TEMP unreachable; EC_BROKEN certificate, credentials, settings. */
enum ec dir_conn_open(const char *uri, const struct link_setup *setup, bool as_service,
		      struct dir_conn **out, struct err *e);
void dir_conn_close(struct dir_conn **c);
/* The same in two steps, for whoever wants to cancel while it is being opened. Failed: to be closed all the same. */
struct dir_conn *dir_conn_new(const char *uri, const struct link_setup *setup);
enum ec dir_conn_start(struct dir_conn *c, bool as_service, struct err *e);
/* From any thread, as long as the connection is not being closed: what runs on it, and all that is tried later, fails now. */
void dir_conn_cancel(struct dir_conn *c);
/* Looks at the socket: false if the server has hung up or sent a notice of disconnection. Does not block. */
bool dir_conn_alive(struct dir_conn *c);

/* Simple bind. An empty password is PROOF_WRONG without being sent (RFC 4513 section 5.1.2). EC_OK: *out holds the
 * verdict, whatever it is; anything else: the server could not be asked. */
enum ec dir_conn_prove(struct dir_conn *c, const char *who, const struct secret *pass,
		       enum proof *out, struct err *e);

struct dir_query {
	const char *base;
	int scope;                /* LDAP_SCOPE_* */
	const char *filter;       /* from escape.h */
	const char *const *attrs; /* ends with NULL; NULL = all */
	unsigned most; /* 0 = all, fetched page by page; else the server is told to stop there */
	bool *cut; /* with most: becomes true if there were more than the server gave; NULL: who cares */
};
/* fn false ends the search early. A missing base is EC_ABSENT; no entry is EC_OK. */
enum ec dir_conn_search(struct dir_conn *c, const struct dir_query *q, dir_entry_fn *fn, void *ctx,
			struct err *e);
enum ec dir_conn_add(struct dir_conn *c, const struct dir_change *ch, struct err *e);
enum ec dir_conn_modify(struct dir_conn *c, const struct dir_change *ch, struct err *e);
enum ec dir_conn_delete(struct dir_conn *c, const char *dn, struct err *e);
/* RFC 3062, as whoever the connection is. EC_REFUSED: refused by the password policy, in the server's words. */
enum ec dir_conn_set_password(struct dir_conn *c, const char *dn, const struct secret *pass,
			      struct err *e);
/* Does the root DSE list this extension or control? */
enum ec dir_conn_supports(struct dir_conn *c, const char *oid, bool *out, struct err *e);
