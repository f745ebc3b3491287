/* winroot.h - the mail tree of an original server, read and never changed.
 *
 *	PATH/Example.COM/P3_Kim.MBX/P347865.eml
 *
 * What it holds is counted once (winroot_scan); its messages are gone through as often as somebody wants to. Letter case means
 * nothing in names of domains and mailboxes. What is no part of such a tree is told, with why, and otherwise passed over. Nothing
 * is followed out of it: no symbolic link, whoever made it.
 *
 * Thread:  one at a time; may block.
 * Owner:   the tree's strings and arrays are lent until winroot_close; what is in struct winroot_eye outlives it.
 * Failure: what cannot be read is told like anything odd. EC_*: PATH itself, or a file system that gave up.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/name.h"

/* Why something is left where it is. */
enum winroot_why {
	WINROOT_NO_DOMAIN,  /* beside the domains */
	WINROOT_NO_BOX,     /* beside the mailboxes */
	WINROOT_BAD_NAME,   /* a mailbox, but no name that one can have */
	WINROOT_NO_MESSAGE, /* beside the messages */
	WINROOT_EMPTY,      /* a message without an octet */
	WINROOT_TWIN,       /* another directory stands for the same name */
	WINROOT_LINK,
	WINROOT_NO_FILE, /* named like a message */
	WINROOT_UNREADABLE,
	WINROOT_WHY_COUNT
};
extern const char *const winroot_why_words[WINROOT_WHY_COUNT];

/* Who reads, and who is told. */
struct winroot_eye {
	void (*as_reader)(
		void *ctx,
		bool on); /* around every opening in the tree, where another identity may read it; NULL: ours does */
	void (*odd)(void *ctx, const char *path, enum winroot_why why,
		    int error); /* path below PATH; error: errno of UNREADABLE */
	bool own; /* the tree is a mail root of ours: its files beside the messages are nothing odd */
	void *ctx;
};

struct winroot_box {
	struct name name;
	const char *entry; /* what its directory is called */
	size_t domain;     /* in domains[] */
	uint64_t n_msgs, octets;
	uint64_t room; /* on a disk: in blocks, with an inode each */
	uint64_t n_odd;
};
struct winroot_domain {
	struct name name;
	const char *entry;
	size_t first, n_boxes; /* in boxes[] */
	uint64_t n_msgs, octets, n_odd;
};
struct winroot {
	struct arena *mem;
	struct winroot_eye eye;
	int fd;
	struct winroot_domain *domains; /* in order of names */
	size_t n_domains, domains_cap;
	struct winroot_box *boxes; /* in order of domains, then of names */
	size_t n_boxes, boxes_cap;
	uint64_t n_odd;
	bool is_domain; /* there are mailboxes where domains should be: PATH is one level too deep */
};

/* fd: PATH, open for reading; taken over. Counts all there is. */
enum ec winroot_scan(int fd, const struct winroot_eye *eye, struct winroot **out, struct err *e);
void winroot_close(struct winroot **w);

struct winroot_message {
	const char *name;
	int fd; /* at its beginning */
	const struct stat *st;
};
enum winroot_next { WINROOT_GO, WINROOT_STOP, WINROOT_LEAVE /* it could not be read: errno */ };
/* The messages of one mailbox in order of file names; fn stops it by WINROOT_STOP. What was odd at the scan is passed over now,
 * but for what has become unreadable since. */
enum ec winroot_messages(struct winroot *w, const struct winroot_box *box,
			 enum winroot_next (*fn)(void *ctx, const struct winroot_message *m),
			 void *ctx, struct err *e);
/* The directory of a domain, e.g. to see whether it is one of the mail root's own. */
enum ec winroot_look(struct winroot *w, const struct winroot_domain *d, struct stat *st,
		     struct err *e);

/* What the name of an entry says; pure. */
bool winroot_domain_name(const char *entry, struct name *out);
bool winroot_is_box(const char *entry); /* looks like a mailbox's directory */
bool winroot_box_name(const char *entry, const struct name *domain, struct name *out);
