/* freename.h - a logon name that nobody has, for a new account. Private to ldap/. Thread: any; may block. */
#pragma once
#include "ldap/conn.h"
#include "ldap/logonname.h"
#include "server/accounts/accounts.h"

struct free_name {
	const char *base; /* where it must be the only one */
	const char *attr, *mark_attr;
	const struct logon_rule *rule;
	const struct account_wish *wish;
	/* Makes the account under this name. EC_EXISTS: something of it is there already. */
	enum ec (*make)(void *ctx, const char *logon, struct err *e);
	void *ctx;
};

/* The first choice that is free and promised to nobody. */
enum ec free_name_find(struct dir_conn *c, const struct free_name *f, char out[LOGON_NAME_MAX + 1],
		       struct err *e);
/* The first that could be made, too. */
enum ec free_name_make(struct dir_conn *c, const struct free_name *f, struct err *e);

/* Is there an entry with this value? EC_ABSENT: there is no such base. */
enum ec value_taken(struct dir_conn *c, const char *base, int scope, const char *attr,
		    const char *value, bool *out, struct err *e);
