/* home.c - directories that appear because the directory says so.
 *
 * Several may want the same one at once, on one host or on several with one mail root: whoever comes second finds it there, and
 * that is as good as having made it.
 */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "ldap/dir.h"
#include "ldap/home.h"

bool home_has(struct mailroot *root, const struct name *n)
{
	int fd;

	if (mailroot_dir(root, n, &fd, NULL) != EC_OK)
		return false;
	close(fd);
	return true;
}

static bool stop_at_first(void *ctx, const struct name *n)
{
	(void)n;
	*(bool *)ctx = true;
	return false;
}

static bool is_marked(const char *path)
{
	char mark[PATH_MAX];

	snprintf(mark, sizeof(mark), "%s/" DIR_MARK, path);
	return access(mark, F_OK) == 0;
}

static enum ec doubt_emptiness(struct mailroot *root, const char *path, struct err *e)
{
	bool any = is_marked(path);
	enum ec rc = any ? EC_OK : mailroot_each(root, NULL, stop_at_first, &any, e);

	if (rc == EC_OK && !any)
		rc = err_set(e, EC_TEMP,
			     "mail root %s is empty: is it mounted? If it is new, run winpop init",
			     path);
	return rc;
}

static enum ec make_domain(struct mailroot *root, const struct name *n, struct err *e)
{
	struct name domain = *n;

	domain.local[0] = '\0';
	enum ec rc = mailroot_add_domain(root, &domain, e);
	return rc == EC_EXISTS ? EC_OK : rc;
}

static enum ec make_mailbox(struct mailroot *root, const struct name *n, struct err *e)
{
	struct draft *draft = NULL;
	enum ec rc = draft_begin(root, n, &draft, e);

	if (rc == EC_OK)
		rc = draft_commit(&draft, e);
	return rc == EC_EXISTS ? EC_OK : rc;
}

enum ec home_make(struct mailroot *root, const char *path, const struct name *n, bool first,
		  struct err *e)
{
	int fd;
	enum ec rc = mailroot_dir(root, n, &fd, e);

	if (rc == EC_OK)
		close(fd);
	if (rc != EC_ABSENT)
		return rc;
	rc = first ? EC_OK : doubt_emptiness(root, path, e);
	if (rc == EC_OK)
		rc = make_domain(root, n, e);
	return rc == EC_OK && !name_is_domain(n) ? make_mailbox(root, n, e) : rc;
}

struct probe {
	struct mailroot *root;
	struct err *e;
	enum ec rc;
};

static bool probe_one(void *ctx, const struct name *n)
{
	struct probe *p = ctx;
	struct claim claim;

	p->rc = claim_take(p->root, n, &claim, p->e);
	if (p->rc == EC_OK)
		claim_drop(&claim);
	return p->rc != EC_LOCKED;
}

enum ec home_probe(struct mailroot *root, const struct name *domain, struct err *e)
{
	struct probe p = { .root = root, .e = e };
	enum ec rc = mailroot_each(root, domain, probe_one, &p, e);

	if (rc == EC_ABSENT) /* no directory, no sessions */
		return EC_OK;
	/* What cannot be claimed for another reason nobody holds either; removing it tells. */
	return rc == EC_OK && p.rc == EC_LOCKED ? EC_LOCKED : rc;
}
