/* purge.c - the end of the encrypted password file, once people sign in elsewhere.
 *
 * Records first, keys last: whoever is interrupted can run it again, and only when it is through are the copies worthless that
 * somebody may have of the mail root. The mail root itself is walked and no catalog is asked, since that may be a directory which
 * no longer knows every mailbox that has a record. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/accounts/accounts.h"
#include "server/accounts/record.h"

struct purge {
	struct mailroot *root;
	void (*fn)(void *ctx, const struct name *, const struct err *);
	void *ctx;
	struct purge_result *out;
	enum ec rc;
	struct err *e;
};

static enum ec remove_record(int dir, bool *was_there, struct err *e)
{
	struct stat st;

	*was_there = fstatat(dir, RECORD_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
	return *was_there ? mailroot_unlink(dir, RECORD_FILE, e) : EC_OK;
}

static bool purge_mailbox(void *ctx, const struct name *n)
{
	struct purge *p = ctx;
	bool was_there = false;
	struct err why;
	int dir;
	enum ec rc = mailroot_dir(p->root, n, &dir, &why);

	if (rc == EC_ABSENT) /* deleted since it was listed */
		return true;
	if (rc == EC_OK) {
		rc = remove_record(dir, &was_there, &why);
		close(dir);
	}
	p->out->n_removed += rc == EC_OK && was_there;
	p->out->n_failed += rc != EC_OK;
	if (rc != EC_OK && p->fn)
		p->fn(p->ctx, n, &why);
	return true;
}

static bool purge_domain(void *ctx, const struct name *domain)
{
	struct purge *p = ctx;
	struct err why;
	enum ec rc = mailroot_each(p->root, domain, purge_mailbox, p, &why);

	if (rc != EC_OK && rc != EC_ABSENT)
		p->rc = err_set(p->e, rc, "%s", why.text);
	return p->rc == EC_OK;
}

enum ec accounts_file_purge(struct mailroot *root,
			    void (*fn)(void *ctx, const struct name *, const struct err *),
			    void *ctx, struct purge_result *out, struct err *e)
{
	struct purge p = { .root = root, .fn = fn, .ctx = ctx, .out = out, .e = e };

	*out = (struct purge_result){ 0 };
	mailroot_sweep(root, true); /* half-made mailboxes have records too */
	enum ec rc = mailroot_each(root, NULL, purge_domain, &p, e);
	return rc == EC_OK ? p.rc : rc;
}
