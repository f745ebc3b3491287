/* fuzz_quota.c - foreign octets as a ledger's head and lines: what is believed is sensible, and formed again it is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/store/ledgerform.h"
#include "server/store/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void look_at_line(const unsigned char raw[LEDGER_LINE_LEN])
{
	unsigned char again[LEDGER_LINE_LEN];
	struct ledger_line l;

	ledger_line_parse(raw, &l);
	check(l.state <= LINE_DAMAGED);
	if (l.state == LINE_DAMAGED)
		return;
	check(usage_covers(l.holds, l.loose));
	check(l.state != LINE_LIVE || (l.key.word[0] != 0 && l.settled_s >= 0));
	check(l.state == LINE_LIVE || l.holds.octets + l.holds.messages == 0);
	ledger_line_form(&l, again);
	check(memcmp(again, raw, sizeof(again)) == 0);
}

static void look_at_head(const unsigned char *raw, size_t len)
{
	unsigned char again[LEDGER_HEAD_LEN];
	struct ledger_head h, back;

	if (!ledger_head_parse(raw, len, &h))
		return;
	check(h.account != 0 && h.n_used <= h.n_slots && h.n_slots <= LEDGER_SLOTS_MAX);
	check(h.last_at <= h.n_slots && usage_covers(h.holds, h.loose));
	check(strlen(h.text) < sizeof(h.text));
	/* What is behind the text's end is not kept. */
	ledger_head_form(&h, again);
	check(ledger_head_parse(again, sizeof(again), &back));
	check(usage_equal(back.holds, h.holds) && strcmp(back.text, h.text) == 0);
}

/* With a sum that is right, or the sums alone would be tested. */
static void put_sum(unsigned char *raw, size_t len)
{
	uint64_t sum = words_sum(raw + 8, len - 8);

	words_to_le(&sum, 1);
	memcpy(raw, &sum, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char raw[LEDGER_HEAD_LEN] = { 0 }, line[LEDGER_LINE_LEN];

	look_at_head(data, size);
	memcpy(raw, data, size < sizeof(raw) ? size : sizeof(raw));
	put_sum(raw, sizeof(raw));
	look_at_head(raw, sizeof(raw));
	for (size_t at = 0; at + LEDGER_LINE_LEN <= size; at += LEDGER_LINE_LEN) {
		look_at_line(data + at);
		memcpy(line, data + at, sizeof(line));
		put_sum(line, sizeof(line));
		look_at_line(line);
	}
	return 0;
}
