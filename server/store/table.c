/* table.c - two passes over the records: one counts and sorts, one fills the block.
 *
 * The records nearly always stand in order already (delivery appends, a scan sorts), so the order
 * is looked at before it is made. Names of our own making are not stored: UIDL and ".eml" give them
 * back. /
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/store/table.h"
#include "server/store/uidl.h"

#define RECORD_UNIT 8 /* records are whole words */

struct pick {
	int64_t arrived_us;
	size_t pos;
};
struct picks {
	struct pick *all;
	size_t n, string_bytes;
	bool sorted;
};

static int by_arrival(const void *a, const void *b, void *records)
{
	const struct pick *x = a, *y = b;
	struct index_rec rx, ry;
	size_t px = x->pos, py = y->pos;
	const struct buf *r = records;

	if (x->arrived_us != y->arrived_us)
		return x->arrived_us < y->arrived_us ? -1 : 1;
	index_next(buf_at(r), r->len, &px, &rx);
	index_next(buf_at(r), r->len, &py, &ry);
	return strcmp(rx.name, ry.name);
}

static void pick(struct picks *p, const struct index_rec *r, size_t pos, const struct buf *records)
{
	struct pick this = { r->arrived_us, pos };

	if (p->n > 0 && by_arrival(&p->all[p->n - 1], &this, (void *)records) > 0)
		p->sorted = false;
	p->all[p->n++] = this;
	p->string_bytes +=
		uidl_is_stem(r->name, r->name_len) ? r->name_len : UIDL_MAX + 1 + r->name_len + 1;
}

static bool pick_all(const struct buf *records, int64_t last_us, struct picks *out)
{
	struct index_rec r;
	size_t pos = 0;

	*out = (struct picks){ .sorted = true };
	out->all = mem_new((records->len / 56 + 1) * sizeof(*out->all)); /* no record is shorter */
	for (size_t at = 0; records->len > 0 && index_next(buf_at(records), records->len, &pos, &r);
	     at = pos) {
		if (!(r.flags & INDEX_DEAD) && r.arrived_us <= last_us)
			pick(out, &r, at, records);
	}
	if (pos != records->len)
		return false;
	if (!out->sorted)
		qsort_r(out->all, out->n, sizeof(*out->all), by_arrival, (void *)records);
	return true;
}

/* Returns the end of the strings. */
static char *fill(struct msg_table *t, const struct index_rec *r, char *strings)
{
	struct msg *m = &t->msgs[t->n];

	*m = (struct msg){
		.octets = r->octets,
		.arrived_s = r->arrived_us / 1000000,
		.flags = r->flags,
		.id = (uint32_t)(r->at / RECORD_UNIT),
		.uidl = strings,
	};
	t->slots[t->n].stored = r->stored;
	t->octets += r->octets;
	strings += uidl_of(r->name, strings) + 1;
	if (!uidl_is_stem(r->name, r->name_len)) {
		t->slots[t->n].odd = strings;
		strings = stpcpy(strings, r->name) + 1;
	}
	t->n++;
	return strings;
}

struct msg_table *msg_table_new(const struct buf *records, int64_t last_us)
{
	struct msg_table *t = NULL;
	struct picks p;

	if (pick_all(records, last_us, &p)) {
		size_t fixed = sizeof(*t) + p.n * (sizeof(*t->msgs) + sizeof(*t->slots));
		t = mem_new(fixed + p.string_bytes);
		t->slots = (struct table_slot *)(t->msgs + p.n);
		char *strings = (char *)t + fixed;
		for (size_t i = 0; i < p.n; i++) {
			struct index_rec r;
			index_next(buf_at(records), records->len, &p.all[i].pos, &r);
			strings = fill(t, &r, strings);
		}
	}
	free(p.all);
	return t;
}

const char *table_name(const struct msg_table *t, uint32_t i, char room[NAME_MAX + 1])
{
	if (t->slots[i].odd)
		return t->slots[i].odd;
	snprintf(room, NAME_MAX + 1, "%s.eml", t->msgs[i].uidl);
	return room;
}

uint64_t table_record(const struct msg_table *t, uint32_t i)
{
	return (uint64_t)t->msgs[i].id * RECORD_UNIT;
}
