/* fuzz_journal.c - foreign octets as the journal's text: what is believed is written again octet for octet, and a cut end changes no
 * line before it. The first octet says how much is cut off. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "migrate/journalform.h"

#define DIRECTORY "ldap dc=example,dc=com"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void form_again(void *ctx, const struct name *n, const struct journal_entry *what)
{
	check(what->state != JOURNAL_NONE && !name_is_domain(n));
	journal_form_line(ctx, n, what);
}

/* The lines believed, and nothing but empty ones between them, are what stands there up to *keep. */
static enum ec look(const char *p, size_t len, struct buf *lines, size_t *keep)
{
	struct buf plain = { 0 };
	struct err e;
	enum ec rc = journal_read(p, len, DIRECTORY, "journal", form_again, lines, keep, &e);

	check(rc == EC_OK || rc == EC_REFUSED || rc == EC_BROKEN);
	if (rc == EC_OK) {
		check(*keep <= len);
		const char *at = (const char *)memchr(p, '\n', len) + 1;
		for (const char *nl; at < p + *keep; at = nl + 1) {
			nl = memchr(at, '\n', (size_t)(p + *keep - at));
			check(nl != NULL);
			if (nl > at)
				buf_add(&plain, at, (size_t)(nl + 1 - at));
		}
		check(plain.len == lines->len &&
		      memcmp(buf_at(&plain), buf_at(lines), plain.len) == 0);
	}
	buf_drop(&plain);
	return rc;
}

/* Behind a head of ours and with sums of ours, so that more than sums is tried. */
static void look_sealed(const uint8_t *data, size_t size)
{
	struct buf text = { 0 }, whole = { 0 }, part = { 0 };
	size_t keep, keep_part;

	journal_form_head(&text, DIRECTORY);
	size_t head = text.len;
	buf_add(&text, data + 1, size - 1);
	size_t cut = text.len - head ? data[0] % (text.len - head + 1) : 0;
	if (look(buf_at(&text), text.len, &whole, &keep) == EC_OK &&
	    look(buf_at(&text), text.len - cut, &part, &keep_part) == EC_OK)
		check(part.len <= whole.len &&
		      memcmp(buf_at(&part), buf_at(&whole), part.len) == 0);
	buf_drop(&text);
	buf_drop(&whole);
	buf_drop(&part);
}

/* One line, its sum made right. */
static void look_summed(const uint8_t *data, size_t size)
{
	struct journal_entry what;
	struct buf line = { 0 }, again = { 0 };
	struct name n;

	buf_add(&line, data, size);
	buf_addz(&line, " ");
	journal_seal(&line, 0);
	if (journal_parse_line(buf_at(&line), line.len - 1, &n, &what)) {
		journal_form_line(&again, &n, &what);
		check(again.len == line.len &&
		      memcmp(buf_at(&again), buf_at(&line), line.len) == 0);
	}
	buf_drop(&line);
	buf_drop(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf lines = { 0 };
	size_t keep;

	if (size == 0)
		return 0;
	look((const char *)data, size, &lines, &keep);
	buf_drop(&lines);
	look_sealed(data, size);
	look_summed(data, size);
	return 0;
}
