/* auth.h - sign-in, through Cyrus SASL only: begin, step, cancel, finish.
 *
 * One struct auth per process and method of authentication; one struct login per connection, which
 * may try many times. Plain passwords (USER/PASS, PLAIN, LOGIN), APOP, challenge mechanisms and
 * EXTERNAL all end in the same answer. A failed attempt says EC_DENIED whatever failed, at the same
 * cost whether the account exists or not; the true reason goes to the log. Guessing is slowed: the
 * answer carries delay_ms, which the caller waits out on a timer before it replies - never a
 * sleeping thread, never anybody else's session.
 *
 * Thread:  auth_open: main; auth_ref and auth_unref: any; the login calls marked [w] may block:
 *          worker or program; one login in one thread at a time.
 * Owner:   strings in an answer live until the next call on that login.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/accounts/accounts.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/base/share.h"
#include "server/conf/conf.h"

struct auth;
struct login;
struct penalty;

/* Secure Password Authentication: NTLM (MS-NLMP), proved with the NT hash that accounts reveal or by winbind. */
struct spa_setup {
	enum spa_kind
		kind; /* SPA_AUTO: winbind, if it answers and knows the same people; else off */
	enum ntlm_level level;
	enum binding_rule binding;
	const char *domain;  /* NetBIOS; "" = winbind's, else our host name's second label */
	unsigned timeout_ms; /* for winbind */
};

struct auth_setup {
	const char *service; /* "pop" */
	const char *hostname;
	const char *mechanisms; /* blank-separated allow-list, as in the settings */
	bool apop;              /* offer APOP, if the accounts can reveal */
	bool spa_required; /* plain passwords are refused before they are looked at, and not offered */
	unsigned penalty_ms;
	unsigned shield_s, cache_s; /* how long wrong and right passwords are remembered; 0 = not */
	struct spa_setup spa;
	/* "" = no GSSAPI. libsasl takes it at the first opening of the process; later ones must name the same. */
	const char *keytab;
	struct accounts *accounts; /* lent */
	struct share *share;       /* what keeps them open; NULL: they outlive all this */
	/* Active Directory: the accounts are the people of one Windows domain and realm, which they know by its names. */
	bool of_domain;
	const struct log *log; /* lent; its sink is used */
};

/* The library is set up at the first open of a process and stays. A reload opens a second auth and
 * drops the first, which goes with its last login. The accounts may be others than before's: then nothing that those said of
 * a password is remembered. */
enum ec auth_open(const struct auth_setup *setup, const struct auth *before, struct auth **out,
		  struct err *e);
/* Something about this account changed: what was remembered about its password goes, by this auth and by those before it.
 * NULL: everybody's. Any thread. */
void auth_forget(struct auth *a, const struct name *who);
struct auth *auth_ref(struct auth *a);
void auth_unref(struct auth **a);

/* What the connection knows about itself; again after STLS. Copied. */
struct auth_facts {
	const char *sid, *peer; /* peer: address text, key of the per-address penalty */
	const char *service;    /* who asks, for the log; NULL: POP3 */
	bool secure;            /* TLS is on */
	bool clear_ok; /* plain passwords allowed without TLS (loopback, or the administrator's will) */
	unsigned tls_bits;
	const char *cert_name;    /* verified client certificate's mailbox, NULL = none: EXTERNAL */
	const char *binding_name; /* channel binding, NULL = none */
	const void *binding;      /* NULL: dear, and said by login_bind if it is wanted */
	size_t binding_len;
	const void *endpoint; /* tls-server-end-point (RFC 5929): hash of our certificate */
	size_t endpoint_len;  /* 0 = none */
};
struct login *login_new(struct auth *a, const struct auth_facts *f);
void login_facts(struct login *l, const struct auth_facts *f);
/* True: before this mechanism is begun, login_bind is to say what binding_name stands for. */
bool login_binds(const struct login *l, const char *mech);
void login_bind(struct login *l, const void *binding, size_t len);
void login_free(struct login **l);

/* Names for CAPA SASL and bare AUTH, blank-separated, as allowed under the present facts; "" = none.
 * Does not block. */
const char *login_mechs(struct login *l);
bool login_clear_allowed(const struct login *l); /* USER/PASS may be used now */
/* "<letters.digits@host>" for the greeting, NULL = APOP is off */
const char *login_apop_stamp(struct login *l);

enum auth_state { AUTH_DONE, AUTH_MORE, AUTH_FAILED };
struct auth_answer {
	enum auth_state state;
	const char *challenge; /* AUTH_MORE: octets to send, base64 by the caller; may be empty */
	size_t challenge_len;
	/* AUTH_FAILED: EC_DENIED, EC_REFUSED (plain password not allowed, account disabled), EC_USAGE
	 * (unknown mechanism, malformed), EC_BUSY, EC_TEMP, EC_BROKEN */
	enum ec class;
	enum refusal refusal; /* why EC_REFUSED, if the client may be told */
	struct name who;      /* AUTH_DONE */
	const char *mech;     /* "USER", "APOP", "SCRAM-SHA-256", ... */
	unsigned delay_ms;    /* wait this long before replying */
};
/* [w] ir NULL: no initial response; len 0: an empty one ("="). Mechanism names in any case. */
void login_begin(struct login *l, const char *mech, const void *ir, size_t len,
		 struct auth_answer *out);
void login_step(struct login *l, const void *p, size_t len, struct auth_answer *out); /* [w] */
void login_cancel(struct login *l); /* client sent "*" */
void login_pass(struct login *l, const char *user, size_t user_len, const struct secret *pass,
		struct auth_answer *out); /* [w] */
/* On an event loop. True: AUTH_DONE. False: nothing has happened, nothing was counted or logged; ask login_pass. */
bool login_pass_now(struct login *l, const char *user, size_t user_len, const struct secret *pass,
		    struct auth_answer *out);
void login_apop(struct login *l, const char *user, size_t user_len, const char *digest,
		struct auth_answer *out); /* [w] */
