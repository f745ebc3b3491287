/* ledgerform: what is formed is read back; no flipped bit goes unnoticed; nothing that makes no sense is believed. */
#include <string.h>
#include "tests/unit/store/tree.h"
#include "server/store/ledgerform.h"

static const struct ledger_line sample_line = {
	.key = { { 1, 2 } },
	.holds = { 300, 4 },
	.loose = { 100, 1 },
	.settled_s = 1763690000,
	.state = LINE_LIVE,
};
static const struct ledger_head sample_head = {
	.account = 7,
	.boot = 8,
	.holds = { 900, 10 },
	.loose = { 100, 1 },
	.n_slots = LEDGER_SLOTS_MIN,
	.n_used = 3,
	.last_at = 5,
	.last = sample_line,
	.owner_due = true,
	.text = "kim@example.com",
};

static bool believes_head(const struct ledger_head *h)
{
	unsigned char raw[LEDGER_HEAD_LEN];
	struct ledger_head back;

	ledger_head_form(h, raw);
	return ledger_head_parse(raw, sizeof(raw), &back);
}

static enum ledger_state line_state(const struct ledger_line *l)
{
	unsigned char raw[LEDGER_LINE_LEN];
	struct ledger_line back;

	ledger_line_form(l, raw);
	ledger_line_parse(raw, &back);
	return back.state;
}

static void head_round_trip(void **state)
{
	unsigned char raw[LEDGER_HEAD_LEN], again[LEDGER_HEAD_LEN];
	struct ledger_head h;

	(void)state;
	ledger_head_form(&sample_head, raw);
	assert_true(ledger_head_parse(raw, sizeof(raw), &h));
	ledger_head_form(&h, again);
	assert_memory_equal(again, raw, sizeof(raw));
	assert_int_equal(h.holds.octets, 900);
	assert_int_equal(h.loose.messages, 1);
	assert_int_equal(h.last.holds.octets, 300);
	assert_string_equal(h.text, "kim@example.com");
	for (size_t len = 0; len < sizeof(raw); len++)
		assert_false(ledger_head_parse(raw, len, &h));
	for (size_t bit = 0; bit < sizeof(raw) * 8; bit++) {
		raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(ledger_head_parse(raw, sizeof(raw), &h));
		raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	memset(raw, 0, sizeof(raw));
	assert_false(ledger_head_parse(raw, sizeof(raw), &h));
}

static void line_round_trip(void **state)
{
	static const struct ledger_line empty = { .state = LINE_FREE },
					gone = { .state = LINE_GONE };
	unsigned char raw[LEDGER_LINE_LEN];
	struct ledger_line l;

	(void)state;
	ledger_line_form(&sample_line, raw);
	ledger_line_parse(raw, &l);
	assert_int_equal(l.state, LINE_LIVE);
	assert_int_equal(l.key.word[1], 2);
	assert_int_equal(l.holds.messages, 4);
	assert_int_equal(l.loose.octets, 100);
	assert_int_equal(l.settled_s, 1763690000);
	for (size_t bit = 0; bit < sizeof(raw) * 8; bit++) {
		raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
		ledger_line_parse(raw, &l);
		assert_int_equal(l.state, LINE_DAMAGED);
		raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_int_equal(line_state(&gone), LINE_GONE);
	ledger_line_form(&empty, raw);
	for (size_t i = 0; i < sizeof(raw); i++)
		assert_int_equal(raw[i], 0);
	assert_int_equal(line_state(&empty), LINE_FREE);
}

/* The sums are right; the rest is not. */
static void senseless_lines(void **state)
{
	struct ledger_line l[6];

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		l[i] = sample_line;
	l[0].key.word[0] = 0;
	l[1].loose.octets = 301;
	l[2].loose.messages = 5;
	l[3].settled_s = -1;
	l[4].holds.octets = UINT64_MAX / 2;
	l[5].state = LINE_GONE; /* and yet it holds something */
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(line_state(&l[i]), LINE_DAMAGED);
	ledger_line_bound(&l[4]);
	assert_int_equal(line_state(&l[4]), LINE_LIVE);
}

static void senseless_heads(void **state)
{
	struct ledger_head h[10];

	(void)state;
	assert_true(believes_head(&sample_head));
	for (unsigned i = 0; i < 10; i++)
		h[i] = sample_head;
	h[0].account = 0;
	h[1].n_slots = LEDGER_SLOTS_MIN - 1;
	h[2].n_slots = LEDGER_SLOTS_MAX + 1;
	h[3].n_used = LEDGER_SLOTS_MIN + 1;
	h[4].loose.octets = 901;
	h[5].holds.octets = UINT64_MAX;
	h[6].last_at = LEDGER_SLOTS_MIN + 1;
	h[7].last_at = 0;
	h[8].last = (struct ledger_line){ .state = LINE_FREE };
	h[9].last.loose.octets = 301;
	for (unsigned i = 0; i < 10; i++)
		assert_false(believes_head(&h[i]));
}

static void amounts(void **state)
{
	struct quota_usage much = { UINT64_MAX - 1, 5 }, some = { 7, 6 };

	(void)state;
	assert_true(usage_add(much, some).octets == UINT64_MAX);
	assert_int_equal(usage_less(some, much).octets, 0);
	assert_int_equal(usage_less(some, much).messages, 1);
	assert_false(usage_covers(much, some));
	assert_false(usage_covers(some, much));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_round_trip), cmocka_unit_test(line_round_trip),
		cmocka_unit_test(senseless_lines), cmocka_unit_test(senseless_heads),
		cmocka_unit_test(amounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
