/* fuzz_canon.c - however a message is cut, its canonical form is the same; that form is canonical; the counts are its. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/store/canon.h"
#include "server/store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void ends_are_whole(const struct buf *b)
{
	const char *p = buf_at(b);

	check(b->len == 0 || (b->len >= 2 && memcmp(p + b->len - 2, "\r\n", 2) == 0));
	for (size_t i = 0; i < b->len; i++)
		check(p[i] != '\n' || (i > 0 && p[i - 1] == '\r'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct buf whole = { 0 }, cut = { 0 };
	struct canon a, b, c;

	canon_begin(&a);
	canon_feed(&a, p, size, &whole);
	canon_end(&a, &whole);
	canon_begin(&b);
	for (size_t at = 0, n; at < size; at += n) {
		n = 1 + (size_t)data[at] % 7;
		n = n < size - at ? n : size - at;
		canon_feed(&b, p + at, n, &cut);
	}
	canon_end(&b, &cut);
	check(a.in == size && a.out == whole.len && b.out == cut.len && a.flags == b.flags);
	check(whole.len == cut.len);
	if (whole.len > 0) {
		check(memcmp(buf_at(&whole), buf_at(&cut), whole.len) == 0);
		ends_are_whole(&whole);
	}
	check(a.out >= size && a.out <= 2 * size + 2);
	check((a.flags & MSG_REPAIR) || whole.len == size);

	canon_begin(&c);
	if (whole.len > 0)
		canon_feed(&c, buf_at(&whole), whole.len, NULL);
	canon_end(&c, NULL);
	check(c.out == whole.len && c.flags == (a.flags & ~MSG_REPAIR));
	buf_drop(&whole);
	buf_drop(&cut);
	return 0;
}
