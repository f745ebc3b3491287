/* backends.h - the one list of concrete backends: settings in, the three contracts out.
 *
 * Programs start from here; nobody else names a backend. Thread: any; may block.
 */
#pragma once
#include "ldap/dir.h"
#include "server/accounts/accounts.h"
#include "server/accounts/keyring.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/quota/limits.h"
#include "server/store/mailroot.h"
#include "server/store/store.h"

struct backends {
	struct dir *dir; /* NULL: neither accounts nor catalog is in a directory */
	struct mailroot *root;
	struct keyring *ring; /* NULL unless the password file is in use */
	struct store *store;
	struct catalog *catalog;
	struct accounts *accounts;
	struct limits *limits;
};
/* All or nothing. as: who acts in the directory, NULL = the service itself; EC_USAGE if there is no directory. Settings and
 * log are lent until it is closed. */
enum ec backends_open(const struct conf *c, const struct dir_identity *as, const struct log *log,
		      struct backends *out, struct err *e);
/* Root, catalog and what they need; no store, accounts and limits. For asking which mailboxes there are where nobody's password can be
 * asked about any more. */
enum ec backends_open_catalog(const struct conf *c, const struct log *log, struct backends *out,
			      struct err *e);
void backends_close(struct backends *b);
