/* indexform: what is formed is read back; no single damaged octet goes unnoticed; nothing hostile
 * is believed. */
#include <stdlib.h>
#include <string.h>
#include "tests/unit/store/tree.h"
#include "server/store/indexform.h"

static const struct index_head sample_head = {
	.boot = 1,
	.gen = 2,
	.dir_ino = 3,
	.dir_mtime_ns = -4,
	.octets = 5,
	.end = 600,
	.last_us = 7,
	.look_again_s = 8,
	.n = 9,
	.n_dead = 10,
	.state = INDEX_CLEAN,
};

static struct index_rec sample(const char *name)
{
	return (struct index_rec){ .name = name,
				   .name_len = strlen(name),
				   .octets = 12,
				   .stored = 10,
				   .arrived_us = 1763690000000000,
				   .ino = 77,
				   .flags = MSG_REPAIR | MSG_DOTS };
}

static void head_round_trip(void **state)
{
	unsigned char raw[INDEX_HEAD_LEN], again[INDEX_HEAD_LEN];
	struct index_head h;

	(void)state;
	index_head_form(&sample_head, raw);
	assert_true(index_head_parse(raw, sizeof(raw), &h));
	index_head_form(&h, again); /* not memcmp of the structs: they have padding */
	assert_memory_equal(again, raw, sizeof(raw));
	assert_int_equal(h.octets, sample_head.octets);
	assert_int_equal(h.n, sample_head.n);
	for (size_t len = 0; len < sizeof(raw); len++)
		assert_false(index_head_parse(raw, len, &h));
	for (size_t bit = 0; bit < sizeof(raw) * 8; bit++) {
		raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(index_head_parse(raw, sizeof(raw), &h));
		raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	memset(raw, 0, sizeof(raw));
	assert_false(index_head_parse(raw, sizeof(raw), &h));
}

static void record_round_trip(void **state)
{
	char name[260];

	(void)state;
	for (size_t len = 5; len <= 255; len++) {
		memset(name, 'x', len - 4);
		strcpy(name + len - 4, ".eml");
		struct index_rec r = sample(name), got;
		struct buf b = { 0 };
		size_t pos = 0;
		index_rec_form(&r, &b);
		index_rec_form(&r, &b);
		assert_int_equal(b.len % 16, 0);
		assert_true(index_next(buf_at(&b), b.len, &pos, &got));
		assert_int_equal(got.at, INDEX_HEAD_LEN);
		assert_int_equal(got.name_len, len);
		assert_string_equal(got.name, name);
		assert_int_equal(got.octets, r.octets);
		assert_int_equal(got.stored, r.stored);
		assert_int_equal(got.arrived_us, r.arrived_us);
		assert_int_equal(got.ino, r.ino);
		assert_int_equal(got.flags, r.flags);
		assert_true(index_next(buf_at(&b), b.len, &pos, &got));
		assert_int_equal(pos, b.len);
		assert_false(index_next(buf_at(&b), b.len, &pos, &got));
		buf_drop(&b);
	}
}

static void every_damage_is_seen(void **state)
{
	struct index_rec r = sample("P347865.eml"), got;
	struct buf b = { 0 };

	(void)state;
	index_rec_form(&r, &b);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		size_t pos = 0;
		b.mem[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(index_next(buf_at(&b), b.len, &pos, &got));
		assert_int_equal(pos, 0);
		b.mem[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < b.len; len++) {
		size_t pos = 0;
		char *exact = malloc(len + 1); /* so that reading on is seen */
		memcpy(exact, b.mem, len);
		assert_false(index_next(exact, len, &pos, &got));
		free(exact);
	}
	buf_drop(&b);
}

/* The sums are right, the content is not. */
static void nonsense_is_refused(void **state)
{
	struct index_rec bad[8];
	struct index_rec got;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		bad[i] = sample("P347865.eml");
	bad[0].name = "../../x.eml";
	bad[1].name = "password";
	bad[2].octets = 9;
	bad[3].octets = 23;
	bad[4].flags = 0; /* octets differ without repair */
	bad[5].flags |= 0x1000;
	bad[6].arrived_us = -1;
	bad[7].stored = bad[7].octets = UINT64_MAX;
	for (size_t i = 0; i < 8; i++) {
		struct buf b = { 0 };
		size_t pos = 0;
		bad[i].name_len = strlen(bad[i].name);
		index_rec_form(&bad[i], &b);
		assert_false(index_next(buf_at(&b), b.len, &pos, &got));
		buf_drop(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_round_trip),
		cmocka_unit_test(record_round_trip),
		cmocka_unit_test(every_damage_is_seen),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
