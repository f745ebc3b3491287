/* backends.h - the one list of concrete backends: settings in, the three contracts out.
 *
 * Programs start from here; nobody else names a backend. Thread: any; may block.
 */
#pragma once
#include "server/accounts/accounts.h"
#include "server/accounts/keyring.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/store/mailroot.h"
#include "server/store/store.h"

struct backends {
	struct mailroot *root;
	struct keyring *ring; /* NULL unless the password file is in use */
	struct store *store;
	struct catalog *catalog;
	struct accounts *accounts;
};
/* All or nothing. EC_REFUSED: the authentication method is not built into this version. log is lent for the handle's life. */
enum ec backends_open(const struct conf *c, const struct log *log, struct backends *out,
		      struct err *e);
void backends_close(struct backends *b);
