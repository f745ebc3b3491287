/* indexread.h - the records of an index one after the other, from its file or from memory.
 *
 * A file is read in pieces: 100,000 records are some 9 MB, and a block of that size costs more to get from the kernel than
 * what is in it. Thread: any. Owner: close what was opened. A record's name is valid until the next one is asked for.
 */
#pragma once
#include "server/store/index.h"

struct index_reader {
	const char *p; /* records at hand: [pos .. len) of p, which stand at `base` of the file */
	size_t pos, len;
	uint64_t base, end;
	int fd;     /* -1: all is at hand */
	char *room; /* what p points to, if it is ours */
};

/* Up to end, or as much as there is. */
void index_read_file(struct index_reader *r, const struct index_hold *h, uint64_t end);
void index_read_memory(struct index_reader *r, const struct buf *records); /* lent */
/* False at the end and at damage. */
bool index_read_next(struct index_reader *r, struct index_rec *out);
/* After false: was that the end? */
bool index_read_all(const struct index_reader *r);
/* So many octets of records, at most. */
uint64_t index_read_octets(const struct index_reader *r);
void index_read_close(struct index_reader *r);
