/* setup_found.h - what this computer is and has, as far as that gives the questions of the wizard their defaults.
 *
 * Nobody is asked but this computer's resolver. Thread: one at a time. Owner: everything lives in the arena, but for conf.
 */
#pragma once
#include <stdbool.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/conf/conf.h"

/* A directory that other programs of this computer use. */
struct found_directory {
	const char *kind;    /* "ad", "openldap"; NULL: none */
	const char *servers; /* as in directory_servers */
	const char *base;    /* "" if it is not said */
	const char *where;   /* the file that says so */
	bool controller;     /* it is a domain controller of it */
};

struct found {
	const char *host;   /* full name; "" if it has none */
	const char *domain; /* what it ends with; "" */
	struct found_directory directory;
	const char *cert, *key; /* that somebody vouches for; NULL: none */
	const char *admins;     /* a group of this computer whose members administer it */
	bool postfix;           /* is installed */
	bool systemd;           /* runs */

	struct conf *
		conf; /* the settings there are, else those that were removed, else NULL; to be dropped */
	const char *conf_text; /* of that file; "" */
	const char *conf_from; /* its path */
	bool in_role;          /* they are where the service finds them: this is a mail server */
};

/* Settings that were put aside by `setup /remove`. */
const char *found_removed(struct arena *mem, const char *conf_path);
/* EC_BROKEN: there are settings that cannot be read. */
enum ec found_all(struct arena *mem, const char *conf_path, struct found *out, struct err *e);
void found_drop(struct found *f);

/* Pure: the texts of smb.conf(5) and ldap.conf(5). Unchanged if they name no directory. */
void found_in_smb_conf(struct arena *mem, const char *text, struct found_directory *out);
void found_in_ldap_conf(struct arena *mem, const char *text, struct found_directory *out);
