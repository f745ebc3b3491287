/* table: records in their order or not, from memory or from the file in pieces; every kind of name; damage anywhere. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/store/indexread.h"
#include "server/store/table.h"
#include "server/store/uidl.h"

#define MANY 2000 /* records of some 90 octets: several pieces, cut off anywhere */
#define LONG_NAME 180

/* Of all lengths, so that a piece ends at every place of a record: ours, short foreign ones, and some whose UIDL is a hash. */
static void name_of(unsigned i, char out[NAME_MAX + 1])
{
	if (i % 3 == 0)
		message_name_make(out, 1000 + i);
	else if (i % 3 == 1)
		sprintf(out, "%06u.eml", i);
	else
		sprintf(out, "%06u%0*u.eml", i, (int)(i % LONG_NAME) + 1, 0);
}

struct sample {
	char name[MANY][NAME_MAX + 1];
	struct buf records;
	int fd;
	struct index_hold hold;
};

static void add(struct sample *s, unsigned i, int64_t arrived_us, uint32_t flags)
{
	struct index_rec r = { .name = s->name[i],
			       .name_len = strlen(s->name[i]),
			       .octets = 100 + i,
			       .stored = 100 + i,
			       .arrived_us = arrived_us,
			       .ino = i + 1,
			       .flags = flags };

	index_rec_form(&r, &s->records);
}

/* step: how arrivals follow each other. */
static struct sample *sample_new(int64_t step)
{
	static const char head[INDEX_HEAD_LEN];
	char path[] = "/tmp/winpop-table-XXXXXX";
	struct sample *s = calloc(1, sizeof(*s));

	for (unsigned i = 0; i < MANY; i++) {
		name_of(i, s->name[i]);
		add(s, i, INT64_C(1000000000) + step * i, i % 10 == 9 ? INDEX_DEAD : 0);
	}
	s->fd = mkstemp(path);
	assert_true(s->fd >= 0);
	unlink(path);
	assert_int_equal(write(s->fd, head, sizeof(head)), sizeof(head));
	assert_int_equal(write(s->fd, buf_at(&s->records), s->records.len), s->records.len);
	s->hold = (struct index_hold){ .fd = s->fd };
	return s;
}

static void sample_free(struct sample *s)
{
	close(s->fd);
	buf_drop(&s->records);
	free(s);
}

static void is_message(const struct sample *s, const struct msg_table *t, uint32_t at, unsigned i)
{
	char room[NAME_MAX + 1], uidl[UIDL_MAX + 1];
	struct index_rec r;
	size_t pos = (size_t)table_record(t, at) - INDEX_HEAD_LEN;

	uidl_of(s->name[i], uidl);
	assert_string_equal(t->msgs[at].uidl, uidl);
	assert_string_equal(table_name(t, at, room), s->name[i]);
	assert_int_equal(t->msgs[at].octets, 100 + i);
	assert_int_equal(t->slots[at].stored, 100 + i);
	assert_true(index_next(buf_at(&s->records), s->records.len, &pos, &r));
	assert_string_equal(r.name, s->name[i]);
}

/* All that are not dead, each once, from `from` on in steps of `by`. */
static void is_whole(const struct sample *s, const struct msg_table *t, int from, int by)
{
	uint32_t at = 0;
	uint64_t octets = 0;

	assert_non_null(t);
	for (int i = from; i >= 0 && i < MANY; i += by) {
		if (i % 10 == 9)
			continue;
		is_message(s, t, at++, (unsigned)i);
		octets += 100 + (unsigned)i;
	}
	assert_int_equal(at, t->n);
	assert_int_equal(octets, t->octets);
}

static struct msg_table *from_file(const struct sample *s, uint32_t n)
{
	return msg_table_read(&s->hold, INDEX_HEAD_LEN + s->records.len, n);
}

static void in_order(void **state)
{
	struct sample *s = sample_new(1);
	struct msg_table *t = from_file(s, MANY);

	(void)state;
	is_whole(s, t, 0, 1);
	free(t);
	t = from_file(s, MANY / 10 * 9);
	is_whole(s, t, 0, 1);
	free(t);
	t = msg_table_new(&s->records, INT64_MAX);
	is_whole(s, t, 0, 1);
	free(t);
	sample_free(s);
}

static void turned_round(void **state)
{
	struct sample *s = sample_new(-1);
	struct msg_table *t = from_file(s, MANY);

	(void)state;
	is_whole(s, t, MANY - 1, -1);
	free(t);
	sample_free(s);
}

/* Arrived together: by the file's name, which is not the UIDL's order ("a!b.eml" is before "a.eml"). */
static void at_once(void **state)
{
	static const char *const in_order[] = { "a!b.eml", "a.EML", "a.eml", "b.eml" };
	static const unsigned as_added[] = { 2, 0, 3, 1 };
	struct buf records = { 0 };
	char room[NAME_MAX + 1];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct index_rec r = { .name = in_order[as_added[i]], .ino = 1 };
		r.name_len = strlen(r.name);
		index_rec_form(&r, &records);
	}
	struct msg_table *t = msg_table_new(&records, INT64_MAX);
	assert_int_equal(t->n, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(table_name(t, i, room), in_order[i]);
	free(t);
	buf_drop(&records);
}

static void later_ones_are_left_out(void **state)
{
	struct sample *s = sample_new(1);
	struct msg_table *t = msg_table_new(&s->records, INT64_C(1000000000) + 100);

	(void)state;
	assert_int_equal(t->n, 91);
	free(t);
	sample_free(s);
}

static void damage_is_no_table(void **state)
{
	struct sample *s = sample_new(1);
	char octet;

	(void)state;
	assert_null(from_file(s, MANY / 10 * 9 - 1)); /* more than there may be */
	for (size_t at = INDEX_HEAD_LEN; at < INDEX_HEAD_LEN + s->records.len; at += 4999) {
		assert_int_equal(pread(s->fd, &octet, 1, (off_t)at), 1);
		octet ^= 0x10;
		assert_int_equal(pwrite(s->fd, &octet, 1, (off_t)at), 1);
		assert_null(from_file(s, MANY));
		octet ^= 0x10;
		assert_int_equal(pwrite(s->fd, &octet, 1, (off_t)at), 1);
	}
	assert_int_equal(ftruncate(s->fd, (off_t)(INDEX_HEAD_LEN + s->records.len - 8)), 0);
	assert_null(from_file(s, MANY));
	sample_free(s);
}

static void nothing_at_all(void **state)
{
	struct index_hold none = { .fd = -1 };
	struct buf records = { 0 };
	struct msg_table *t = msg_table_read(&none, 1000, 10);

	(void)state;
	assert_int_equal(t->n, 0);
	free(t);
	t = msg_table_new(&records, INT64_MAX);
	assert_int_equal(t->n, 0);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(turned_round),
		cmocka_unit_test(at_once),
		cmocka_unit_test(later_ones_are_left_out),
		cmocka_unit_test(damage_is_no_table),
		cmocka_unit_test(nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
