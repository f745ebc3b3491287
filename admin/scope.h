/* scope.h - how far a caller reaches: the server and every domain, or some domains and nothing else.
 *
 * A caller of some domains only (a delegate) is held in three places, so that no command has to remember it: names outside are
 * refused as they are read (wp_name and the others of cmd.h); catalog and accounts are narrowed, so that what a command walks
 * through or looks up holds nothing else; and what is about to be told is veiled where it names another domain (veil.h). He
 * cannot tell a domain that is not his from one that does not exist.
 *
 * Thread: one at a time. Owner: whoever made a scope keeps it for as long as a command runs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/backends/backends.h"
#include "server/base/err.h"

struct arena;
struct wp;
struct wp_args;
struct wp_caller;

/* Whose a command is; every row says it. */
enum wp_scope {
	WP_HOST = 1, /* those who have a shell on this host: no other front end runs it */
	WP_WHOLE,    /* administrators of the whole server */
	WP_DOMAIN,   /* delegates too, for their domains */
};

struct scope {
	bool whole; /* the server and every domain */
	size_t n_domains;
	const char *const *domains; /* as name.h has them: lower case, A-labels */
};

/* NULL is the shell's: everything. */
bool scope_is_whole(const struct scope *s);
bool scope_has(const struct scope *s, const char *domain);
/* Of what lives elsewhere; the arena's from now on. */
void scope_copy(struct arena *mem, const struct scope *from, struct scope *to);
bool scope_same(const struct scope *a, const struct scope *b); /* both sorted */
/* An account as quota files name it. A user of this computer is of no domain, so no delegate's. */
bool scope_has_account(const struct scope *s, const char *account);
/* EC_DENIED: domain is not his. */
enum ec scope_check(const struct scope *s, const char *domain, struct err *e);
/* May this caller (NULL: the shell) run this command at all? */
enum ec scope_admits(const struct wp_caller *by, const struct wp_args *a, struct err *e);

/* May he change this setting? */
enum ec scope_may_set(const struct wp_caller *by, const char *name, struct err *e);

/* For a delegate: narrows w->backends and veils w->out. w->everyone goes on to be all of the catalog. */
enum ec scope_narrow(struct wp *w, const struct wp_args *a, struct err *e);
/* What it is made of. Both take over what they narrow, and close it when they are closed; only is lent. Outside of it find says
 * EC_ABSENT, each passes over, and a change is EC_DENIED. A delegate makes and removes no domain, and has no business with an
 * account that is an administrator's. */
struct catalog *scope_catalog(struct catalog *all, const struct scope *only);
struct accounts *scope_accounts(struct accounts *all, const struct scope *only);
