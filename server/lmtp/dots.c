/* dots.c - finds the end of DATA and takes out the stuffed dots.
 *
 * Within lines it searches for CRLF "." instead of looking at every octet: a span usually is the
 * whole of what arrived, and only lines that begin with a dot, and the borders of what arrived,
 * are looked at closely.
 */
#include <assert.h>
#include <string.h>
#include "server/lmtp/dots.h"

static enum dots_at after(const char *p, size_t n)
{
	if (p[n - 1] == '\r')
		return DOTS_CR;
	return n >= 2 && memcmp(p + n - 2, "\r\n", 2) == 0 ? DOTS_BOL : DOTS_LINE;
}

/* The dot of the next CRLF ".": from LF to LF, in a third of the time that memmem takes for these three octets. */
static const char *dotted_line(const char *p, size_t len)
{
	const char *end = p + len, *lf = p;

	while ((lf = memchr(lf, '\n', (size_t)(end - lf)))) {
		lf++;
		if (lf < end && *lf == '.' && lf - p >= 2 && lf[-2] == '\r')
			return lf;
	}
	return NULL;
}

/* From somewhere in a line up to the next line that begins with a dot. */
static size_t run(struct dots *d, const char *p, size_t len, const char **span, size_t *span_len)
{
	const char *dot = dotted_line(p, len);
	size_t n = dot ? (size_t)(dot - p) : len;

	d->at = after(p, n);
	*span = p;
	*span_len = n;
	return n;
}

size_t dots_next(struct dots *d, const char *p, size_t len, const char **span, size_t *span_len)
{
	assert(len > 0 && d->at != DOTS_END);
	*span = p;
	*span_len = 0;
	switch (d->at) {
	case DOTS_BOL:
		if (*p != '.')
			break;
		d->at = DOTS_DOT; /* the end or a stuffed dot: not part of the message in either case */
		return 1;
	case DOTS_DOT:
		if (*p != '\r')
			break;
		d->at = DOTS_DOT_CR;
		return 1;
	case DOTS_DOT_CR:
		if (*p == '\n') {
			d->at = DOTS_END;
			return 1;
		}
		d->at = DOTS_CR; /* the CR held back was the message's after all */
		*span = "\r";
		*span_len = 1;
		return 0;
	case DOTS_CR:
		if (*p != '\n')
			break;
		d->at = DOTS_BOL;
		*span_len = 1;
		return 1;
	case DOTS_LINE:
	case DOTS_END: break;
	}
	return run(d, p, len, span, span_len);
}
