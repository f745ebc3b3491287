/* dots.h - the transparency of DATA (RFC 5321 section 4.5.2): where the message ends, and which
 * dots are not its own.
 *
 * Only CRLF "." CRLF ends the data; the CRLF of the DATA command counts as the first one. A lone CR
 * or LF is an octet like any other, so that "\n.\n", "\n.\r\n" or "\r.\r" never end it: what one
 * side takes for an end and the other does not is how mail is smuggled.
 * Pure, streaming. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum dots_at { DOTS_BOL, DOTS_DOT, DOTS_DOT_CR, DOTS_LINE, DOTS_CR, DOTS_END };
struct dots { /* zero-initialised: before the first octet */
	enum dots_at at;
};

/* Takes octets from p (len > 0, not at the end) and returns how many; *span is what they add to the
 * message, perhaps nothing. Call again with the rest; it never takes none twice in a row. */
size_t dots_next(struct dots *d, const char *p, size_t len, const char **span, size_t *span_len);
static inline bool dots_ended(const struct dots *d)
{
	return d->at == DOTS_END;
}
