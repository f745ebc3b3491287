/* table.h - a mailbox's messages in memory, as its session sees them.
 *
 * One block: the public messages, what we keep of each beside them, and the strings. 100,000
 * messages take about 8 MB. Owner: free() it. /
 */
#pragma once
#include <limits.h>
#include "server/base/buf.h"
#include "server/store/index.h"
#include "server/store/store.h"

struct table_slot {
	uint64_t stored; /* octets of the file */
	const char *odd; /* its name, NULL if that is the UIDL and ".eml" */
};
struct msg_table {
	size_t n;
	uint64_t octets;
	struct table_slot *slots;
	struct msg msgs[];
};

/* From index records (no head), those arrived up to last_us; NULL: damage. In order of arrival,
 * then name. */
struct msg_table *msg_table_new(const struct buf *records, int64_t last_us);
/* From the index itself, up to end; n messages at most, more are damage. */
struct msg_table *msg_table_read(const struct index_hold *h, uint64_t end, uint32_t n);
/* The file's name. */
const char *table_name(const struct msg_table *t, uint32_t i, char room[NAME_MAX + 1]);
/* Where its record stands in the index file. */
uint64_t table_record(const struct msg_table *t, uint32_t i);
