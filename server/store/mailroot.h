/* mailroot.h - paths and names in the mail root, as the original laid it out.
 *
 *	mailroot/example.com/P3_kim.mbx/P3….eml     messages
 *	                              /lock quota password index    ours: dot-less, never *.eml
 *	mailroot/example.com/lock                    the domain's lock
 *
 * A tree copied from the original works as it is, in any letter case; new names are lower case. Nothing is followed out of the
 * root (no symbolic links below it). A mailbox is made as a draft beside its place and renamed into it: whole or not at all.
 * Removal renames out of sight first, then deletes: gone at once, resumable after a crash (mailroot_sweep).
 * Thread: any; every call may block. Owner: handles are closed by their maker.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/name.h"

struct stat;
struct mailroot;
struct draft;

/* EC_ABSENT: there is no such directory. */
enum ec mailroot_open(const char *path, struct mailroot **out, struct err *e);
void mailroot_close(struct mailroot **root);
/* Directory descriptors (O_DIRECTORY|O_CLOEXEC) of a domain or a mailbox; EC_ABSENT if not there. The caller closes. */
enum ec mailroot_dir(struct mailroot *root, const struct name *n, int *fd, struct err *e);
/* The same for event loops: found in memory or not at all (-1, whatever the reason), and only as we spell it. */
int mailroot_dir_now(struct mailroot *root, const struct name *n);
/* A file in there, for reading: likewise, and ENOENT says that file or directory is missing, if only by our spelling. */
int mailroot_file_now(struct mailroot *root, const struct name *n, const char *file);
/* Is there a directory of that name, as we spell it? Does not wait for one that was looked into a moment ago. */
bool mailroot_there(struct mailroot *root, const struct name *n);
/* Does the name, as we spell it, lead to the directory that st is of? Does not wait for one that is open. */
bool mailroot_leads_to(struct mailroot *root, const struct name *n, const struct stat *st);

enum ec mailroot_add_domain(struct mailroot *root, const struct name *domain, struct err *e);
/* Domain (with all its mail) or mailbox. EC_LOCKED while a session holds it (any mailbox of it). */
enum ec mailroot_remove(struct mailroot *root, const struct name *n, struct err *e);
/* Names in order; stops when fn returns false. domain NULL: domains. What is no name by name.h's widest rule is passed over. */
enum ec mailroot_each(struct mailroot *root, const struct name *domain,
		      bool (*fn)(void *ctx, const struct name *), void *ctx, struct err *e);
/* Removes drafts and removals that a crash left: all that nobody holds, or only those older than an hour (all = false; and
 * always so for temporary files). Safe beside others at work. Returns how many. */
unsigned mailroot_sweep(struct mailroot *root, bool all);

/* An unfinished mailbox. Put small files in, then commit: EC_EXISTS if the mailbox is there by then. */
enum ec draft_begin(struct mailroot *root, const struct name *mailbox, struct draft **out,
		    struct err *e);
/* Its directory, lent: for files that are too many or too large to be put; the commit makes durable their names alone. */
int draft_dir(const struct draft *d);
enum ec draft_put(struct draft *d, const char *file, const void *p, size_t len, struct err *e);
enum ec draft_commit(struct draft **d,
		     struct err *e); /* durable when EC_OK; frees the draft in any case */
void draft_drop(struct draft **d);   /* leaves nothing behind */

/* For those who keep files in there (store, catalog, accounts). What root makes belongs to the mail root's owner, so that the
 * service can use what an administrator's program made. */
int mailroot_own(const struct mailroot *root, int fd, unsigned mode); /* 0, or -1 with errno */
/* Like file.h, but a symbolic link is EC_BROKEN, and the new file is owned as above before it is seen. */
enum ec mailroot_read(struct arena *a, int dirfd, const char *file, size_t max_bytes, char **out,
		      size_t *len, struct err *e);
enum ec mailroot_replace(struct mailroot *root, int dirfd, const char *file, const void *p,
			 size_t len, unsigned mode, struct err *e);
/* EC_OK also if it was not there; durable. */
enum ec mailroot_unlink(int dirfd, const char *file, struct err *e);
/* The draft closes fd when it ends, committed or dropped: a lock that must outlast it. */
void draft_hold(struct draft *d, int fd);
