/* directory.h - a catalog in a directory, on a server that the tests share: each world has a subtree of its own. */
#pragma once
#include "ldap/person.h"
#include "tests/unit/store/tree.h"

struct directory {
	char base[64]; /* ou=wN,dc=test; people below ou=people, domains below ou=winpop */
	struct conf *conf;
	struct dir *dir;
};

/* Once per program; the first world starts the server. */
void directory_stop_server(void);
/* Before the first world: the server has the schema from before there were holds. */
void directory_use_old_schema(void);
void directory_kill_server(void);  /* the process; its data stay */
void directory_again_server(void); /* after that: as it was */

/* With the domain example.com and the mailbox kim@example.com. more: further lines of the settings. */
void directory_open(struct directory *w, const struct tree *tree, const char *more,
		    struct catalog **out);
/* A further catalog on the same entries, as another host has it. */
void directory_open_again(const struct directory *w, struct mailroot *root, struct dir **dir,
			  struct catalog **out);
void directory_close(struct directory *w);

/* uid=LOCAL.DOMAIN,ou=people with mail: ADDRESS; does nothing if it is there. */
void directory_person(struct directory *w, const char *address);
/* rdn "" is the base itself; lines "attr: value". */
void directory_add(struct directory *w, const char *rdn, const char *lines);
/* With the administrator's own tools: "add", "delete" or "replace"; value NULL: the whole attribute. */
void directory_modify(struct directory *w, const char *rdn, const char *how, const char *attr,
		      const char *value);
void directory_delete(struct directory *w, const char *rdn);
/* Does the entry have this value? */
bool directory_has(struct directory *w, const char *rdn, const char *attr, const char *value);
/* rdn of a person: "uid=kim.example.com,ou=people" */
const char *directory_rdn(const char *address, char out[300]);
