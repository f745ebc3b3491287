/* canon.h - the canonical form of a message: every line ends in CRLF (RFC 5322 section 2.3), made once, at delivery.
 *
 * Bare LF becomes CRLF; a bare CR stays an octet like any other; a last line without CRLF gets one; an empty message stays
 * empty. The same rules count a foreign file without changing it. Pure, streaming: feed pieces of any size.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/buf.h"

struct canon {
	uint64_t in, out; /* octets read; octets of the canonical form so far */
	uint32_t flags;   /* MSG_DOTS, MSG_UTF8, MSG_REPAIR (input was not canonical) */
	uint8_t at;       /* private: line position */
	bool in_body;
};

void canon_begin(struct canon *c);
void canon_feed(struct canon *c, const char *p, size_t len,
		struct buf *out); /* out NULL: count only */
void canon_end(struct canon *c, struct buf *out);
