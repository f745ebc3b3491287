/* backends.c - which backend the settings mean.
 *
 * A plain sequence instead of a registry: there are three contracts and a handful of backends, and reading this function
 * answers every question about what a configuration opens, in which order, and what is undone when a step fails. The catalog
 * comes before the accounts, because a directory asks it which of a person's addresses has the mailbox.
 */
#include "server/backends/backends.h"
#include "server/backends/owners.h"

static enum ec open_local(const struct conf *c, const struct log *log, struct backends *b,
			  struct err *e)
{
	const struct accounts_system_setup setup = {
		.pam_service = c->pam_service,
		.group = c->local_group,
	};

	if (owners_possible())
		owners_set(b->store, b->catalog);
	return accounts_system_open(b->root, &setup, log, &b->accounts, e);
}

static enum ec open_accounts(const struct conf *c, const struct log *log, struct backends *b,
			     struct err *e)
{
	switch (c->authentication) {
	case AUTHN_AD: return dir_accounts_open(b->dir, b->catalog, &b->accounts, e);
	case AUTHN_LOCAL: return open_local(c, log, b, e);
	case AUTHN_FILE: break;
	}
	enum ec rc = keyring_open(c->key_file, &b->ring, e);
	return rc == EC_OK ? accounts_file_open(b->root, b->ring, log, &b->accounts, e) : rc;
}

static enum ec open_directory(const struct conf *c, const struct dir_identity *as,
			      const struct log *log, struct backends *b, struct err *e)
{
	if (c->authentication == AUTHN_AD || c->catalog == CATALOG_DIRECTORY)
		return dir_open(c, as, log, &b->dir, e);
	return as ? err_set(e, EC_USAGE, "there is no directory to sign in to as %.80s", as->user)
		  : EC_OK;
}

static enum ec open_catalog(const struct conf *c, struct backends *b, struct err *e)
{
	enum ec rc = mailroot_open(c->mailroot, &b->root, e);

	if (rc != EC_OK)
		return rc;
	return c->catalog == CATALOG_DIRECTORY ? dir_catalog_open(b->dir, b->root, &b->catalog, e)
					       : catalog_local_open(b->root, &b->catalog, e);
}

enum ec backends_open(const struct conf *c, const struct dir_identity *as, const struct log *log,
		      struct backends *out, struct err *e)
{
	*out = (struct backends){ 0 };
	enum ec rc = open_directory(c, as, log, out, e);
	if (rc == EC_OK)
		rc = open_catalog(c, out, e);
	if (rc == EC_OK)
		rc = store_files_open(out->root, log, true, &out->store, e);
	if (rc == EC_OK)
		rc = open_accounts(c, log, out, e);
	if (rc == EC_OK)
		limits_open(out->root, out->accounts, &out->limits);
	else
		backends_close(out);
	return rc;
}

enum ec backends_open_catalog(const struct conf *c, const struct log *log, struct backends *out,
			      struct err *e)
{
	enum ec rc = EC_OK;

	*out = (struct backends){ 0 };
	if (c->catalog == CATALOG_DIRECTORY)
		rc = dir_open(c, NULL, log, &out->dir, e);
	if (rc == EC_OK)
		rc = open_catalog(c, out, e);
	if (rc != EC_OK)
		backends_close(out);
	return rc;
}

void backends_close(struct backends *b)
{
	limits_close(&b->limits);
	if (b->accounts)
		b->accounts->ops->close(&b->accounts);
	keyring_close(&b->ring);
	if (b->catalog)
		b->catalog->ops->close(&b->catalog);
	if (b->store)
		b->store->ops->close(&b->store);
	mailroot_close(&b->root);
	dir_close(&b->dir);
}
