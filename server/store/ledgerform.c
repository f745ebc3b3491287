/* ledgerform.c - forming and reading a ledger's head and lines.
 *
 * A line without content is all zero, so that a fresh part of the file needs no writing. What has the right sum is not yet
 * sensible: amounts are bounded so that the sums over a whole table cannot overflow.
 */
#include <string.h>
#include "server/store/ledgerform.h"
#include "server/store/words.h"

#define MAGIC 0x313047444C504957u /* "WIPLDG01" */
#define TEXT_FIELD 320
#define OCTETS_MAX (UINT64_C(1) << 62) /* of an account */
#define LINE_OCTETS_MAX                                                                            \
	(UINT64_C(1) << 42) /* of a mailbox: four million million; a table has 2^20 */
#define MESSAGES_MAX (LEDGER_SLOTS_MAX * UINT32_MAX)

struct line_words {
	uint64_t sum, key[2], octets, loose_octets, messages, settled_s, state;
};
struct head_words {
	uint64_t sum, magic, account, boot, octets, messages, loose_octets, loose_messages, n_slots,
		n_used, last_at, owner_due;
	unsigned char last[LEDGER_LINE_LEN];
	char text[TEXT_FIELD];
	unsigned char spare[LEDGER_HEAD_LEN - 12 * 8 - LEDGER_LINE_LEN - TEXT_FIELD];
};
_Static_assert(sizeof(struct line_words) == LEDGER_LINE_LEN, "line");
_Static_assert(sizeof(struct head_words) == LEDGER_HEAD_LEN, "head");
_Static_assert(sizeof(((struct ledger_head *)0)->text) <= TEXT_FIELD, "text");

void ledger_line_form(const struct ledger_line *l, unsigned char out[LEDGER_LINE_LEN])
{
	struct line_words w = {
		.key = { l->key.word[0], l->key.word[1] },
		.octets = l->holds.octets,
		.loose_octets = l->loose.octets,
		.messages = l->holds.messages | l->loose.messages << 32,
		.settled_s = (uint64_t)l->settled_s,
		.state = l->state,
	};

	if (l->state == LINE_FREE) {
		memset(out, 0, LEDGER_LINE_LEN);
		return;
	}
	words_to_le(&w, sizeof(w) / 8);
	memcpy(out, &w, sizeof(w));
	w.sum = words_sum(out + 8, sizeof(w) - 8);
	words_to_le(&w.sum, 1);
	memcpy(out, &w.sum, 8);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void ledger_line_bound(struct ledger_line *l)
{
	l->holds.octets = least(l->holds.octets, LINE_OCTETS_MAX);
	l->holds.messages = least(l->holds.messages, UINT32_MAX);
	l->loose.octets = least(l->loose.octets, l->holds.octets);
	l->loose.messages = least(l->loose.messages, l->holds.messages);
}

static bool is_sensible(const struct ledger_line *l)
{
	if (l->state == LINE_GONE)
		return l->holds.octets == 0 && l->holds.messages == 0 && l->loose.octets == 0 &&
		       l->loose.messages == 0;
	return l->state == LINE_LIVE && l->key.word[0] != 0 && l->holds.octets <= LINE_OCTETS_MAX &&
	       usage_covers(l->holds, l->loose) && l->settled_s >= 0;
}

void ledger_line_parse(const unsigned char p[LEDGER_LINE_LEN], struct ledger_line *out)
{
	static const unsigned char nothing[LEDGER_LINE_LEN];
	struct line_words w;

	*out = (struct ledger_line){ .state = LINE_FREE };
	if (memcmp(p, nothing, sizeof(nothing)) == 0)
		return;
	memcpy(&w, p, sizeof(w));
	words_from_le(&w, sizeof(w) / 8);
	*out = (struct ledger_line){
		.key = { { w.key[0], w.key[1] } },
		.holds = { w.octets, w.messages & UINT32_MAX },
		.loose = { w.loose_octets, w.messages >> 32 },
		.settled_s = (int64_t)w.settled_s,
		.state = w.state <= LINE_GONE ? (enum ledger_state)w.state : LINE_DAMAGED,
	};
	if (w.sum != words_sum(p + 8, sizeof(w) - 8) || !is_sensible(out))
		out->state = LINE_DAMAGED;
}

void ledger_head_form(const struct ledger_head *h, unsigned char out[LEDGER_HEAD_LEN])
{
	struct head_words w = {
		.magic = MAGIC,
		.account = h->account,
		.boot = h->boot,
		.octets = h->holds.octets,
		.messages = h->holds.messages,
		.loose_octets = h->loose.octets,
		.loose_messages = h->loose.messages,
		.n_slots = h->n_slots,
		.n_used = h->n_used,
		.last_at = h->last_at,
		.owner_due = h->owner_due,
	};

	words_to_le(&w, offsetof(struct head_words, last) / 8);
	ledger_line_form(&h->last, w.last);
	memcpy(w.text, h->text, strlen(h->text));
	w.sum = words_sum(&w.magic, sizeof(w) - 8);
	words_to_le(&w.sum, 1);
	memcpy(out, &w, sizeof(w));
}

/* The last line is there if and only if it has a place. */
static bool has_sound_last(const struct ledger_head *h)
{
	return h->last_at <= h->n_slots && h->last.state != LINE_DAMAGED &&
	       (h->last_at > 0) == (h->last.state != LINE_FREE);
}

static bool is_sensible_head(const struct ledger_head *h)
{
	return h->account != 0 && h->n_slots >= LEDGER_SLOTS_MIN &&
	       h->n_slots <= LEDGER_SLOTS_MAX && h->n_used <= h->n_slots &&
	       h->holds.octets <= OCTETS_MAX && h->holds.messages <= MESSAGES_MAX &&
	       usage_covers(h->holds, h->loose) && has_sound_last(h);
}

bool ledger_head_parse(const void *p, size_t len, struct ledger_head *out)
{
	struct head_words w;

	if (len < sizeof(w))
		return false;
	memcpy(&w, p, sizeof(w));
	uint64_t sum = words_sum(&w.magic, sizeof(w) - 8);
	words_from_le(&w, offsetof(struct head_words, last) / 8);
	if (w.magic != MAGIC || w.sum != sum || w.owner_due > 1 || w.text[sizeof(out->text) - 1])
		return false;
	*out = (struct ledger_head){
		.account = w.account,
		.boot = w.boot,
		.holds = { w.octets, w.messages },
		.loose = { w.loose_octets, w.loose_messages },
		.n_slots = w.n_slots,
		.n_used = w.n_used,
		.last_at = w.last_at,
		.owner_due = w.owner_due,
	};
	ledger_line_parse(w.last, &out->last);
	memcpy(out->text, w.text, sizeof(out->text));
	return is_sensible_head(out);
}
