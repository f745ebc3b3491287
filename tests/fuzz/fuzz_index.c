/* fuzz_index.c - foreign octets as an index, and records with sound sums but wild content: what is believed is sensible. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/store/indexform.h"
#include "server/store/table.h"
#include "server/store/uidl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void look_at_table(const struct buf *records, int64_t last_us)
{
	struct msg_table *t = msg_table_new(records, last_us);
	uint64_t octets = 0;

	for (uint32_t i = 0; t && i < t->n; i++) {
		const struct msg *m = &t->msgs[i];
		char room[NAME_MAX + 1];
		size_t len = strlen(m->uidl);
		check(len >= 1 && len <= UIDL_MAX);
		check(is_message_name(table_name(t, i, room)));
		check(table_record(t, i) < INDEX_HEAD_LEN + records->len);
		check(!(m->flags & INDEX_DEAD));
		check(i == 0 || t->msgs[i - 1].arrived_us <= m->arrived_us);
		octets += m->octets;
	}
	check(!t || t->octets == octets);
	free(t);
}

/* Reads a record's fields from the input; false at its end. */
static bool wild_record(const uint8_t **p, size_t *left, struct buf *out)
{
	struct index_rec r = { 0 };
	uint64_t field[5];

	if (*left < sizeof(field) + 2)
		return false;
	memcpy(field, *p, sizeof(field));
	size_t name_len = (*p)[sizeof(field)];
	*p += sizeof(field) + 1;
	*left -= sizeof(field) + 1;
	r.name_len = name_len < *left ? name_len : *left;
	r.name = (const char *)*p;
	/* Half of them plausible, or the sums alone would be tested. */
	bool tame = field[0] & 1;
	r.stored = tame ? field[1] % 100000 : field[1];
	r.octets = tame ? r.stored : field[2];
	r.arrived_us = (int64_t)(tame ? field[3] >> 2 : field[3]);
	r.flags = (uint32_t)(tame ? field[4] & 15 : field[4]);
	*p += r.name_len;
	*left -= r.name_len;
	index_rec_form(&r, out);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct index_head head;
	struct buf raw = { 0 }, formed = { 0 };

	if (index_head_parse(data, size, &head))
		check(head.end >= INDEX_HEAD_LEN);
	buf_add(&raw, data, size);
	look_at_table(&raw, INT64_MAX);
	if (size > INDEX_HEAD_LEN) {
		buf_eat(&raw, INDEX_HEAD_LEN);
		look_at_table(&raw, INT64_MAX);
	}
	buf_drop(&raw);
	while (wild_record(&data, &size, &formed))
		;
	look_at_table(&formed, INT64_MAX);
	look_at_table(&formed, 1763690000000000);
	buf_drop(&formed);
	return 0;
}
