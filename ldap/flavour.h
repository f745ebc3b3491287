/* flavour.h - what differs between OpenLDAP and Active Directory: names of attributes, passwords, uniqueness.
 *
 * A flavour is a constant row of presets and a few functions; accounts.c and catalog.c hold all that is common.
 * Thread: any; functions that take a connection may block.
 */
#pragma once
#include "ldap/conn.h"
#include "ldap/person.h"

struct dir_names { /* presets, or the settings in their place */
	const char *address; /* attributes with a mailbox's address, blank-separated, preferred first */
	const char *logon;
	const char *filter;    /* entries that are people */
	const char *new_users; /* relative to the base */
	const char *domains;   /* relative to the base */
	const char *nt_hash;   /* "" = never revealed */
	const char *stamp;     /* attribute that changes with the password */
};

struct new_person {
	const struct name *name;
	const struct secret *password;
	const char *container; /* DN */
};

struct flavour {
	const char *name;
	struct dir_names names;
	bool nested_group_rule; /* 1.2.840.113556.1.4.1941 */
	/* Adds an enabled account with its password, or leaves nothing. logon: the name it got. */
	enum ec (*create)(struct dir_conn *c, const struct dir_names *n, const struct new_person *np,
			  struct err *e);
	enum ec (*set_password)(struct dir_conn *c, const struct dir_names *n, const char *dn,
				const struct secret *pass, struct err *e);
	/* enabled, admin, stamp out of the entry */
	void (*read_state)(struct dir_entry *en, struct account *out);
};
extern const struct flavour flavour_openldap, flavour_ad;
