/* fuzz_stuff.c - a message on its way out, in any pieces, against RFC 1939 said octet by octet.
 *
 * The first octet: the lines that TOP asks for, or none for RETR; the second: the size of the pieces. The rest is the message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/pop3/stuff.h"

#define RETR 0xFF

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct plain { /* what is expected so far */
	char *p;
	size_t len;
	uint64_t octets;
};

static void add(struct plain *to, char c, bool counts)
{
	to->p[to->len++] = c;
	to->octets += counts;
}

/* One line and its end; false: that was an empty one. */
static bool add_line(struct plain *to, const char *p, size_t len)
{
	if (len && p[len - 1] == '\r')
		len--;
	if (len && p[0] == '.')
		add(to, '.', false);
	for (size_t i = 0; i < len; i++)
		add(to, p[i], true);
	add(to, '\r', true);
	add(to, '\n', true);
	return len > 0;
}

static void expect(struct plain *to, const char *p, size_t len, unsigned top)
{
	const char *end = p + len, *nl;
	bool in_body = false;
	unsigned n = 0;

	for (; p < end && !(top != RETR && in_body && n == top); p = nl + 1) {
		bool ends = (nl = memchr(p, '\n', (size_t)(end - p))) != NULL;

		if (!ends)
			nl = end;
		n += in_body;
		/* A CR at the very end is not half of an end of line that was cut: it is an octet. */
		if (!ends && nl[-1] == '\r') {
			if (p[0] == '.')
				add(to, '.', false);
			for (; p < nl; p++)
				add(to, *p, true);
			add(to, '\r', true);
			add(to, '\n', true);
			return;
		}
		in_body |= !add_line(to, p, (size_t)(nl - p));
		if (!ends)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = { 0 };
	struct plain want = { 0 };
	struct stuff st;

	if (size < 2)
		return 0;
	unsigned top = data[0];
	size_t step = (size_t)data[1] + 1;
	const char *p = (const char *)data + 2;
	size_t len = size - 2;

	want.p = malloc(len * 3 + 2);
	if (!want.p)
		abort();
	expect(&want, p, len, top);
	if (top == RETR)
		stuff_begin(&st);
	else
		stuff_begin_top(&st, top);
	for (size_t at = 0; at < len; at += step)
		stuff_feed(&st, p + at, len - at < step ? len - at : step, &out);
	stuff_end(&st, &out);
	if (out.len != want.len || memcmp(buf_at(&out), want.p, want.len) != 0 ||
	    st.octets != want.octets)
		abort();
	buf_drop(&out);
	free(want.p);
	return 0;
}
