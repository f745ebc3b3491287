/* mailroot.c - the mail root's handle: from names to directories, and the small files in them.
 *
 * The two steps domain and mailbox are one openat2(2) when both are spelled our way, which is what
 * nearly every call is. Only a miss goes step by step and asks for other spellings (oddcase.h). /
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/store/beneath.h"
#include "server/store/dirlist.h"
#include "server/store/mailtree.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY)

enum ec mailroot_open(const char *path, struct mailroot **out, struct err *e)
{
	int fd = open(path, DIR_FLAGS | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "mail root %s", path);
	struct mailroot *root = mem_new(sizeof(*root));
	root->fd = fd;
	root->path = mem_strz(path);
	root->odd = oddcase_new();
	*out = root;
	return EC_OK;
}

void mailroot_close(struct mailroot **root)
{
	if (!*root)
		return;
	close((*root)->fd);
	oddcase_free(&(*root)->odd);
	free((*root)->path);
	free(*root);
	*root = NULL;
}

void tree_entry(const struct name *n, char out[NAME_MAX + 1])
{
	if (name_is_domain(n))
		strcpy(out, n->domain);
	else
		sprintf(out, "P3_%s.mbx", n->local);
}

int tree_open_entry(struct mailroot *root, int dirfd, const char *entry, char actual[NAME_MAX + 1])
{
	char lower[NAME_MAX + 1];
	int fd = beneath_open(dirfd, entry, DIR_FLAGS, 0);

	strcpy(actual, entry);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	strcpy(lower, entry);
	oddcase_fold(lower);
	if (!oddcase_find(root->odd, dirfd, lower, actual))
		return -1;
	return beneath_open(dirfd, actual, DIR_FLAGS, 0);
}

enum ec tree_cannot_open(const struct name *n, struct err *e)
{
	const char *kind = name_is_domain(n) ? "domain" : "mailbox";
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	if (errno == ENOENT)
		return err_set(e, EC_ABSENT, "there is no %s %s", kind, text);
	if (errno == ELOOP || errno == EXDEV)
		return err_set(e, EC_BROKEN,
			       "%s %s is a symbolic link: nothing is followed out of the mail root",
			       kind, text);
	if (errno == ENOTDIR)
		return err_set(e, EC_BROKEN, "%s %s is not a directory in the mail root", kind,
			       text);
	return err_sys(e, "cannot open %s %s", kind, text);
}

/* "No such mailbox" makes mail bounce: never said because everything is gone. */
static bool is_removed(const struct mailroot *root)
{
	struct stat st;

	return fstat(root->fd, &st) == 0 && st.st_nlink == 0;
}

enum ec tree_open_parent(struct mailroot *root, const struct name *n, int *fd, struct err *e)
{
	char actual[NAME_MAX + 1];
	struct name domain = *n;

	domain.local[0] = '\0';
	if (is_removed(root))
		return err_set(e, EC_BROKEN, "mail root %s was removed: put it back and restart",
			       root->path);
	*fd = name_is_domain(n) ? openat(root->fd, ".", DIR_FLAGS | O_CLOEXEC)
				: tree_open_entry(root, root->fd, n->domain, actual);
	return *fd < 0 ? tree_cannot_open(&domain, e) : EC_OK;
}

#define USUAL_MAX (3 * (NAME_MAX + 1))

/* Both steps at once, as we spell them; and a file behind them, if there is a name for it. */
static const char *usual_path(const struct name *n, const char *file, char out[USUAL_MAX])
{
	char *end = stpcpy(out, n->domain);

	if (!name_is_domain(n))
		end = stpcpy(stpcpy(stpcpy(end, "/P3_"), n->local), ".mbx");
	if (file)
		stpcpy(stpcpy(end, "/"), file);
	return out;
}

int mailroot_dir_now(struct mailroot *root, const struct name *n)
{
	char path[USUAL_MAX];

	return beneath_open(root->fd, usual_path(n, NULL, path), DIR_FLAGS, BENEATH_CACHED);
}

int mailroot_file_now(struct mailroot *root, const struct name *n, const char *file)
{
	char path[USUAL_MAX];

	return beneath_open(root->fd, usual_path(n, file, path), O_RDONLY, BENEATH_CACHED);
}

bool mailroot_there(struct mailroot *root, const struct name *n)
{
	char path[USUAL_MAX];
	struct stat now;

	return fstatat(root->fd, usual_path(n, NULL, path), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(now.st_mode);
}

/* Links on the way do no harm: it is still the same directory, and that was opened without any. */
bool mailroot_leads_to(struct mailroot *root, const struct name *n, const struct stat *st)
{
	char path[USUAL_MAX];
	struct stat now;

	return fstatat(root->fd, usual_path(n, NULL, path), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

enum ec mailroot_dir(struct mailroot *root, const struct name *n, int *fd, struct err *e)
{
	char path[USUAL_MAX], entry[NAME_MAX + 1], actual[NAME_MAX + 1];
	int parent;

	*fd = beneath_open(root->fd, usual_path(n, NULL, path), DIR_FLAGS, 0);
	if (*fd >= 0)
		return EC_OK;
	if (errno != ENOENT)
		return tree_cannot_open(n, e);
	enum ec rc = tree_open_parent(root, n, &parent, e);
	if (rc != EC_OK)
		return rc;
	tree_entry(n, entry);
	*fd = tree_open_entry(root, parent, entry, actual);
	if (*fd < 0)
		rc = tree_cannot_open(n, e);
	close(parent);
	return rc;
}

void tree_side_name(char out[SIDE_NAME_MAX], const char *prefix)
{
	snprintf(out, SIDE_NAME_MAX, "%s%016jx", prefix, (uintmax_t)random_u64());
}

/* Held until its maker closes it: the sweep tells by the lock that somebody is at work. It may come between making and
 * locking; then the directory has lost its name. */
static bool hold_side(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return false;
	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* -2: the sweep took it. */
static int try_make_side(struct mailroot *root, int parent, const char *side)
{
	if (mkdirat(parent, side, 0700) < 0)
		return -1;
	int fd = beneath_open(parent, side, DIR_FLAGS, 0);
	bool lost = fd < 0 ? errno == ENOENT : !hold_side(fd);
	if (fd >= 0 && !lost && mailroot_own(root, fd, 0750) == 0)
		return fd;
	int failed = errno;
	if (fd >= 0)
		close(fd);
	unlinkat(parent, side, AT_REMOVEDIR);
	errno = failed;
	return lost ? -2 : -1;
}

int tree_make_side(struct mailroot *root, int parent, char side[SIDE_NAME_MAX], const char *prefix)
{
	int fd;

	do {
		tree_side_name(side, prefix);
		fd = try_make_side(root, parent, side);
	} while (fd == -2);
	return fd;
}

int tree_rename_new(int dirfd, const char *from, const char *to)
{
	struct stat st;

	if (renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* Not every file system knows the flag; without it only an empty directory could be
	 * replaced. */
	if (fstatat(dirfd, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(dirfd, from, dirfd, to);
}

enum ec mailroot_add_domain(struct mailroot *root, const struct name *domain, struct err *e)
{
	char actual[NAME_MAX + 1], side[SIDE_NAME_MAX];
	int there = tree_open_entry(root, root->fd, domain->domain, actual);
	enum ec rc = EC_OK;

	if (there >= 0) {
		close(there);
		return err_set(e, EC_EXISTS, "domain %s exists already", domain->domain);
	}
	if (errno != ENOENT)
		return tree_cannot_open(domain, e);
	int fd = tree_make_side(root, root->fd, side, DRAFT_PREFIX);
	if (fd < 0)
		return err_sys(e, "cannot make domain %s", domain->domain);
	if (tree_rename_new(root->fd, side, domain->domain) < 0) {
		rc = err_sys(e, "cannot make domain %s", domain->domain);
		unlinkat(root->fd, side, AT_REMOVEDIR);
	} else if (fsync(root->fd) < 0) {
		rc = err_sys(e, "cannot make domain %s durable", domain->domain);
	}
	close(fd);
	return rc;
}

int mailroot_own(const struct mailroot *root, int fd, unsigned mode)
{
	struct stat st;

	if (geteuid() == 0) {
		if (fstat(root->fd, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0)
			return -1;
	}
	return fchmod(fd, mode);
}

bool tree_entry_name(const char *entry, const struct name *domain, struct name *out)
{
	char text[NAME_MAX + 1 + NAME_DOMAIN_MAX + 1];
	size_t len = strlen(entry);

	if (!domain)
		return name_parse_domain(out, entry, len, NULL) == EC_OK &&
		       strcmp(out->domain, entry) == 0;
	if (len <= 7 || memcmp(entry, "p3_", 3) != 0 || strcmp(entry + len - 4, ".mbx") != 0)
		return false;
	if (memchr(entry, '@', len))
		return false;
	snprintf(text, sizeof(text), "%.*s@%s", (int)len - 7, entry + 3, domain->domain);
	return name_parse(out, text, strlen(text), NAME_FILE, NULL) == EC_OK;
}

static void keep_dirs_folded(struct dirlist *l, int dirfd)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (!dirlist_is_dir(l, i, dirfd))
			continue;
		oddcase_fold(dirlist_name(l, i));
		l->items[kept++] = l->items[i];
	}
	l->n = kept;
	dirlist_sort(l);
}

enum ec mailroot_each(struct mailroot *root, const struct name *domain,
		      bool (*fn)(void *ctx, const struct name *), void *ctx, struct err *e)
{
	struct dirlist l;
	int fd;
	enum ec rc = EC_OK;

	if (domain)
		rc = mailroot_dir(root, domain, &fd, e);
	else if ((fd = openat(root->fd, ".", DIR_FLAGS | O_CLOEXEC)) < 0)
		rc = err_sys(e, "cannot open the mail root");
	if (rc != EC_OK)
		return rc;
	if (dirlist_read(fd, NULL, &l) < 0)
		rc = err_sys(e, "cannot list %s", domain ? domain->domain : root->path);
	else
		keep_dirs_folded(&l, fd);
	close(fd);
	if (rc != EC_OK)
		return rc;
	for (size_t i = 0; i < l.n; i++) {
		struct name n;
		/* Two spellings of one name stand side by side now. */
		if (i > 0 && strcmp(dirlist_name(&l, i - 1), dirlist_name(&l, i)) == 0)
			continue;
		if (tree_entry_name(dirlist_name(&l, i), domain, &n) && !fn(ctx, &n))
			break;
	}
	dirlist_drop(&l);
	return EC_OK;
}
