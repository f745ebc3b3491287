/* stuff.c - stored octets to what RFC 1939 sends.
 *
 * Looks line by line with memchr, and copies whole runs of lines between one that begins with a dot and the next; the state
 * between pieces is where in a line we are. A message in canonical form comes out with its dots doubled and nothing else changed,
 * so one path serves both kinds of message.
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
static void pass(struct stuff *st, const char *p, size_t len)
{
	if (len == 0)
		return;
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

/* What lies between `run` and p goes out as it is; it is copied when something has to be put in, or at the end. */
void stuff_feed(struct stuff *st, const char *p, size_t len, struct buf *out)
{
	const char *end = p + len, *run = p;

	while (p < end && !st->over) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (!st->in_line && *p == '.') {
			emit(st, run, (size_t)(p - run), out);
			buf_add(out, ".", 1);
			run = p;
		}
		pass(st, p, (size_t)((nl ? nl : end) - p));
		p = nl ? nl + 1 : end;
		if (nl && !st->after_cr) {
			emit(st, run, (size_t)(nl - run), out);
			emit(st, "\r", 1, out);
			run = nl;
		}
		if (nl)
			line_ended(st);
	}
	emit(st, run, (size_t)(p - run), out);
}

void stuff_end(struct stuff *st, struct buf *out)
{
	if (st->in_line && !st->over)
		emit(st, "\r\n", 2, out);
	st->over = true;
}
