/* options.c - every setting there is.
 *
 * The table is the only list of settings: file parser, `winpop get/set`, help, man page and console
 * all read it, so a setting is added by adding a row. Rules between settings are in conf.c.
 */
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include "server/conf/optcheck.h"
#include "server/conf/options.h"

#define AT(field) offsetof(struct conf, field)
#define PATH_MAX_CHARS 1024
#define MAILROOT_MAX 260 /* the original's limit */
#define DN_MAX 512
#define GIB (1024ull * 1024 * 1024)
#define PIB (1024 * 1024 * GIB)

/* clang-format off */
const struct option options[] = {
	/* ---- the original's own ---- */
	{ "port", NULL, OPT_UINT, AT(port), "110", 0, 65535, NULL, OPT_RESTART, OPT_ORIGINAL,
	  "Port for POP3 clients; in the file 0 too, for none" },
	{ "logging", NULL, OPT_UINT, AT(logging), "2", 0, 4, NULL, OPT_LIVE, OPT_ORIGINAL,
	  "What is logged: 0 nothing, 1 critical, 2 and warnings, 3 and information, 4 and traces" },
	{ "authentication", "auth", OPT_AUTHN, AT(authentication), "file", 0, 0, NULL, OPT_REOPEN, OPT_ORIGINAL,
	  "Who may sign in: ad (Active Directory integrated), local (accounts of this computer), file (encrypted password file)" },
	{ "mailroot", NULL, OPT_PATH, AT(mailroot), "/var/lib/winpop/mailroot", 1, MAILROOT_MAX, NULL, OPT_RESTART, OPT_ORIGINAL,
	  "Directory of the mail store; mail that is there is not moved" },
	{ "threadcount", NULL, OPT_UINT, AT(threadcount), NULL, 1, 32, NULL, OPT_RESTART, OPT_ORIGINAL,
	  "Threads that serve connections; as many as there are processors unless set" },
	{ "socketmax", NULL, OPT_UINT, AT(socketmax), "50", 1, 32000, NULL, OPT_LIVE, OPT_ORIGINAL,
	  "Most POP3 connections served at one time" },
	{ "socketmin", NULL, OPT_UINT, AT(socketmin), "10", 1, 32000, NULL, OPT_LIVE, OPT_ORIGINAL,
	  "Connection slots kept ready" },
	{ "socketbacklog", NULL, OPT_UINT, AT(socketbacklog), "10", 0, 100, NULL, OPT_LIVE, OPT_ORIGINAL,
	  "Connections above socketmax that are held without an answer until a slot is free" },
	{ "socketthreshold", NULL, OPT_UINT, AT(socketthreshold), "10", 0, 100, NULL, OPT_LIVE, OPT_ORIGINAL,
	  "Slots made at a time when those that are ready are used up" },
	{ "sparequired", NULL, OPT_BOOL, AT(sparequired), "no", 0, 0, NULL, OPT_LIVE, OPT_ORIGINAL,
	  "Refuse every sign-in but Secure Password Authentication" },

	/* ---- where we listen ---- */
	{ "listen", NULL, OPT_TEXT, AT(listen), "*", 1, 1024, NULL, OPT_RESTART, OPT_LISTEN,
	  "Addresses that POP3 listens on, separated by blanks; * is all", check_addresses },
	{ "tls_port", NULL, OPT_UINT, AT(tls_port), "995", 0, 65535, NULL, OPT_RESTART, OPT_LISTEN,
	  "Port for POP3 with TLS from the first octet (0: none); needs tls_cert" },
	{ "lmtp_socket", NULL, OPT_PATH, AT(lmtp_socket), "/run/winpop/lmtp", 0, PATH_MAX_CHARS, NULL, OPT_RESTART, OPT_LISTEN,
	  "Unix socket on which mail is delivered by LMTP (empty: none)", check_socket_path },
	{ "lmtp_listen", NULL, OPT_TEXT, AT(lmtp_listen), "", 0, 1024, NULL, OPT_RESTART, OPT_LISTEN,
	  "Addresses with port, as 127.0.0.1:24 [::1]:24, for LMTP over TCP (empty: none)", check_endpoints },
	{ "lmtp_socketmax", NULL, OPT_UINT, AT(lmtp_socketmax), "100", 1, 32000, NULL, OPT_LIVE, OPT_LISTEN,
	  "Most LMTP connections served at one time" },
	{ "maps_socket", NULL, OPT_PATH, AT(maps_socket), "/run/winpop/maps", 0, PATH_MAX_CHARS, NULL, OPT_RESTART, OPT_LISTEN,
	  "Unix socket on which an MTA asks which domains and mailboxes there are and what speaks against a delivery (empty: none)", check_socket_path },
	{ "auth_socket", NULL, OPT_PATH, AT(auth_socket), "", 0, PATH_MAX_CHARS, NULL, OPT_RESTART, OPT_LISTEN,
	  "Unix socket on which an MTA has senders sign in, as it would with Dovecot (empty: none)", check_socket_path },
	{ "mta_socketmax", NULL, OPT_UINT, AT(mta_socketmax), "500", 1, 32000, NULL, OPT_LIVE, OPT_LISTEN,
	  "Most connections of an MTA that asks served at one time" },
	{ "control_socket", NULL, OPT_PATH, AT(control_socket), "/run/winpop/control", 1, PATH_MAX_CHARS, NULL, OPT_RESTART, OPT_LISTEN,
	  "Unix socket by which winpop talks to the running service", check_socket_path },
	{ "hostname", NULL, OPT_TEXT, AT(hostname), NULL, 1, 253, NULL, OPT_LIVE, OPT_LISTEN,
	  "Our name in greetings and in SASL; this computer's unless set", check_hostname },

	/* ---- TLS ---- */
	{ "tls_cert", NULL, OPT_PATH, AT(tls_cert), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_TLS,
	  "PEM file with our certificate and its chain (empty: no TLS)" },
	{ "tls_key", NULL, OPT_PATH, AT(tls_key), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_TLS,
	  "PEM file with the key of tls_cert" },
	{ "tls_sni_dir", NULL, OPT_PATH, AT(tls_sni_dir), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_TLS,
	  "Directory of NAME.crt and NAME.key (and NAME.ocsp) for further server names (empty: none)" },
	{ "tls_ocsp", NULL, OPT_PATH, AT(tls_ocsp), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_TLS,
	  "DER file with the OCSP response to staple to tls_cert (empty: none)" },
	{ "tls_client_ca", NULL, OPT_PATH, AT(tls_client_ca), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_TLS,
	  "PEM file of authorities whose client certificates may sign in (empty: none are asked for)" },
	{ "tls_min", NULL, OPT_TEXT, AT(tls_min), "1.2", 0, 0, "1.2|1.3", OPT_LIVE, OPT_TLS,
	  "Oldest TLS version accepted" },
	{ "plaintext_without_tls", NULL, OPT_BOOL, AT(plaintext_without_tls), "no", 0, 0, NULL, OPT_LIVE, OPT_TLS,
	  "Accept passwords in the clear from other computers too" },

	/* ---- sign-in ---- */
	{ "mechanisms", NULL, OPT_TEXT, AT(mechanisms), known_mechanisms, 0, 1024, NULL, OPT_LIVE, OPT_SIGNIN,
	  "SASL mechanisms that may be offered, separated by blanks", check_mechanisms },
	{ "apop", NULL, OPT_WORD, AT(apop), "auto", 0, 0, "no|yes|auto", OPT_LIVE, OPT_SIGNIN,
	  "Offer APOP; auto does so with the encrypted password file only" },
	{ "key_file", NULL, OPT_PATH, AT(key_file), "/etc/winpop/keyring", 1, PATH_MAX_CHARS, NULL, OPT_REOPEN, OPT_SIGNIN,
	  "Keys of the encrypted password file; outside the mail root, readable by the service alone" },
	{ "role", NULL, OPT_WORD, AT(role), "standalone", 0, 0, "standalone|member|dc", OPT_LIVE, OPT_SIGNIN,
	  "This computer's place in a directory, which decides the methods of authentication and their numbers" },
	{ "login_delay", NULL, OPT_UINT, AT(login_delay_s), "0", 0, 86400, NULL, OPT_LIVE, OPT_SIGNIN,
	  "Seconds between two sign-ins to one mailbox (0: any)" },
	{ "penalty_ms", NULL, OPT_UINT, AT(penalty_ms), "1000", 0, 15000, NULL, OPT_LIVE, OPT_SIGNIN,
	  "Milliseconds of delay after a first failed sign-in; doubles with each further one (0: none)" },

	{ "shield", NULL, OPT_UINT, AT(shield_s), "900", 0, 86400, NULL, OPT_LIVE, OPT_SIGNIN,
	  "Seconds for which a wrong password, tried again, is answered from memory, so that a forgotten device locks no account (0: never)" },
	{ "cache", NULL, OPT_UINT, AT(cache_s), "0", 0, 300, NULL, OPT_LIVE, OPT_SIGNIN,
	  "Seconds for which a right password is not proved again; a change elsewhere is noticed this much later (0: always proved)" },
	{ "spa", NULL, OPT_WORD, AT(spa), "auto", 0, 0, "auto|off|hash|winbind", OPT_REOPEN, OPT_SIGNIN,
	  "What Secure Password Authentication (NTLM) is proved with: the NT hash in the directory, or winbind; auto is winbind if it runs (not with OpenLDAP), else off; the password file has none of this, so there it waits for another method" },
	{ "ntlm", NULL, OPT_WORD, AT(ntlm), "v2", 0, 0, "v2|v1|lm", OPT_LIVE, OPT_SIGNIN,
	  "Weakest NTLM response accepted; v1 and lm can be broken by whoever listens" },
	{ "ntlm_domain", NULL, OPT_TEXT, AT(ntlm_domain), "", 0, 15, NULL, OPT_REOPEN, OPT_SIGNIN,
	  "NetBIOS name of the domain, as in DOMAIN\\user (empty: the directory's or winbind's)" },
	{ "channel_binding", NULL, OPT_WORD, AT(channel_binding), "accept", 0, 0, "off|accept|require", OPT_LIVE, OPT_SIGNIN,
	  "Binding of SPA to the TLS connection it runs over: not looked at, checked if the client sends it, or demanded (then there is SPA under TLS only)" },
	{ "ntlm_legacy_ok", NULL, OPT_BOOL, AT(ntlm_legacy_ok), "no", 0, 0, NULL, OPT_LIVE, OPT_SIGNIN,
	  "Answer AUTH NTLM with +OK as the original did, for mail programs that do not understand +" },
	{ "keytab", NULL, OPT_PATH, AT(keytab), "", 0, PATH_MAX_CHARS, NULL, OPT_RESTART, OPT_SIGNIN,
	  "Kerberos keys of pop/HOSTNAME, for sign-in by GSSAPI (empty: not offered)" },
	{ "pam_service", NULL, OPT_TEXT, AT(pam_service), "winpop", 1, 64, NULL, OPT_REOPEN, OPT_SIGNIN,
	  "PAM service by which local accounts sign in" },
	{ "local_group", NULL, OPT_TEXT, AT(local_group), "pop3users", 1, 32, NULL, OPT_LIVE, OPT_SIGNIN,
	  "Group of the local users that /createuser makes" },

	/* ---- directory ---- */
	{ "catalog", NULL, OPT_WORD, AT(catalog), "local", 0, 0, "local|directory", OPT_REOPEN, OPT_DIRECTORY,
	  "Where domains and mailboxes are registered: in the mail root, or as entries of the directory" },
	{ "directory", NULL, OPT_WORD, AT(directory), "ad", 0, 0, "ad|openldap", OPT_REOPEN, OPT_DIRECTORY,
	  "Kind of directory; decides the names of attributes and how passwords are set" },
	{ "directory_servers", NULL, OPT_TEXT, AT(directory_servers), "", 0, 1024, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Servers in order of preference, as ldaps://dc1.example.com ldap://dc2.example.com ldapi:///, or srv:example.com to find them by DNS", check_servers },
	{ "directory_starttls", NULL, OPT_BOOL, AT(directory_starttls), "yes", 0, 0, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Use StartTLS on ldap:// connections; without it only servers on this computer are accepted" },
	{ "directory_ca", NULL, OPT_PATH, AT(directory_ca), "/etc/ssl/certs/ca-certificates.crt", 0, PATH_MAX_CHARS, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "PEM file of the authorities that may vouch for directory servers" },
	{ "directory_base", NULL, OPT_TEXT, AT(directory_base), "", 0, DN_MAX, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "DN below which people are searched (empty: the directory's own root)" },
	{ "directory_bind", NULL, OPT_WORD, AT(directory_bind), "simple", 0, 0, "simple|external|gssapi", OPT_REOPEN, OPT_DIRECTORY,
	  "How the service signs in to the directory: with a password, as its own user over ldapi, or with a keytab" },
	{ "directory_user", NULL, OPT_TEXT, AT(directory_user), "", 0, DN_MAX, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "The service's DN in the directory (with AD also user@domain); the Kerberos principal with gssapi" },
	{ "directory_password_file", NULL, OPT_PATH, AT(directory_password_file), "", 0, PATH_MAX_CHARS, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "File whose first line is the password of directory_user; readable by the service alone" },
	{ "directory_keytab", NULL, OPT_PATH, AT(directory_keytab), "", 0, PATH_MAX_CHARS, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Kerberos keys of directory_user, for directory_bind = gssapi" },
	{ "directory_connections", NULL, OPT_UINT, AT(directory_connections), "8", 1, 256, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Most connections to the directory of each kind, for searches and for proving passwords" },
	{ "directory_timeout_ms", NULL, OPT_UINT, AT(directory_timeout_ms), "5000", 100, 60000, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Milliseconds to wait for a server of the directory before it counts as away" },
	{ "directory_address", NULL, OPT_TEXT, AT(directory_address), "", 0, 256, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Attributes that hold a person's mail address, preferred ones first (empty: as the kind of directory has them)" },
	{ "directory_logon", NULL, OPT_TEXT, AT(directory_logon), "", 0, 64, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Attribute that holds the logon name (empty: uid, or sAMAccountName with ad)" },
	{ "directory_filter", NULL, OPT_TEXT, AT(directory_filter), "", 0, 512, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "LDAP filter of entries that may sign in, in parentheses (empty: as the kind of directory has people)" },
	{ "directory_new_users", NULL, OPT_TEXT, AT(directory_new_users), "", 0, DN_MAX, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "DN below which /createuser makes entries (empty: ou=people, or CN=Users with ad, below the base)" },
	{ "directory_domains", NULL, OPT_TEXT, AT(directory_domains), "", 0, DN_MAX, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "DN below which the entries of mail domains are (empty: ou=winpop below the base)" },
	{ "directory_nt_hash", NULL, OPT_TEXT, AT(directory_nt_hash), "", 0, 64, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Attribute that holds the NT hash (empty: sambaNTPassword; never with ad)" },
	{ "directory_group", NULL, OPT_TEXT, AT(directory_group), "", 0, DN_MAX, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "DN of a group; only its members, directly or by other groups, may sign in (empty: everybody)" },
	{ "directory_memory", NULL, OPT_UINT, AT(directory_memory_s), "86400", 0, 2592000, NULL, OPT_REOPEN, OPT_DIRECTORY,
	  "Seconds for which mail to recipients seen before is accepted while the directory is away" },

	/* ---- mail ---- */
	{ "message_max", NULL, OPT_BYTES, AT(message_max_bytes), "100M", 1024, 16 * GIB, NULL, OPT_LIVE, OPT_MAIL,
	  "Largest message accepted, in octets or with K, M or G" },
	{ "expire", NULL, OPT_EXPIRE, AT(expire_days), "never", 0, 36500, NULL, OPT_LIVE, OPT_MAIL,
	  "Days after which fetched mail is removed, or never; a domain may have its own rule (winpop setexpire)" },
	{ "quota_bytes", NULL, OPT_BYTES, AT(quota_bytes), "0", 0, PIB, NULL, OPT_LIVE, OPT_MAIL,
	  "What a quota account without a limit of its own may hold, in octets or with K, M, G or T (0: any)" },
	{ "quota_messages", NULL, OPT_UINT, AT(quota_messages), "0", 0, UINT32_MAX, NULL, OPT_LIVE, OPT_MAIL,
	  "How many messages a quota account without a limit of its own may hold (0: any)" },
	{ "quota_warn", NULL, OPT_UINT, AT(quota_warn), "90", 0, 100, NULL, OPT_LIVE, OPT_MAIL,
	  "Percent of a limit at which its people get a warning by mail (0: never)" },
	{ "quota_warning", NULL, OPT_PATH, AT(quota_warning), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_MAIL,
	  "File with the text of that warning (empty: the text we bring)" },
	{ "quota_full", NULL, OPT_WORD, AT(quota_full), "refuse", 0, 0, "refuse|defer", OPT_LIVE, OPT_MAIL,
	  "What mail to a full mailbox gets: refused at once, so that its sender is told, or deferred until there is room" },

	/* ---- limits and times ---- */
	{ "idle_timeout", NULL, OPT_UINT, AT(idle_timeout_s), "600", 600, 86400, NULL, OPT_LIVE, OPT_LIMITS,
	  "Seconds a signed-in client may be silent" },
	{ "signin_timeout", NULL, OPT_UINT, AT(signin_timeout_s), "60", 5, 3600, NULL, OPT_LIVE, OPT_LIMITS,
	  "Seconds a client has to sign in" },
	{ "lmtp_timeout", NULL, OPT_UINT, AT(lmtp_timeout_s), "300", 5, 86400, NULL, OPT_LIVE, OPT_LIMITS,
	  "Seconds an LMTP client may be silent" },
	{ "workers", NULL, OPT_UINT, AT(workers), "16", 1, 256, NULL, OPT_RESTART, OPT_LIMITS,
	  "Threads for work that may wait, as many each for sign-in, for mailboxes and for delivery" },
	{ "drain", NULL, OPT_UINT, AT(drain_s), "30", 0, 3600, NULL, OPT_LIVE, OPT_LIMITS,
	  "Seconds that a stop waits for sessions to end" },

	/* ---- process ---- */
	{ "user", NULL, OPT_TEXT, AT(user), "winpop", 0, 32, NULL, OPT_RESTART, OPT_PROCESS,
	  "Account that the service becomes when root starts it (empty: stays)" },
	{ "group", NULL, OPT_TEXT, AT(group), "winpop", 0, 32, NULL, OPT_RESTART, OPT_PROCESS,
	  "Group that the service becomes when root starts it (empty: stays)" },
	{ "log_to", NULL, OPT_WORD, AT(log_to), "stderr", 0, 0, "stderr|syslog|journal", OPT_RESTART, OPT_PROCESS,
	  "Where the log goes" },

	/* ---- the console: winpop console reads them, winpopd only what is about metrics ---- */
	{ "console_address", NULL, OPT_TEXT, AT(console_address), "127.0.0.1 ::1", 1, 1024, NULL, OPT_LIVE, OPT_CONSOLE,
	  "Addresses that the console listens on, separated by blanks; * is all; taken at its next start", check_addresses },
	{ "console_port", NULL, OPT_UINT, AT(console_port), "8443", 1, 65535, NULL, OPT_LIVE, OPT_CONSOLE,
	  "Port of the console, always with TLS; taken at its next start" },
	{ "console_certificate", NULL, OPT_PATH, AT(console_certificate), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_CONSOLE,
	  "PEM file with the console's certificate and its chain (empty: tls_cert)" },
	{ "console_key", NULL, OPT_PATH, AT(console_key), "", 0, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_CONSOLE,
	  "PEM file with the key of console_certificate (empty: tls_key)" },
	{ "console_user", NULL, OPT_TEXT, AT(console_user), "winpop-console", 0, 32, NULL, OPT_LIVE, OPT_CONSOLE,
	  "Account that the console's half which talks to browsers becomes when root starts it; not root" },
	{ "console_rights", NULL, OPT_PATH, AT(console_rights), "/etc/winpop/console.rights", 1, PATH_MAX_CHARS, NULL, OPT_LIVE, OPT_CONSOLE,
	  "File that says who may sign in to the console, and for which domains" },
	{ "console_idle", NULL, OPT_UINT, AT(console_idle_s), "900", 60, 86400, NULL, OPT_LIVE, OPT_CONSOLE,
	  "Seconds after which somebody who does nothing is signed out of the console" },
	{ "create_user", NULL, OPT_BOOL, AT(create_user), "yes", 0, 0, NULL, OPT_LIVE, OPT_CONSOLE,
	  "Always create an associated user for new mailboxes: what the console proposes" },
	{ "metrics_address", NULL, OPT_TEXT, AT(metrics_address), "127.0.0.1", 1, 1024, NULL, OPT_LIVE, OPT_CONSOLE,
	  "Addresses that winpopd tells metrics and health at, by HTTP without a password, separated by blanks; * is all", check_addresses },
	{ "metrics_port", NULL, OPT_UINT, AT(metrics_port), "0", 0, 65535, NULL, OPT_LIVE, OPT_CONSOLE,
	  "Port for that, above 1023 (0: off)" },
};
/* clang-format on */
const size_t n_options = sizeof(options) / sizeof(*options);

const struct option *option_find(const char *name)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		if (strcasecmp(o->name, name) == 0 || (o->alias && !strcasecmp(o->alias, name)))
			return o;
	}
	return NULL;
}

#define NAME_CMP_MAX 32 /* longer than any option's name */

static char folded(char c) /* '-' for '_' is not even half a mistake */
{
	return c == '-' ? '_' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein's distance, one row at a time; both at most NAME_CMP_MAX long. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_CMP_MAX + 1];
	size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 1; j <= n; j++) {
			unsigned up = row[j];
			unsigned change = diagonal + (folded(a[i]) != folded(b[j - 1]));
			row[j] = least(up + 1, row[j - 1] + 1, change);
			diagonal = up;
		}
	}
	return row[n];
}

const struct option *option_nearest(const char *name)
{
	const struct option *best = NULL;
	size_t len = strlen(name);
	unsigned limit = len < 6 ? 2 : 3; /* as many mistakes as one may call a misspelling */

	if (len > NAME_CMP_MAX)
		return NULL;
	for (size_t i = 0; i < n_options; i++) {
		unsigned d = distance(name, options[i].name);
		if (d <= limit) {
			limit = d > 0 ? d - 1 : 0;
			best = &options[i];
		}
	}
	return best;
}
