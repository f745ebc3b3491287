/* freename.h - a logon name that nobody has, for a new account. Private to ldap/. Thread: any; may block. */
#pragma once
#include "ldap/conn.h"
#include "ldap/logonname.h"

struct free_name {
	const char *base; /* where it must be the only one */
	const char *attr;
	const struct logon_rule *rule;
	const char *local; /* name of the mailbox */
	/* Makes the account under this name. EC_EXISTS: something of it is there already. */
	enum ec (*make)(void *ctx, const char *logon, struct err *e);
	void *ctx;
};

/* The first choice that is free and could be made. */
enum ec free_name_make(struct dir_conn *c, const struct free_name *f, struct err *e);

/* Is there an entry with this value? A base that is not there has none. */
enum ec value_taken(struct dir_conn *c, const char *base, int scope, const char *attr,
		    const char *value, bool *out, struct err *e);
