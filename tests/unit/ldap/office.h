/* office.h - a subtree of a real OpenLDAP for each test, opened as accounts: one server serves them all. */
#pragma once
#include "tests/unit/ldap/people.h"
#include "tests/unit/ldap/slapd.h"

struct office {
	struct people p;
	char base[64];       /* ou=oN,dc=test */
	char people[80];     /* ou=people,ou=oN,dc=test */
	char settings[1024]; /* of winpop.conf */
};

extern struct dir_conn *office_admin; /* the server's administrator */

/* Group setup and teardown: a server with our schema, a password policy, and a service with the right to write. */
int office_start(void **state);
int office_start_old(void **state); /* with our schema as it was before accounts had limits */
int office_stop(void **state);
void office_kill_server(void); /* for good */
/* For each test; *state is a struct office. */
int office_open(void **state);
int office_close(void **state);

/* The same office with further lines in its settings. */
void office_reopen(struct office *o, const char *more);
/* With the group that members only sign in of. */
void office_require(struct office *o, const char *group);

/* An entry RDN,base with those lines (people_add_entry). */
void office_add(struct office *o, const char *rdn, const char *lines);
/* A person as somebody else made it; more: further lines. */
void office_add_person(struct office *o, const char *uid, const char *password, const char *more);
void office_add_group(struct office *o, const char *name, const char *class, const char *attr,
		      const char *member);
const char *office_dn(const struct office *o, const char *uid, char out[160]);
const char *office_group_dn(const struct office *o, const char *name, char out[160]);
void office_put(const char *dn, const char *attr, const char *value); /* people_put */
