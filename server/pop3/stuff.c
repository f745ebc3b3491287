/* stuff.c - stored octets to what RFC 1939 sends.
 *
 * Works line by line with memchr, whole spans at a time; the state between pieces is where in a line we are. A message in
 * canonical form comes out with its dots doubled and nothing else changed, so one path serves both kinds of message.
 */
#include <string.h>
#include "server/pop3/stuff.h"

void stuff_begin(struct stuff *st)
{
	*st = (struct stuff){ .empty = true };
}

void stuff_begin_top(struct stuff *st, uint64_t body_lines)
{
	*st = (struct stuff){ .empty = true, .limited = true, .body_lines = body_lines };
}

static void emit(struct stuff *st, const char *p, size_t len, struct buf *out)
{
	buf_add(out, p, len);
	st->octets += len;
}

/* Octets of one line, without its LF. */
static void span(struct stuff *st, const char *p, size_t len, struct buf *out)
{
	if (len == 0)
		return;
	if (!st->in_line && p[0] == '.')
		buf_add(out, ".", 1);
	emit(st, p, len, out);
	/* A line "\r\n" is empty; "\r\r\n" is a line that holds a CR. */
	st->empty = !st->in_line && len == 1 && p[0] == '\r';
	st->in_line = true;
	st->after_cr = p[len - 1] == '\r';
}

/* The header ends with the first empty line; then body lines are counted (RFC 1939 section 7, TOP). */
static void line_ended(struct stuff *st)
{
	if (st->in_body && st->body_lines)
		st->body_lines--;
	if (!st->in_body && st->empty)
		st->in_body = true;
	st->over = st->limited && st->in_body && st->body_lines == 0;
	st->in_line = st->after_cr = false;
	st->empty = true;
}

void stuff_feed(struct stuff *st, const char *p, size_t len, struct buf *out)
{
	const char *end = p + len;

	while (p < end && !st->over) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		span(st, p, (size_t)((nl ? nl : end) - p), out);
		if (!nl)
			return;
		emit(st, st->after_cr ? "\n" : "\r\n", st->after_cr ? 1 : 2, out);
		line_ended(st);
		p = nl + 1;
	}
}

void stuff_end(struct stuff *st, struct buf *out)
{
	if (st->in_line && !st->over)
		emit(st, "\r\n", 2, out);
	st->over = true;
}
