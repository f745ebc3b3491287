/* mailtree.h - what the files that make up the mail root, with its quota directory, share; nobody else includes it. */
#pragma once
#include <limits.h>
#include "server/store/mailroot.h"
#include "server/store/oddcase.h"

/* '~' can stand in no domain name, and neither begins a mailbox directory: such entries are never
 * names. */
#define DRAFT_PREFIX "new~"
#define GONE_PREFIX "gone~"
#define KEPT_PREFIX "kept~" /* never swept: an administrator decides */
#define SIDE_NAME_MAX 32
#define QUOTA_DIR ".quota" /* what begins with a dot is no domain */

struct mailroot {
	int fd;
	char *path;
	struct oddcase *odd;
};

/* "P3_kim.mbx" or "example.com": how we write it. */
void tree_entry(const struct name *n, char out[NAME_MAX + 1]);
/* Turns an entry in lower case into the name it stands for; false if it stands for none. */
bool tree_entry_name(const char *entry, const struct name *domain, struct name *out);
/* Opens the entry in whatever case it is written; actual gets its spelling. -1 with errno. */
int tree_open_entry(struct mailroot *root, int dirfd, const char *entry, char actual[NAME_MAX + 1]);
/* The directory that holds n's: the domain's for a mailbox, the root's for a domain. */
enum ec tree_open_parent(struct mailroot *root, const struct name *n, int *fd, struct err *e);
enum ec tree_cannot_open(const struct name *n, struct err *e); /* from errno */
/* prefix and random hex digits. */
void tree_side_name(char out[SIDE_NAME_MAX], const char *prefix);
/* A fresh, owned directory 0750 beside others; its descriptor, or -1 with errno. */
int tree_make_side(struct mailroot *root, int parent, char side[SIDE_NAME_MAX], const char *prefix);
/* Renames without replacing; 0, or -1 with errno (EEXIST). */
int tree_rename_new(int dirfd, const char *from, const char *to);
/* Removes an entry with all below it. 0, or -1 with errno. */
int tree_delete(int dirfd, const char *entry);
/* A new file with these octets, owned and durable but for its name; nothing is left of a failure.
 * 0, or -1 with errno. */
int tree_put(struct mailroot *root, int dirfd, const char *file, const void *p, size_t len,
	     unsigned mode);
