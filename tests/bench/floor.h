/* floor.h - what the parts of the floor server share.
 *
 * floor.c      threads, connections, commands
 * floorbox.c   the mailboxes: every answer is ready before the first client comes
 * floortls.c   TLS with as few calls and copies as OpenSSL can be brought to
 */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Octets to send that stay where they are: in memory, or, with an offset, in the mail file too. */
struct item {
	const char *at;
	size_t len;
	off_t offset;  /* -1: from memory only */
	int dir;       /* with --own-files: where the message lies alone, */
	char name[12]; /* under this name */
};

/* Mailboxes with numbers from first to last, with as many messages of one size in each. */
struct boxes {
	unsigned first, last, n, size;
	bool dots;
	struct item stat, list, uidl;
	struct item *messages; /* n for each mailbox */
};

#define MAX_BOXES 16
struct mail {
	struct boxes boxes[MAX_BOXES];
	unsigned n_boxes;
	int fd;               /* every message, with the reply's first and last line around it */
	size_t sendfile_from; /* octets of the shortest message that goes to a plain socket by sendfile() */
	const char *own_files; /* directory for those, each in a file; NULL: none has its own */
};

/* "FIRST:LAST:MESSAGES:SIZE[:dots]" */
void mail_add(struct mail *, const char *words);
void mail_fill(struct mail *, const char *path);
/* nobodys: of a number that has none, and of a client that has not signed in. */
extern const struct boxes nobodys;
const struct boxes *mail_find(const struct mail *, unsigned number);

/* Octets between the TLS of a thread's connections and their sockets: of the one that is being served. */
#define WIRE_IN (32u << 10)
#define WIRE_OUT (160u << 10)
struct wire {
	char in[WIRE_IN], out[WIRE_OUT];
	size_t in_at, in_len, out_len;
};

struct floor_tls {
	SSL_CTX *ctx;
	BIO_METHOD *method;
};
void floor_tls_open(struct floor_tls *, const char *cert, const char *key);
SSL *floor_tls_new(const struct floor_tls *, struct wire *);
