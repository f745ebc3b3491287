/* conf.h - settings: one immutable snapshot, parsed and checked whole.
 *
 * A snapshot is made from winpop.conf (kv.h), defaults filled in, every rule checked, tuples too;
 * it never changes. Reload makes a new one and swaps; sessions keep a reference to theirs. The rows
 * of options.h drive parser, `winpop get/set`, help and man page. Thread: conf_ref/unref any; the
 * snapshot is read-only. Paths are absolute. Durations carry their unit in the name.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/err.h"
#include "server/base/log.h"

enum authentication { AUTHN_AD, AUTHN_LOCAL, AUTHN_FILE }; /* stored as "ad", "local", "file" */
enum host_role {
	ROLE_STANDALONE,
	ROLE_MEMBER,
	ROLE_DC
}; /* numbers of `authentication` depend on it (seed) */
enum tri { TRI_NO, TRI_YES, TRI_AUTO };
/* in the order of the words in options.c */
enum dir_flavour { DIR_AD, DIR_OPENLDAP };
enum dir_bind { DIR_BIND_SIMPLE, DIR_BIND_EXTERNAL, DIR_BIND_GSSAPI };
enum catalog_kind { CATALOG_LOCAL, CATALOG_DIRECTORY };
enum spa_kind { SPA_AUTO, SPA_OFF, SPA_HASH, SPA_WINBIND };
enum ntlm_level { NTLM_V2, NTLM_V1, NTLM_LM }; /* the weakest response accepted */
enum full_rule { FULL_REFUSE, FULL_DEFER };
enum binding_rule { BINDING_OFF, BINDING_ACCEPT, BINDING_REQUIRE };
#define EXPIRE_NEVER UINT32_MAX

struct conf {
	struct arena *mem;
	const char *path; /* the file it came from */

	/* the original's own settings */
	unsigned port;    /* 110; 0 = no plain listener */
	unsigned logging; /* 0..3, 4 = trace */
	enum authentication authentication;
	const char *mailroot; /* at most 260 characters */
	unsigned threadcount; /* event-loop threads, 1..32 */
	unsigned socketmax, socketmin, socketbacklog, socketthreshold;
	bool sparequired;

	/* where we listen */
	const char *listen;         /* blank-separated addresses for port and tls_port; "*" = all */
	unsigned tls_port;          /* 995; 0 = none */
	const char *lmtp_socket;    /* unix path; "" = none */
	const char *lmtp_listen;    /* blank-separated "addr:port"; "" = none */
	unsigned lmtp_socketmax;    /* connections */
	const char *maps_socket;    /* unix path of the MTA's look-ups; "" = none */
	const char *auth_socket;    /* unix path of senders' sign-in; "" = none */
	unsigned mta_socketmax;     /* connections on both */
	const char *control_socket; /* unix path */
	const char *hostname;       /* name in greetings and SASL; default the host's */

	/* TLS */
	const char *tls_cert, *tls_key; /* PEM; "" = no TLS */
	const char *tls_sni_dir; /* NAME.crt + NAME.key (+ NAME.ocsp) per server name; "" = none */
	const char *tls_ocsp;    /* DER response to staple; "" = none */
	const char *tls_client_ca;  /* PEM; "" = client certificates are not asked for */
	const char *tls_min;        /* "1.2" or "1.3" */
	bool plaintext_without_tls; /* passwords in the clear from anywhere; loopback always may */

	/* sign-in */
	const char *mechanisms; /* blank-separated allow-list of SASL mechanisms */
	enum tri apop;          /* auto = in password-file mode */
	const char *key_file;   /* keyring of the password file, outside the mail root */
	enum host_role role;
	unsigned login_delay_s; /* 0 = none */
	unsigned penalty_ms; /* first delay after a failed sign-in; doubles, at most 15 s; 0 = none
			      */
	unsigned shield_s;   /* a wrong password is remembered this long; 0 = not */
	unsigned cache_s;    /* a right one; 0 = not */

	/* Secure Password Authentication (NTLM), Kerberos */
	enum spa_kind spa;
	enum ntlm_level ntlm;
	const char *ntlm_domain; /* NetBIOS name of the domain; "" = found out */
	enum binding_rule channel_binding;
	bool ntlm_legacy_ok; /* AUTH NTLM is answered "+OK" instead of "+ " */
	const char *keytab;  /* our service's Kerberos keys; "" = no GSSAPI */

	/* local accounts */
	const char *pam_service;
	const char *local_group; /* of users that /createuser makes */

	/* the directory: used by authentication = ad and by catalog = directory */
	enum catalog_kind catalog;
	enum dir_flavour directory;
	const char *
		directory_servers; /* blank-separated ldap://, ldaps://, ldapi:// URIs, or "srv:DOMAIN" */
	bool directory_starttls;             /* on ldap:// */
	const char *directory_ca;            /* PEM */
	const char *directory_base;          /* "" = the server's first naming context */
	enum dir_bind directory_bind;        /* how the service proves who it is */
	const char *directory_user;          /* DN (or UPN) for simple, principal for gssapi */
	const char *directory_password_file; /* mode 0600 */
	const char *directory_keytab;
	unsigned directory_connections; /* most of each kind: for searches, for proving passwords */
	unsigned directory_timeout_ms;
	/* "" = as the flavour presets (ldap/flavour.h) */
	const char *
		directory_address; /* attributes that hold a mailbox's address, in order of preference */
	const char *directory_logon;     /* attribute with the logon name */
	const char *directory_filter;    /* of entries that are people */
	const char *directory_new_users; /* where /createuser makes entries */
	const char *directory_domains;   /* where domain entries are */
	const char *directory_nt_hash;   /* attribute with the NT hash, for SPA */
	const char *directory_group;     /* DN; only its members sign in; "" = everybody */
	unsigned
		directory_memory_s; /* recipients seen are remembered while the directory is away */

	/* mail */
	uint64_t message_max_bytes; /* LMTP SIZE */
	uint32_t expire_days;       /* EXPIRE_NEVER, or days after which fetched mail goes */
	uint64_t quota_bytes;       /* of accounts that have no limit of their own; 0 = none */
	unsigned quota_messages;
	unsigned quota_warn;       /* percent; 0 = never */
	const char *quota_warning; /* template file; "" = our own text */
	enum full_rule quota_full;

	/* limits and times */
	unsigned idle_timeout_s;   /* after sign-in, at least 600 (RFC 1939 section 3) */
	unsigned signin_timeout_s; /* from connection to sign-in */
	unsigned lmtp_timeout_s;
	unsigned workers; /* threads for work that may wait */
	unsigned drain_s; /* how long stop waits for sessions */

	/* process */
	const char *user, *group; /* whom to become when started as root; "" = stay */
	enum log_to log_to;

	/* the console */
	const char *console_address; /* blank-separated; "*" = all */
	unsigned console_port;
	const char *console_certificate, *console_key; /* PEM; "" = tls_cert and tls_key */
	const char *console_user;                      /* whom its web half becomes; "" = stays */
	const char *console_rights;                    /* who may do what */
	unsigned console_idle_s;
	bool create_user; /* what its form for a new mailbox proposes */
	const char *metrics_address;
	unsigned metrics_port; /* 0 = off */
	_Atomic unsigned refs;
};

/* Text -> snapshot. EC_USAGE names line, key and what is allowed; the first error wins. Unknown
 * keys are errors. */
enum ec conf_parse(const char *path, const char *text, size_t len, struct conf **out,
		   struct err *e);
enum ec conf_load(const char *path, struct conf **out,
		  struct err *e); /* a missing file is EC_ABSENT */
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf **c);
/* Checks file permissions, key file, certificates present, mail root there: what `winpopd --check`
 * adds to parsing. */
enum ec conf_check_world(const struct conf *c, struct err *e);
/* Names of options that differ and need a restart, blank-separated into out. */
void conf_restart_list(const struct conf *was, const struct conf *now, char *out, size_t out_len);
/* What is in force after a reload: `now`, but for what waits for a restart, which is as `started` has it. A new snapshot. */
struct conf *conf_in_force(const struct conf *started, const struct conf *now);
/* Do both mean the same backends? */
bool conf_same_backends(const struct conf *was, const struct conf *now);
