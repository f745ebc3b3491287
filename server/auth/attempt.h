/* attempt.h - one try at signing in, in libsasl's hands. Private to this folder.
 *
 * Made when a client begins, gone when it is answered: libsasl's connection object costs a
 * few microseconds, is spent after one try, and idle sessions need none. (But for passwords that are
 * proved at once, one after the other: attempt_here.) Passwords are proved inside, by
 * callbacks into accounts; what accounts said is kept in `class` and `why` beside libsasl's opinion,
 * which knows no "try later".
 * Thread: one at a time; start, step, pass and apop may block. Owner: setup, scram, facts and log
 * are lent and outlive it; a challenge lives until the next call.
 */
#pragma once
#include <sasl/sasl.h>
#include "server/auth/auth.h"
#include "server/auth/mech.h"

struct cache;
struct scram;
struct spa;
struct sasl_server_params;

struct attempt {
	const struct auth_setup *setup;
	struct scram *scram; /* keys of the process */
	struct cache *cache;
	uint64_t whose;  /* the accounts, to the cache */
	struct spa *spa; /* who proves NTLM; needed for that mechanism only */
	const struct auth_facts *facts;
	const struct log *log;
	const struct mech *mech; /* NULL: USER/PASS or APOP */
	bool plus;               /* its -PLUS variant */
	bool now;                /* on an event loop: fails instead of waiting */
	unsigned turn;           /* client messages so far */

	struct account account; /* whom the client wants to be; valid if named */
	bool named;
	bool resolved; /* the accounts were asked who is meant */
	bool shielded; /* the password was known to be wrong */
	/* as the client spelled it, cut to fit: for log and penalty */
	char typed[NAME_TEXT_MAX + 1];
	enum ec class; /* EC_OK as long as nothing speaks against it */
	struct err why;

	sasl_channel_binding_t binding;
	/* From here on: kept by attempt_here. */
	sasl_conn_t *conn;
	sasl_callback_t calls[5];
	bool here;
};

/* libsasl is ready for use; the first call of the process sets it up, with the Kerberos keys it names ("" = none). */
enum ec attempt_library(const char *keytab, struct err *e);
bool attempt_can(const struct mech *m); /* its plug-in is loaded */

struct attempt *attempt_new(void);
/* The one of this thread, for nothing but attempt_pass, and for one try at a time. */
struct attempt *attempt_here(void);
/* setup, scram, facts, log, mech and plus are filled in; the rest is as it came. */
bool attempt_open(struct attempt *at);
enum auth_state attempt_start(struct attempt *at, const char *ir, size_t len,
			      const char **challenge, size_t *challenge_len);
enum auth_state attempt_step(struct attempt *at, const char *p, size_t len, const char **challenge,
			     size_t *challenge_len);
enum auth_state attempt_pass(struct attempt *at, const char *user, size_t user_len,
			     const struct secret *pass);
enum auth_state attempt_apop(struct attempt *at, const char *stamp, const char *response);
void attempt_close(struct attempt **at); /* takes NULL; what it held is wiped */

/* The account, however it was spelled; or what was typed, if that is none. */
const char *attempt_account(const struct attempt *at, char text[NAME_TEXT_MAX + 1]);

/* accounts or a check said no. The first word stays, but trouble of ours outranks a denial. */
void attempt_blame(struct attempt *at, enum ec class, const struct err *e);

/* A plug-in knows its connection only; its attempt is the context of a callback that every connection
 * of ours has. NULL: not one of ours. */
struct attempt *attempt_of(struct sasl_server_params *params);

/* auxprop.c: our property plug-in, the word that names it to libsasl, and the properties it has. The
 * asterisk: of who signs in, not of whom it acts for. */
#define AUXPROP_NAME "winpop"
#define PROP_PASSWORD "*userPassword"
#define PROP_SCRAM_KEYS "*authPassword"
int auxprop_register(void);
