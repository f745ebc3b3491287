/* ledger.c - the lines of a ledger, one change at a time.
 *
 * The change is one write of the head, which holds the new sums and the new line (ledgerform.h). Before that the line that was
 * there last is written to its place; doing so twice does no harm. A line that was removed leaves a mark, so that those behind
 * it are still found; marks go when the table is written anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/store/ledgerfile.h"

/* The key's slot, or the one it may have: line tells. EC_BROKEN: damage, or no room at all. */
static enum ec probe(struct ledger *l, const struct account_key *key, uint64_t *slot,
		     struct ledger_line *line, struct err *e)
{
	uint64_t n = l->head.n_slots, gone = UINT64_MAX, at = key->word[1] % n;

	for (uint64_t i = 0; i < n; i++, at = (at + 1) % n) {
		if (ledger_get_line(l, at, line) < 0)
			return ledger_trouble(l, "cannot read", e);
		if (line->state == LINE_DAMAGED)
			return EC_BROKEN;
		if (line->state == LINE_GONE && gone == UINT64_MAX)
			gone = at;
		*slot = at;
		if (line->state == LINE_FREE)
			break;
		if (line->state == LINE_LIVE && memcmp(&line->key, key, sizeof(*key)) == 0)
			return EC_OK;
	}
	if (line->state != LINE_FREE && gone == UINT64_MAX)
		return EC_BROKEN;
	if (gone != UINT64_MAX)
		*slot = gone;
	*line = (struct ledger_line){ .key = *key,
				      .state = gone != UINT64_MAX ? LINE_GONE : LINE_FREE };
	return EC_ABSENT;
}

/* The same, mended if need be. Sums below one of their lines: somebody made them up. */
static enum ec seek(struct ledger *l, const struct account_key *key, uint64_t *slot,
		    struct ledger_line *line, struct err *e)
{
	enum ec rc = probe(l, key, slot, line, e);

	if (rc == EC_OK && (!usage_covers(l->head.holds, line->holds) ||
			    !usage_covers(l->head.loose, line->loose)))
		rc = EC_BROKEN;
	if (rc != EC_BROKEN)
		return rc;
	rc = ledger_mend(l, false, e);
	if (rc == EC_OK)
		rc = probe(l, key, slot, line, e);
	if (rc != EC_BROKEN)
		return rc;
	errno = EIO; /* not what was written just now */
	return ledger_trouble(l, "cannot read", e);
}

enum ec ledger_find(struct ledger *l, const struct account_key *key, struct ledger_line *line,
		    struct err *e)
{
	uint64_t slot;
	enum ec rc = seek(l, key, &slot, line, e);

	if (rc == EC_ABSENT)
		*line = (struct ledger_line){ .key = *key };
	return rc;
}

static enum ec grow(struct ledger *l, struct err *e)
{
	uint64_t n, n_found;
	struct ledger_line *lines = ledger_all_lines(l, INT64_MIN, &n, &n_found);

	if (!lines)
		return ledger_trouble(l, "cannot read", e);
	enum ec rc =
		n < LEDGER_SLOTS_MAX / 4 * 3
			? ledger_replace(l, lines, n, e)
			: err_set(e, EC_TEMP, "account %s has too many mailboxes", l->head.text);
	free(lines);
	return rc;
}

static enum ec write_head(struct ledger *l, struct err *e)
{
	unsigned char head[LEDGER_HEAD_LEN];

	ledger_head_form(&l->head, head);
	return ledger_write_at(l->fd, head, sizeof(head), 0) < 0
		       ? ledger_trouble(l, "cannot write", e)
		       : EC_OK;
}

/* The line that stands in the head goes to its place. */
static enum ec write_last(struct ledger *l, struct err *e)
{
	unsigned char line[LEDGER_LINE_LEN];

	if (l->head.last_at == 0)
		return EC_OK;
	l->page_at = LEDGER_NO_PAGE;
	ledger_line_form(&l->head.last, line);
	if (ledger_write_at(l->fd, line, sizeof(line), ledger_line_at(l->head.last_at - 1)) < 0)
		return ledger_trouble(l, "cannot write", e);
	return EC_OK;
}

static enum ec change(struct ledger *l, uint64_t slot, const struct ledger_line *from,
		      const struct ledger_line *to, struct err *e)
{
	enum ec rc = l->head.last_at == slot + 1 ? EC_OK : write_last(l, e);

	if (rc != EC_OK)
		return rc;
	l->head.n_used += from->state == LINE_FREE;
	l->head.holds = usage_add(usage_less(l->head.holds, from->holds), to->holds);
	l->head.loose = usage_add(usage_less(l->head.loose, from->loose), to->loose);
	if (to->key.word[0] == l->account && to->state == LINE_LIVE)
		l->head.owner_due = false;
	l->head.last_at = slot + 1;
	l->head.last = *to;
	return write_head(l, e);
}

enum ec ledger_set(struct ledger *l, const struct ledger_line *line, struct err *e)
{
	struct ledger_line there, to = *line;
	uint64_t slot;
	enum ec rc = seek(l, &line->key, &slot, &there, e);

	if (rc == EC_ABSENT && there.state == LINE_FREE &&
	    l->head.n_used + 1 > l->head.n_slots / 4 * 3) {
		rc = grow(l, e);
		if (rc == EC_OK)
			rc = probe(l, &line->key, &slot, &there, e);
	}
	if (rc != EC_OK && rc != EC_ABSENT)
		return rc;
	to.state = LINE_LIVE;
	ledger_line_bound(&to);
	return change(l, slot, &there, &to, e);
}

enum ec ledger_remove(struct ledger *l, const struct account_key *key, struct err *e)
{
	struct ledger_line there, gone = { .state = LINE_GONE };
	uint64_t slot;
	enum ec rc = seek(l, key, &slot, &there, e);

	if (rc == EC_ABSENT)
		return EC_OK;
	return rc != EC_OK ? rc : change(l, slot, &there, &gone, e);
}

enum ec ledger_owner_is_in(struct ledger *l, struct err *e)
{
	if (!l->head.owner_due)
		return EC_OK;
	l->head.owner_due = false;
	return write_head(l, e);
}

enum ec ledger_tell(struct mailroot *root, uint64_t boot, uint64_t account,
		    const struct account_key *key, const struct quota_usage *holds, struct err *e)
{
	struct ledger l;
	struct ledger_line line;
	enum ec rc = ledger_take(&l, root, boot, account, NULL, e);

	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	if (!holds) {
		rc = ledger_remove(&l, key, e);
	} else {
		rc = ledger_find(&l, key, &line, e);
		if (rc == EC_ABSENT)
			line.settled_s = clock_wall_s();
		line.holds = *holds;
		line.loose = (struct quota_usage){ 0 };
		if (rc == EC_OK || rc == EC_ABSENT)
			rc = ledger_set(&l, &line, e);
	}
	ledger_drop(&l);
	return rc;
}

static bool has_sums_of(const struct ledger *l, const struct ledger_line *lines, uint64_t n)
{
	struct quota_usage holds = { 0 }, loose = { 0 };

	for (uint64_t i = 0; i < n; i++) {
		holds = usage_add(holds, lines[i].holds);
		loose = usage_add(loose, lines[i].loose);
	}
	return usage_equal(holds, l->head.holds) && usage_equal(loose, l->head.loose);
}

/* An account that is its own mailbox alone needs no ledger: the index knows. */
static bool is_needless(const struct ledger *l, const struct ledger_line *lines, uint64_t n)
{
	return n == 0 || (n == 1 && lines[0].key.word[0] == l->account);
}

static enum ec remove_file(const struct ledger *l, struct err *e)
{
	char name[LEDGER_NAME_MAX];
	int dir;
	enum ec rc = quota_dir(l->root, &dir, e);

	if (rc != EC_OK)
		return rc;
	ledger_name(l->account, name);
	if (unlinkat(dir, name, 0) < 0)
		rc = ledger_trouble(l, "cannot remove", e);
	close(dir);
	return rc;
}

enum ec ledger_sweep(struct ledger *l, int64_t since_s, unsigned *n_dropped, struct err *e)
{
	uint64_t n, n_found;
	enum ec rc = EC_OK;
	struct ledger_line *lines = ledger_all_lines(l, since_s, &n, &n_found);

	if (!lines)
		rc = ledger_trouble(l, "cannot read", e);
	else if (is_needless(l, lines, n))
		rc = remove_file(l, e);
	else if (n != n_found || !has_sums_of(l, lines, n))
		rc = ledger_replace(l, lines, n, e);
	if (rc == EC_OK)
		*n_dropped += (unsigned)(n_found - n);
	free(lines);
	ledger_drop(l);
	return rc;
}
