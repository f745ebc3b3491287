/* ledgerform.h - a ledger's octets: a head of fixed size, then a table of lines, one for each mailbox of the account.
 *
 *	head: whose it is, who wrote it, the sums, the last line that was changed | line | line | ...
 *
 * Lines lie in a hash table by their mailbox's key (open addressing), so that a change reads and writes a page or two,
 * however many mailboxes there are. The last change stands in the head, where one write changes sums and line together; the
 * line's own place is written when the next change takes its room in the head. So a process may die anywhere.
 *
 * A line that is not settled just now says so: between `holds` and `holds - loose` is the truth. Head and lines have sums
 * of their own, and reading trusts nothing. All numbers are little-endian. Pure. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/store/account.h"

#define LEDGER_HEAD_LEN 512
#define LEDGER_LINE_LEN 64
#define LEDGER_PAGE 4096 /* a line lies in one page, the head in the first */
#define LEDGER_SLOTS_MIN ((LEDGER_PAGE - LEDGER_HEAD_LEN) / LEDGER_LINE_LEN)
#define LEDGER_SLOTS_MAX (UINT64_C(1) << 20)

enum ledger_state { LINE_FREE, LINE_LIVE, LINE_GONE, LINE_DAMAGED };

struct ledger_line {
	struct account_key key;
	struct quota_usage holds, loose;
	int64_t settled_s; /* when somebody who knew said that the mailbox counts here */
	enum ledger_state state;
};
struct ledger_head {
	uint64_t account, boot;
	struct quota_usage holds, loose; /* the lines' sums */
	uint64_t n_slots, n_used;        /* of lines; those that are not free */
	uint64_t last_at;                /* the slot of `last`, counted from 1; 0 = none */
	struct ledger_line last;
	bool owner_due; /* the mailbox of the account's own name is not in yet, if there is one */
	char text[NAME_TEXT_MAX + 1]; /* the account, for people; "" = not known */
};

void ledger_head_form(const struct ledger_head *h, unsigned char out[LEDGER_HEAD_LEN]);
bool ledger_head_parse(const void *p, size_t len, struct ledger_head *out);

void ledger_line_form(const struct ledger_line *l, unsigned char out[LEDGER_LINE_LEN]);
/* The state tells whether it is sound. */
void ledger_line_parse(const unsigned char p[LEDGER_LINE_LEN], struct ledger_line *out);

/* Amounts that a line can hold. */
void ledger_line_bound(struct ledger_line *l);

static inline uint64_t ledger_line_at(uint64_t slot)
{
	return LEDGER_HEAD_LEN + slot * LEDGER_LINE_LEN;
}
static inline uint64_t amount_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
static inline struct quota_usage usage_add(struct quota_usage a, struct quota_usage b)
{
	return (struct quota_usage){ amount_add(a.octets, b.octets),
				     amount_add(a.messages, b.messages) };
}
static inline uint64_t amount_less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}
static inline struct quota_usage usage_less(struct quota_usage a, struct quota_usage b)
{
	return (struct quota_usage){ amount_less(a.octets, b.octets),
				     amount_less(a.messages, b.messages) };
}
/* Both amounts. */
static inline bool usage_covers(struct quota_usage a, struct quota_usage b)
{
	return a.octets >= b.octets && a.messages >= b.messages;
}
static inline bool usage_equal(struct quota_usage a, struct quota_usage b)
{
	return a.octets == b.octets && a.messages == b.messages;
}
