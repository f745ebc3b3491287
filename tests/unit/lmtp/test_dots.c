/* test_dots.c - un-stuffing against a reference that looks at one octet at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/buf.h"
#include "server/lmtp/dots.h"

/* The message in `in`, by the words of RFC 5321 section 4.5.2: whole lines, each ended by CRLF.
 * Returns the octets up to and with the end of data, 0 if there is none. */
static size_t reference(const char *in, size_t len, struct buf *out)
{
	size_t bol = 0;

	for (;;) {
		const char *crlf = memmem(in + bol, len - bol, "\r\n", 2);
		size_t end = crlf ? (size_t)(crlf - in) + 2 : len;
		size_t dot = bol < len && in[bol] == '.';

		if (!crlf)
			return 0;
		if (dot && end - bol == 3)
			return end;
		buf_add(out, in + bol + dot, end - bol - dot);
		bol = end;
	}
}

static size_t feed(struct dots *d, const char *p, size_t len, struct buf *out)
{
	size_t done = 0, idle = 0;

	while (done < len && !dots_ended(d)) {
		const char *span;
		size_t n, took = dots_next(d, p + done, len - done, &span, &n);

		assert_true(took <= len - done);
		idle = took ? 0 : idle + 1;
		assert_true(idle < 2);
		buf_add(out, span, n);
		done += took;
	}
	return done;
}

static void check(const char *in, size_t len, size_t piece)
{
	struct buf want = { 0 }, got = { 0 };
	struct dots d = { 0 };
	size_t end = reference(in, len, &want), eaten = 0;

	for (size_t at = 0; at < len && !dots_ended(&d); at += piece)
		eaten += feed(&d, in + at, piece < len - at ? piece : len - at, &got);
	assert_int_equal(dots_ended(&d), end > 0);
	if (end > 0) {
		assert_int_equal(eaten, end);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(buf_at(&got), buf_at(&want), want.len);
	}
	buf_drop(&want);
	buf_drop(&got);
}

/* Every text of up to 8 octets over the four that matter, in pieces of every size. */
static void test_all_short_texts(void **state)
{
	(void)state;
	for (unsigned len = 1; len <= 8; len++) {
		for (unsigned n = 0; n < 1u << (2 * len); n++) {
			char in[8 + 5];

			for (unsigned i = 0; i < len; i++)
				in[i] = "\r\n.x"[n >> (2 * i) & 3];
			memcpy(in + len, "\r\n.\r\n", 5);
			for (size_t piece = 1; piece <= 4; piece++)
				check(in, len + 5, piece);
			check(in, len + 5, len + 5);
			check(in, len, len);
		}
	}
}

static void test_random_texts(void **state)
{
	(void)state;
	srandom(1);
	for (int round = 0; round < 3000; round++) {
		char in[400];
		size_t len = 1 + (size_t)random() % sizeof(in);

		for (size_t i = 0; i < len; i++)
			in[i] = "\r\n\r\n.....abcdefgh"[random() % 17];
		check(in, len, 1 + (size_t)random() % 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_short_texts),
		cmocka_unit_test(test_random_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
