/* canon.c - a streaming scan for line ends.
 *
 * Only two octets matter, LF and what stands before it, so the body is crossed with memchr from LF
 * to LF; what wants no repair is copied or counted as a whole, be it many lines. What must survive a
 * cut between two pieces is one enum: what the last octet was. A CR at the end of a piece is
 * already written; whether it belongs to a line end shows with the next octet.
 *
 * MSG_UTF8 looks at the header only: up to the first empty line, in whatever way its ends are
 * written. /
 */
#include <string.h>
#include "server/base/utf8.h"
#include "server/store/canon.h"
#include "server/store/store.h"

enum at { AT_BOL, AT_MIDDLE, AT_CR, AT_BOL_CR /* a CR that began its line */ };

void canon_begin(struct canon *c)
{
	*c = (struct canon){ .at = AT_BOL };
}

static void put(struct canon *c, const char *p, size_t len, struct buf *out)
{
	c->out += len;
	if (out && len > 0)
		buf_add(out, p, len);
}

/* A run that holds no LF. */
static void see_run(struct canon *c, const char *p, size_t len)
{
	if (len == 0)
		return;
	if (c->at == AT_BOL && p[0] == '.')
		c->flags |= MSG_DOTS;
	if (!c->in_body && !(c->flags & MSG_UTF8) && !ascii_only(p, len))
		c->flags |= MSG_UTF8;
	bool only_cr = len == 1 && p[0] == '\r' && c->at == AT_BOL;
	c->at = only_cr ? AT_BOL_CR : p[len - 1] == '\r' ? AT_CR : AT_MIDDLE;
}

/* false: it wants a CR before it. */
static bool see_lf(struct canon *c)
{
	bool whole = c->at == AT_CR || c->at == AT_BOL_CR;

	if (c->at == AT_BOL || c->at == AT_BOL_CR)
		c->in_body = true;
	if (!whole)
		c->flags |= MSG_REPAIR;
	c->at = AT_BOL;
	return whole;
}

void canon_feed(struct canon *c, const char *p, size_t len, struct buf *out)
{
	const char *end = p + len, *from = p, *lf; /* from there on nothing is written yet */

	c->in += len;
	for (; (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1) {
		see_run(c, p, (size_t)(lf - p));
		if (see_lf(c))
			continue;
		put(c, from, (size_t)(lf - from), out);
		put(c, "\r", 1, out);
		from = lf;
	}
	see_run(c, p, (size_t)(end - p));
	put(c, from, (size_t)(end - from), out);
}

void canon_end(struct canon *c, struct buf *out)
{
	if (c->at == AT_BOL)
		return;
	/* A last CR is an octet of its line like any other, so the line still wants its end. */
	c->flags |= MSG_REPAIR;
	put(c, "\r\n", 2, out);
	c->at = AT_BOL;
}
