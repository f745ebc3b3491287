/* index.h - the message index of one mailbox: how many messages and octets, without looking at
 * them.
 *
 * A cache in the file `index`, never the truth: the truth is the directory. It counts only while
 * its head says CLEAN, was written since the machine started, and names the directory's present
 * mtime. Everything happens between index_take and index_drop, which hold a lock across processes;
 * such a section is short, but for no scan.
 *
 *	take -> clean? -> begin (head says dirty) -> change directory and records -> end (head says clean again) -> drop
 *
 * A process that dies in between leaves a dirty head, and whoever claims next scans. Thread: any;
 * one hold, one thread. Failure: none that matters: without a usable file (read-only root, a
 * directory in its place) fd is -1, nothing is clean. /
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/store/indexform.h"
#include "server/store/mailroot.h"

struct stat;

#define INDEX_BYTES_MAX (UINT64_C(256) << 20) /* three million messages; a scan has it in memory */

struct index_hold {
	int dir, fd;
	struct mailroot *root;
	bool writable, intact,
		clean; /* may write; the head was readable; it describes the directory */
	bool due;      /* it would be clean, but it is time to look again */
	bool changing;
	uint64_t boot;
	struct index_head head;
};

void index_take(struct index_hold *h, struct mailroot *root, int dir, uint64_t boot);
void index_drop(struct index_hold *h);
/* The head as it stands there, without a lock: for guesses. false: none, torn, or not clean. */
bool index_glance(int dir, uint64_t boot, struct index_head *out);
/* The same, and it must describe the directory, of which dir_is was taken before; as index_take would call it clean. Does not wait:
 * false also if it is not in memory. Safe without a lock: whoever changes the directory says dirty first, and a head that was
 * half written when we read it fails by its sum. */
bool index_glance_now(int dir, const struct stat *dir_is, uint64_t boot, struct index_head *out);

void index_begin(struct index_hold *h);
void index_end(struct index_hold *h);
/* The same, if the directory was not changed: whatever else changed it meanwhile must still show. */
void index_end_unchanged(struct index_hold *h);
/* Between begin and end. Appending to an index that is not clean is no waste: the next scan need
 * not read the message. */
void index_append(struct index_hold *h, const struct index_rec *r);
/* Sets flags of the record at that offset, if it is there and has that name; INDEX_DEAD takes it
 * out of the sums. */
bool index_mark(struct index_hold *h, uint64_t at, const char *name, uint32_t flags);
/* Drops dead records when they are many. Moves records: the generation changes. */
void index_compact(struct index_hold *h);

/* The records' octets, as much as there is; false if the file cannot be read. */
bool index_records(const struct index_hold *h, uint64_t end, struct buf *out);
/* The records up to seen->end as index_glance_now saw them, if they are at most `max` octets, and in memory. Safe without a lock:
 * whoever moves records says dirty first, and the head is read again after them. */
bool index_records_now(int dir, const struct index_head *seen, size_t max, struct buf *out);
/* All anew: head's sums and mtime as given, and these records; clean or, if something else is still to be set right, not. */
void index_write(struct index_hold *h, const struct index_head *head, const struct buf *records,
		 bool clean);

uint64_t index_boot_id(void);
