/* dir.h - an LDAP directory: OpenLDAP or Active Directory behind accounts and catalog.
 *
 * One struct dir per process (two while an administrator acts under a name of his own): settings, servers, connections.
 * What it is used for is in the two contracts that it implements; nobody outside this folder sees LDAP.
 *
 * Thread:  every call and every slot may block, for at most directory_timeout_ms per server; any number at once.
 * Owner:   the settings, the log, the catalog and the mail root are lent and outlive it.
 * Failure: EC_TEMP the directory is away (at once while it is known to be); EC_DENIED, EC_REFUSED it said no;
 *          EC_BROKEN settings, certificate, rights or schema: the text says what to mend.
 */
#pragma once
#include <stdbool.h>
#include "server/accounts/accounts.h"
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/secret.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"

struct dir;

/* An administrator who acts under his own name; a DN, or with AD also user@domain or DOMAIN\user. Copied. */
struct dir_identity {
	const char *user;
	const struct secret *password;
};

/* Does not connect: a service starts while its directory is away. as NULL: the service's own identity. */
enum ec dir_open(const struct conf *c, const struct dir_identity *as, const struct log *log,
		 struct dir **out, struct err *e);
void dir_close(struct dir **d); /* after what was opened on it */

/* catalog: tells which of a person's addresses has the mailbox. */
enum ec dir_accounts_open(struct dir *d, struct catalog *catalog, struct accounts **out,
			  struct err *e);
/* Mailbox directories appear in the mail root when a mailbox is first looked up. One without any domain, which may be a mount
 * point with nothing mounted, is not used unless it holds this file (winpop init). */
#define DIR_MARK ".winpop"
enum ec dir_catalog_open(struct dir *d, struct mailroot *root, struct catalog **out, struct err *e);

/* Servers, certificate, identity, rights, schema, one by one. good false: remedy says what to do. EC_OK if all were good;
 * else the class of the worst. */
typedef void dir_finding(void *ctx, bool good, const char *what, const char *remedy);
enum ec dir_check(struct dir *d, dir_finding *fn, void *ctx, struct err *e);

struct dir_server_now {
	const char *uri; /* lives as long as the dir */
	bool up;
	unsigned connections;
};
/* At most max of them, in order of preference; returns how many there are. */
unsigned dir_now(struct dir *d, struct dir_server_now *out, unsigned max);

/* The naming context it serves, spelled the one way: which directory this is, whatever server answers. Lives in mem. */
enum ec dir_context(struct dir *d, struct arena *mem, const char **out, struct err *e);
