/* test_stuff.c - what stuff.c makes of a message, against a naive reference, at every piece boundary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/pop3/stuff.h"

/* Canonical form, octet by octet. */
static void canonical(const char *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			buf_add(out, "\r", 1);
		buf_add(out, p + i, 1);
	}
	if (len && p[len - 1] != '\n')
		buf_add(out, "\r\n", 2);
}

/* Undoes the doubling of dots as a client would; the text has CRLF lines only. */
static void unstuff(const struct buf *in, struct buf *out)
{
	const char *p = buf_at(in), *end = p + in->len;

	while (p < end) {
		const char *nl = memmem(p, (size_t)(end - p), "\r\n", 2);
		assert_non_null(nl);
		if (*p == '.') {
			assert_true(p[1] == '.'); /* a lone dot would have ended the message */
			p++;
		}
		buf_add(out, p, (size_t)(nl + 2 - p));
		p = nl + 2;
	}
}

/* Length of the header, the empty line and n lines of body. */
static size_t top_len(const struct buf *b, uint64_t n)
{
	const char *start = buf_at(b), *p = start, *end = p + b->len;
	bool body = false;

	while (p < end) {
		const char *nl = memmem(p, (size_t)(end - p), "\r\n", 2);
		bool empty = nl == p;
		p = nl + 2;
		if (body && n)
			n--;
		if (!body && empty)
			body = true;
		if (body && n == 0)
			break;
	}
	return (size_t)(p - start);
}

static void feed(struct stuff *st, const char *p, size_t len, size_t first, size_t step,
		 struct buf *out)
{
	for (size_t at = 0, n = first; at < len; at += n, n = step) {
		if (n > len - at)
			n = len - at;
		stuff_feed(st, p + at, n, out);
	}
	stuff_end(st, out);
}

static void check(const char *p, size_t len, size_t first, size_t step)
{
	struct buf want = { 0 }, out = { 0 }, got = { 0 };
	struct stuff st;

	canonical(p, len, &want);
	stuff_begin(&st);
	feed(&st, p, len, first, step, &out);
	unstuff(&out, &got);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(buf_at(&got), buf_at(&want), want.len);
	assert_int_equal(st.octets, want.len);
	buf_drop(&out);
	for (uint64_t lines = 0; lines < 4; lines++) {
		buf_drop(&got);
		stuff_begin_top(&st, lines);
		feed(&st, p, len, first, step, &out);
		unstuff(&out, &got);
		assert_int_equal(got.len, top_len(&want, lines));
		assert_memory_equal(buf_at(&got), buf_at(&want), got.len);
		buf_drop(&out);
	}
	buf_drop(&got);
	buf_drop(&want);
}

static void check_everywhere(const char *p, size_t len)
{
	check(p, len, len, len ? len : 1);
	for (size_t step = 1; step < 4; step++)
		check(p, len, step, step);
	for (size_t at = 1; at < len; at++)
		check(p, len, at, len);
}

static void chosen(void **state)
{
	static const char *const cases[] = {
		"",
		".",
		"..",
		"\n",
		"\r",
		"\r\n",
		"\r\r\n",
		".\r\n",
		".\n.\n",
		"a",
		"a: b\r\n\r\n.\r\n..\r\n.x\r\n",
		"a: b\n\n.\n..\n.x",
		"no blank line\r\nat all\r\n",
		"a: b\r\n\r\n",
		"a: b\r\n\r\n\r\n\r\nend",
		"\r\nbody first\r\n",
		"a\r.b\r\n",
		"a\n\r\n\n\r",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_everywhere(cases[i], strlen(cases[i]));
}

static void random_messages(void **state)
{
	static const char alphabet[] = { '.', '.', '\r', '\n', '\n', 'a', '\0', (char)0xE4 };
	char m[24];

	(void)state;
	srand(20031);
	for (int round = 0; round < 3000; round++) {
		size_t len = (size_t)rand() % (sizeof(m) + 1);
		for (size_t i = 0; i < len; i++)
			m[i] = alphabet[(size_t)rand() % sizeof(alphabet)];
		check_everywhere(m, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen),
		cmocka_unit_test(random_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
