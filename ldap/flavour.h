/* flavour.h - what differs between OpenLDAP and Active Directory: names of attributes, passwords, uniqueness.
 *
 * A flavour is a constant row of presets and a few functions; accounts.c and catalog.c hold all that is common.
 * Thread: any; functions that take a connection may block.
 */
#pragma once
#include "ldap/conn.h"
#include "ldap/logonname.h"
#include "ldap/person.h"

struct dir_names { /* presets, or the settings in their place */
	const char *
		address; /* attributes with a mailbox's address, blank-separated, preferred first */
	const char *logon;
	const char *filter;    /* entries that are people */
	const char *new_users; /* relative to the base; a setting is a whole DN: see dir_root */
	const char *domains;   /* likewise */
	const char *nt_hash; /* attributes, blank-separated, preferred first; "" = never revealed */
	const char *stamp;   /* attributes that change with the password; the first that is there */
	const char *implied; /* one of the addresses that says nothing about mail; "" = none */
};

struct new_person {
	const struct account_wish *wish;
	const struct secret *password;
};

struct flavour {
	const char *name;
	struct dir_names names;
	const char *mark;               /* attribute that keeps account_wish.mark */
	const char *changed;            /* attribute with the time of the last change of password */
	bool nested_group_rule;         /* 1.2.840.113556.1.4.1941 */
	const char *const *state_attrs; /* what read_state looks at; ends with NULL */
	/* Completes a root whose base and context are known. */
	enum ec (*learn)(struct dir *d, struct dir_conn *c, struct dir_root *root, struct err *e);
	/* enabled, admin, as far as the entry itself tells */
	void (*read_state)(const struct dir_root *root, struct dir_entry *en, struct account *out);
	/* Would create succeed, as far as reading tells, and with what logon name? */
	enum ec (*plan)(struct dir *d, struct dir_conn *c, const struct account_wish *wish,
			char logon[LOGON_NAME_MAX + 1], struct err *e);
	/* Adds an enabled account with its password, or leaves nothing. */
	enum ec (*create)(struct dir *d, struct dir_conn *c, const struct new_person *np,
			  struct err *e);
	enum ec (*set_password)(struct dir *d, struct dir_conn *c, const char *dn,
				const struct secret *pass, struct err *e);
};
extern const struct flavour flavour_openldap, flavour_ad;
