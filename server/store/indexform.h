/* indexform.h - the index file's octets: a head of fixed size, then records.
 *
 *	head: who wrote it, which state of the directory it describes, the sums     | record | record | ...
 *
 * Reading is pure and trusts nothing: sums over every part, names checked, flags masked. Whatever
 * does not fit is damage, and damage only costs a scan of the directory. All numbers are
 * little-endian. Thread: any. /
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/buf.h"

#define INDEX_HEAD_LEN 112

enum index_state { INDEX_DIRTY, INDEX_CLEAN };

struct index_head {
	uint64_t boot; /* hash of the kernel's boot id: a page cache does not survive a power cut */
	uint64_t gen;  /* changes when records move */
	uint64_t dir_ino;     /* a copied tree brings its index along */
	int64_t dir_mtime_ns; /* of the directory after our last change to it */
	uint64_t octets, end; /* of the live messages; of the file's valid part */
	int64_t last_us;      /* no record has arrived later */
	int64_t look_again_s; /* 0, or when to scan in any case */
	uint64_t ledger;      /* the quota account's whose ledger has a line for us; 0 = none */
	uint32_t n, n_dead;
	uint32_t state;
};

struct index_rec {
	uint64_t at; /* its offset in the file; set by index_next */
	const char *name;
	size_t name_len;
	bool own_name; /* of our own making; set by index_next */
	uint64_t octets, stored;
	int64_t arrived_us;
	uint64_t ino;
	uint32_t flags; /* MSG_* and INDEX_DEAD */
};
#define INDEX_DEAD 0x80000000u
#define INDEX_REC_MIN 56u /* octets of a record */
#define INDEX_REC_MAX (48u + 256u)

void index_head_form(const struct index_head *h, unsigned char out[INDEX_HEAD_LEN]);
bool index_head_parse(const void *p, size_t len, struct index_head *out);

void index_rec_form(const struct index_rec *r, struct buf *out);
/* Takes the record at *pos of p (records only, no head) and moves on; false at the end and at
 * damage: *pos tells. */
bool index_next(const char *p, size_t len, size_t *pos, struct index_rec *out);
