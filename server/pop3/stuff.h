/* stuff.h - stored octets to what RFC 1939 sends: CRLF lines, a dot doubled where a line begins with one.
 *
 * Takes pieces of any size. Counts what it makes by the rules of LIST (doubled dots do not count), and can stop behind the
 * header and some lines of the body, for TOP. Pure. The rules of repair are those of store/canon.h: bare LF becomes CRLF, a
 * bare CR stays, a last line gets its CRLF, nothing stays nothing.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/buf.h"

struct stuff {
	uint64_t octets; /* made so far, doubled dots not counted */
	bool over;       /* TOP: all that was asked for is out */

	bool limited, in_body; /* the rest is private */
	uint64_t body_lines;
	bool in_line, after_cr; /* within a line; its last octet was CR */
	bool empty;             /* the present line has nothing but perhaps a CR */
};

void stuff_begin(struct stuff *st);
void stuff_begin_top(struct stuff *st, uint64_t body_lines);
void stuff_feed(struct stuff *st, const char *p, size_t len, struct buf *out);
void stuff_end(struct stuff *st, struct buf *out);
