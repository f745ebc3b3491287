/* files.h - what the files of the local store share; nobody else includes it. */
#pragma once
#include <stdatomic.h>
#include "server/store/brief.h"
#include "server/store/claim.h"
#include "server/store/scan.h"
#include "server/store/store.h"
#include "server/store/table.h"

struct files {
	struct store store;
	struct scan_env env;
	bool keep_fetched;
	struct store_owner owner;
	struct brief brief;
	_Atomic uint64_t last_us; /* arrival stamps rise strictly */
};
struct files_box {
	struct box box;
	struct files *files;
	struct claim claim;
	bool brief;
	struct index_head seen; /* as it was when we counted: our view ends at its end */
	struct msg_table *table;
	char holder[64];
};

static inline struct files *files_of(struct store *s)
{
	return (struct files *)s;
}
static inline struct files_box *files_box_of(struct box *b)
{
	return (struct files_box *)b;
}

enum ec files_deliver(struct store *s, const struct name *mailbox, const struct message *m,
		      struct err *e);
enum ec files_fetch(struct box *box, uint32_t i, unsigned flags, struct blob *out, struct err *e);
enum ec files_read(struct box *box, const struct blob *blob, uint64_t off, void *to, size_t len,
		   size_t *got, struct err *e);
enum ec files_read_now(struct box *box, const struct blob *blob, uint64_t off, void *to, size_t len,
		       size_t *got, struct err *e);
void files_blob_done(struct box *box, struct blob *blob);
enum ec files_commit(struct box *box, const struct marks *marks, struct commit *out, struct err *e);
/* Counts the mailbox anew: messages and octets, and forgets the table. */
enum ec files_count(struct files_box *fb, struct err *e);

extern const struct quota_ops files_quota; /* quota.c */
