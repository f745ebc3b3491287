/* removal.c - taking mailboxes and domains away: renamed out of sight first, then deleted at
 * leisure.
 *
 * A mailbox in use is not removed: its claim is taken first and kept until it is out of sight. A
 * domain's mailboxes are too many to hold all their claims (one descriptor each), so they are
 * probed one by one, the domain goes out of sight - from now on no claim can succeed, because
 * claim.c looks the name up again after locking - and they are probed once more. Only who claimed
 * between the two probes makes us put the domain back.
 *
 * What is out of sight is deleted, by us or by the next sweep. So whatever is not to be removed
 * after all leaves that name again: for its own, or, if that was given away meanwhile, for one that
 * no sweep takes (kept~). /
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/store/beneath.h"
#include "server/store/claim.h"
#include "server/store/dirlist.h"
#include "server/store/mailtree.h"
#include "server/store/tally.h"

#define DEPTH_MAX 8    /* a domain holds mailboxes, a mailbox files; deeper is somebody else's */
#define REMOVE_TRIES 8 /* a delivery that had the directory open may still put a file into it */
#define LEFT_S 3600

static int delete_below(int dirfd, const char *entry, unsigned depth);

static int delete_one(const struct dirlist *l, size_t i, int dirfd, unsigned depth)
{
	const char *name = dirlist_name(l, i);

	if (dirlist_is_dir(l, i, dirfd))
		return delete_below(dirfd, name, depth + 1);
	return unlinkat(dirfd, name, 0) == 0 || errno == ENOENT ? 0 : -1;
}

static int empty_dir(int fd, unsigned depth)
{
	struct dirlist l;
	int rc = 0;

	if (dirlist_read(fd, NULL, &l) < 0)
		return -1;
	for (size_t i = 0; i < l.n && rc == 0; i++)
		rc = delete_one(&l, i, fd, depth);
	int failed = errno;
	dirlist_drop(&l);
	errno = failed;
	return rc;
}

static int delete_below(int dirfd, const char *entry, unsigned depth)
{
	int rc = -1, failed;

	if (depth > DEPTH_MAX) {
		errno = ELOOP;
		return -1;
	}
	int fd = beneath_open(dirfd, entry, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	for (unsigned tries = 0; tries < REMOVE_TRIES && rc < 0; tries++) {
		if (empty_dir(fd, depth) < 0)
			break;
		rc = unlinkat(dirfd, entry, AT_REMOVEDIR);
		if (rc < 0 && errno == ENOENT)
			rc = 0;
		if (rc < 0 && errno != ENOTEMPTY)
			break;
	}
	failed = errno;
	close(fd);
	errno = failed;
	return rc;
}

int tree_delete(int dirfd, const char *entry)
{
	return delete_below(dirfd, entry, 0);
}

/* Its own name was given away, or cannot be had: it is kept beside it. */
static enum ec keep(int parent, const char *gone, const char *name, struct err *e)
{
	char kept[SIDE_NAME_MAX];

	tree_side_name(kept, KEPT_PREFIX);
	if (tree_rename_new(parent, gone, kept) < 0)
		return err_sys(e,
			       "%.80s is not removed, but its name cannot be given back: rename "
			       "%s, which stands beside it, before it is swept",
			       name, gone);
	if (fsync(parent) < 0)
		return err_sys(e, "cannot make it durable that %.80s is kept as %s", name, kept);
	return err_set(e, EC_BROKEN,
		       "%.80s is not removed, but its name was taken meanwhile: all it held is "
		       "kept beside it as %s",
		       name, kept);
}

/* It is not to be removed after all, as e says. */
static enum ec put_back(int parent, const char *gone, const char *actual, const struct name *n,
			enum ec why, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	if (tree_rename_new(parent, gone, actual) < 0)
		return keep(parent, gone, text, e);
	/* Or it would be found out of sight after a power cut. */
	if (fsync(parent) < 0)
		return err_sys(e, "cannot make it durable that %s is not removed", text);
	return why;
}

static enum ec hide(int parent, const char *entry, char gone[SIDE_NAME_MAX], const struct name *n,
		    struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	tree_side_name(gone, GONE_PREFIX);
	if (renameat(parent, entry, parent, gone) < 0)
		return err_sys(e, "cannot remove %s", name_text(n, text));
	if (fsync(parent) == 0)
		return EC_OK;
	enum ec rc = err_sys(e, "cannot make the removal of %s durable", name_text(n, text));
	return put_back(parent, gone, entry, n, rc, e);
}

/* What the name is called on disk; its parent's descriptor and its own. */
static enum ec find(struct mailroot *root, const struct name *n, char actual[NAME_MAX + 1],
		    int *parent, int *dir, struct err *e)
{
	char entry[NAME_MAX + 1];
	enum ec rc = tree_open_parent(root, n, parent, e);

	if (rc != EC_OK)
		return rc;
	tree_entry(n, entry);
	*dir = tree_open_entry(root, *parent, entry, actual);
	if (*dir < 0) {
		rc = tree_cannot_open(n, e);
		close(*parent);
	}
	return rc;
}

static struct scan_env env_of(struct mailroot *root)
{
	static const struct log silent = { 0 };

	return (struct scan_env){ .root = root, .log = &silent, .boot = index_boot_id() };
}

/* A mailbox's directory, open, and where it lies. */
struct found {
	int parent, dir;
	const char *entry;
	const struct name *mailbox;
};

/* Before it goes out of sight: should we die before its line in a quota ledger is dropped, nobody is refused for what is gone
 * (the sweep of the ledgers drops it one day). Should it stay after all, the next visit settles it. */
static void loosen_line(const struct scan_env *env, const struct found *m)
{
	struct index_hold h;
	struct tally t;

	index_take(&h, env->root, m->dir, env->boot);
	if (h.intact && h.head.ledger != 0) {
		index_begin(&h);
		tally_loosen(&t, env, &h, m->mailbox, h.head.ledger);
		tally_drop(&t);
		h.clean = false;
		index_end_unchanged(&h);
	}
	index_drop(&h);
}

/* With its line. The index is held meanwhile, so that a delivery that had the directory open waits, and then finds neither;
 * only one that makes a new index between our last two calls makes us begin again. */
static void delete_mailbox(const struct scan_env *env, const struct found *m)
{
	struct account_key key = account_of_mailbox(m->mailbox);
	bool gone = false;

	for (unsigned tries = 0; tries < REMOVE_TRIES && !gone; tries++) {
		struct index_hold h;
		index_take(&h, env->root, m->dir, env->boot);
		uint64_t account = h.intact ? h.head.ledger : 0;
		gone = empty_dir(m->dir, 0) == 0 &&
		       (unlinkat(m->parent, m->entry, AT_REMOVEDIR) == 0 || errno == ENOENT);
		index_drop(&h);
		if (account != 0)
			ledger_tell(env->root, env->boot, account, &key, NULL, NULL);
	}
}

static enum ec remove_mailbox(struct mailroot *root, const struct name *n, struct err *e)
{
	char actual[NAME_MAX + 1], gone[SIDE_NAME_MAX];
	int parent, dir;
	const struct scan_env env = env_of(root);
	struct claim claim;
	enum ec rc = find(root, n, actual, &parent, &dir, e);

	if (rc != EC_OK)
		return rc;
	rc = claim_take_dir(root, dir, &claim, e);
	if (rc == EC_OK) {
		const struct found m = { parent, dir, gone, n };
		loosen_line(&env, &m);
		rc = hide(parent, actual, gone, n, e);
		/* Out of sight is removed; should deleting fail half-way, the sweep goes on. */
		if (rc == EC_OK)
			delete_mailbox(&env, &m);
		claim_drop(&claim);
	}
	close(parent);
	return rc;
}

static bool is_mailbox(const char *name)
{
	size_t len = strlen(name);

	return len > 7 && strncasecmp(name, "P3_", 3) == 0 &&
	       strcasecmp(name + len - 4, ".mbx") == 0;
}

/* EC_LOCKED if one of the domain's mailboxes is held. */
static enum ec probe_claims(const struct mailroot *root, int domain, const struct name *n,
			    struct err *e)
{
	struct dirlist l;
	enum ec rc = EC_OK;

	if (dirlist_read(domain, is_mailbox, &l) < 0)
		return err_sys(e, "cannot list %s", n->domain);
	for (size_t i = 0; i < l.n && rc != EC_LOCKED; i++) {
		struct claim claim;
		int dir = beneath_open(domain, dirlist_name(&l, i), O_RDONLY | O_DIRECTORY, 0);
		if (dir < 0) /* gone, or no mailbox at all */
			continue;
		rc = claim_take_dir(root, dir, &claim, NULL);
		claim_drop(&claim);
		if (rc == EC_LOCKED)
			err_set(e, rc, "a session has %s of %s open", dirlist_name(&l, i),
				n->domain);
	}
	dirlist_drop(&l);
	return rc == EC_LOCKED ? rc : EC_OK;
}

static void each_mailbox(const struct scan_env *env, int domain, const struct name *n,
			 void (*fn)(const struct scan_env *, const struct found *))
{
	struct dirlist l;

	if (dirlist_read(domain, is_mailbox, &l) < 0)
		return;
	for (size_t i = 0; i < l.n; i++) {
		const char *entry = dirlist_name(&l, i);
		char lower[NAME_MAX + 1];
		struct name mailbox;
		int dir = beneath_open(domain, entry, O_RDONLY | O_DIRECTORY, 0);
		strcpy(lower, entry);
		oddcase_fold(lower);
		if (dir >= 0 && tree_entry_name(lower, n, &mailbox))
			fn(env, &(struct found){ domain, dir, entry, &mailbox });
		if (dir >= 0)
			close(dir);
	}
	dirlist_drop(&l);
}

static enum ec remove_domain(struct mailroot *root, const struct name *n, struct err *e)
{
	char actual[NAME_MAX + 1], gone[SIDE_NAME_MAX];
	int parent, dir;
	const struct scan_env env = env_of(root);
	enum ec rc = find(root, n, actual, &parent, &dir, e);

	if (rc != EC_OK)
		return rc;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		rc = err_set(e, EC_LOCKED, "%s is being removed already", n->domain);
	if (rc == EC_OK)
		rc = probe_claims(root, dir, n, e);
	if (rc == EC_OK) {
		each_mailbox(&env, dir, n, loosen_line);
		rc = hide(parent, actual, gone, n, e);
	}
	if (rc == EC_OK) {
		rc = probe_claims(root, dir, n, e);
		if (rc == EC_OK) {
			each_mailbox(&env, dir, n, delete_mailbox);
			tree_delete(parent, gone);
		} else {
			rc = put_back(parent, gone, actual, n, rc, e);
		}
	}
	close(dir);
	close(parent);
	return rc;
}

enum ec mailroot_remove(struct mailroot *root, const struct name *n, struct err *e)
{
	return name_is_domain(n) ? remove_domain(root, n, e) : remove_mailbox(root, n, e);
}

static bool is_side(const char *name)
{
	return strncmp(name, DRAFT_PREFIX, strlen(DRAFT_PREFIX)) == 0 ||
	       strncmp(name, GONE_PREFIX, strlen(GONE_PREFIX)) == 0 ||
	       strncmp(name, FILE_TEMP_PREFIX, strlen(FILE_TEMP_PREFIX)) == 0;
}

/* Whoever makes or removes a directory beside the names holds a lock on it. */
static bool is_abandoned(int dirfd, const char *name)
{
	int fd = beneath_open(dirfd, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return false;
	bool free_to_take = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return free_to_take;
}

/* ctime: the rename that hid a mailbox left its mtime alone. */
static bool is_left(int dirfd, const char *name, bool all)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (st.st_ctim.tv_sec + LEFT_S >= clock_wall_s() && !(all && S_ISDIR(st.st_mode)))
		return false;
	return !S_ISDIR(st.st_mode) || is_abandoned(dirfd, name);
}

static unsigned sweep_dir(int dirfd, bool all)
{
	struct dirlist l;
	unsigned n = 0;

	if (dirlist_read(dirfd, is_side, &l) < 0)
		return 0;
	for (size_t i = 0; i < l.n; i++) {
		const char *name = dirlist_name(&l, i);
		if (is_left(dirfd, name, all) && delete_one(&l, i, dirfd, 0) == 0)
			n++;
	}
	dirlist_drop(&l);
	return n;
}

struct sweep {
	struct mailroot *root;
	unsigned n;
	bool all;
};

static bool sweep_domain(void *ctx, const struct name *domain)
{
	struct sweep *s = ctx;
	int fd;

	if (mailroot_dir(s->root, domain, &fd, NULL) == EC_OK) {
		s->n += sweep_dir(fd, s->all);
		close(fd);
	}
	return true;
}

static unsigned sweep_quota(struct mailroot *root, bool all)
{
	int fd = beneath_open(root->fd, QUOTA_DIR, O_RDONLY | O_DIRECTORY, 0);
	unsigned n = fd < 0 ? 0 : sweep_dir(fd, all);

	if (fd >= 0)
		close(fd);
	return n;
}

unsigned mailroot_sweep(struct mailroot *root, bool all)
{
	struct sweep s = { .root = root, .all = all };

	s.n = sweep_dir(root->fd, all) + sweep_quota(root, all);
	mailroot_each(root, NULL, sweep_domain, &s, NULL);
	return s.n;
}
