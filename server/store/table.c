/* table.c - one pass over the records fills one block.
 *
 * How many there are is known at most, so the block is made as large as it could become; what is not filled is never touched and
 * costs nothing. Not malloc'ed zero: that would touch it.
 *
 * The records nearly always stand in order already (delivery appends, a scan sorts), so the order is looked at while they pass,
 * and made only if it is not there. Names of our own making are not stored: UIDL and ".eml" give them back. /
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/err.h"
#include "server/base/mem.h"
#include "server/base/pace.h"
#include "server/store/indexread.h"
#include "server/store/table.h"
#include "server/store/uidl.h"

#define RECORD_UNIT 8 /* records are whole words */
#define SUFFIX ".eml"
/* Strings beyond a record's own length: a UIDL that is a hash, beside the name. */
#define STRINGS_EXTRA (UIDL_MAX + 1)

struct filling {
	struct msg_table *t;
	size_t n_max;
	char *strings; /* their end */
	bool sorted;
};

static struct filling filling_new(const struct index_reader *r, size_t n_wanted)
{
	uint64_t octets = index_read_octets(r);
	size_t n = octets / INDEX_REC_MIN < n_wanted ? octets / INDEX_REC_MIN : n_wanted;
	size_t fixed =
		sizeof(struct msg_table) + n * (sizeof(struct msg) + sizeof(struct table_slot));
	struct msg_table *t = malloc(fixed + octets + n * STRINGS_EXTRA);

	if (!t)
		die("out of memory");
	*t = (struct msg_table){ .slots = (struct table_slot *)(t->msgs + n) };
	return (struct filling){ t, n, (char *)t + fixed, true };
}

static int by_arrival(const struct msg_table *t, uint32_t i, uint32_t k)
{
	char room_i[NAME_MAX + 1], room_k[NAME_MAX + 1];
	const struct msg *x = &t->msgs[i], *y = &t->msgs[k];

	if (x->arrived_us != y->arrived_us)
		return x->arrived_us < y->arrived_us ? -1 : 1;
	return strcmp(table_name(t, i, room_i), table_name(t, k, room_k));
}

static void fill(struct filling *f, const struct index_rec *r)
{
	struct msg_table *t = f->t;
	size_t i = t->n++;

	t->msgs[i] = (struct msg){
		.octets = r->octets,
		.arrived_us = r->arrived_us,
		.flags = r->flags,
		.id = (uint32_t)(r->at / RECORD_UNIT),
		.uidl = f->strings,
	};
	t->slots[i] = (struct table_slot){ .stored = r->stored };
	t->octets += r->octets;
	if (r->own_name || uidl_is_stem(r->name, r->name_len)) {
		size_t len = r->name_len - strlen(SUFFIX);
		memcpy(f->strings, r->name, len);
		f->strings[len] = '\0';
		f->strings += len + 1;
	} else {
		f->strings += uidl_of(r->name, f->strings) + 1;
		t->slots[i].odd = f->strings;
		f->strings = stpcpy(f->strings, r->name) + 1;
	}
	if (i > 0 && by_arrival(t, (uint32_t)i - 1, (uint32_t)i) > 0)
		f->sorted = false;
}

static int by_arrival_at(const void *a, const void *b, void *t)
{
	return by_arrival(t, *(const uint32_t *)a, *(const uint32_t *)b);
}

static void *copy_of(const void *p, size_t len)
{
	void *copy = mem_new(len);

	return memcpy(copy, p, len);
}

static void sort(struct msg_table *t)
{
	uint32_t *order = mem_new(t->n * sizeof(*order));

	for (uint32_t i = 0; i < t->n; i++)
		order[i] = i;
	qsort_r(order, t->n, sizeof(*order), by_arrival_at, t);
	struct msg *msgs = copy_of(t->msgs, t->n * sizeof(*msgs));
	struct table_slot *slots = copy_of(t->slots, t->n * sizeof(*slots));
	for (uint32_t i = 0; i < t->n; i++) {
		t->msgs[i] = msgs[order[i]];
		t->slots[i] = slots[order[i]];
	}
	free(order);
	free(msgs);
	free(slots);
}

static struct msg_table *table_from(struct index_reader *r, size_t n_wanted, int64_t last_us)
{
	struct filling f = filling_new(r, n_wanted);
	struct index_rec rec;
	struct pace p = { 0 };
	bool fits = true;

	while (fits && index_read_next(r, &rec)) {
		pace(&p, PACE_ENTRY);
		if ((rec.flags & INDEX_DEAD) || rec.arrived_us > last_us)
			continue;
		fits = f.t->n < f.n_max;
		if (fits)
			fill(&f, &rec);
	}
	if (!fits || !index_read_all(r)) {
		free(f.t);
		f.t = NULL;
	} else if (!f.sorted) {
		sort(f.t);
	}
	index_read_close(r);
	return f.t;
}

struct msg_table *msg_table_new(const struct buf *records, int64_t last_us)
{
	struct index_reader r;

	index_read_memory(&r, records);
	return table_from(&r, SIZE_MAX, last_us);
}

struct msg_table *msg_table_read(const struct index_hold *h, uint64_t end, uint32_t n)
{
	struct index_reader r;

	index_read_file(&r, h, end);
	return table_from(&r, n, INT64_MAX);
}

const char *table_name(const struct msg_table *t, uint32_t i, char room[NAME_MAX + 1])
{
	if (t->slots[i].odd)
		return t->slots[i].odd;
	strcpy(stpcpy(room, t->msgs[i].uidl), SUFFIX);
	return room;
}

uint64_t table_record(const struct msg_table *t, uint32_t i)
{
	return (uint64_t)t->msgs[i].id * RECORD_UNIT;
}
