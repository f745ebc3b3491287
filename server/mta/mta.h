/* mta.h - what an MTA asks us: which domains and mailboxes there are, what speaks against a delivery, and whether a sender is who
 * he says.
 *
 * Three protocols on two unix sockets. maps_socket speaks socketmap (netstrings "MAP KEY" -> "OK value", "NOTFOUND ", "TEMP
 * why"), as Postfix, Sendmail and Exim read it, and Postfix's access policy ("recipient=", "size=" -> "action="). auth_socket
 * speaks the auth protocol that Dovecot made (version 1, any minor), which Postfix and Exim have built in: "AUTH id MECH
 * service=... resp=...", "CONT", "OK", "FAIL". Sign-in is the same as for POP3, by auth.h; a locked mailbox may send.
 *
 *	domains    example.com      -> OK example.com                     the domain is registered here
 *	mailboxes  kim@example.com  -> OK kim@example.com                 so is the mailbox, under this name (aliases resolved)
 *	senders    kim@example.com  -> OK kim@example.com                 who may send as this address: its mailbox's account
 *	recipient= kim@example.com  -> action=552 5.2.2 ... | 450 4.2.1 ... | DUNNO    too full for size=, held; nothing against it
 *
 * Trouble is TEMP, never NOTFOUND (and DUNNO: the delivery says "later"): an MTA must not bounce because a directory is away.
 * One struct mta per process. Thread: any, where nothing else is said.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "server/auth/auth.h"
#include "server/base/share.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/net/loop.h"
#include "server/net/work.h"
#include "server/quota/limits.h"
#include "server/store/store.h"

struct mta;

/* Replaced as a whole by reload; connections take the new one with their next question, exchanges under way keep theirs. References
 * are taken. */
struct mta_setup {
	struct conf *conf;
	enum name_rule rule;
	struct auth *auth;
	struct catalog *catalog;
	struct store *store;
	struct limits *limits;
	struct share *share; /* what keeps the last three open; NULL: they outlive the service */
};
/* Lent: who looks up, and who signs in, which may take much longer. */
struct mta_work {
	struct work *lookup, *signin;
};
enum mta_door { MTA_MAPS, MTA_AUTH };

struct mta *mta_new(struct loop **loops, unsigned n_loops, struct mta_work work,
		    const struct mta_setup *setup, const struct log *log);
void mta_setup(struct mta *m, const struct mta_setup *setup);
/* fd is the session's from now on. Beyond mta_socketmax it is closed. */
void mta_accept(struct mta *m, int fd, enum mta_door door);
/* No new sessions; questions under way are answered, then all end. idle() is called once, on loop 0. Call once. */
void mta_drain(struct mta *m, void (*idle)(void *ctx), void *ctx);
struct mta_now {
	unsigned sessions;
	uint64_t total, lookups, signins, failed; /* sessions; answers; sign-ins; of them refused */
};
void mta_now(struct mta *m, struct mta_now *out);
/* After the loops and the workers have stopped. */
void mta_free(struct mta **m);
